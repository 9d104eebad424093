"""What one write transaction sees: the connection, the next `seq`, and the counters' changes.

Counters are summed here and written once per commit, so that a busy server touches each of them
once and not once per unit.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Any

Key = tuple[str, str, str]

# A counter's row is found by its primary key.
_ADD = """
INSERT INTO counters (facet, "key", status, value) VALUES (?, ?, ?, ?)
ON CONFLICT (facet, "key", status) DO UPDATE SET value = value + excluded.value
"""
_SEQ = ("seq", "", "")


class Ledger:
    """Valid within one transaction of the writer; a unit's counts are dropped when it fails."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._seq: int | None = None
        self._seq_given = 0
        self._kept: Counter[Key] = Counter()
        self._unit: Counter[Key] = Counter()

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        return self.connection.execute(sql, values)

    def one(self, sql: str, values: Any = ()) -> Any:
        return self.connection.execute(sql, values).fetchone()

    def next_seq(self) -> int:
        """Unique and growing; a failed unit leaves a gap."""
        if self._seq is None:
            row = self.one(
                'SELECT value FROM counters WHERE facet = ? AND "key" = ? AND status = ?', _SEQ
            )
            self._seq = 0 if row is None else row["value"]
        self._seq += 1
        self._seq_given += 1
        return self._seq

    def count(self, keys: Iterable[Key], by: int) -> None:
        for key in keys:
            self._unit[key] += by

    def keep_unit(self) -> None:
        self._kept.update(self._unit)
        self._unit.clear()

    def drop_unit(self) -> None:
        self._unit.clear()

    def write_counters(self) -> None:
        """The last act before COMMIT."""
        if self._seq_given:
            self._kept[_SEQ] += self._seq_given
        changes = [(*key, by) for key, by in self._kept.items() if by]
        if changes:
            self.connection.executemany(_ADD, changes)
