"""Scripts whose pump was killed, stopped from outside."""

import os
import signal
from pathlib import Path

import pytest
from launching import EXECUTION, folder_at, is_readable, shell, started

from eventually import eventually
from stepflow.errors import Gone
from stepflow.process import Folder, Identity, read_status, stop_script, sweep


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return folder_at(tmp_path)


def orphaned(folder: Folder, text: str) -> Identity:
    """A script that has said "up" and has lost its pump."""
    pump = started(folder, shell(text))
    eventually(lambda: folder.log.exists() and b"up\n" in folder.log.read_bytes())
    script = read_status(folder.status).script
    assert script is not None
    os.kill(pump.pid, signal.SIGKILL)
    assert is_readable(pump.pidfd, 5)
    pump.close()
    return script.identity


def pids(folder: Folder) -> list[int]:
    return [int(word) for word in folder.log.read_text().split() if word.isdecimal()]


def is_running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_whole_group_hears_the_signal(folder: Folder) -> None:
    script = orphaned(folder, "sleep 60 & echo $!; echo up; wait")
    assert stop_script(script, signal.SIGTERM) == []
    eventually(lambda: not is_running(script.pid))
    eventually(lambda: not is_running(pids(folder)[0]))


def test_a_stopped_script_hears_it_too(folder: Folder) -> None:
    script = orphaned(folder, "echo up; kill -STOP $$")
    stop_script(script, signal.SIGTERM)
    eventually(lambda: not is_running(script.pid))


def test_killing_reaches_those_who_left_the_group(folder: Folder) -> None:
    script = orphaned(folder, "setsid sleep 61 & echo $!; echo up; wait")
    eventually(lambda: os.getsid(pids(folder)[0]) == pids(folder)[0])
    # It leaves the group first, and then becomes what it is to run.
    eventually(lambda: Path(f"/proc/{pids(folder)[0]}/comm").read_text() == "sleep\n")
    assert stop_script(script, signal.SIGKILL) == [f"sleep ({pids(folder)[0]})"]
    eventually(lambda: not is_running(pids(folder)[0]))


def test_killing_reaches_those_whose_parents_are_gone(folder: Folder) -> None:
    daemon = "(setsid sh -c 'echo $$; echo up; exec sleep 62' &); sleep 60"
    script = orphaned(folder, daemon)
    eventually(lambda: Path(f"/proc/{pids(folder)[0]}/comm").read_text() == "sleep\n")
    stopped = stop_script(script, signal.SIGKILL, EXECUTION)
    assert f"sleep ({pids(folder)[0]})" in stopped
    eventually(lambda: not is_running(pids(folder)[0]))


def test_what_a_dead_script_left_is_found_by_its_mark(folder: Folder) -> None:
    script = orphaned(folder, "setsid sleep 63 & echo $!; echo up; wait")
    os.kill(script.pid, signal.SIGKILL)
    eventually(lambda: not is_running(script.pid))
    assert f"sleep ({pids(folder)[0]})" in sweep(EXECUTION)
    eventually(lambda: not is_running(pids(folder)[0]))


def test_a_stranger_with_the_same_pid_is_never_signalled(folder: Folder) -> None:
    script = orphaned(folder, "echo up; sleep 60")
    with pytest.raises(Gone):
        stop_script(script._replace(start_time=script.start_time + 1), signal.SIGKILL)
    assert is_running(script.pid)
    stop_script(script, signal.SIGKILL)


def test_sweeping_for_an_unknown_execution_kills_nobody() -> None:
    assert sweep("0191b1c0-ffff-7000-8000-00000000dead") == []
