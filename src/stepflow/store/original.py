"""A database of the original program: looked at without a trace, copied, and taken over in place.

Our columns are appended and its own keep their order, so that it can go on reading and writing
while this happens. A row is taken only if it still is what was read before: the original may have
rewritten it meanwhile, and then it is read again. The version of our schema is written last.
"""

import errno
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from stepflow.errors import StorageUnusable, Unavailable
from stepflow.store import adoption
from stepflow.store.connection import open_writer
from stepflow.store.ledger import Ledger
from stepflow.store.rows import Row, time_or_none
from stepflow.store.schema import REVISION, VERSION_TABLE
from stepflow.store.tuning import SqliteTuning

Value = TypeVar("Value")
Values = tuple[Any, ...]

NAMES = ("stepflow.db", "containerflow.db")
TABLES = ("executions", "steps", "artifacts")

# What ours replace: with both, the planner might take the one that has to sort.
_ORIGINALS_INDEXES = (
    "idx_executions_status",
    "idx_executions_created_at",
    "idx_executions_user",
    "idx_steps_execution_id",
    "idx_steps_status",
    "idx_artifacts_execution_id",
    "idx_artifacts_step_id",
)
_WAL_MODE = 2
_MODE_AT = 18
_WAL_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_LOOKS = 5
_PAGES_AT_ONCE = 2000
_ROOM_BYTES = 1 << 16
_PAGES_IN_WAL = 8000
_MOST_LOCKED_SECONDS = 0.1
_PAUSE_SECONDS = 0.12

# The index that begins with created_at; `+` keeps that of seq away, which would have to sort.
_NOT_TAKEN = """
SELECT * FROM executions
WHERE +seq IS NULL AND (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?
"""
# idx_executions_seq, idx_steps_foreign, idx_artifacts_seq
_IS_SOMETHING_NEW = """
SELECT EXISTS (SELECT 1 FROM executions WHERE seq IS NULL)
    OR EXISTS (SELECT 1 FROM steps INDEXED BY idx_steps_foreign WHERE seq IS NULL)
    OR EXISTS (SELECT 1 FROM artifacts WHERE seq IS NULL)
"""
# idx_executions_status_seq, then the primary key: what the original ran when it was taken.
_LEFT_RUNNING = """
SELECT * FROM executions INDEXED BY idx_executions_status_seq
WHERE status IN ('pending', 'running') AND seq IS NOT NULL
    AND EXISTS (SELECT 1 FROM adopted WHERE execution_id = executions.id)
LIMIT ?
"""
# idx_steps_foreign, idx_artifacts_seq, then the primary key.
_REWRITTEN = """
SELECT * FROM executions WHERE id IN (
    SELECT execution_id FROM steps INDEXED BY idx_steps_foreign WHERE seq IS NULL
    UNION SELECT execution_id FROM artifacts WHERE seq IS NULL
) LIMIT ?
"""
_EXECUTION = "SELECT * FROM executions WHERE id = ?"
# idx_steps_execution_id, idx_artifacts_execution_id
_STEPS = "SELECT * FROM steps WHERE execution_id IN ({}) ORDER BY step_index, created_at, id"
_ARTIFACTS = "SELECT * FROM artifacts WHERE execution_id IN ({}) ORDER BY id"


# The primary key.
_ENDED = """
SELECT id FROM executions
WHERE id > ? AND status NOT IN ('pending', 'running') AND seq IS NOT NULL ORDER BY id LIMIT ?
"""


class Found(msgspec.Struct, frozen=True):
    """An execution with its rows, as they were read."""

    execution: Row
    steps: list[Row]
    artifacts: list[Row]

    @property
    def id(self) -> str:
        return str(self.execution["id"])


class Taken(msgspec.Struct, frozen=True):
    """What is to become of `found`: changed columns of the execution, and by id of the others."""

    found: Found
    execution: Row
    steps: dict[str, Row]
    artifacts: dict[str, Row]


def database_of(folder: Path) -> Path | None:
    """The database of the storage folder: of the usual name, else of the original's first one."""
    for name in NAMES:
        path = folder / "database" / name
        if path.is_file() and path.stat().st_size:
            return path
    return None


@contextmanager
def look(path: Path) -> Iterator[sqlite3.Connection]:
    """Read a database without a trace: SQLite itself would make files beside one in WAL mode, and
    roll a hot journal back. Raises StorageUnusable for what can't be read."""
    with tempfile.TemporaryDirectory(prefix="stepflow-look-") as temporary:
        connection = _whole(path, Path(temporary))
        try:
            yield connection
        finally:
            connection.close()


