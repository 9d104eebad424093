"""`stepflow run` with real servers: what a script's user sees of it."""

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from cli_process import Cli

from eventually import eventually
from stepflow.cli.client import FolderClient


def test_stdout_is_exactly_the_scripts_output(shared: Cli) -> None:
    answer = shared(*shared.script(r"printf 'a\r\n\377\000b\n  last'; echo error >&2"))
    assert answer.stdout == b"a\r\n\xff\x00b\n  lasterror\n"
    assert answer.stderr == b""


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)]
)
def test_the_exit_code_is_the_scripts(shared: Cli, script: str, code: int) -> None:
    assert shared(*shared.script(script)).returncode == code


def test_a_command_that_is_not_there_is_127_and_said(shared: Cli) -> None:
    answer = shared("run", "--", "no-such-program")
    assert answer.returncode == 127
    assert b"could not start" in answer.stderr


def test_a_command_that_can_not_be_executed_is_126(shared: Cli) -> None:
    (shared.directory / "plain").write_text("text")
    assert shared("run", "./plain").returncode == 126


def test_a_missing_directory_is_126_and_said(shared: Cli) -> None:
    answer = shared("run", "--cwd", "/nowhere", "--", "true")
    assert (answer.returncode, b"/nowhere" in answer.stderr or b"directory" in answer.stderr) == (
        126,
        True,
    )


def test_a_timeout_is_124(shared: Cli) -> None:
    answer = shared("run", "--timeout", "200ms", "--", "sleep", "60")
    assert answer.returncode == 124
    assert b"timed out after 0.2 s" in answer.stderr


def test_the_script_runs_here_with_our_environment_less_our_own(shared: Cli) -> None:
    shared.environment["COLOUR"] = "blue"
    answer = shared(*shared.script('echo "$PWD|$COLOUR|$STEPFLOW_STORAGE_PATH"'))
    assert answer.stdout.decode() == f"{shared.directory}|blue|\n"


def test_variables_can_be_added_and_secrets_are_masked(shared: Cli) -> None:
    options = ["--env", "A=1", "--secret", "KEY=hunter2"]
    answer = shared("run", *options, "--", "sh", "-c", 'echo "$A $KEY"')
    assert answer.stdout == b"1 *******\n"
    shown = shared("show", "last", "--json").stdout
    assert b"hunter2" not in shown
    assert b"COLOUR" not in shown


def test_what_is_piped_in_reaches_the_script(shared: Cli) -> None:
    data = os.urandom(300_000)
    answer = shared("run", "--", "cat", stdin=data)
    assert answer.stdout == data


def test_a_script_may_leave_its_input_unread(shared: Cli) -> None:
    answer = shared("run", "--", "head", "-c", "3", stdin=b"abcdef" * 100_000)
    assert (answer.returncode, answer.stdout) == (0, b"abc")


def test_a_detached_execution_is_waited_for_with_its_exit_code(shared: Cli) -> None:
    answer = shared("run", "--detach", "--name", "later", "--", "sh", "-c", "sleep 0.2; exit 5")
    identity = answer.stdout.decode().strip()
    assert shared("wait", identity).returncode == 5
    assert shared("wait", "--json", identity).stdout.count(identity.encode()) >= 1


def test_waiting_can_have_an_end(shared: Cli) -> None:
    identity = shared("run", "-d", "--", "sleep", "60").stdout.decode().strip()
    assert shared("wait", identity, "--timeout", "100ms").returncode == 124
    shared("cancel", identity, "--kill")
    assert shared("wait", identity).returncode == 130


def test_json_tells_every_line_and_the_end(shared: Cli) -> None:
    answer = shared("run", "--json", "--", "seq", "3000")
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    lines = [one["data"]["text"] for one in told if one["event"] == "log"]
    assert lines == [str(number) for number in range(1, 3001)]
    assert told[-1]["data"]["execution"]["outcome"] == {"kind": "succeeded"}


def test_ctrl_c_asks_the_script_to_stop(shared: Cli) -> None:
    script = "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    viewer = shared.start(*shared.script(script))
    assert viewer.stdout is not None
    assert viewer.stdout.readline() == b"ready\n"
    viewer.send_signal(signal.SIGINT)
    output, said = viewer.communicate(timeout=30)
    assert viewer.returncode == 130
    assert output.endswith(b"bye\n")
    assert b"asked it to stop" in said


def test_a_second_ctrl_c_kills_what_does_not_listen(shared: Cli) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    viewer = shared.start(*shared.script(script))
    assert viewer.stdout is not None
    assert viewer.stderr is not None
    assert viewer.stdout.readline() == b"ready\n"
    viewer.send_signal(signal.SIGINT)
    assert b"asked it to stop" in viewer.stderr.readline()
    viewer.send_signal(signal.SIGINT)
    viewer.communicate(timeout=30)
    assert viewer.returncode == 130


