from typing import Any

import pytest

from stepflow.cli.outcome import exit_code

COMMAND = "the command can't be executed"
FOLDER = "the working directory can't be entered"


@pytest.mark.parametrize(
    ("outcome", "code", "expected"),
    [
        ({"kind": "succeeded"}, 0, 0),
        ({"kind": "failed", "exit_code": 3}, 3, 3),
        ({"kind": "killed", "signal": 9}, 137, 137),
        ({"kind": "timed_out", "after_seconds": 5.0}, 143, 124),
        ({"kind": "cancelled", "by": "me"}, 143, 130),
        ({"kind": "could_not_start", "reason": f"{COMMAND}: No such file or directory"}, 127, 127),
        ({"kind": "could_not_start", "reason": f"{COMMAND}: Permission denied"}, 127, 126),
        ({"kind": "could_not_start", "reason": f"{FOLDER}: No such file or directory"}, 127, 126),
        ({"kind": "stopped_on_error", "step": "Deploy"}, 143, 143),
        ({"kind": "stopped_on_error", "step": "Deploy"}, None, 1),
        ({"kind": "log_limit", "limit_bytes": 10}, None, 1),
        ({"kind": "lost", "reason": "machine rebooted"}, None, 125),
    ],
)
def test_each_outcome_has_its_exit_code(
    outcome: dict[str, Any], code: int | None, expected: int
) -> None:
    assert exit_code({"outcome": outcome, "exit_code": code, "status": "failed"}) == expected


def test_an_execution_of_the_original_program_is_judged_by_its_status() -> None:
    assert exit_code({"status": "completed", "exit_code": 0}) == 0
    assert exit_code({"status": "failed", "exit_code": None}) == 125
