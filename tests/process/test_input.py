from collections.abc import Iterator
from pathlib import Path

import pytest
from launching import ended, folder_at, launch_of, shell, started

from eventually import eventually
from stepflow.errors import NoReader
from stepflow.process import Folder, Input, Pump, read_status, resize, write_input


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return folder_at(tmp_path)


def opened(folder: Folder, *, tty: bool = False) -> Input:
    """The input as soon as somebody reads it."""

    def attempt() -> Input | None:
        try:
            return Input(folder, tty=tty)
        except NoReader:
            return None

    found = eventually(attempt)
    assert found is not None
    return found


@pytest.fixture
def terminal(folder: Folder) -> Iterator[Pump]:
    script = "trap 'stty size' WINCH; stty size; while read x; do echo got $x; done"
    pump = started(folder, shell(script, tty=True, window=(30, 90)))
    eventually(lambda: folder.log.exists() and b"30 90\n" in folder.log.read_bytes())
    yield pump
    pump.kill()
    ended(folder, pump)


def test_what_is_written_reaches_the_script_until_it_is_closed(folder: Folder) -> None:
    pump = started(folder, launch_of("cat", stdin=True))
    with opened(folder) as script:
        assert script.write(b"one\n") == 4
        assert script.write(b"two\n") == 4
    ended(folder, pump)
    assert folder.log.read_bytes() == b"one\ntwo\n"


def test_one_write_of_all_is_input_and_end_of_file(folder: Folder) -> None:
    pump = started(folder, launch_of("cat", stdin=True))
    opened(folder).close()
    record = ended(folder, pump).exit
    assert record is not None
    assert record.code == 0


def test_input_that_nobody_reads_is_refused(folder: Folder) -> None:
    with pytest.raises(NoReader):
        write_input(folder, b"x", tty=False)


def test_input_of_a_script_that_ended_is_refused(folder: Folder) -> None:
    pump = started(folder, launch_of("head", "-n", "1", stdin=True))
    with opened(folder) as script:
        script.write(b"enough\n")
        ended(folder, pump)
        with pytest.raises(NoReader):
            script.write(b"x")


def test_a_slow_reader_never_blocks_the_writer(folder: Folder) -> None:
    pump = started(folder, shell("sleep 60", stdin=True))
    with opened(folder) as script:
        taken = script.write(bytes(1_000_000))
        assert 0 < taken < 1_000_000
        assert script.write(b"more") == 0
        pump.kill()
        ended(folder, pump)


def test_a_terminal_gets_what_is_typed(folder: Folder, terminal: Pump) -> None:
    assert write_input(folder, b"hello\n", tty=True) == 6
    eventually(lambda: b"got hello\n" in folder.log.read_bytes())


def test_a_long_paste_reaches_a_terminal_in_pieces(folder: Folder, terminal: Pump) -> None:
    lines = b"".join(b"line %04d\n" % n for n in range(1000))
    with opened(folder, tty=True) as script:
        sent = 0
        while sent < len(lines):
            sent += script.write(lines[sent : sent + 1000])
            eventually(lambda: folder.log.read_bytes().count(b"got ") >= sent // 10)  # noqa: B023
    assert b"got line 0999\n" in folder.log.read_bytes()


def test_a_terminal_hears_of_its_new_size(folder: Folder, terminal: Pump) -> None:
    assert resize(folder, 50, 160)
    write_input(folder, b"\n", tty=True)
    eventually(lambda: b"50 160\n" in folder.log.read_bytes())


def test_a_terminal_that_is_gone_takes_no_input(folder: Folder) -> None:
    pump = started(folder, launch_of("true", tty=True))
    ended(folder, pump)
    assert read_status(folder.status).exit is not None
    with pytest.raises(NoReader):
        resize(folder, 1, 1)
