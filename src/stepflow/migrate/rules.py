"""What becomes of the original's rows: rules only, no SQL and no files.

Its values stay. Times become UTC, our columns are filled from what is known, and what it left
running for ever is closed: with its data, and with the reason said.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import msgspec

from stepflow.migrate.clock import LocalClock, utc_text
from stepflow.migrate.step_logs import Span, Transcribed
from stepflow.model import (
    ArtifactState,
    Cancelled,
    Failed,
    Killed,
    Lost,
    Outcome,
    Status,
    StepStatus,
    Succeeded,
    in_words,
    utc,
)
from stepflow.store.original import Found, Taken
from stepflow.store.rows import json_text, strip_with

LEFT_RUNNING = "the original left it running"
_OPEN = ("pending", "running")
_STEP_STATUSES = frozenset(status.value for status in StepStatus)
_NO_TIME = "1970-01-01T00:00:00.000000"

Changes = dict[str, Any]


class Notes(msgspec.Struct):
    """What a migration has to tell of the rows that it met."""

    lost: int = 0
    steps_closed: int = 0
    repaired: list[str] = []


def taken(
    found: Found, made: Transcribed, clock: LocalClock, notes: Notes, *, is_alive: bool
) -> Taken:
    """What is to become of an execution with its rows. While the original `is_alive`, what it runs
    goes on running."""
    row = found.execution
    execution = _times(row, ("created_at", "started_at", "completed_at"), clock, notes)
    execution |= _repaired(row, notes)
    is_open = is_alive and row["status"] in _OPEN
    outcome, status = (None, Status(row["status"])) if is_open else _ending(row, notes)
    steps = _steps(found.steps, made.spans, clock, notes)
    if outcome is not None and row["status"] != status:
        notes.lost += 1
        execution |= {"status": status.value, "completed_at": _last_seen(found, execution, made)}
        if not row["error_message"]:
            execution["error_message"] = in_words(outcome)
    ended_at = execution.get("completed_at", row["completed_at"])
    strip = ""
    failed = 0
    for step in found.steps:
        changes = steps[step["id"]]
        if outcome is not None and step["status"] in _OPEN:
            changes |= {"status": _closing(outcome).value, "reason": LEFT_RUNNING}
            changes["completed_at"] = ended_at
            notes.steps_closed += 1
        shown = StepStatus(changes.get("status") or step["status"])
        strip = strip_with(strip, step["step_index"], shown)
        failed += shown is StepStatus.FAILED
    execution |= {
        "outcome": None if outcome is None else json_text(outcome),
        "failed_steps": failed,
        "step_strip": strip,
        "log_bytes": made.size_bytes,
        "log_lines": made.lines,
    }
    artifacts = {one["id"]: _artifact(one, clock, notes) for one in found.artifacts}
    return Taken(found, execution, steps, artifacts)


def is_damaged(row: Changes, name: str) -> bool:
    """Whether the value is one that could not come over as it was."""
    if name in ("environment", "metadata"):
        return not _is_json(row[name], dict)
    if name == "tags":
        return not _is_json(row[name], list[str])
    if name == "status":
        return row[name] not in _STEP_STATUSES
    if name in ("created_at", "started_at", "completed_at"):
        try:
            datetime.fromisoformat(row[name] or _NO_TIME)
        except (ValueError, TypeError):
            return True
    return False


def _ending(row: Changes, notes: Notes) -> tuple[Outcome, Status]:
    code = row["exit_code"]
    match row["status"]:
        case "completed":
            return Succeeded(), Status.COMPLETED
        case "cancelled":
            return Cancelled("the original program"), Status.CANCELLED
        case "failed" if code is None:
            return Lost("the original recorded no exit code"), Status.FAILED
        case "failed":
            return (Killed(-code) if code < 0 else Failed(code)), Status.FAILED
        case "pending" | "running":
            return Lost(LEFT_RUNNING), Status.FAILED
        case unknown:
            notes.repaired.append(f"execution {row['id']}: status {unknown!r}")
            return Lost(f"the original's status was {unknown!r}"), Status.FAILED


def _closing(outcome: Outcome) -> StepStatus:
    """As the store closes the open steps of what ends now."""
    match outcome:
        case Succeeded():
            return StepStatus.COMPLETED
        case Cancelled() | Lost():
            return StepStatus.CANCELLED
        case _:
            return StepStatus.FAILED


def _steps(
    rows: list[Changes], spans: dict[str, Span], clock: LocalClock, notes: Notes
) -> dict[str, Changes]:
    """A step without a log owns no line: its last one is the one before its first."""
    changed = {}
    line = 0
    for row in rows:
        span = spans.get(row["id"], Span(line, line))
        line = span.end
        changes = _times(row, ("created_at", "started_at", "completed_at"), clock, notes)
        changes |= {"first_line": span.first, "last_line": span.end - 1}
        changes |= _repaired(row, notes)
        if row["status"] not in _STEP_STATUSES:
            changes["status"] = StepStatus.FAILED.value
            changes["reason"] = f"the original's status was {row['status']!r}"
            notes.repaired.append(f"step {row['id']}: status {row['status']!r}")
        changed[row["id"]] = changes
    return changed


def _artifact(row: Changes, clock: LocalClock, notes: Notes) -> Changes:
    changes = _times(row, ("created_at",), clock, notes)
    changes |= _repaired(row, notes)
    if "artifacts" in PurePosixPath(row["file_path"]).parts[:-1]:
        return changes | {"state": ArtifactState.STORED.value}
    return changes | {
        "state": ArtifactState.MISSING.value,
        "source_path": row["file_path"],
        "problem": "the original did not keep a copy",
    }


def _times(row: Changes, names: tuple[str, ...], clock: LocalClock, notes: Notes) -> Changes:
    """In UTC; a row that has its `seq` was adopted before, with its times."""
    if row["seq"] is not None:
        return {}
    return {name: _utc(row, name, clock.utc, notes) for name in names}


def _utc(
    row: Changes, name: str, utc_of: Callable[[str | None], str | None], notes: Notes
) -> str | None:
    try:
        return utc_of(row[name])
    except (ValueError, TypeError, OverflowError):
        notes.repaired.append(f"{row['id']}: {name} {row[name]!r}")
        return _NO_TIME if name == "created_at" else None


def _repaired(row: Changes, notes: Notes) -> Changes:
    """Text that is not what it should be would keep whole pages from being shown; the backup has
    it as it was."""
    changes: Changes = {}
    for name, empty in (("environment", "{}"), ("tags", "[]"), ("metadata", "{}")):
        if name in row and is_damaged(row, name):
            changes[name] = empty
            notes.repaired.append(f"{row['id']}: {name} {row[name]!r:.200}")
    return changes


def _is_json(text: str | None, kind: Any) -> bool:
    if text in (None, "{}" if kind is dict else "[]"):
        return True
    try:
        msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, TypeError, UnicodeEncodeError):
        return False
    return True


def _last_seen(found: Found, execution: Changes, made: Transcribed) -> str | None:
    """The last moment that anything is known of: not now, or its duration would be months."""
    row = found.execution
    times = [execution.get(name, row[name]) for name in ("created_at", "started_at")]
    if made.last_ms is not None:
        times.append(utc_text(utc(made.last_ms)))
    return max((one for one in times if one), default=None)
