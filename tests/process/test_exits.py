"""Exit statuses of real processes that nobody waited for, by each of the three witnesses."""

import ctypes
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from launching import folder_at, is_readable, shell, started

from eventually import eventually
from stepflow.process import (
    Identity,
    become_subreaper,
    exit_status,
    read_status,
    reap_strangers,
)

PR_SET_CHILD_SUBREAPER = 36
KERNEL = tuple(int(part) for part in platform.release().split(".")[:2])
FOSTER = """
import os, sys
child = os.posix_spawn("/bin/sh", ["sh", "-c", sys.argv[1]], {})
print(child, flush=True)
sys.stdin.readline()
os.waitpid(child, 0)
print("buried", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def subreaper() -> Iterator[None]:
    become_subreaper()
    reap_strangers(set())
    yield
    # Or else the orphans of every later test would stay as zombies of this process.
    reap_strangers(set())
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def opened(pid: int) -> tuple[Identity, int]:
    identity = Identity.of(pid)
    return identity, identity.open()


class Foster:
    """A grandchild of ours: its parent lets it be a zombie until told to bury it."""

    def __init__(self, command: str) -> None:
        arguments = [sys.executable, "-c", FOSTER, command]
        self.parent = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.identity, self.pidfd = opened(int(self.read()))

    def read(self) -> str:
        assert self.parent.stdout is not None
        return self.parent.stdout.readline()

    def tell(self) -> None:
        assert self.parent.stdin is not None
        self.parent.stdin.write("\n")

    def close(self) -> None:
        self.parent.kill()
        self.parent.communicate()
        os.close(self.pidfd)


@pytest.fixture
def foster() -> Iterator[type[Foster]]:
    made: list[Foster] = []

    class Kept(Foster):
        def __init__(self, command: str) -> None:
            super().__init__(command)
            made.append(self)

    yield Kept
    for one in made:
        one.close()


@pytest.mark.parametrize(("command", "status"), [("exit 7", 7), ("kill -9 $$", -9), ("exit 0", 0)])
def test_our_own_child_is_asked_by_waitid(command: str, status: int) -> None:
    with subprocess.Popen(["/bin/sh", "-c", f"read x; {command}"], stdin=subprocess.PIPE) as child:
        identity, pidfd = opened(child.pid)
        assert exit_status(identity, pidfd) is None
        child.communicate(b"\n")  # waits, so what follows is asked of one that is buried
        assert child.returncode == status
        os.close(pidfd)


def test_looking_at_our_child_does_not_bury_it() -> None:
    child = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 7"], {})
    identity, pidfd = opened(child)
    assert is_readable(pidfd, 5)
    assert exit_status(identity, pidfd) == 7
    assert exit_status(identity, pidfd) == 7
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    os.close(pidfd)


@pytest.mark.parametrize(("command", "status"), [("exit 7", 7), ("kill -TERM $$", -15)])
def test_a_zombie_of_others_is_asked_by_its_stat(
    foster: type[Foster], command: str, status: int
) -> None:
    one = foster(f"sleep 0.2; {command}")
    assert exit_status(one.identity, one.pidfd) is None
    assert is_readable(one.pidfd, 5)
    assert exit_status(one.identity, one.pidfd) == status


@pytest.mark.skipif(KERNEL < (6, 15), reason="the kernel does not remember")
@pytest.mark.parametrize(("command", "status"), [("exit 7", 7), ("kill -KILL $$", -9)])
def test_a_buried_process_is_asked_of_the_kernel(
    foster: type[Foster], command: str, status: int
) -> None:
    one = foster(f"sleep 0.2; {command}")
    one.tell()
    assert one.read() == "buried\n"
    assert exit_status(one.identity, one.pidfd) == status


def test_the_script_of_a_killed_pump_becomes_ours(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    pump = started(folder, shell("sleep 0.5; exit 7"))
    script = eventually(lambda: read_status(folder.status).script)
    pidfd = script.identity.open()
    os.kill(pump.pid, signal.SIGKILL)
    assert is_readable(pidfd, 5)
    assert exit_status(script.identity, pidfd) == 7
    pump.close()
    assert reap_strangers(set()) == {script.identity.pid: 7}
    os.close(pidfd)


def orphan(command: str) -> int:
    """A child that came to us as its own parent died, in a session of its own. It begins only
    then: a shell that lives would bury it itself."""
    gate, opener = os.pipe()
    text = f"setsid sh -c 'read _ </proc/self/fd/{gate}; {command}' & echo $!"
    with subprocess.Popen(
        ["/bin/sh", "-c", text], stdout=subprocess.PIPE, pass_fds=[gate]
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
    os.close(opener)
    os.close(gate)
    return pid


def has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def test_strangers_are_buried_with_their_status() -> None:
    pid = orphan("exit 3")
    eventually(lambda: has_ended(pid))
    assert reap_strangers(set()) == {pid: 3}
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_known_children_are_never_stolen() -> None:
    pid = orphan("exit 3")
    eventually(lambda: has_ended(pid))
    assert reap_strangers({pid}) == {}
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3


def test_a_zombie_that_is_known_does_not_hide_a_stranger() -> None:
    ours = os.posix_spawn("/bin/true", ["true"], {}, setsid=True)
    eventually(lambda: has_ended(ours))
    stranger = orphan("exit 4")
    eventually(lambda: has_ended(stranger))
    assert reap_strangers({ours}) == {stranger: 4}
    os.waitpid(ours, 0)


def test_children_of_subprocess_keep_their_status() -> None:
    with subprocess.Popen(["/bin/sh", "-c", "exit 5"]) as child:
        eventually(lambda: has_ended(child.pid))
        assert reap_strangers(set()) == {}
    assert child.returncode == 5


def test_a_running_stranger_is_left_alone() -> None:
    pid = orphan("sleep 60")
    eventually(lambda: os.getsid(pid) == pid)
    assert reap_strangers(set()) == {}
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: reap_strangers(set()))