def test_killing_the_viewer_touches_nothing(shared: Cli) -> None:
    viewer = shared.start(*shared.script("echo ready; sleep 0.5; echo done"))
    assert viewer.stdout is not None
    assert viewer.stdout.readline() == b"ready\n"
    viewer.kill()
    viewer.communicate()
    assert shared("wait", "last").returncode == 0
    assert shared("logs", "last").stdout == b"ready\ndone\n"


def test_a_closed_pipe_leaves_the_script_running(shared: Cli) -> None:
    viewer = shared.start(*shared.script("while :; do echo y; sleep 0.01; done"))
    assert viewer.stdout is not None
    assert viewer.stderr is not None
    viewer.stdout.readline()
    viewer.stdout.close()
    assert viewer.wait(30) == 141
    assert b"it goes on" in viewer.stderr.read()
    viewer.stderr.close()
    assert shared("cancel", "last", "--kill").returncode == 0


def test_a_folder_without_a_server_gets_a_private_one_that_leaves_again(cli: Cli) -> None:
    assert cli("run", "--", "echo", "hello").stdout == b"hello\n"
    assert cli.owner is not None
    assert cli.owner.is_private
    eventually(lambda: cli.owner is None, within=10)


def test_many_commands_at_once_start_one_private_server(cli: Cli) -> None:
    viewers = [cli.start("run", "--", "echo", str(number)) for number in range(4)]
    outputs = [viewer.communicate(timeout=60) for viewer in viewers]
    assert outputs == [(f"{number}\n".encode(), b"") for number in range(4)]


def test_a_storage_path_of_200_characters_works(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100) / "storage"
    cli = Cli(tmp_path, deep)
    assert len(str(deep)) > 200
    assert cli("run", "--", "echo", "deep").stdout == b"deep\n"
    cli.end_server()


def test_no_line_is_missing_when_the_server_is_killed_in_the_middle(cli: Cli) -> None:
    viewer = cli.start(
        *cli.script("for i in $(seq 400); do echo line $i; sleep 0.01; done; exit 4")
    )
    assert viewer.stdout is not None
    seen = [viewer.stdout.readline() for _ in range(50)]
    cli.end_server()
    rest, _ = viewer.communicate(timeout=60)
    assert b"".join(seen) + rest == b"".join(b"line %d\n" % number for number in range(1, 401))
    assert viewer.returncode == 4


def test_a_script_that_ended_without_a_server_is_told_by_the_next(cli: Cli) -> None:
    viewer = cli.start(*cli.script("echo one; sleep 0.3; echo two; exit 6"))
    assert viewer.stdout is not None
    assert viewer.stdout.readline() == b"one\n"
    cli.end_server()
    assert viewer.communicate(timeout=60)[0] == b"two\n"
    assert viewer.returncode == 6


def test_serve_makes_the_private_server_public(cli: Cli) -> None:
    identity = cli("run", "-d", "--", "sleep", "3").stdout.decode().strip()
    private = cli.owner
    assert private is not None
    server = cli.start("serve", "--port", "0", "--websocket-port", "0")
    eventually(lambda: (cli.owner or private).is_private is False, within=30)
    assert cli.owner is not None
    assert cli.owner.pid == private.pid
    assert cli("wait", identity).returncode == 0
    server.terminate()
    server.communicate(timeout=20)


def test_a_storage_that_can_not_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = Cli(tmp_path, tmp_path / "file" / "storage")("run", "--", "true")
    assert answer.returncode == 3
    assert answer.stderr.count(b"\n") == 1
    assert b"Traceback" not in answer.stderr


class Terminal:
    """A program in a terminal of its own; `text` is all that it has drawn."""

    def __init__(self, cli: Cli, *arguments: str, size: tuple[int, int] = (30, 90)) -> None:
        self.master, slave = os.openpty()
        import fcntl
        import struct
        import termios

        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "-c", "-w", *cli.command(*arguments)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cli.directory,
            env=cli.environment,
        )
        os.close(slave)
        self.data = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                return
            self.data += piece

    def has(self, text: str) -> bool:
        return text.encode() in self.data

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        code = self.process.wait(60)
        self._reader.join(10)
        os.close(self.master)
        return code


MARKED = """
echo hello
echo STEP_START:Fetch; echo get one; sleep 0.3; echo STEP_COMPLETE:Fetch
echo STEP_START:Test; echo checking; sleep 0.3; echo 'STEP_ERROR:2 tests failed'; exit 3
"""


