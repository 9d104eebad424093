"""What a script prints is what its log holds, byte for byte."""

import fcntl
import itertools
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Run
from refusing import SPLICE, without

from eventually import eventually

PYTHON = [sys.executable, "-I", "-S", "-c"]


def test_every_byte_arrives_in_order(run: Run) -> None:
    pumped = run([*PYTHON, "import os\nfor n in range(3000): os.write(1 + n % 2, b'%d\\n' % n)"])
    pumped.end()
    assert pumped.log == b"".join(b"%d\n" % n for n in range(3000))


def test_bytes_that_are_no_text_arrive_unchanged(run: Run) -> None:
    pumped = run([*PYTHON, "import os; os.write(1, bytes(range(256)) * 300)"])
    pumped.end()
    assert pumped.log == bytes(range(256)) * 300


def test_a_line_of_ten_megabytes_without_an_end_arrives_whole(run: Run) -> None:
    pumped = run([*PYTHON, "import sys; sys.stdout.buffer.write(b'0123456789' * 1_000_000)"])
    pumped.end()
    assert pumped.log == b"0123456789" * 1_000_000


@pytest.mark.parametrize("reopen", ["> /dev/stderr", "> /dev/stdout", "| tee /dev/stderr"])
def test_opening_the_output_again_does_not_truncate_the_log(run: Run, reopen: str) -> None:
    pumped = run(f"echo first; echo second {reopen}; echo third")
    pumped.end()
    lines = pumped.log.split(b"\n")
    assert (lines[0], lines[-2]) == (b"first", b"third")
    assert b"second" in lines


def test_without_splice_the_output_is_as_exact(run: Run) -> None:
    pumped = run(
        [*PYTHON, "import os\nfor n in range(5000): os.write(1, b'%d\\n' % n * 20)"],
        wrapper=without(SPLICE),
    )
    pumped.end()
    assert pumped.log == b"".join(b"%d\n" % n * 20 for n in range(5000))


def test_a_script_that_closes_its_output_is_waited_for(run: Run) -> None:
    pumped = run("echo before; exec >&- 2>&-; sleep 0.3; exit 5")
    assert pumped.end().code == 5
    assert pumped.log == b"before\n"


def test_a_deleted_log_goes_on_in_the_open_file(run: Run) -> None:
    pumped = run("echo one; while [ ! -e go ]; do sleep 0.01; done; echo two")
    pumped.shows(b"one\n")
    with pumped.folder.log.open("rb") as log:
        pumped.folder.log.unlink()
        Path(pumped.launch.working_directory, "go").touch()
        assert pumped.end().code == 0
        assert log.read() == b"one\ntwo\n"


def times(path: Path) -> list[tuple[int, int]]:
    return list(struct.iter_unpack("<Qq", path.read_bytes()))


def test_the_time_index_says_when_bytes_came(run: Run) -> None:
    pumped = run("for n in 1 2 3; do date +%s%3N; sleep 0.15; done; seq 500")
    pumped.end()
    index = times(pumped.folder.time_index)
    assert index[0][0] == 0
    assert index == sorted(index)
    assert len(index) >= 3
    for offset, at in index[:3]:
        printed = int(pumped.log[offset:].split(b"\n")[0])
        assert 0 <= at - printed < 100


def test_the_time_index_has_at_most_ten_entries_a_second(run: Run) -> None:
    pumped = run("for n in $(seq 30); do echo $n; sleep 0.01; done")
    pumped.end()
    stamps = [at for _, at in times(pumped.folder.time_index)]
    assert all(later - earlier >= 99 for earlier, later in itertools.pairwise(stamps))


def test_at_its_limit_the_log_ends_and_the_script_is_stopped(run: Run) -> None:
    pumped = run("echo $$; exec yes", max_log_bytes=300_000)
    record = pumped.end()
    assert record.why.name == "LOG_LIMIT"
    assert record.signal == 15
    assert len(pumped.log) == 300_000


def test_output_of_exactly_the_limit_is_no_excess(run: Run) -> None:
    pumped = run("printf 12345", max_log_bytes=5)
    record = pumped.end()
    assert (record.code, record.why.name, pumped.log) == (0, "BY_ITSELF", b"12345")


def test_only_a_flood_gets_a_wide_pipe_and_gives_it_back(
    run: Run, compiled_pump: list[str]
) -> None:
    pumped = run("head -c 400M /dev/zero; sleep 60")
    if pumped.program != compiled_pump:
        pytest.skip("the Python pump leaves the pipe as it is")

    def pipe_bytes() -> int:
        return fcntl.fcntl(pumped.held, fcntl.F_GETPIPE_SZ)

    eventually(lambda: pipe_bytes() == 256 << 10)
    eventually(lambda: pipe_bytes() == 64 << 10)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], check=False, capture_output=True
    )
    if mounted.returncode and "CI" not in os.environ:
        pytest.skip(f"no mount: {mounted.stderr.decode().strip()}")
    mounted.check_returncode()
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def fill(disk: Path, ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        while free_bytes(disk):
            file.write(bytes(4096))


def free_bytes(disk: Path) -> int:
    figures = os.statvfs(disk)
    return figures.f_bavail * figures.f_frsize


@pytest.mark.parametrize("wrapper", [[], without(SPLICE)], ids=["splice", "read"])
def test_a_full_disk_blocks_the_script_and_loses_nothing(
    run: Run, small_disk: Path, wrapper: list[str]
) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    pumped = run(
        [*PYTHON, "import os\nfor n in range(150): os.write(1, (b'%9d\\n' % n) * 1000)"],
        at=small_disk,
        wrapper=wrapper,
    )
    eventually(lambda: free_bytes(small_disk) == 0)
    assert pumped.records.exit is None
    ballast.unlink()
    assert pumped.end().code == 0
    assert pumped.log == b"".join((b"%9d\n" % n) * 1000 for n in range(150))


@pytest.mark.parametrize("wrapper", [[], without(SPLICE)], ids=["splice", "read"])
def test_on_a_full_disk_the_exit_code_is_still_recorded(
    run: Run, small_disk: Path, tmp_path: Path, wrapper: list[str]
) -> None:
    go = tmp_path / "go"
    command = f"while [ ! -e {go} ]; do sleep 0.01; done; seq 1000; exit 7"
    pumped = run(command, at=small_disk, wrapper=wrapper)
    ballast = small_disk / "ballast"
    fill(small_disk, ballast)
    go.touch()
    record = eventually(lambda: pumped.records.exit)
    assert record.code == 7
    # Longer than output may go on after an exit: what waits is not cut off.
    with pytest.raises(AssertionError, match="still runs"):
        pumped.pump_left(within=2.5)
    ballast.unlink()
    assert pumped.end().code == 7
    assert pumped.log == b"".join(b"%d\n" % n for n in range(1, 1001))
