"""The input of a script without a terminal: it starts at once, and reads until whoever writes has
closed it."""

import os
import threading
from pathlib import Path

import pytest
from conftest import Pumped, Run, is_running
from refusing import INOTIFY, without

from eventually import eventually
from stepflow.errors import NoReader
from stepflow.process import Input


def opened(pumped: Pumped) -> Input:
    def attempt() -> Input | None:
        try:
            return Input(pumped.folder, tty=False)
        except NoReader:
            return None

    found = eventually(attempt)
    assert found is not None
    return found


def test_a_script_runs_before_anybody_gives_it_input(run: Run) -> None:
    pumped = run("echo ready; read line; echo got $line; read line || echo over", stdin=True)
    assert pumped.shows(b"ready\n")
    with opened(pumped) as script:
        script.write(b"it\n")
    assert pumped.end().code == 0
    assert pumped.log == b"ready\ngot it\nover\n"


def test_its_input_goes_on_until_the_last_writer_has_closed_it(run: Run) -> None:
    pumped = run("cat; echo over", stdin=True)
    with opened(pumped) as first:
        with opened(pumped) as second:
            second.write(b"one\n")
        first.write(b"two\n")
        assert pumped.shows(b"two\n")
        assert b"over" not in pumped.log
    assert pumped.end().code == 0
    assert pumped.log == b"one\ntwo\nover\n"


def test_a_writer_that_waits_for_the_fifo_is_the_one_that_ends_it(run: Run) -> None:
    def write_as_soon_as_it_is_there(path: Path) -> None:
        while True:
            try:
                file = os.open(path, os.O_WRONLY)
            except FileNotFoundError:
                continue
            os.write(file, b"early\n")
            os.close(file)
            return

    for _ in range(10):
        pumped = run("cat", stdin=True)
        writer = threading.Thread(target=write_as_soon_as_it_is_there, args=[pumped.folder.input])
        writer.start()
        assert pumped.end().code == 0
        writer.join()
        assert pumped.log == b"early\n"


def test_a_script_that_has_closed_its_input_is_given_none(run: Run) -> None:
    pumped = run("exec 0<&-; echo closed; exec sleep 60", stdin=True)
    assert pumped.shows(b"closed\n")
    with pytest.raises(NoReader):
        Input(pumped.folder, tty=False)


def test_a_stop_reaches_a_script_that_waits_for_input(run: Run) -> None:
    pumped = run("trap 'exit 5' TERM; echo ready; read line; echo never", stdin=True)
    assert pumped.shows(b"ready\n")
    script = pumped.script
    pumped.pump.stop()
    assert pumped.end().code == 5
    assert not is_running(script)


def test_where_nothing_can_be_watched_the_script_waits_for_its_writer(run: Run) -> None:
    pumped = run("cat; echo over", stdin=True, wrapper=without(INOTIFY))
    with opened(pumped) as script:
        script.write(b"one\n")
    assert pumped.end().code == 0
    assert pumped.log == b"one\nover\n"
