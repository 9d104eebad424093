import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from launching import is_readable

from stepflow.errors import Gone
from stepflow.process import Identity


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_an_identity_opens_its_process(sleeper: subprocess.Popen[bytes]) -> None:
    pidfd = Identity.of(sleeper.pid).open()
    assert not is_readable(pidfd)
    sleeper.kill()
    assert is_readable(pidfd, 5)
    os.close(pidfd)


def test_a_reused_pid_is_another_process(sleeper: subprocess.Popen[bytes]) -> None:
    real = Identity.of(sleeper.pid)
    with pytest.raises(Gone, match="another one by now"):
        real._replace(start_time=real.start_time - 1).open()


def test_a_process_of_another_boot_is_gone(sleeper: subprocess.Popen[bytes]) -> None:
    other = Identity.of(sleeper.pid)._replace(boot_id=uuid.uuid4())
    assert not other.is_of_this_boot
    with pytest.raises(Gone, match="rebooted"):
        other.open()


def test_a_process_of_another_namespace_is_gone(sleeper: subprocess.Popen[bytes]) -> None:
    real = Identity.of(sleeper.pid)
    with pytest.raises(Gone, match="namespace"):
        real._replace(pid_namespace=real.pid_namespace + 1).open()


def test_a_reaped_process_is_gone(sleeper: subprocess.Popen[bytes]) -> None:
    identity = Identity.of(sleeper.pid)
    sleeper.kill()
    sleeper.wait()
    assert not identity.is_alive
    with pytest.raises(Gone):
        Identity.of(sleeper.pid)


def test_a_zombie_still_has_an_identity(sleeper: subprocess.Popen[bytes]) -> None:
    identity = Identity.of(sleeper.pid)
    sleeper.kill()
    assert os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert identity.is_alive


def test_no_descriptor_is_left_by_a_failed_check(sleeper: subprocess.Popen[bytes]) -> None:
    wrong = Identity.of(sleeper.pid)._replace(start_time=1)
    before = open_files()
    assert not wrong.is_alive
    assert open_files() == before


def open_files() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def test_a_name_with_brackets_does_not_hide_the_start_time(tmp_path: Path) -> None:
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as process:
        started = Identity.of(process.pid).start_time
        ours = Identity.of(os.getpid()).start_time
        process.kill()
    assert started >= ours
