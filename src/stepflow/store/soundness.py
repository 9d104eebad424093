"""Whether a database agrees with itself: SQLite's own checks, and what is derived from the rows,
the search, the tags and the counters, against the rows. Looking never writes; what is derived can
be made again from the rows at any time.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import msgspec

from stepflow.errors import StorageUnusable
from stepflow.model import Artifact, Execution
from stepflow.store import executions, original, search
from stepflow.store.connection import open_writer, translated
from stepflow.store.ledger import Key, Ledger
from stepflow.store.rows import artifact_of, execution_of
from stepflow.store.schema import REVISION
from stepflow.store.tuning import SqliteTuning

_BATCH = 1000
_COUNTED = ("steps", "artifacts", "annotations", "metrics", "tests")
# Each walks its table once.
_UNKNOWN_ROWS = """
SELECT count(*) FROM execution_search WHERE rowid NOT IN
(SELECT seq FROM executions WHERE seq IS NOT NULL)
"""
_FOUND = "SELECT rowid, * FROM execution_search WHERE rowid BETWEEN ? AND ?"
_TAGGED = "SELECT seq, tag, status FROM execution_tags WHERE seq BETWEEN ? AND ?"
# idx_executions_seq, idx_artifacts_seq
_EXECUTIONS = "SELECT * FROM executions WHERE seq > ? ORDER BY seq LIMIT ?"
_ARTIFACTS = "SELECT * FROM artifacts WHERE seq > ? ORDER BY seq LIMIT ?"

Told = Callable[[str, int, int], None]


class Soundness(msgspec.Struct, kw_only=True):
    """`damage` is SQLite's own word; then nothing else was looked at. The others count rows that
    do not agree; `counters` names those that are wrong, with their value and the right one."""

    damage: str | None = None
    foreign_keys: list[str] = []
    search: int = 0
    tags: int = 0
    counters: list[str] = []


class Database:
    """One moment of a database, read-only, beside whoever writes. StorageUnusable where it can't be
    read or has another schema."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def soundness(self, told: Told) -> Soundness:
        found = Soundness(damage=original.damage(self._connection))
        if found.damage is not None:
            return found
        self._require_schema()
        found.foreign_keys = [
            f"{row[0]} row {row[1]} names a row of {row[2]} that is not there"
            for row in self._connection.execute("PRAGMA foreign_key_check")
        ]
        found.search = int(self._connection.execute(_UNKNOWN_ROWS).fetchone()[0])
        truth: Counter[Key] = Counter()
        total = int(self._connection.execute("SELECT count(*) FROM executions").fetchone()[0])
        done = 0
        for batch in self._batches():
            self._compare(batch, found)
            for execution in batch:
                _count(truth, execution)
            done += len(batch)
            told("rows", done, total)
        found.counters = self._wrong_counters(truth)
        return found

    def executions(self) -> Iterator[Execution]:
        for batch in self._batches():
            yield from batch

    def artifacts(self) -> Iterator[Artifact]:
        last = 0
        while rows := self._connection.execute(_ARTIFACTS, (last, _BATCH)).fetchall():
            last = rows[-1]["seq"]
            yield from map(artifact_of, rows)

    def is_known(self, execution_id: str) -> bool:
        query = "SELECT 1 FROM executions WHERE id = ?"
        return self._connection.execute(query, (execution_id,)).fetchone() is not None

    def _batches(self) -> Iterator[list[Execution]]:
        last = 0
        while rows := self._connection.execute(_EXECUTIONS, (last, _BATCH)).fetchall():
            last = rows[-1]["seq"]
            yield [execution_of(row) for row in rows]

    def _require_schema(self) -> None:
        revision = original.revision(self._connection)
        if revision != REVISION:
            raise StorageUnusable(
                "the database is the original's: run `stepflow migrate` first"
                if revision is None
                else f"the database has the schema {revision} and this program {REVISION}: start"
                " the server once, which brings it there"
            )

    def _compare(self, batch: list[Execution], found: Soundness) -> None:
        ends = (batch[0].seq, batch[-1].seq)
        searched = {row[0]: tuple(row)[1:] for row in self._connection.execute(_FOUND, ends)}
        tagged: dict[int, set[tuple[str, str]]] = {}
        for row in self._connection.execute(_TAGGED, ends):
            tagged.setdefault(row["seq"], set()).add((row["tag"], row["status"]))
        for execution in batch:
            wanted = {(tag, execution.status.value) for tag in execution.tags}
            found.search += searched.get(execution.seq) != search.values_of(execution)[1:]
            found.tags += tagged.get(execution.seq, set()) != wanted

    def _wrong_counters(self, truth: Counter[Key]) -> list[str]:
        for table in _COUNTED:
            count = self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - own names
            truth["table", table, ""] = int(count)
        query = """SELECT facet, "key", status, value FROM counters WHERE facet <> 'seq'"""
        kept = {(row[0], row[1], row[2]): row[3] for row in self._connection.execute(query)}
        return [
            f"{' '.join(filter(None, key))}: {kept.get(key, 0)} and should be {truth[key]}"
            for key in sorted(kept.keys() | truth.keys())
            if kept.get(key, 0) != truth[key]
        ]


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, isolation_level=None, timeout=30
    )
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("BEGIN")
        yield Database(connection)
    except sqlite3.Error as error:
        raise StorageUnusable(f"{path} can't be read: {error}") from translated(error)
    finally:
        connection.close()


def rebuild(path: Path, told: Told) -> None:
    """Make search, tags and counters anew from the rows, in one transaction. The caller owns the
    database."""
    connection = open_writer(path, SqliteTuning())
    try:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            ledger = Ledger(connection)
            ledger.execute("DELETE FROM execution_search")
            ledger.execute("DELETE FROM execution_tags")
            ledger.execute("DELETE FROM counters WHERE facet <> 'seq'")
            _derive(ledger, told)
            ledger.write_counters()
    finally:
        connection.close()


def _derive(ledger: Ledger, told: Told) -> None:
    total = ledger.one("SELECT count(*) FROM executions")[0]
    truth: Counter[Key] = Counter()
    last = done = 0
    while rows := ledger.execute(_EXECUTIONS, (last, _BATCH)).fetchall():
        last = rows[-1]["seq"]
        for execution in map(execution_of, rows):
            search.add(ledger, execution)
            executions.add_tags(ledger, execution)
            _count(truth, execution)
        done += len(rows)
        told("rebuild", done, total)
    for table in _COUNTED:
        truth["table", table, ""] = ledger.one(f"SELECT count(*) FROM {table}")[0]  # noqa: S608 - own names
    for key, value in truth.items():
        ledger.count([key], value)


def _count(truth: Counter[Key], execution: Execution) -> None:
    truth.update(executions.counters_of(execution))
    truth.update(executions.durations_of(execution))
