"""The files that a script may write into: GITHUB_OUTPUT and its kin, and summaries by path."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from served import Served
from stepflow.events import AnyEvent, Diagnostic, Env, Output
from stepflow.markers.environment_files import FILE_BYTES
from stepflow.timeline import Parser, ParserOptions

FILES = "GITHUB_OUTPUT GITHUB_ENV GITHUB_STATE GITHUB_PATH GITHUB_STEP_SUMMARY STEPFLOW_SUMMARY"
SECRET = "hunter-two-two"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("files")) as running:
        yield running


def answer(served: Served, execution: dict[str, Any], path: str) -> dict[str, Any]:
    return dict(served.client.get(f"/api/executions/{execution['id']}/{path}").json())


def log(served: Served, execution: dict[str, Any]) -> str:
    return served.client.get(f"/api/executions/{execution['id']}/log").text


def test_what_a_script_writes_into_the_files_is_told_and_the_files_go(served: Served) -> None:
    script = r"""set -u
    printf 'v=1\nlong<<E\na\nb\nE\n' >> "$GITHUB_OUTPUT"; echo A=x=y >> "$GITHUB_ENV"
    echo /x/bin >> "$GITHUB_PATH"; echo s=1 >> "$GITHUB_STATE"
    echo '# Built' >> "$GITHUB_STEP_SUMMARY"; echo 'and more' >> "$STEPFLOW_SUMMARY"
    echo "$GITHUB_OUTPUT"
    """
    execution = served.run(script)
    said = answer(served, execution, "outputs")
    assert {one["name"]: one["value"] for one in said["outputs"]} == {"v": "1", "long": "a\nb"}
    assert [(v["name"], v["value"], v["is_prepended"]) for v in said["environment"]] == [
        ("A", "x=y", False),
        ("PATH", "/x/bin", True),
    ]
    (summary,) = answer(served, execution, "summary")["summaries"]
    assert summary["markdown"] == "# Built\nand more"
    assert not Path(log(served, execution).strip()).exists()


def test_variables_that_are_set_and_languages_that_are_not_understood_get_no_files(
    served: Served,
) -> None:
    script = 'for name in "$@"; do eval "echo $name=\\${$name-none}"; done'
    command = ["sh", "-c", script, "sh", *FILES.split()]
    own = log(served, served.run(command, environment={"GITHUB_OUTPUT": "/real/one"}))
    assert "GITHUB_OUTPUT=/real/one\n" in own
    assert "none" not in own
    assert log(served, served.run(command, dialects="none")).count("=none") == 6
    some = log(served, served.run(command, dialects=["stepflow"]))
    assert (some.count("=none"), "STEPFLOW_SUMMARY=none" in some) == (5, False)


def test_what_was_said_at_the_end_of_a_step_is_told_while_the_script_runs(served: Served) -> None:
    from eventually import eventually

    script = 'echo STEP_START:s; printf "a=1\\nb<<E\\nx" >> "$GITHUB_OUTPUT"; echo STEP_COMPLETE:s'
    execution = {"id": served.start(f"{script}; sleep 30")}
    found = eventually(lambda: answer(served, execution, "outputs")["outputs"])
    assert [output["name"] for output in found] == ["a"]
    served.client.post(f"/api/executions/{execution['id']}/cancel", json={"kill": True})


@pytest.mark.parametrize(
    ("trick", "code", "command"),
    [
        ("ln -sf /etc/passwd $GITHUB_OUTPUT", "malformed", "GITHUB_OUTPUT"),
        ("rm $GITHUB_ENV; mkfifo $GITHUB_ENV", "malformed", "GITHUB_ENV"),
        ("rm $GITHUB_ENV; mkdir $GITHUB_ENV", "malformed", "GITHUB_ENV"),
        ("head -c 1100000 /dev/zero > $GITHUB_STEP_SUMMARY", "malformed", "GITHUB_STEP_SUMMARY"),
        ("echo words > $GITHUB_OUTPUT", "malformed", "GITHUB_OUTPUT"),
        ("printf 'a<<E\\nx' > $GITHUB_OUTPUT", "missing_delimiter", "GITHUB_OUTPUT"),
    ],
)
def test_what_is_wrong_with_a_file_is_a_diagnostic(
    served: Served, trick: str, code: str, command: str
) -> None:
    execution = served.run(trick)
    assert execution["status"] == "completed"
    (diagnostic,) = answer(served, execution, "diagnostics")["diagnostics"]
    assert (diagnostic["code"], diagnostic["command"]) == (code, command)
    assert answer(served, execution, "outputs") == {"outputs": [], "environment": []}


def test_a_file_that_was_taken_away_says_nothing(served: Served) -> None:
    execution = served.run("rm $GITHUB_OUTPUT; echo a >> $GITHUB_PATH")
    assert answer(served, execution, "diagnostics")["diagnostics"] == []


def summaries(served: Served, tmp_path: Path, script: str, **fields: Any) -> list[dict[str, Any]]:
    execution = served.run(script, working_directory=str(tmp_path), **fields)
    return list(answer(served, execution, "summary")["summaries"])


def test_a_summary_file_is_read_at_its_marker_or_at_the_end(served: Served, tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# Here")
    script = """
    echo STEP_SUMMARY_FILE:there.md; echo '##vso[task.uploadsummary]late.md'
    echo STEP_SUMMARY_FILE:never.md; sleep 0.1; echo later > late.md
    """
    there, late, never = summaries(served, tmp_path, script)
    assert (there["markdown"], late["markdown"]) == ("# Here", "later\n")
    assert never["problem"] == "never.md was never there"


def test_a_summary_file_lies_where_artifacts_may_and_is_cut(served: Served, tmp_path: Path) -> None:
    (tmp_path / "large.md").write_text("é" * 600_000)
    (tmp_path / "link.md").symlink_to("/etc/passwd")
    script = "for f in /etc/passwd link.md . large.md; do echo STEP_SUMMARY_FILE:$f; done"
    outside, link, folder, large = summaries(served, tmp_path, script)
    for refused in (outside, link):
        assert refused["markdown"] is None
        assert "lies outside of" in refused["problem"]
    assert "it is a folder" in folder["problem"]
    assert (large["truncated"], len(large["markdown"])) == (True, 524_288)


def test_secrets_are_in_no_file_that_is_told(served: Served, tmp_path: Path) -> None:
    script = (
        'echo "# $KEY" | tee -a $GITHUB_STEP_SUMMARY > s.md; echo "k=$KEY" >> $GITHUB_OUTPUT; '
        'echo "K=$KEY" >> $GITHUB_ENV; echo "$KEY" >> $GITHUB_STATE; echo STEP_SUMMARY_FILE:s.md'
    )
    execution = served.run(
        script, working_directory=str(tmp_path), secret_environment={"KEY": SECRET}
    )
    told = [answer(served, execution, path) for path in ("outputs", "summary", "diagnostics")]
    assert SECRET not in str(told)
    assert str(told).count("***") == 5


words = st.sampled_from(
    [b"a=1", b"b=", b"c<<E", b"E", b"x", b"\n", b"\n", b"\r\n", b"d<<", b"\xff", b"\xef\xbb\xbf"]
)


@settings(deadline=None)
@given(st.lists(words, max_size=30).map(b"".join), st.lists(st.integers(0, 60), max_size=4))
def test_however_often_a_growing_file_is_read_it_says_the_same(
    content: bytes, cuts: list[int]
) -> None:
    once, often = Parser(ParserOptions()), Parser(ParserOptions())
    events: list[AnyEvent] = []
    for cut in sorted(cuts):
        events += often.read_file("F", "output", content[:cut], is_final=False)
        often = Parser(ParserOptions(), state=often.state())
    events += often.read_file("F", "output", content, is_final=True)
    assert events == once.read_file("F", "output", content, is_final=True)


def test_a_file_that_is_begun_anew_is_read_from_its_start() -> None:
    parser = Parser(ParserOptions())
    for content, name in ((b"a=1\n", "a"), (b"bb=1\n", "bb")):
        events = parser.read_file("F", "output", content, is_final=False)
        assert events == [Output(name=name, value="1", log_line=0)]


def test_a_file_that_is_too_large_says_so_once() -> None:
    parser = Parser(ParserOptions())
    content = b"A=" + b"x" * FILE_BYTES
    events = parser.read_file("F", "env", content, is_final=False)
    assert [type(event) for event in events] == [Diagnostic]
    assert parser.read_file("F", "env", b"A=1\n", is_final=True) == []
    assert parser.read_file("G", "env", b"A=1\n", is_final=True) == [
        Env(name="A", value="1", log_line=0)
    ]


def test_files_are_for_nobody_else(served: Served) -> None:
    script = 'stat -c %a "$GITHUB_OUTPUT" "$(dirname "$GITHUB_OUTPUT")"'
    assert log(served, served.run(script)) == "600\n700\n"
