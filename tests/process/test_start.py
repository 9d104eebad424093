import ast
import fcntl
import os
import resource
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from launching import (
    EXECUTION,
    PYTHON_PUMP,
    ended,
    folder_at,
    is_readable,
    launch_of,
    ran,
    shell,
    started,
)

from eventually import eventually
from stepflow.errors import AlreadyPumped, AlreadyStarted, CouldNotSpawn, InvalidRequest
from stepflow.process import (
    Folder,
    Stage,
    attach,
    find_pump,
    hold_output,
    is_pumped,
    read_status,
    running_pump,
    start,
)
from stepflow.process.folder import STATUS_BYTES

WITNESS = """
import os, sys
links = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in range(6)}
block = os.read(5, 4096)
open(os.path.join("/proc/self/fd/4", "witness"), "w").write(repr(
    (sys.argv[1:], links, block, dict(os.environ), os.getsid(0) == os.getpid())))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return folder_at(tmp_path)


def witness(
    folder: Folder, program: list[str]
) -> tuple[list[str], dict[int, str], bytes, object, bool]:
    with start(folder, EXECUTION, launch_of("true"), program) as pump:
        assert is_readable(pump.pidfd, 10)
    seen: tuple[list[str], dict[int, str], bytes, object, bool]
    seen = ast.literal_eval((folder.path / "witness").read_text())
    return seen


def test_a_pump_gets_its_three_descriptors_and_its_id(folder: Folder) -> None:
    argv, links, block, _, leads_session = witness(folder, [PYTHON_PUMP[0], "-c", WITNESS])
    assert argv == [EXECUTION]
    assert leads_session
    assert [links[n] for n in range(3)] == ["/dev/null"] * 3
    assert links[3] == str(folder.status)
    assert links[4] == str(folder.path)
    assert block == launch_of("true").block()


class Crowded(Folder):
    """Another thread closes descriptor 3 in the middle of the start, so numbers come unordered."""

    def open(self) -> int:
        os.close(3)
        return super().open()


def test_descriptors_below_ten_do_not_overwrite_each_other(folder: Folder) -> None:
    child = os.fork()
    if not child:
        try:
            os.closerange(3, 256)
            os.open("/dev/null", os.O_RDONLY)
            _, links, *_ = witness(Crowded(folder.path), [PYTHON_PUMP[0], "-c", WITNESS])
            os._exit(links[3] != str(folder.status) or links[4] != str(folder.path))
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_nothing_of_the_servers_environment_reaches_the_pump(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPFLOW_API_KEY", "secret")
    *_, environment, _ = witness(folder, [PYTHON_PUMP[0], "-c", WITNESS])
    assert "secret" not in repr(environment)


def test_the_lock_goes_to_the_pump_and_ends_with_it(folder: Folder) -> None:
    pump = started(folder, shell("read line", stdin=True))
    assert is_pumped(folder)
    os.kill(pump.pid, signal.SIGKILL)
    assert is_readable(pump.pidfd, 5)
    eventually(lambda: not is_pumped(folder))
    pump.close()


def test_a_folder_without_a_status_has_no_pump(folder: Folder) -> None:
    assert not is_pumped(folder)
    assert running_pump(folder) is None


def test_an_execution_has_one_pump(folder: Folder) -> None:
    launch = shell("sleep 60")
    with started(folder, launch) as pump:
        with pytest.raises(AlreadyPumped):
            started(folder, launch)
        with pytest.raises(AlreadyPumped):
            attach(folder, EXECUTION, launch, PYTHON_PUMP)
        pump.kill()
        assert is_readable(pump.pidfd, 10)


def test_an_execution_is_started_once(folder: Folder) -> None:
    ran(folder, launch_of("true"))
    with pytest.raises(AlreadyStarted):
        started(folder, launch_of("true"))


def test_a_pump_that_can_not_be_started_leaves_the_execution_startable(folder: Folder) -> None:
    with pytest.raises(CouldNotSpawn):
        start(folder, EXECUTION, launch_of("true"), ["/nonexistent/pump"])
    assert not is_pumped(folder)
    record = ran(folder, launch_of("true")).exit
    assert record is not None
    assert record.code == 0


def test_the_running_pump_is_found_again(folder: Folder) -> None:
    pump = started(folder, shell("sleep 60"))
    found = running_pump(folder)
    assert found is not None
    assert found.pid == pump.pid
    found.kill()
    found.close()
    ended(folder, pump)
    assert running_pump(folder) is None


def test_a_lock_held_by_a_stranger_is_an_error_not_a_pump(folder: Folder) -> None:
    with folder.status.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(CouldNotSpawn):
            running_pump(folder, within=0.05)


def test_the_status_has_its_blocks_before_the_pump_writes(folder: Folder) -> None:
    ran(folder, launch_of("true"))
    assert folder.status.stat().st_size == STATUS_BYTES
    assert folder.status.stat().st_blocks > 0


def test_output_held_by_the_server_is_no_writer(folder: Folder) -> None:
    held = hold_output(folder)
    record = ran(folder, shell("echo hello")).exit
    os.close(held)
    assert folder.log.read_bytes() == b"hello\n"
    assert record is not None
    assert not record.was_cut


def test_no_descriptor_is_left_open(folder: Folder) -> None:
    before = sorted(entry.name for entry in Path("/proc/self/fd").iterdir())
    ran(folder, launch_of("true"))
    assert sorted(entry.name for entry in Path("/proc/self/fd").iterdir()) == before


def test_the_script_gets_the_soft_limit_it_was_given(folder: Folder) -> None:
    ran(folder, shell("ulimit -Sn; ulimit -Hn", open_files=321))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert folder.log.read_text().split() == ["321", str(hard)]


def test_a_command_that_is_not_there_names_the_stage(folder: Folder) -> None:
    record = ran(folder, launch_of("no-such-command")).exit
    assert record is not None
    assert record.start_error is not None
    assert record.start_error.stage is Stage.EXEC


def test_a_nul_in_a_command_is_refused_before_anything_starts(folder: Folder) -> None:
    with pytest.raises(InvalidRequest):
        started(folder, launch_of("true", "a\0b"))
    assert read_status(folder.status).pump is None
    assert not is_pumped(folder)


def test_a_deadline_is_milliseconds_of_unix_time() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    block = launch_of("true", deadline=at).block()
    assert int.from_bytes(block[16:24], "little") == round(at.timestamp() * 1000)


def test_attaching_tells_neither_command_nor_environment() -> None:
    block = launch_of("secret-command").block(attach=True)
    assert block[60:] == b"/\0"


def test_python_is_preferred_when_asked_for() -> None:
    assert find_pump(prefer_python=True)[-1].endswith("fallback.py")