def test_a_terminal_gets_drawn_steps_and_the_failures_context(shared: Cli) -> None:
    terminal = Terminal(shared, *shared.script(MARKED))
    assert terminal.end() == 3
    final = terminal.data.decode()
    assert "hello" in final
    assert "Fetch" in final
    assert "2 tests failed" in final
    assert "Last lines of Test" in final
    assert "failed with exit code 3" in final
    assert "STEP_START" not in final.replace(MARKED, "").split("Fetch", 1)[1]


@pytest.mark.parametrize("told_by", ["settings", "the script"])
def test_a_secret_is_in_nothing_that_is_drawn(shared: Cli, told_by: str) -> None:
    (shared.directory / "secret").write_text("hunter2-hunter2")
    script = """
        KEY=$(cat secret); test "$1" = settings || echo "STEP_MASK:$KEY"
        echo "outside $KEY"; echo "STEP_START:with $KEY"; echo "inside $KEY"; sleep 0.3
        echo "STEP_PROGRESS:1/2 $KEY"; echo "STEP_WARNING:$KEY"; echo "STEP_SUMMARY:$KEY"
        echo "STEP_OUTPUT:$KEY:$KEY"; echo "ARTIFACT:$KEY:$KEY"; sleep 0.3
        echo "STEP_ERROR:broken $KEY"; exit 3"""
    known = ["--secret", "KEY=hunter2-hunter2"] if told_by == "settings" else []
    terminal = Terminal(shared, "run", *known, "--", "sh", "-c", script, "sh", told_by)
    assert terminal.end() == 3
    assert terminal.has("with ***")
    assert terminal.has("broken ***")
    assert not terminal.has("hunter2-")
    piped = shared("run", *known, "--", "sh", "-c", script, "sh", told_by)
    shown = shared("show", "last")
    assert b"outside ***" in piped.stdout
    assert b"broken ***" in shown.stdout
    assert b"hunter2-" not in piped.stdout + piped.stderr + shown.stdout + shown.stderr


SLY = r"""
printf 'STEP_EVENT:{"event":"step_start","name":"sly\u001b[2J\u009b2J"}\n'
printf 'STEP_EVENT:{"event":"annotation","level":"error","message":"sly\u001b]0;t\u0007\\nmore"}\n'
printf 'STEP_EVENT:{"event":"meta","key":"sly","value":"sly\u001b[5m\u0008"}\n'
echo outside
exit 3
"""


def test_no_word_of_a_script_steers_the_terminal(shared: Cli) -> None:
    terminal = Terminal(shared, *shared.script(SLY))
    assert terminal.end() == 3
    shown, listed = Terminal(shared, "show", "last"), Terminal(shared, "ls")
    assert (shown.end(), listed.end()) == (0, 0)
    for drawn in (terminal, shown, listed):
        for steering in ("\x1b[2J", "\x1b]0;", "\x1b[5m", "\x9b", "\x08", "\x07"):
            assert not drawn.has(steering)
    assert shown.has("sly␛[2J")
    assert shown.has("more")
    assert shown.has("  line 2")


def test_the_last_words_of_a_script_that_died_in_a_step_are_shown(shared: Cli) -> None:
    terminal = Terminal(shared, *shared.script("echo STEP_START:deploy; echo last words; exit 9"))
    assert terminal.end() == 9
    assert "last words" in terminal.data.decode().rpartition("Last lines of deploy")[2]


def test_a_pty_gives_the_script_a_terminal_with_our_size_and_keys(shared: Cli) -> None:
    script = 'test -t 0 && stty size; printf "name? "; read name; echo "hello $name"'
    terminal = Terminal(shared, "run", "-t", "--", "sh", "-c", script, size=(33, 99))
    eventually(lambda: terminal.has("name? "))
    terminal.type("world\r")
    assert terminal.end() == 0
    assert terminal.has("33 99\r\n")
    assert terminal.has("hello world")


def test_ctrl_c_in_a_pty_is_the_scripts_own(shared: Cli) -> None:
    script = "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.05; done"
    terminal = Terminal(shared, "run", "-t", "--", "sh", "-c", script)
    eventually(lambda: terminal.has("ready"))
    terminal.type("\x03")
    assert terminal.end() == 7
    assert terminal.has("interrupted")


def test_the_socket_is_reached_by_its_folder(shared: Cli) -> None:
    assert FolderClient(shared.storage).answers()


def test_a_traced_script_has_its_commands_as_steps(shared: Cli) -> None:
    script = shared.directory / "traced.sh"
    script.write_text("#!/bin/bash\necho one\nfalse\nexit 3\n")
    script.chmod(0o755)
    answer = shared("run", "--json", "--trace", "bash", "--", "./traced.sh")
    assert answer.returncode == 3
    last = json.loads(answer.stdout.splitlines()[-1])
    assert b'"name": "echo one"' in answer.stdout
    assert last["data"]["execution"]["step_strip"] == ["completed", "failed", "failed"]
