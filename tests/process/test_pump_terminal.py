"""A script on a terminal of its own, fed through the FIFO `in`."""

import struct

from conftest import Pumped, Run

from eventually import eventually


def type_in(pumped: Pumped, text: bytes) -> None:
    with pumped.folder.input.open("wb", buffering=0) as to:
        to.write(struct.pack("<BI", ord("d"), len(text)) + text)


def resize(pumped: Pumped, rows: int, columns: int) -> None:
    with pumped.folder.input.open("wb", buffering=0) as to:
        to.write(struct.pack("<BIHH", ord("w"), 4, rows, columns))


def test_a_script_finds_a_terminal_of_the_wanted_size(run: Run) -> None:
    pumped = run("test -t 0 && test -t 1 && test -t 2 && stty size", tty=True, window=(33, 77))
    assert pumped.end().code == 0
    assert pumped.log == b"33 77\n"


def test_lines_of_a_terminal_end_in_a_plain_newline(run: Run) -> None:
    pumped = run("printf 'a\\nb\\n'", tty=True)
    pumped.end()
    assert pumped.log == b"a\nb\n"


def test_what_is_typed_reaches_the_script_and_is_echoed(run: Run) -> None:
    pumped = run("echo ready; read name; echo hello $name", tty=True)
    pumped.shows(b"ready\n")
    type_in(pumped, b"world\r")
    assert pumped.end().code == 0
    assert pumped.log == b"ready\nworld\nhello world\n"


def test_control_c_interrupts_the_script(run: Run) -> None:
    pumped = run("echo ready; exec sleep 60", tty=True)
    pumped.shows(b"ready\n")
    type_in(pumped, b"\x03")
    assert pumped.end(within=5).signal == 2


def test_a_changed_window_is_announced_to_the_script(run: Run) -> None:
    pumped = run(
        "trap 'stty size; exit 8' WINCH; echo ready; while :; do sleep 0.05; done", tty=True
    )
    pumped.shows(b"ready\n")
    resize(pumped, 50, 132)
    assert pumped.end(within=5).code == 8
    assert pumped.log == b"ready\n50 132\n"


def test_typing_in_pieces_and_much_of_it_arrives_whole(run: Run) -> None:
    pumped = run("stty -echo; echo ready; head -n 1000 | wc -c", tty=True)
    pumped.shows(b"ready\n")
    for _ in range(1000):
        type_in(pumped, b"x" * 99 + b"\n")
    assert pumped.end().code == 0
    assert pumped.log == b"ready\n100000\n"


def test_much_output_through_a_terminal_is_exact(run: Run) -> None:
    pumped = run("seq 100000", tty=True)
    assert pumped.end().code == 0
    assert pumped.log == b"".join(b"%d\n" % n for n in range(1, 100_001))


def test_a_script_on_a_terminal_can_be_stopped(run: Run) -> None:
    pumped = run("echo ready; exec sleep 60", tty=True)
    pumped.shows(b"ready\n")
    pumped.pump.stop()
    assert pumped.end(within=5).signal == 15


def test_the_death_of_the_pump_hangs_up_the_script(run: Run) -> None:
    pumped = run(
        "trap 'echo >hung-up; exit' HUP; echo ready; while :; do sleep 0.05; done", tty=True
    )
    pumped.shows(b"ready\n")
    script = pumped.records.script
    assert script is not None
    pumped.kill_pump()
    eventually(lambda: not script.identity.is_alive)
