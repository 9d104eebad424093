"""What one write transaction sees: the connection, the next `seq`, and the counters' changes.

Counters are summed here and written once per commit, so that a busy server touches each of them
once and not once per unit.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any

Key = tuple[str, str, str]

# A counter's row is found by its primary key. Each call of SQLite lets other threads go first, so
# few of them take many rows.
_ADD = """
INSERT INTO counters (facet, "key", status, value) VALUES {rows}
ON CONFLICT (facet, "key", status) DO UPDATE SET value = value + excluded.value
"""
_ADDS = [(size, _ADD.format(rows=", ".join(["(?, ?, ?, ?)"] * size))) for size in (16, 4, 1)]
_SEQ = ("seq", "", "")


class Ledger:
    """Valid within one transaction of the writer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._seq: int | None = None
        self._seq_given = 0
        self._counts: Counter[Key] = Counter()
        self._times_counted = 0

    @property
    def changes(self) -> int:
        """Grows with everything that a rollback would have to undo."""
        return self.connection.total_changes + self._times_counted

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        return self.connection.execute(sql, values)

    def one(self, sql: str, values: Any = ()) -> Any:
        return self.connection.execute(sql, values).fetchone()

    def next_seq(self) -> int:
        """Unique and growing; a failed write leaves a gap."""
        if self._seq is None:
            row = self.one(
                'SELECT value FROM counters WHERE facet = ? AND "key" = ? AND status = ?', _SEQ
            )
            self._seq = 0 if row is None else row["value"]
        self._seq += 1
        self._seq_given += 1
        return self._seq

    def count(self, keys: Iterable[Key], by: int) -> None:
        self._times_counted += 1
        for key in keys:
            self._counts[key] += by

    def write_counters(self) -> None:
        """The last act before COMMIT."""
        if self._seq_given:
            self._counts[_SEQ] += self._seq_given
        changes = [(*key, by) for key, by in self._counts.items() if by]
        done = 0
        for size, sql in _ADDS:
            while done + size <= len(changes):
                rows = changes[done : done + size]
                self.connection.execute(sql, list(chain.from_iterable(rows)))
                done += size
