"""Pumps are killed, replaced and confused; no byte and no exit code is lost by it."""

import os
import platform
import random
import struct
import subprocess
import sys
import zlib
from datetime import timedelta

import pytest
from conftest import Pumped, Run, is_running

from eventually import eventually
from stepflow.errors import AlreadyPumped, AlreadyStarted
from stepflow.process import Identity, is_pumped, start

PYTHON = [sys.executable, "-I", "-S", "-c"]
KERNEL = tuple(int(part) for part in platform.release().split(".")[:2])
SCRIPT_SLOT = struct.Struct("<4sIQ16sQq12x")

pytestmark = pytest.mark.crash


@pytest.mark.parametrize("pause", [0, 0.001])
def test_a_pump_killed_again_and_again_loses_no_byte(run: Run, pause: float) -> None:
    code = f"""
import os, time
for n in range(3000):
    os.write(1, b'line %07d\\n' % n * (1 if {pause} else 200))
    time.sleep({pause})
"""
    pumped = run([*PYTHON, code])
    assert pumped.script  # before that there is nothing to attach to
    repeat = 1 if pause else 200
    whole = b"".join(b"line %07d\n" % n * repeat for n in range(3000))
    dice = random.Random(4)
    for _ in range(30):
        mark = len(pumped.log) + dice.choice([0, 1, 20_000 * repeat // 20])
        eventually(lambda: len(pumped.log) >= min(mark, len(whole)))  # noqa: B023
        pumped.kill_pump()
        pumped.attach()
    pumped.end()
    assert pumped.log == whole


def test_an_attached_pump_learns_the_exit_code_where_the_kernel_tells(run: Run) -> None:
    pumped = run("echo one; while [ ! -e go ]; do sleep 0.01; done; echo two; exit 7")
    pumped.shows(b"one\n")
    pumped.kill_pump()
    pumped.attach()
    subprocess.run(["touch", "go"], cwd=pumped.launch.working_directory, check=True)
    record = pumped.end()
    assert record.code == 7 if KERNEL >= (6, 15) else record.code in (7, None)
    assert pumped.log == b"one\ntwo\n"


def test_an_exit_record_outlives_the_pump_that_wrote_it(run: Run) -> None:
    pumped = run("(sleep 1; echo late) & exit 7", keep_background=True)
    assert eventually(lambda: pumped.records.exit).code == 7
    pumped.kill_pump()
    pumped.attach()
    record = pumped.end()
    assert (record.code, record.why.name) == (7, "BY_ITSELF")
    assert pumped.log == b"late\n"


def test_output_that_was_left_in_the_pipe_is_fetched(run: Run) -> None:
    pumped = run("while [ ! -e go ]; do sleep 0.01; done; echo tail; exit 7")
    script = pumped.records.script or eventually(lambda: pumped.records.script)
    pumped.kill_pump()
    subprocess.run(["touch", "go"], cwd=pumped.launch.working_directory, check=True)
    eventually(lambda: not is_running(script.identity.pid))
    pumped.attach()
    # Known only where the kernel still shows a zombie; never 0.
    assert pumped.end(within=3).code in (7, None)
    assert pumped.log == b"tail\n"


def test_an_attached_pump_stops_the_script_and_what_it_began(run: Run) -> None:
    pumped = run("setsid sleep 300 & echo $!; sleep 300", grace=timedelta(seconds=1))
    pumped.shows(b"\n")
    pumped.kill_pump()
    pumped.attach()
    eventually(lambda: pumped.records.pump.identity.pid == pumped.pump.pid)  # type: ignore[union-attr]
    pumped.pump.stop()
    record = pumped.end()
    assert record.why.name == "ASKED"
    assert not is_running(int(pumped.log))
    assert not is_running(pumped.script)


def test_an_attached_pump_keeps_the_deadline(run: Run) -> None:
    pumped = run("echo up; sleep 60", grace=timedelta(seconds=1))
    pumped.shows(b"up\n")
    pumped.kill_pump()
    late = pumped.records.pump.at - timedelta(days=1)  # type: ignore[union-attr]
    pumped.launch = type(pumped.launch)(
        argv=["unused"], working_directory="/", environment={}, deadline=late
    )
    pumped.attach()
    assert pumped.end(within=5).why.name == "DEADLINE"
    assert not is_running(pumped.script)


def test_an_attached_pump_goes_on_with_the_time_index(run: Run) -> None:
    pumped = run("echo one; while [ ! -e go ]; do sleep 0.01; done; echo two")
    pumped.shows(b"one\n")
    pumped.kill_pump()
    with pumped.folder.time_index.open("ab") as index:
        index.write(b"torn")
    pumped.attach()
    subprocess.run(["touch", "go"], cwd=pumped.launch.working_directory, check=True)
    pumped.end()
    offsets = [offset for offset, _ in struct.iter_unpack("<Qq", index_bytes(pumped))]
    assert offsets == [0, 4]


def index_bytes(pumped: Pumped) -> bytes:
    return pumped.folder.time_index.read_bytes()


def test_two_pumps_are_never_on_one_folder(run: Run, program: list[str]) -> None:
    pumped = run("echo up; sleep 60")
    pumped.shows(b"up\n")
    assert is_pumped(pumped.folder)
    with pytest.raises(AlreadyPumped):
        start(pumped.folder, pumped.execution_id, pumped.launch, program)
    pumped.pump.kill()
    pumped.pump_left()
    assert not is_pumped(pumped.folder)
    with pytest.raises(AlreadyStarted):
        start(pumped.folder, pumped.execution_id, pumped.launch, program)


def test_a_pump_without_the_lock_leaves_the_folder_alone(program: list[str], run: Run) -> None:
    pumped = run("echo up; sleep 60")
    pumped.shows(b"up\n")
    before = pumped.folder.status.read_bytes()
    second = (
        "import os, sys\n"
        "for n, path in enumerate(sys.argv[1:4]):\n"
        "    os.dup2(os.open(path, os.O_RDWR if n == 0 else os.O_RDONLY), 3 + n)\n"
        "os.execv(sys.argv[4], sys.argv[4:])\n"
    )
    block = pumped.folder.path / "block"
    block.write_bytes(pumped.launch.block(attach=True))
    paths = [pumped.folder.status, pumped.folder.path, block]
    ended = subprocess.run(
        [*PYTHON, second, *map(str, paths), *program, "--attach", pumped.execution_id],
        check=False,
        timeout=10,
        pass_fds=[],
    )
    assert ended.returncode != 0
    assert pumped.folder.status.read_bytes() == before


def test_a_script_never_holds_the_lock(run: Run) -> None:
    pumped = run("echo up; sleep 60")
    pumped.shows(b"up\n")
    pumped.kill_pump()
    assert not is_pumped(pumped.folder)


def test_a_script_that_waits_for_its_input_does_not_hold_the_lock(run: Run) -> None:
    pumped = run("cat", stdin=True)
    script = pumped.script
    pumped.kill_pump()
    eventually(lambda: not is_pumped(pumped.folder))
    os.kill(script, 9)


@pytest.mark.parametrize("wrong", ["start_time", "boot_id", "pid_namespace"])
def test_a_stranger_with_the_scripts_pid_is_left_alone(run: Run, wrong: str) -> None:
    pumped = run("echo up; sleep 60")
    pumped.shows(b"up\n")
    script = pumped.script
    pumped.kill_pump()
    os.kill(script, 9)
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    write_script_record(pumped, Identity.of(stranger.pid), wrong)
    pumped.attach()
    pumped.pump.stop()
    record = pumped.end(within=3)
    assert not record.is_known
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def write_script_record(pumped: Pumped, identity: Identity, wrong: str) -> None:
    boot = bytes(16) if wrong == "boot_id" else identity.boot_id.bytes
    body = SCRIPT_SLOT.pack(
        b"SCRP",
        identity.pid,
        identity.start_time + (wrong == "start_time"),
        boot,
        identity.pid_namespace + (wrong == "pid_namespace"),
        0,
    )
    with pumped.folder.status.open("r+b") as status:
        status.seek(64)
        status.write(body + struct.pack("<I", zlib.crc32(body)))
