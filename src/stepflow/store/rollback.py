"""A database of ours in the form that the original program reads and writes, and back again.

Only times change: theirs are local. Our columns and tables stay and keep their values; a row that
the original rewrites loses them, and is known by that. What the times were in UTC is kept beside,
since an hour that came twice can't be turned back. Each way is one transaction.
"""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from stepflow.store import adoption, executions, search
from stepflow.store.connection import open_writer
from stepflow.store.ledger import Ledger
from stepflow.store.rows import execution_of, json_text
from stepflow.store.schema import VERSION_TABLE
from stepflow.store.tuning import SqliteTuning

_TIMES = {
    "executions": ("created_at", "started_at", "completed_at"),
    "steps": ("created_at", "started_at", "completed_at"),
    "artifacts": ("created_at",),
}
_BATCH = 2000
_MARK = """
CREATE TABLE rolled_back (version_num TEXT NOT NULL, timezone TEXT NOT NULL, at TEXT NOT NULL)
"""
_ROWS = """
CREATE TABLE rolled_back_rows (
    kind TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, utc TEXT NOT NULL,
    local TEXT NOT NULL, counted TEXT, PRIMARY KEY (kind, id)
) WITHOUT ROWID
"""
_KEEP = "INSERT INTO rolled_back_rows VALUES (?, ?, ?, ?, ?, ?)"
# The primary keys of both.
_REWRITTEN = """
INSERT INTO adopted (execution_id, seq, counted)
SELECT kept.id, kept.seq, kept.counted FROM rolled_back_rows AS kept
JOIN executions ON executions.id = kept.id
WHERE kept.kind = 'executions' AND executions.seq IS NULL AND kept.counted IS NOT NULL
ON CONFLICT (execution_id) DO NOTHING
"""
_GONE = """
SELECT id, seq, counted FROM rolled_back_rows
WHERE kind = 'executions' AND NOT EXISTS (
    SELECT 1 FROM executions WHERE executions.id = rolled_back_rows.id
)
"""

Time = Callable[[str], str]
Told = Callable[[str, int, int], None]


class RolledBack(msgspec.Struct, frozen=True):
    """Since when the original has the database, and in which zone its times were written."""

    timezone: str
    at: str


def rolled_back(connection: sqlite3.Connection) -> RolledBack | None:
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'rolled_back'").fetchone()
    if there is None:
        return None
    row = connection.execute("SELECT timezone, at FROM rolled_back").fetchone()
    return RolledBack(row["timezone"], row["at"])


def roll_back(path: Path, mark: RolledBack, local: Time, told: Told) -> dict[str, int]:
    """Turn all times into local ones, and take our version off the database; how many rows of each
    table. The caller owns the database."""
    connection = _opened(path)
    try:
        counts = {}
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(_MARK)
            connection.execute(_ROWS)
            connection.execute(
                "INSERT INTO rolled_back SELECT version_num, ?, ? FROM alembic_version",
                (mark.timezone, mark.at),
            )
            for table, times in _TIMES.items():
                counts[table] = _to_local(connection, table, times, local, told)
            connection.execute("DROP TABLE alembic_version")
        return counts
    finally:
        connection.close()


def use_rollback_journal(path: Path) -> None:
    """Leave the write-ahead log; safe to repeat."""
    connection = _opened(path)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    finally:
        connection.close()


def roll_forward(path: Path, utc: Time) -> list[str]:
    """Take the database over again. What the original wrote meanwhile has no `seq` and is adopted
    afterwards; the executions that it deleted are forgotten, and returned."""
    connection = _opened(path)
    try:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            ledger = Ledger(connection)
            connection.execute(_REWRITTEN)
            gone = _forget_gone(ledger)
            for table, times in _TIMES.items():
                _to_utc(connection, table, times, utc)
            connection.execute(VERSION_TABLE)
            connection.execute("INSERT INTO alembic_version SELECT version_num FROM rolled_back")
            connection.execute("DROP TABLE rolled_back")
            connection.execute("DROP TABLE rolled_back_rows")
            adoption.recount_tables(ledger)
            ledger.write_counters()
        return gone
    finally:
        connection.close()


def _opened(path: Path) -> sqlite3.Connection:
    return open_writer(path, SqliteTuning())


def _to_local(
    connection: sqlite3.Connection, table: str, times: tuple[str, ...], local: Time, told: Told
) -> int:
    total = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - own names
    done = 0
    for rows in _batches(connection, table):
        kept, changed = [], []
        for row in rows:
            before = [row[name] for name in times]
            after = [None if text is None else local(text) for text in before]
            counted = None
            if table == "executions":
                counted = json_text(adoption.counted_of(execution_of(row)))
            kept.append(
                (table, row["id"], row["seq"], json_text(before), json_text(after), counted)
            )
            changed.append((*after, row["id"]))
        connection.executemany(_KEEP, kept)
        connection.executemany(_change(table, times), changed)
        done += len(rows)
        told(table, done, total)
    return int(total)


def _to_utc(connection: sqlite3.Connection, table: str, times: tuple[str, ...], utc: Time) -> None:
    known = "SELECT utc, local FROM rolled_back_rows WHERE kind = ? AND id = ?"
    for rows in _batches(connection, table):
        changed = []
        for row in rows:
            now = [row[name] for name in times]
            kept = connection.execute(known, (table, row["id"])).fetchone()
            if kept is None:
                continue
            before: list[Any] = msgspec.json.decode(kept["utc"])
            local: list[Any] = msgspec.json.decode(kept["local"])
            after = [
                was if text == said else None if text is None else utc(text)
                for text, was, said in zip(now, before, local, strict=True)
            ]
            changed.append((*after, row["id"]))
        connection.executemany(_change(table, times), changed)


def _batches(connection: sqlite3.Connection, table: str) -> Iterator[list[sqlite3.Row]]:
    """Rows of ours by their key. The ids of a batch are read before any of it changes."""
    last = ""
    query = f"SELECT * FROM {table} WHERE id > ? AND seq IS NOT NULL ORDER BY id LIMIT ?"  # noqa: S608 - own names
    while rows := connection.execute(query, (last, _BATCH)).fetchall():
        yield rows
        last = rows[-1]["id"]


def _change(table: str, times: tuple[str, ...]) -> str:
    columns = ", ".join(f"{name} = ?" for name in times)
    return f"UPDATE {table} SET {columns} WHERE id = ?"  # noqa: S608 - own names


def _forget_gone(ledger: Ledger) -> list[str]:
    rows = ledger.execute(_GONE).fetchall()
    for row in rows:
        counted = msgspec.json.decode(row["counted"], type=list[tuple[str, str, str, int]])
        adoption.count(ledger, counted, -1)
        executions.forget_rows(ledger, row["id"])
        ledger.execute("DELETE FROM execution_tags WHERE seq = ?", (row["seq"],))
        search.forget(ledger, row["seq"])
    return [row["id"] for row in rows]