def _whole(path: Path, temporary: Path) -> sqlite3.Connection:
    before = _state(path)
    for attempt in range(_LOOKS):
        connection, is_copy = _opened(path, temporary)
        # A copy of files that somebody writes may be torn: then another is made.
        if not is_copy or damage(connection, "quick_check") is None:
            break
        if attempt < _LOOKS - 1:
            connection.close()
        elif _state(path) != before:
            # Whoever writes has SQLite's own files open beside it: a look leaves no new ones.
            connection.close()
            connection = _connected(path, "mode=ro")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StorageUnusable(f"{path} can't be read: {error}") from error
    return connection


def _state(path: Path) -> list[tuple[int, int]]:
    wal = path.with_name(path.name + "-wal")
    return [(_bytes_of(one), path.stat().st_mtime_ns) for one in (path, wal)]


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _opened(path: Path, temporary: Path) -> tuple[sqlite3.Connection, bool]:
    beside = [path.with_name(path.name + end) for end in ("-wal", "-journal")]
    if any(_bytes_of(one) for one in beside):
        for one in (path, *beside):
            (temporary / one.name).unlink(missing_ok=True)
            with suppress(FileNotFoundError):  # a journal comes and goes
                shutil.copyfile(one, temporary / one.name)
        (temporary / f"{path.name}-shm").unlink(missing_ok=True)
        return _connected(temporary / path.name, "mode=rw"), True
    return _connected(path, "mode=ro&immutable=1" if _is_wal(path) else "mode=ro"), False


def _is_wal(path: Path) -> bool:
    """What the file's header says; asking SQLite would depend on how it was opened."""
    with path.open("rb") as file:
        header = file.read(_MODE_AT + 1)
    return len(header) > _MODE_AT and header[_MODE_AT] == _WAL_MODE


def _connected(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?{how}", uri=True, isolation_level=None, timeout=30
    )
    connection.row_factory = sqlite3.Row
    return connection


def is_original(connection: sqlite3.Connection) -> bool:
    names = _tables(connection)
    return "alembic_version" not in names and set(TABLES) <= names


def is_taken(connection: sqlite3.Connection) -> bool:
    """Whether the database is ours already; StorageUnusable if it is neither's."""
    names = _tables(connection)
    if "alembic_version" in names:
        return True
    if not set(TABLES) <= names:
        missing = ", ".join(sorted(set(TABLES) - names))
        raise StorageUnusable(
            f"the database is none of the original program: it has no {missing}; nothing was"
            " changed"
        )
    return False


def revision(connection: sqlite3.Connection) -> str | None:
    """The version of our schema; None if the database is the original's."""
    if not is_taken(connection):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {row["name"] for row in rows}


