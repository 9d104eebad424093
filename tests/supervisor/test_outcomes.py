from typing import Any

import pytest

from floor import Floor
from stepflow.model import (
    CouldNotStart,
    Execution,
    Failed,
    Killed,
    LogLimit,
    Status,
    StoppedOnError,
    Succeeded,
    TimedOut,
)


@pytest.mark.parametrize(
    ("command", "outcome", "exit_code"),
    [
        ("true", Succeeded(), 0),
        ("exit 3", Failed(3), 3),
        ("kill -9 $$", Killed(9), 137),
        ("kill -TERM $$", Killed(15), 143),
    ],
)
def test_the_outcome_is_how_the_script_ended(
    floor: Floor, command: str, outcome: object, exit_code: int
) -> None:
    ended = floor.result(command)
    assert (ended.outcome, ended.exit_code) == (outcome, exit_code)
    assert ended.status is (Status.COMPLETED if exit_code == 0 else Status.FAILED)


@pytest.mark.parametrize(
    ("command", "fields", "why"),
    [
        ("no-such-program-at-all", {}, "No such file"),
        ("true", {"working_directory": "/no/such/folder"}, "No such file"),
        (["/dev/null"], {}, "Permission denied"),
        (["true", "x" * 3_000_000], {}, "Argument list too long"),
    ],
)
def test_what_cannot_be_started_is_recorded_and_says_why(
    floor: Floor, command: Any, fields: dict[str, Any], why: str
) -> None:
    ended = floor.result(command, **fields)
    assert isinstance(ended.outcome, CouldNotStart)
    assert why in ended.outcome.reason
    assert ended.status is Status.FAILED


def test_a_timeout_ends_the_script_and_says_so(floor: Floor) -> None:
    ended = floor.result("echo begun; sleep 60", timeout=0.3)
    assert ended.outcome == TimedOut(0.3)
    assert ended.error_message == "timed out after 0.3 s"


def test_a_script_that_ignores_the_polite_signal_is_killed_after_the_grace(floor: Floor) -> None:
    ended = floor.result("trap '' TERM; sleep 60 & wait; sleep 60", timeout=0.2, grace=0.2)
    assert (ended.outcome, ended.exit_code) == (TimedOut(0.2), 137)


def test_a_critical_step_that_fails_stops_the_script(floor: Floor) -> None:
    script = "echo 'STEP_START:deploy[stop_on_error=true]'; echo STEP_ERROR:broken; sleep 60"
    ended = floor.result(script)
    assert ended.outcome == StoppedOnError("deploy")
    assert ended.error_message == "stopped because the step 'deploy' failed: broken"


def test_a_step_that_may_fail_leaves_the_execution_completed_and_visible(floor: Floor) -> None:
    ended = floor.result("echo STEP_START:lint; echo STEP_ERROR:ugly; true")
    assert ended.status is Status.COMPLETED
    assert (ended.failed_steps, ended.total_steps) == (1, 1)


def test_the_log_limit_stops_the_script(floor: Floor) -> None:
    ended = floor.result("yes", max_log_bytes=100_000)
    assert ended.outcome == LogLimit(100_000)
    assert ended.log_bytes == 100_000


def test_a_background_child_is_stopped_and_named(floor: Floor) -> None:
    ended = floor.result("sleep 77 & echo done")
    assert ended.outcome == Succeeded()
    assert "sleep" in str(ended.survivors)


def test_usage_of_the_script_is_kept(floor: Floor) -> None:
    ended: Execution = floor.result("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
    assert ended.cpu_seconds is not None
    assert ended.cpu_seconds > 0
    assert ended.memory_peak_bytes is not None
    assert ended.memory_peak_bytes > 100_000
