import json
import subprocess
import sys
from pathlib import Path

LOG = b"before\nSTEP_START:Build\ncc -c x.c\nSTEP_ERROR:no cc\n\xff\n"


def parse(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "stepflow", "parse", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


def events(answer: subprocess.CompletedProcess[bytes]) -> list[tuple[str, str]]:
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    return [
        (one["event"], one.get("text") or one.get("name") or one.get("message")) for one in told
    ]


def test_a_saved_log_becomes_json_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(LOG)
    answer = parse(str(tmp_path / "log"))
    assert answer.returncode == 0
    assert ("log", "before") in events(answer)
    assert ("step_start", "Build") in events(answer)


def test_standard_input_gives_the_same_events(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(LOG)
    assert parse("-", stdin=LOG).stdout == parse(str(tmp_path / "log")).stdout


def test_without_an_exit_code_an_open_step_stays_open() -> None:
    told = events(parse("-", stdin=b"STEP_START:Build\nlast"))
    assert told == [("step_start", "Build"), ("log", "last")]


def test_an_exit_code_closes_what_is_open() -> None:
    last = json.loads(
        parse("-", "--exit-code", "3", stdin=b"STEP_START:Build\n").stdout.splitlines()[-1]
    )
    assert (last["event"], last["status"]) == ("step_end", "failed")


def test_options_of_the_parser_are_heeded_and_foreign_ones_passed_over() -> None:
    log = b"STEP_START:a\nSTEP_START:b\nSTEP_COMPLETE:b\nSTEP_COMPLETE:a\n"
    options = '{"nesting": "flat", "tap": "on"}'
    assert ("step_adopt", "a") in events(parse("-", stdin=log))
    assert ("step_adopt", "a") not in events(parse("-", "--options", options, stdin=log))


def test_a_file_that_is_not_there_is_one_line_and_no_traceback() -> None:
    answer = parse("nowhere.log")
    assert answer.returncode == 1
    assert (
        answer.stderr == b"stepflow parse: nowhere.log can't be read: No such file or directory\n"
    )


def test_options_that_are_no_json_are_refused() -> None:
    answer = parse("-", "--options", "{")
    assert answer.returncode == 2
    assert b"--options '{'" in answer.stderr
