"""The life of an execution's row: created, changed, settled, forgotten.

Every change goes through `_rewrite`, which keeps the counters, the tags and the search in step.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from stepflow.errors import Conflict, NotFound
from stepflow.model import (
    Cancelled,
    Execution,
    Failed,
    Killed,
    Lost,
    Outcome,
    Step,
    StepStatus,
    Succeeded,
    in_words,
    status_of,
)
from stepflow.store import search
from stepflow.store.compiled import INSERT_EXECUTION, INSERT_METRIC, KEEP_STEP
from stepflow.store.ledger import Key, Ledger
from stepflow.store.protocol import Sample, Settlement, SummaryRow
from stepflow.store.rows import (
    execution_of,
    execution_row,
    json_text,
    step_of,
    step_row,
    strip_with,
    time_text,
)

_EXISTS = "SELECT 1 FROM executions WHERE id = ?"
_KNOWN = "SELECT e.id FROM json_each(?) wanted CROSS JOIN executions e ON e.id = wanted.value"
_BY_ID = "SELECT * FROM executions WHERE id = ?"
# idx_steps_execution_id
_OPEN_STEPS = """
SELECT * FROM steps INDEXED BY idx_steps_execution_id
WHERE execution_id = ? AND status IN ('pending', 'running') ORDER BY step_index
"""
# Each is served by an index that begins with execution_id.
_FORGET = (
    "DELETE FROM steps WHERE execution_id = ?",
    "DELETE FROM artifacts WHERE execution_id = ?",
    "DELETE FROM annotations WHERE execution_id = ?",
    "DELETE FROM metrics WHERE execution_id = ?",
    "DELETE FROM tests WHERE execution_id = ?",
    "DELETE FROM summaries WHERE execution_id = ?",
    "DELETE FROM variables WHERE execution_id = ?",
    "DELETE FROM diagnostics WHERE execution_id = ?",
    "DELETE FROM outputs WHERE execution_id = ?",
    "DELETE FROM follow_state WHERE execution_id = ?",
    "DELETE FROM adopted WHERE execution_id = ?",
    "DELETE FROM executions WHERE id = ?",
)
_COUNTED_TABLES = ("steps", "artifacts", "annotations", "metrics", "tests")


def update_execution(names: Iterable[str]) -> str:
    """Set these columns of the execution `:_id`."""
    columns = ", ".join(f"{name} = :{name}" for name in names)
    return f"UPDATE executions SET {columns} WHERE id = :_id"  # noqa: S608 - own names


def load(ledger: Ledger, execution_id: str) -> Execution:
    row = ledger.one(_BY_ID, (execution_id,))
    if row is None:
        raise NotFound(f"there is no execution {execution_id}")
    return execution_of(row)


def create(ledger: Ledger, execution: Execution) -> Execution:
    if ledger.one(_EXISTS, (execution.id,)) is not None:
        raise Conflict(f"there already is an execution {execution.id}")
    created = msgspec.structs.replace(execution, seq=ledger.next_seq())
    ledger.execute(INSERT_EXECUTION, execution_row(created))
    add_tags(ledger, created)
    search.add(ledger, created)
    ledger.count(counters_of(created), 1)
    for key, amount in durations_of(created).items():
        ledger.count([key], amount)
    return created


def keep_execution(ledger: Ledger, execution: Execution) -> Execution:
    row = ledger.one(_BY_ID, (execution.id,))
    if row is None:
        return create(ledger, execution)
    before = execution_of(row)
    if not before.seq:  # written by the original a moment ago, and not counted yet
        ledger.execute("DELETE FROM executions WHERE id = ?", (execution.id,))
        return create(ledger, execution)
    return _rewrite(ledger, before, msgspec.structs.replace(execution, seq=before.seq))


def update(ledger: Ledger, execution_id: str, changes: dict[str, Any]) -> Execution:
    before = load(ledger, execution_id)
    if before.is_finished:
        raise Conflict(f"{execution_id} is already {before.status}")
    return _rewrite(ledger, before, msgspec.structs.replace(before, **changes))


def pin(ledger: Ledger, execution_id: str, pinned: bool) -> Execution:
    before = load(ledger, execution_id)
    return _rewrite(ledger, before, msgspec.structs.replace(before, pinned=pinned))


def settle(
    ledger: Ledger, execution_id: str, settlement: Settlement
) -> tuple[Execution, list[Step]]:
    before = load(ledger, execution_id)
    if before.is_finished:
        raise Conflict(f"{execution_id} is already {before.status}")
    closed = _close_steps(ledger, execution_id, settlement)
    outcome, message = settlement.outcome, settlement.error_message
    if message is None and not isinstance(outcome, Succeeded):
        message = in_words(outcome)
    now = load(ledger, execution_id) if closed else before
    after = msgspec.structs.replace(
        now,
        status=status_of(outcome),
        outcome=outcome,
        exit_code=_exit_code(outcome) if settlement.exit_code is None else settlement.exit_code,
        error_message=message,
        completed_at=settlement.at,
        log_bytes=settlement.log_bytes,
        log_lines=settlement.log_lines,
        survivors=settlement.survivors,
        tail_may_be_missing=settlement.tail_may_be_missing,
        cpu_seconds=settlement.cpu_seconds,
        memory_peak_bytes=settlement.memory_peak_bytes,
    )
    ledger.execute("DELETE FROM follow_state WHERE execution_id = ?", (execution_id,))
    return _rewrite(ledger, now, after), closed


def delete(ledger: Ledger, execution_id: str) -> None:
    gone = load(ledger, execution_id)
    if not gone.is_finished:
        raise Conflict(f"{execution_id} is still {gone.status}")
    forget_rows(ledger, execution_id)
    ledger.execute("DELETE FROM execution_tags WHERE seq = ?", (gone.seq,))
    search.forget(ledger, gone.seq)
    if gone.seq:
        ledger.count(counters_of(gone), -1)
        for key, amount in durations_of(gone).items():
            ledger.count([key], -amount)


def forget_rows(ledger: Ledger, execution_id: str) -> None:
    """Remove the row and all that belongs to it; the counters of executions, the tags and the
    search are the caller's."""
    for table, statement in zip(_COUNTED_TABLES, _FORGET, strict=False):
        forgotten = ledger.execute(statement, (execution_id,)).rowcount
        ledger.count([("table", table, "")], -forgotten)
    for statement in _FORGET[len(_COUNTED_TABLES) :]:
        ledger.execute(statement, (execution_id,))


