"""An execution's own rules."""

from datetime import UTC, datetime, timedelta

from stepflow.model import Execution, Status

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_clock_that_was_put_back_makes_no_negative_duration() -> None:
    execution = Execution(
        id="x",
        name="x",
        command="true",
        created_at=NOON,
        status=Status.COMPLETED,
        started_at=NOON,
        completed_at=NOON - timedelta(hours=1),
    )
    assert execution.duration(NOON) == timedelta()
