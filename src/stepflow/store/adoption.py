"""Taking over rows that the original program wrote last: those whose `seq` is NULL.

One UPDATE each gives `seq` and turns local times into UTC, so it can be stopped and repeated. The
original may rewrite a row that was adopted before; `adopted` remembers its `seq` and what was
counted of it.
"""

import sqlite3
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from stepflow.model import Execution
from stepflow.store import executions, search
from stepflow.store.ledger import Key, Ledger
from stepflow.store.rows import Row, execution_of, json_text, time_text
from stepflow.store.statements import update_execution

BATCH = 200

# idx_executions_seq, idx_steps_foreign, idx_artifacts_seq: all three find NULLs.
_EXECUTIONS = "SELECT * FROM executions WHERE seq IS NULL ORDER BY created_at LIMIT ?"
_STEPS = """
SELECT id, created_at, started_at, completed_at FROM steps INDEXED BY idx_steps_foreign
WHERE seq IS NULL LIMIT ?
"""
_ARTIFACTS = "SELECT id, created_at FROM artifacts WHERE seq IS NULL LIMIT ?"
_TAKE_STEP = (
    "UPDATE steps SET seq = ?, created_at = ?, started_at = ?, completed_at = ? WHERE id = ?"
)
_TAKE_ARTIFACT = "UPDATE artifacts SET seq = ?, created_at = ? WHERE id = ?"
_REMEMBER = """
INSERT INTO adopted (execution_id, seq, counted) VALUES (?, ?, ?)
ON CONFLICT (execution_id) DO UPDATE SET counted = excluded.counted
"""
_TABLE_COUNT = """
INSERT INTO counters (facet, "key", status, value) VALUES ('table', ?, '', ?)
ON CONFLICT (facet, "key", status) DO UPDATE SET value = excluded.value
"""


def adopt_executions(ledger: Ledger, zone: ZoneInfo) -> int:
    rows = ledger.execute(_EXECUTIONS, (BATCH,)).fetchall()
    for row in rows:
        _adopt_execution(ledger, row, zone)
    return len(rows)


def adopt_steps(ledger: Ledger, zone: ZoneInfo) -> int:
    rows = ledger.execute(_STEPS, (BATCH,)).fetchall()
    for row in rows:
        times = [_utc(row[name], zone) for name in ("created_at", "started_at", "completed_at")]
        ledger.execute(_TAKE_STEP, (ledger.next_seq(), *times, row["id"]))
    return len(rows)


def adopt_artifacts(ledger: Ledger, zone: ZoneInfo) -> int:
    rows = ledger.execute(_ARTIFACTS, (BATCH,)).fetchall()
    for row in rows:
        created_at = _utc(row["created_at"], zone)
        ledger.execute(_TAKE_ARTIFACT, (ledger.next_seq(), created_at, row["id"]))
    return len(rows)


def recount_tables(ledger: Ledger) -> None:
    """A rewritten row can't be told from a new one, so the rows are counted afresh."""
    for table in ("steps", "artifacts"):
        count = ledger.one(f"SELECT count(*) FROM {table}")[0]  # noqa: S608 - own names
        ledger.execute(_TABLE_COUNT, (table, count))


def take(ledger: Ledger, execution_id: str, changes: Row) -> None:
    """Change an execution that the original wrote last, give it its `seq`, count and index it."""
    before = ledger.one("SELECT seq, counted FROM adopted WHERE execution_id = ?", (execution_id,))
    seq = ledger.next_seq() if before is None else before["seq"]
    names = ("seq", *changes)
    ledger.execute(update_execution(names), {**changes, "seq": seq, "_id": execution_id})
    if before is not None:
        counted = msgspec.json.decode(before["counted"], type=list[tuple[str, str, str, int]])
        _count(ledger, counted, -1)
    adopted = execution_of(ledger.one("SELECT * FROM executions WHERE id = ?", (execution_id,)))
    executions.keep_tags(ledger, adopted)
    search.keep(ledger, adopted)
    counted = _counted(adopted)
    _count(ledger, counted, 1)
    ledger.execute(_REMEMBER, (adopted.id, seq, json_text(counted)))


def _adopt_execution(ledger: Ledger, row: sqlite3.Row, zone: ZoneInfo) -> None:
    times = ("created_at", "started_at", "completed_at")
    take(ledger, row["id"], {name: _utc(row[name], zone) for name in times})


def _counted(execution: Execution) -> list[tuple[str, str, str, int]]:
    counts = [(*key, 1) for key in executions.counters_of(execution)]
    return counts + [(*key, by) for key, by in executions.durations_of(execution).items()]


def _count(ledger: Ledger, counted: list[tuple[str, str, str, int]], by: int) -> None:
    for facet, key, status, amount in counted:
        counter: Key = (facet, key, status)
        ledger.count([counter], by * amount)


def _utc(text: str | None, zone: ZoneInfo) -> str | None:
    """The original's naive local time; of an hour that came twice, the first."""
    if text is None:
        return None
    local = datetime.fromisoformat(text)
    return time_text(local if local.tzinfo else local.replace(tzinfo=zone).astimezone(UTC))
