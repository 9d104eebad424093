"""`stepflow step`: markers around a command, and the command as if nothing were around it."""

import os
import pty
import signal
import subprocess
import sys

import pytest
from cli_process import Cli

STEP = [sys.executable, "-m", "stepflow", "step"]


def step(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*STEP, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )


def test_a_command_is_a_step() -> None:
    answer = step("Build all", "--", "echo", "at work")
    assert answer.stdout == b"STEP_START:Build all\nat work\n STEP_COMPLETE:Build all\n"
    assert (answer.returncode, answer.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("words", "code", "end"),
    [
        (["a", "--", "sh", "-c", "exit 3"], 3, "exit code 3"),
        (["a", "no-such-program"], 127, "no-such-program: No such file or directory"),
        (["a", "--", "/etc"], 126, "/etc: Permission denied"),
        (["a", "--", "sh", "-c", "kill -9 $$"], -9, "killed by SIGKILL"),
        (["a", "--", "sh", "-c", "kill -15 $$"], -15, "killed by SIGTERM"),
    ],
    ids=["exit", "missing", "folder", "kill", "term"],
)
def test_the_end_is_the_commands_own(words: list[str], code: int, end: str) -> None:
    answer = step(*words)
    assert answer.returncode == code
    assert answer.stdout.decode() == f"STEP_START:a\n STEP_ERROR:{end}\n"


@pytest.mark.parametrize("words", [["--id", "x", "a"], ["a", "--id", "x"], ["a", "--id=x"]])
def test_options_stand_before_or_behind_the_name(words: list[str]) -> None:
    assert step(*words, "--", "true").stdout == b"STEP_START:a [id=x]\n STEP_COMPLETE:a [id=x]\n"


def test_a_step_within_a_step_lies_inside() -> None:
    inner = [*STEP, "inner", "--", sys.executable, "-c", "import stepflow.script as s; s.skip('x')"]
    told = step("outer", "--stop-on-error", "--", *inner).stdout.decode().splitlines()
    assert told[:3] == [
        "STEP_START:outer [stop_on_error=true]",
        "STEP_START:inner [parent=outer]",
        "STEP_SKIP:x [parent=inner]",
    ]


def test_input_reaches_the_command() -> None:
    answer = subprocess.run([*STEP, "a", "cat"], input=b"\0typed", capture_output=True, check=True)
    assert answer.stdout == b"STEP_START:a\n\0typed STEP_COMPLETE:a\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"])
def test_a_signal_reaches_the_command(name: str) -> None:
    trap = f"trap 'echo heard; exit 4' {name.removeprefix('SIG')}"
    script = f"{trap}; echo ready; while :; do sleep 0.01; done"
    # What our own caller ignores, such as `nohup` a hangup, no shell could trap.
    command = ["env", "--default-signal", *STEP, "a", "--", "sh", "-c", script]
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert child.stdout
    with child.stdout as told:
        assert [told.readline(), told.readline()] == [b"STEP_START:a\n", b"ready\n"]
        child.send_signal(signal.Signals[name])
        assert told.read() == b"heard\n STEP_ERROR:exit code 4\n"
    assert child.wait() == 4


def test_ctrl_c_on_a_terminal_reaches_the_command_once() -> None:
    script = "trap 'echo heard' INT; echo ready; for _ in $(seq 30); do sleep 0.01; done; exit 5"
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [*STEP, "a", "--", "sh", "-c", script])
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    while b"STEP_ERROR" not in seen:
        seen += os.read(terminal, 1000)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    assert seen.count(b"heard") == 1


def test_a_name_is_needed_and_a_command() -> None:
    assert [step(*words).returncode for words in (["", "true"], ["a"], ["a", "--"], [])] == [2] * 4


def test_a_file_that_the_command_writes_holds_nothing_else(shared: Cli) -> None:
    program = " ".join(STEP)
    lines = f"{program} dump -- echo data > dump.txt; {program} more -- echo shown"
    answer = shared("run", "--json", "--", "sh", "-c", lines)
    assert (shared.directory / "dump.txt").read_text() == "data\n"
    assert b'"completed_steps": 2' in answer.stdout


def test_it_starts_fast_since_it_imports_little() -> None:
    code = "import sys; from stepflow.cli import command; command('step'); print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-I", "-c", code], text=True).split()
    slow = {"asyncio", "inspect", "msgspec", "rich", "socket", "subprocess", "urllib", "uuid"}
    assert not slow & set(modules)
