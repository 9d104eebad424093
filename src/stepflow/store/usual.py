"""How long things usually take: the last finished executions of one name, and their steps.

A step is known by its path, the names from the outermost step to it. Only what ended well counts:
a run that broke after a second says nothing of how long the work takes.
"""

import math
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from stepflow.store.protocol import StepUsual, Usual, UsualDuration

Number = TypeVar("Number", int, float)

LAST = 20
REMEMBERED_SECONDS = 1.0
# Executions with thousands of steps: fewer of them are read.
MOST_STEPS = 20_000

# idx_executions_name_seq, walked from its end once for each status.
_FINISHED = """
SELECT e.id, e.status, e.started_at, e.completed_at, e.total_steps FROM (
  SELECT * FROM (
    SELECT seq, created_at FROM executions INDEXED BY idx_executions_name_seq
    WHERE name = :name AND status = 'completed' ORDER BY created_at DESC, seq DESC LIMIT :most)
  UNION ALL SELECT * FROM (
    SELECT seq, created_at FROM executions INDEXED BY idx_executions_name_seq
    WHERE name = :name AND status = 'failed' ORDER BY created_at DESC, seq DESC LIMIT :most)
  ORDER BY created_at DESC, seq DESC LIMIT :most) k
CROSS JOIN executions e ON e.seq = k.seq
ORDER BY e.created_at DESC, e.seq DESC
"""
# idx_executions_name_seq
_COMPLETED = """
SELECT started_at, completed_at FROM executions INDEXED BY idx_executions_name_seq
WHERE name = ? AND status = 'completed' AND started_at IS NOT NULL AND completed_at IS NOT NULL
ORDER BY created_at DESC, seq DESC LIMIT ?
"""
# idx_steps_execution_id
_STEPS = """
SELECT step_index, parent_index, name, status, started_at, completed_at
FROM steps INDEXED BY idx_steps_execution_id WHERE execution_id = ? ORDER BY step_index
"""


def usual(connection: sqlite3.Connection, name: str, but: str) -> Usual:
    """What `name` usually takes, the execution `but` left out."""
    rows = connection.execute(_FINISHED, {"name": name, "most": LAST + 1}).fetchall()
    finished = [row for row in rows if row["id"] != but][:LAST]
    whole = [
        _seconds(row["started_at"], row["completed_at"])
        for row in finished
        if row["status"] == "completed" and row["started_at"] and row["completed_at"]
    ]
    durations: dict[tuple[str, ...], list[float]] = defaultdict(list)
    step_counts: list[int] = []
    for row in finished:
        if sum(step_counts) > MOST_STEPS:
            break
        step_counts.append(_take_steps(connection.execute(_STEPS, (row["id"],)), durations))
    return Usual(
        executions=len(finished),
        duration=duration_of(whole) if whole else None,
        step_count=_at(sorted(step_counts), 0.5) if step_counts else None,
        steps=[StepUsual(list(path), duration_of(each)) for path, each in durations.items()],
    )


class Remembered:
    """What names usually take, for whoever starts many of one name: asked anew each second."""

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        self._began = 0.0

    def get(self, name: str) -> float | None:
        """None: nobody has asked for a second."""
        if time.monotonic() - self._began > REMEMBERED_SECONDS:
            self._known.clear()
            self._began = time.monotonic()
        return self._known.get(name)

    def keep(self, name: str, seconds: float) -> None:
        self._known[name] = seconds


def usual_seconds(connection: sqlite3.Connection, name: str) -> float | None:
    """The median of the last completed ones: quick enough to ask before each start."""
    rows = connection.execute(_COMPLETED, (name, LAST)).fetchall()
    return _at(sorted(_seconds(start, end) for start, end in rows), 0.5) if rows else None


def _take_steps(rows: Iterable[sqlite3.Row], into: dict[tuple[str, ...], list[float]]) -> int:
    """Adds the durations of one execution's steps; how many steps it had."""
    paths: dict[int | None, tuple[str, ...]] = {}
    count = 0
    for index, parent, name, status, started_at, completed_at in rows:
        path = paths[index] = (*paths.get(parent, ()), name)
        count += 1
        if status == "completed" and started_at and completed_at:
            into[path].append(_seconds(started_at, completed_at))
    return count


def duration_of(seconds: Sequence[float]) -> UsualDuration:
    """Half of them took at most `p50`, nineteen of twenty at most `p95`."""
    ranked = sorted(seconds)
    return UsualDuration(_at(ranked, 0.5), _at(ranked, 0.95), len(ranked))


def _at(ranked: Sequence[Number], share: float) -> Number:
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def _seconds(start: str, end: str) -> float:
    between = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    return round(max(0.0, between.total_seconds()), 3)