def keep_step(ledger: Ledger, step: Step) -> Step:
    load(ledger, step.execution_id)
    is_new = ledger.one("SELECT 1 FROM steps WHERE id = ?", (step.id,)) is None
    seq = ledger.next_seq() if is_new else None  # an old row keeps its own
    ledger.execute(KEEP_STEP, step_row(step, seq))
    if is_new:
        ledger.count([("table", "steps", "")], 1)
    return step


def known_ids(connection: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
    return {row["id"] for row in connection.execute(_KNOWN, (json_text(ids),))}


def keep_samples(ledger: Ledger, samples: Mapping[str, Sequence[Sample]]) -> None:
    known = known_ids(ledger.connection, list(samples))
    rows = [
        {**msgspec.structs.asdict(one), "at": time_text(one.at), "execution_id": execution_id}
        for execution_id, values in samples.items()
        if execution_id in known
        for one in values
    ]
    ledger.connection.executemany(INSERT_METRIC, rows)
    ledger.count([("table", "metrics", "")], len(rows))


def keep_summary(ledger: Ledger, summary: SummaryRow) -> None:
    # The primary key.
    ledger.execute(
        "UPDATE summaries SET markdown = ?, problem = ?, truncated = ? WHERE id = ?",
        (summary.markdown, summary.problem, summary.truncated, summary.id),
    )


def counters_of(execution: Execution) -> list[Key]:
    """The counters that this execution, as it is, is counted in."""
    status, created_at = execution.status.value, time_text(execution.created_at)
    keys = [
        ("all", "", status),
        ("day", created_at[:10], status),
        ("hour", created_at[:13], status),
        ("name", execution.name, status),
    ]
    if execution.user is not None:
        keys.append(("user", execution.user, status))
    keys += [("tag", tag, status) for tag in set(execution.tags)]
    return keys


def _rewrite(ledger: Ledger, before: Execution, after: Execution) -> Execution:
    old, new = execution_row(before), execution_row(after)
    changed = {name: new[name] for name in new if new[name] != old[name]}
    if not changed:
        return after
    ledger.execute(update_execution(changed), {**changed, "_id": after.id})
    if changed.keys() & {"status", "user_name", "name", "tags", "created_at"}:
        ledger.count(counters_of(before), -1)
        ledger.count(counters_of(after), 1)
    has_tags = bool(before.tags or after.tags)
    if has_tags and changed.keys() & {"tags", "status", "created_at"}:
        keep_tags(ledger, after)
    if changed.keys() & search.COLUMNS:
        search.keep(ledger, after)
    if changed.keys() & {"status", "started_at", "completed_at"}:
        for by, version in ((-1, before), (1, after)):
            for key, amount in durations_of(version).items():
                ledger.count([key], by * amount)
    return after


def durations_of(execution: Execution) -> dict[Key, int]:
    """What this execution adds to the sum behind the average duration."""
    if not execution.is_finished or execution.started_at is None or execution.completed_at is None:
        return {}
    duration = execution.duration(execution.completed_at)
    assert duration is not None  # it was started
    return {
        ("duration", "", "executions"): 1,
        ("duration", "", "microseconds"): duration // timedelta(microseconds=1),
    }


def keep_tags(ledger: Ledger, execution: Execution) -> None:
    ledger.execute("DELETE FROM execution_tags WHERE seq = ?", (execution.seq,))
    add_tags(ledger, execution)


def add_tags(ledger: Ledger, execution: Execution) -> None:
    """Of an execution that has none there yet."""
    for tag in set(execution.tags):
        row = (tag, execution.status.value, time_text(execution.created_at), execution.seq)
        ledger.execute("INSERT INTO execution_tags VALUES (?, ?, ?, ?)", row)


def _close_steps(ledger: Ledger, execution_id: str, settlement: Settlement) -> list[Step]:
    status, reason = _step_ending(settlement.outcome)
    closed = []
    for row in ledger.execute(_OPEN_STEPS, (execution_id,)).fetchall():
        step = msgspec.structs.replace(
            step_of(row),
            status=status,
            reason=reason,
            completed_at=settlement.at,
            last_line=max(settlement.log_lines - 1, row["first_line"] or 0),
        )
        ledger.execute(KEEP_STEP, step_row(step, None))
        closed.append(step)
    if closed:
        _show_closed(ledger, execution_id, closed)
    return closed


def _show_closed(ledger: Ledger, execution_id: str, closed: list[Step]) -> None:
    """The strip and the figures of the row, after steps were closed by the end."""
    row = ledger.one(_BY_ID, (execution_id,))
    strip = row["step_strip"] or ""
    for step in closed:
        shown = step.status if step.parent_index is None else None
        strip = strip_with(strip, step.index, shown)
    completed = sum(step.status is StepStatus.COMPLETED for step in closed)
    failed = sum(step.status is StepStatus.FAILED for step in closed)
    changes = {
        "step_strip": strip,
        "completed_steps": (row["completed_steps"] or 0) + completed,
        "failed_steps": (row["failed_steps"] or 0) + failed,
    }
    ledger.execute(update_execution(changes), {**changes, "_id": execution_id})


def _step_ending(outcome: Outcome) -> tuple[StepStatus, str | None]:
    match outcome:
        case Succeeded():
            return StepStatus.COMPLETED, None
        case Cancelled() | Lost():
            return StepStatus.CANCELLED, in_words(outcome)
        case _:
            return StepStatus.FAILED, in_words(outcome)


def _exit_code(outcome: Outcome) -> int | None:
    """As a shell would say it; None where there is none to say."""
    match outcome:
        case Succeeded():
            return 0
        case Failed(exit_code=code):
            return code
        case Killed(signal=number):
            return 128 + number
        case _:
            return None
