"""A stop ends everything that the script began, and says so."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from conftest import Run, is_running

from eventually import eventually

SECOND = timedelta(seconds=1)
ESCAPEES = """
(trap '' TERM; echo $$ >/dev/null; exec sleep 301) &
setsid sleep 302 &
setsid sh -c 'sleep 303 & exec >/dev/null 2>&1; sleep 304 & exit' &
setsid env -i sleep 305 >/dev/null 2>&1 &
nohup sleep 306 >/dev/null 2>&1 &
"""


def deadline(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def descendants(pid: int) -> set[int]:
    try:
        children = {int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except FileNotFoundError:
        return set()
    return children.union(*(descendants(child) for child in children))


def test_an_asked_stop_ends_the_script_politely(run: Run) -> None:
    pumped = run("trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.05; done")
    pumped.shows(b"up\n")
    pumped.pump.stop()
    record = pumped.end()
    assert (record.code, record.why.name) == (9, "ASKED")
    assert pumped.log.endswith(b"bye\n")


def test_a_stop_in_the_moment_of_the_start_is_not_lost(run: Run) -> None:
    pumped = run("sleep 60")
    pumped.pump.stop()
    record = pumped.end(within=5)
    assert (record.signal, record.why.name) == (15, "ASKED")


def test_after_the_grace_a_stop_kills(run: Run) -> None:
    pumped = run("trap '' TERM; echo up; while :; do sleep 0.05; done", grace=SECOND / 2)
    pumped.shows(b"up\n")
    asked = time.monotonic()
    pumped.pump.stop()
    assert pumped.end().signal == 9
    assert 0.49 < time.monotonic() - asked < 3


def test_a_kill_cuts_the_grace(run: Run) -> None:
    pumped = run("trap 'echo asked' TERM; echo up; while :; do sleep 0.05; done", grace=60 * SECOND)
    pumped.shows(b"up\n")
    pumped.pump.stop()
    pumped.shows(b"asked\n")
    pumped.pump.kill()
    record = pumped.end(within=5)
    assert (record.signal, record.why.name) == (9, "ASKED")


def test_a_stop_may_be_repeated_and_does_not_cut_the_grace(run: Run) -> None:
    tidy = "trap 'echo asked; sleep 0.5; echo tidied; exit 3' TERM"
    pumped = run(f"{tidy}; echo up; while :; do sleep 0.05; done", grace=60 * SECOND)
    pumped.shows(b"up\n")
    pumped.pump.stop()
    pumped.shows(b"asked\n")
    pumped.pump.stop()
    assert pumped.end().code == 3
    assert pumped.log.endswith(b"tidied\n")


def test_a_suspended_script_can_be_stopped(run: Run) -> None:
    pumped = run("echo up; kill -STOP $$", grace=60 * SECOND)
    pumped.shows(b"up\n")
    pumped.pump.stop()
    assert pumped.end(within=5).signal == 15


def test_what_the_shell_waits_for_keeps_the_whole_grace(run: Run) -> None:
    tidy = (
        "sh -c 'trap \"sleep 2.5; echo tidied; exit\" TERM; echo up; while :; do sleep 0.05; done'"
    )
    pumped = run(f"{tidy} ")
    pumped.shows(b"up\n")
    pumped.pump.stop()
    assert pumped.end().why.name == "ASKED"
    assert pumped.log.endswith(b"tidied\n")


def test_a_member_of_the_group_that_outlives_the_script_may_tidy_up(run: Run) -> None:
    tidy = "trap 'sleep 2.5; echo tidied; exit' TERM; echo up; while :; do sleep 0.05; done"
    pumped = run(f"({tidy}) & wait")
    pumped.shows(b"up\n")
    pumped.pump.stop()
    assert pumped.end().signal == 15
    assert pumped.log.endswith(b"tidied\n")


def test_the_deadline_holds_without_any_server(run: Run) -> None:
    pumped = run("sleep 60", deadline=deadline(0.4))
    record = pumped.end(within=10)
    assert (record.signal, record.why.name) == (15, "DEADLINE")


def test_a_script_that_ignores_its_deadline_is_killed(run: Run) -> None:
    pumped = run(
        "trap '' TERM; while :; do sleep 0.05; done", deadline=deadline(1), grace=SECOND / 2
    )
    record = pumped.end(within=10)
    assert (record.signal, record.why.name) == (9, "DEADLINE")


def test_a_deadline_that_has_passed_stops_at_once(run: Run) -> None:
    assert run("sleep 60", deadline=deadline(-5)).end(within=5).why.name == "DEADLINE"


def test_whoever_keeps_printing_is_stopped_after_two_seconds_and_named(run: Run) -> None:
    pumped = run("(while :; do echo more; sleep 0.1; done) & echo done; exit 3")
    began = time.monotonic()
    record = pumped.end()
    assert 1.9 < time.monotonic() - began < 6
    assert (record.code, record.was_cut, record.has_survivors) == (3, True, False)
    assert record.background_count >= 1
    assert "background process" in pumped.records.background
    assert "sh (" in pumped.records.background


def test_a_silent_background_process_is_stopped_at_the_end_of_the_output(run: Run) -> None:
    pumped = run("sleep 300 >/dev/null 2>&1 & echo $!")
    record = pumped.end(within=2)
    child = int(pumped.log)
    assert (record.background_count, record.was_cut) == (1, False)
    assert pumped.records.background == f"1 background process: sleep ({child})"
    assert not is_running(child)


def test_a_child_that_ends_within_two_seconds_is_not_cut(run: Run) -> None:
    pumped = run("(sleep 0.2; echo late) & exit 0")
    record = pumped.end()
    assert (record.was_cut, record.background_count) == (False, 0)
    assert pumped.log == b"late\n"


def test_kept_background_processes_are_read_to_their_end(run: Run) -> None:
    pumped = run("(sleep 2.5; echo late) & exit 0", keep_background=True)
    record = pumped.end()
    assert (record.code, record.was_cut, record.background_count) == (0, False, 0)
    assert pumped.log == b"late\n"


def test_a_silent_kept_background_process_lives_on(run: Run) -> None:
    pumped = run("sleep 60 >/dev/null 2>&1 & echo $!", keep_background=True)
    pumped.end(within=2)
    assert is_running(int(pumped.log))
    os.kill(int(pumped.log), 9)


def test_a_stop_ends_kept_background_processes_too(run: Run) -> None:
    pumped = run("sleep 60 & echo $!; exit 0", keep_background=True, grace=SECOND)
    eventually(lambda: pumped.records.exit)
    pumped.pump.stop()
    record = pumped.end(within=5)
    assert (record.code, record.why.name) == (0, "BY_ITSELF")
    assert not is_running(int(pumped.log))


def test_a_deadline_ends_kept_background_processes_too(run: Run) -> None:
    pumped = run("sleep 60 & exit 0", keep_background=True, deadline=deadline(3), grace=SECOND)
    record = pumped.end(within=10)
    assert (record.code, record.why.name) == (0, "BY_ITSELF")


def test_nobody_escapes_the_sweep(run: Run) -> None:
    pumped = run(ESCAPEES + "sleep 300", grace=SECOND / 5)
    family = eventually(
        lambda: (found := descendants(pumped.pump.pid)) and len(found) >= 7 and found
    )
    pumped.pump.stop()
    assert not pumped.end().has_survivors
    assert not [pid for pid in family if is_running(pid)]


def test_nobody_outlives_an_ordinary_end(run: Run) -> None:
    pumped = run(ESCAPEES + "sleep 0.5; exit 2")
    family = eventually(
        lambda: (found := descendants(pumped.pump.pid)) and len(found) >= 7 and found
    )
    assert pumped.end().code == 2
    assert not [pid for pid in family if is_running(pid)]