def damage(connection: sqlite3.Connection, check: str = "integrity_check") -> str | None:
    """What SQLite finds wrong with the file; None if nothing."""
    try:
        said = connection.execute(f"PRAGMA {check}(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if said == "ok" else " ".join(str(said).split())


def readable_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """How many rows of each table can be read from the front."""
    counts = {}
    for table in TABLES:
        counts[table] = 0
        try:
            for _ in connection.execute(f"SELECT * FROM {table}"):  # noqa: S608 - own names
                counts[table] += 1
        except sqlite3.DatabaseError:
            continue  # what could be read until here is the answer
    return counts


def journal_mode(path: Path) -> str:
    return "wal" if _is_wal(path) else "delete"


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    return {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - own names
        for table in TABLES
    }


def left_open(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many executions and steps are pending or running."""
    query = "SELECT count(*) FROM {} WHERE status IN ('pending', 'running')"
    executions, steps = (
        connection.execute(query.format(table)).fetchone()[0] for table in ("executions", "steps")
    )
    return executions, steps


def times(connection: sqlite3.Connection) -> Iterator[str]:
    """All times of all rows."""
    for table, columns in (
        ("executions", ("created_at", "started_at", "completed_at")),
        ("steps", ("created_at", "started_at", "completed_at")),
        ("artifacts", ("created_at",)),
    ):
        query = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 - own names
        for row in connection.execute(query):
            yield from (text for text in row if text is not None)


def cut_wal_bytes(path: Path) -> int:
    """Bytes of an incomplete frame at the end of the -wal: a write that was cut short."""
    wal = path.with_name(path.name + "-wal")
    if not wal.exists() or wal.stat().st_size <= _WAL_HEADER_BYTES:
        return 0
    with wal.open("rb") as file:
        page_bytes = int.from_bytes(file.read(12)[8:], "big")
    return (wal.stat().st_size - _WAL_HEADER_BYTES) % (_FRAME_HEADER_BYTES + page_bytes)


def copy(source: Path, target: Path, told: Callable[[int, int], None]) -> None:
    """A consistent copy of a database that others may be writing, with the journal in it.
    `told` hears of pages done and of all. OSError (ENOSPC) where the target's disk is full."""
    reading, writing = _connected(source, "mode=rw"), sqlite3.connect(target)
    try:
        reading.execute("PRAGMA busy_timeout = 30000")
        if _is_wal(source):
            # One snapshot for the whole copy: else every foreign write would start it again. With
            # a rollback journal that would keep the writers waiting, and it starts again instead.
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
        reading.backup(
            writing,
            pages=_PAGES_AT_ONCE,
            progress=lambda _, remaining, total: told(total - remaining, total),
            sleep=0.01,
        )
        writing.execute("PRAGMA journal_mode = DELETE")  # one file, whole without a -wal
    except sqlite3.OperationalError as error:
        # Where there is no room for the journal SQLite calls it an I/O error, not a full disk.
        if shutil.disk_usage(target.parent).free < _ROOM_BYTES:
            raise OSError(errno.ENOSPC, f"{error}: {target}") from error
        raise
    finally:
        writing.close()
        reading.close()


def columns(path: Path, table: str) -> list[str]:
    with look(path) as connection:
        rows = connection.execute(f"PRAGMA table_info({table})")
        return [row["name"] for row in rows]


def rows_of(path: Path, table: str, names: list[str], page: int = 2000) -> Iterator[Values]:
    """These columns of all rows, the id first, in the order of the ids, in short reads."""
    chosen = ", ".join(names)
    query = f"SELECT id, {chosen} FROM {table} WHERE id > ? ORDER BY id LIMIT ?"  # noqa: S608 - own names
    connection = _connected(path, "mode=ro")
    connection.row_factory = None
    try:
        last = ""
        while rows := connection.execute(query, (last, page)).fetchall():
            yield from rows
            last = rows[-1][0]
    finally:
        connection.close()


class StepSpan(msgspec.Struct, frozen=True):
    """A step and the lines of the transcript that it owns."""

    id: str
    execution_id: str
    index: int
    first_line: int
    last_line: int
    started_at: datetime | None


def step_spans(path: Path, batch: int) -> Iterator[list[StepSpan]]:
    """The ended steps of ended executions, whole executions at a time."""
    connection = _connected(path, "mode=ro")
    try:
        last = ""
        while ids := [row["id"] for row in connection.execute(_ENDED, (last, batch))]:
            last = ids[-1]
            query = _STEPS.format(",".join("?" * len(ids)))
            yield [
                StepSpan(
                    row["id"],
                    row["execution_id"],
                    row["step_index"],
                    row["first_line"] or 0,
                    row["last_line"],
                    time_or_none(row["started_at"]),
                )
                for row in connection.execute(query, ids)
                if row["last_line"] is not None and row["seq"] is not None
            ]
    finally:
        connection.close()


class OriginalDatabase:
    """The one that writes during a migration. Each of its methods is one short transaction or a
    few, and safe to repeat. With `is_shared` it pauses now and then: the original waits for the
    lock by looking at least every 100 ms, and would find none between two writes of ours.
    """

    def __init__(self, path: Path, *, is_shared: bool = False) -> None:
        self._is_shared = is_shared
        self._locked_seconds = 0.0
        self._connection = open_writer(path, SqliteTuning(wal_autocheckpoint=_PAGES_IN_WAL))

    def close(self) -> None:
        self._connection.close()

    def extend(self) -> None:
        """Append our columns, make our own tables."""
        from stepflow.store import extension  # noqa: PLC0415 - SQLAlchemy takes 0.15 s to import

        self._write(lambda ledger: extension.append_columns(ledger, TABLES))
        present = self._names()
        for statement in extension.missing_tables(present):
            self._execute(statement)
        for index in extension.INDEXES.values():
            if index.table is not None and index.table.name not in TABLES:
                self._write(partial(extension.make_index, index=index))

    def make_indexes(self) -> None:
        """On the original's tables, once the rows are taken: each change would touch them all."""
        from stepflow.store import extension  # noqa: PLC0415 - as above

        for index in extension.INDEXES.values():
            self._write(partial(extension.make_index, index=index))
        for name in _ORIGINALS_INDEXES:
            if name not in extension.INDEXES:
                self._execute(f"DROP INDEX IF EXISTS {name}")

    def not_taken(self, batch: int) -> Iterator[list[Found]]:
        """Batches of what the original wrote last, oldest first; each row once."""
        last = ("", "")
        while found := self._found(_NOT_TAKEN, (*last, batch)):
            row = found[-1].execution
            last = (row["created_at"], row["id"])
            yield found

    def left_over(self, batch: int) -> list[Found]:
        """What has steps or artifacts that came later."""
        return self._found(_REWRITTEN, (batch,))

    def left_running(self, batch: int) -> list[Found]:
        """What was taken while the original ran it, and has not ended since."""
        return self._found(_LEFT_RUNNING, (batch,))

    def is_something_new(self) -> bool:
        """Whether the original wrote anything since the last time; cheap."""
        return bool(self._connection.execute(_IS_SOMETHING_NEW).fetchone()[0])

    def take(self, batch: Sequence[Taken]) -> list[Taken]:
        """Write what became of each; those that were rewritten since they were read are left."""

        def write(ledger: Ledger) -> list[Taken]:
            is_same = self._version() == self._read_at
            took = [one for one in batch if is_same or self._is_still(one.found)]
            for table, changed in (
                ("steps", [changes for one in took for changes in one.steps.items()]),
                ("artifacts", [changes for one in took for changes in one.artifacts.items()]),
            ):
                _change(ledger, table, changed)
            for one in took:
                adoption.take(ledger, one.found.id, one.execution)
            return took

        return self._write(write)

    def adopt_strays(self, utc: Callable[[str | None], str | None]) -> int:
        """Steps and artifacts of no execution: they only get their `seq` and their times."""
        return self._write(lambda ledger: _take_strays(ledger, utc))

    def waiting(self) -> int:
        """How many executions the original wrote last."""
        query = "SELECT count(*) FROM executions WHERE seq IS NULL"  # idx_executions_seq
        return int(self._connection.execute(query).fetchone()[0])

    def recount(self) -> None:
        self._write(adoption.recount_tables)

    def finish(self) -> None:
        """Count, drop what ours replace, and say that the schema is ours."""
        self.recount()
        self._write(_stamp)
        self._connection.execute("PRAGMA busy_timeout = 1000")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _found(self, query: str, values: Values) -> list[Found]:
        self._read_at = self._version()
        rows = [dict(row) for row in self._connection.execute(query, values)]
        ids = [row["id"] for row in rows]
        steps, artifacts = self._children(_STEPS, ids), self._children(_ARTIFACTS, ids)
        return [Found(row, steps[row["id"]], artifacts[row["id"]]) for row in rows]

    def _children(self, query: str, ids: list[str]) -> dict[str, list[Row]]:
        children: dict[str, list[Row]] = {one: [] for one in ids}
        for row in self._connection.execute(query.format(",".join("?" * len(ids))), ids):
            children[row["execution_id"]].append(dict(row))
        return children

    def _version(self) -> int:
        """Changes when another connection has written."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _is_still(self, found: Found) -> bool:
        row = self._connection.execute(_EXECUTION, (found.id,)).fetchone()
        return row is not None and found == Found(
            dict(row),
            self._children(_STEPS, [found.id])[found.id],
            self._children(_ARTIFACTS, [found.id])[found.id],
        )

    def _names(self) -> set[str]:
        return {row["name"] for row in self._connection.execute("SELECT name FROM sqlite_master")}

    def _execute(self, statement: str) -> None:
        self._write(lambda ledger: ledger.execute(statement))

    def _write(self, write: Callable[[Ledger], Value]) -> Value:
        began = time.monotonic()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            ledger = Ledger(self._connection)
            result = write(ledger)
            ledger.write_counters()
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                raise Unavailable("another program keeps the database locked") from error
            raise
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        self._locked_seconds += time.monotonic() - began
        if self._is_shared and self._locked_seconds > _MOST_LOCKED_SECONDS:
            time.sleep(_PAUSE_SECONDS)
            self._locked_seconds = 0.0
        return result


def _change(ledger: Ledger, table: str, changed: list[tuple[str, Row]]) -> None:
    """Write rows' changes and give each its `seq`; the rows of a table change in one way or few."""
    alike: dict[tuple[str, ...], list[Values]] = {}
    for row_id, changes in changed:
        values = (ledger.next_seq(), *changes.values(), row_id)
        alike.setdefault(tuple(changes), []).append(values)
    for names, rows in alike.items():
        columns = ", ".join(f"{name} = ?" for name in ("seq", *names))
        ledger.connection.executemany(f"UPDATE {table} SET {columns} WHERE id = ?", rows)  # noqa: S608 - own names


def _take_strays(ledger: Ledger, utc: Callable[[str | None], str | None]) -> int:
    taken = 0
    for table, times in (
        ("steps", ("created_at", "started_at", "completed_at")),
        ("artifacts", ("created_at",)),
    ):
        query = (
            f"SELECT * FROM {table} WHERE seq IS NULL AND NOT EXISTS"  # noqa: S608 - own names
            " (SELECT 1 FROM executions WHERE id = execution_id) LIMIT 1000"
        )
        for row in ledger.execute(query).fetchall():
            _change(ledger, table, [(row["id"], {name: utc(row[name]) for name in times})])
            taken += 1
    return taken


def _stamp(ledger: Ledger) -> None:
    if not ledger.one("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"):
        ledger.execute(VERSION_TABLE)
        ledger.execute("INSERT INTO alembic_version VALUES (?)", (REVISION,))
