"""The comparison of what was migrated with its source: every row with the backup's, every line of
a transcript with the logs of the steps.

The original may still be running: a row that had not ended in the backup may have gone on, one
that had ended may not have changed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from stepflow.migrate.clock import LocalClock
from stepflow.migrate.rules import is_damaged
from stepflow.migrate.step_logs import is_faithful, step_logs
from stepflow.store import original

Row = dict[str, Any]

_TIMES = frozenset({"created_at", "started_at", "completed_at"})
_CLOSED = ("pending", "running")
_WHEN_CLOSED = frozenset({"status", "completed_at", "error_message"})


class Proof(msgspec.Struct):
    differences: list[str] = []
    went_on: int = 0


def compare_rows(backup: Path, database: Path, table: str, clock: LocalClock, proof: Proof) -> int:
    """How many rows were compared; what is wrong goes into `proof`."""
    names = [name for name in original.columns(backup, table) if name != "id"]
    names.sort(key=lambda name: name in _TIMES)
    times_from = 1 + sum(name not in _TIMES for name in names)
    reasons = {"executions": ["outcome"], "steps": ["reason"]}.get(table, [])
    now = original.rows_of(database, table, names + reasons)
    found = next(now, None)
    compared = 0
    for row in original.rows_of(backup, table, names):
        compared += 1
        while found is not None and found[0] < row[0]:
            found = next(now, None)  # written since the backup
        if found is None or found[0] != row[0]:
            proof.differences.append(f"{table}: {row[0]} is not there any more")
        elif row[1:times_from] != found[1:times_from] or any(
            clock.utc_or_none(before) != after
            for before, after in zip(row[times_from:], found[times_from:], strict=False)
        ):
            before = dict(zip(["id", *names], row, strict=True))
            after = dict(zip(["id", *names, *reasons], found, strict=True))
            _tell(table, before, after, clock, proof)
    return compared


def _tell(table: str, before: Row, after: Row, clock: LocalClock, proof: Proof) -> None:
    wrong = [name for name in before if not _is_kept(before, after, name, clock)]
    if wrong and before.get("status") in _CLOSED:
        proof.went_on += 1
    elif wrong:
        proof.differences.append(f"{table}: {before['id']} has another {', '.join(wrong)}")


def compare_logs(executions: Path, proof: Proof) -> Iterator[int]:
    """Yields after each folder how many step logs it had."""
    for folder in sorted(executions.iterdir()) if executions.is_dir() else []:
        logs = step_logs(folder)
        if not logs:
            continue
        log = folder / "log"
        if not log.exists():
            proof.differences.append(f"executions: the logs in {folder.name} belong to no row")
        elif any(file.stat().st_mtime_ns > log.stat().st_mtime_ns for _, file in logs):
            proof.went_on += 1
        elif not is_faithful(folder):
            proof.differences.append(
                f"executions: the log of {folder.name} differs from its steps'"
            )
        yield len(logs)


def _is_kept(before: Row, after: Row, name: str, clock: LocalClock) -> bool:
    value, now = before[name], after[name]
    if "status" in before and is_damaged(before, "status") and name in _WHEN_CLOSED:
        return True
    if before.get("status") in _CLOSED and name in _WHEN_CLOSED:
        # Ours to change, if it still is what we made of it.
        return bool(after["status"] not in _CLOSED) and _is_ours(after)
    if value == now or is_damaged(before, name):
        return True
    return name in _TIMES and value is not None and clock.utc_or_none(value) == now


def _is_ours(row: Row) -> bool:
    """Closed by the migration, and not by the original."""
    return "left it running" in str(row.get("outcome") or row.get("reason"))
