"""How a script starts, and how its end is recorded."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Run

from eventually import eventually

PYTHON = [sys.executable, "-I", "-S", "-c"]
IGNORING = """
import os, signal, sys
for name in ("SIGCHLD", "SIGPIPE", "SIGTERM", "SIGINT", "SIGQUIT"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGUSR1})
for fd in (3, 4, 5):
    os.set_inheritable(fd, True)
os.execv(sys.argv[1], sys.argv[1:])
"""
OF_THE_C_LIBRARY = 0b11 << 31  # 32 and 33: its own posix_spawn ignores them in every child
IGNORED = [sys.executable, "-I", "-S", "-c", IGNORING]


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code_is_recorded(run: Run, code: int) -> None:
    record = run(f"exit {code}").end()
    assert (record.code, record.signal, record.why.name) == (code, None, "BY_ITSELF")


@pytest.mark.parametrize("number", [9, 11, 15])
def test_the_signal_that_killed_a_script_is_recorded(run: Run, number: int) -> None:
    record = run(f"kill -{number} $$").end()
    assert (record.code, record.signal) == (None, number)


def test_ignored_and_blocked_signals_of_the_server_lose_no_exit_code(run: Run) -> None:
    record = run("sh -c 'exit 3'; exit $?", wrapper=IGNORED).end()
    assert record.code == 3


def test_a_script_starts_with_every_signal_at_default_and_none_blocked(run: Run) -> None:
    pumped = run(["/bin/grep", "^Sig[BI]", "/proc/self/status"], wrapper=IGNORED)
    pumped.end()
    masks = dict(line.split(b":") for line in pumped.log.splitlines())
    assert int(masks[b"SigBlk"], 16) == 0
    assert int(masks[b"SigIgn"], 16) & ~OF_THE_C_LIBRARY == 0


def test_a_script_has_an_empty_stdin_and_no_descriptors_of_ours(run: Run) -> None:
    pumped = run([*PYTHON, "import os; print(os.read(0, 1), sorted(os.listdir('/proc/self/fd')))"])
    pumped.end()
    assert pumped.log == b"b'' ['0', '1', '2', '3']\n"  # 3 is the listing's own


def test_a_script_gets_back_the_limit_of_open_files(run: Run) -> None:
    pumped = run("ulimit -Sn", open_files=321)
    pumped.end()
    assert pumped.log == b"321\n"


def test_a_script_has_its_directory_and_its_environment_only(run: Run, tmp_path: Path) -> None:
    pumped = run(["/usr/bin/env"], environment={"A": "b\nc"})
    pumped.end()
    assert sorted(pumped.log.decode().splitlines()) == sorted(
        ["A=b", "c", f"PATH={os.environ['PATH']}", f"STEPFLOW_EXECUTION_ID={pumped.execution_id}"]
    )
    there = run(["/bin/pwd"], working_directory=str(tmp_path))
    there.end()
    assert there.log == f"{tmp_path}\n".encode()


@pytest.mark.parametrize(
    ("launch", "stage", "number"),
    [
        ({"command": ["no-such-program-anywhere"]}, "EXEC", errno.ENOENT),
        ({"command": ["/etc/passwd"]}, "EXEC", errno.EACCES),
        ({"command": "true", "working_directory": "/no/such/folder"}, "CHDIR", errno.ENOENT),
        ({"command": ["/bin/echo", *["x" * 120_000] * 60]}, "EXEC", errno.E2BIG),
        ({"command": "true", "environment": {"A": "x" * 200_000}}, "EXEC", errno.E2BIG),
    ],
)
def test_a_script_that_cannot_start_says_why(
    run: Run, launch: dict[str, object], stage: str, number: int
) -> None:
    record = run(**launch).end()
    assert record.start_error is not None
    assert (record.start_error.stage.name, record.start_error.errno) == (stage, number)
    assert (record.why.name, record.code, record.signal) == ("COULD_NOT_START", None, None)


def test_a_file_without_interpreter_line_is_run_by_the_shell(run: Run, tmp_path: Path) -> None:
    script = tmp_path / "bare"
    script.write_text("echo from $0")
    script.chmod(0o755)
    pumped = run(["./bare"])
    assert pumped.end().code == 0
    assert pumped.log == b"from ./bare\n"


def test_the_resources_that_a_script_used_are_recorded(run: Run) -> None:
    busy = "import time; b = b'x' * (50 << 20)\nwhile time.process_time() < 0.2: pass"
    record = run([*PYTHON, busy]).end()
    assert 0.15 < record.user_time.total_seconds() + record.system_time.total_seconds() < 5
    assert 50 << 20 < record.memory_peak_bytes < 500 << 20


def test_the_code_is_recorded_before_the_output_is_over(run: Run) -> None:
    pumped = run("sleep 0.5 & exit 4")
    early = eventually(lambda: pumped.records.exit)
    assert (early.code, early.is_complete) == (4, False)
    assert pumped.end().code == 4


def test_stdin_can_be_a_fifo_that_somebody_feeds(run: Run) -> None:
    pumped = run("cat; exit 6", stdin=True)
    with eventually(lambda: pumped.folder.input.exists() and pumped.folder.input).open("wb") as to:
        to.write(b"fed\n")
    assert pumped.end().code == 6
    assert pumped.log == b"fed\n"


def test_a_script_that_waits_for_its_input_can_be_stopped(run: Run) -> None:
    pumped = run("cat", stdin=True)
    assert pumped.script
    pumped.pump.stop()
    record = pumped.end()
    assert (record.signal, record.why.name) == (15, "ASKED")


def test_a_pump_shows_its_name_and_the_id_but_no_command(run: Run) -> None:
    pumped = run("sleep 30")
    assert pumped.script
    shown = Path(f"/proc/{pumped.pump.pid}")
    assert (shown / "comm").read_text() == "stepflow-pump\n"
    assert (shown / "cmdline").read_bytes().split(b"\0")[-2] == pumped.execution_id.encode()
    assert b"sleep" not in (shown / "cmdline").read_bytes()


def test_the_compiled_pump_depends_on_no_library(compiled_pump: list[str]) -> None:
    listed = subprocess.run(["ldd", *compiled_pump], check=False, capture_output=True)
    assert b"=>" not in listed.stdout
