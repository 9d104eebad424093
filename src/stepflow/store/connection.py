"""Connections to SQLite: opened with the operator's tuning, their errors turned into ours."""

import sqlite3
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stepflow.errors import (
    InvalidRequest,
    NoSpace,
    StepflowError,
    StorageUnusable,
    Unavailable,
)
from stepflow.store.tuning import SqliteTuning

_SETTINGS = (
    "journal_mode",
    "synchronous",
    "cache_size",
    "temp_store",
    "mmap_size",
    "wal_autocheckpoint",
    "busy_timeout",
    "query_only",
)


def open_writer(
    path: Path, tuning: SqliteTuning, *, any_thread: bool = False
) -> sqlite3.Connection:
    """The one connection that writes. StorageUnusable where the journal mode can't be had."""
    connection = _open(path, "rw", tuning, any_thread=any_thread)
    try:
        mode = _with_journal_mode(connection, tuning)
    except sqlite3.Error:
        connection.close()
        raise
    if str(mode).lower() != tuning.journal_mode.lower():
        connection.close()
        raise StorageUnusable(
            f"{path} can't use the journal mode {tuning.journal_mode} (it stays {mode}); "
            "is it on a network file system?"
        )
    return connection


def _with_journal_mode(connection: sqlite3.Connection, tuning: SqliteTuning) -> Any:
    """SQLite does not wait here: it may refuse at once where another program is just writing."""
    deadline = time.monotonic() + tuning.busy_timeout.total_seconds()
    while True:
        try:
            return _pragma(connection, f"journal_mode = {tuning.journal_mode}")
        except sqlite3.OperationalError as error:
            is_busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
        time.sleep(0.002)


def open_reader(
    path: Path, tuning: SqliteTuning, *, busy_timeout_ms: int, any_thread: bool = False
) -> sqlite3.Connection:
    connection = _open(path, "ro", tuning, any_thread=any_thread)
    connection.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
    return connection


def _open(
    path: Path, mode: str, tuning: SqliteTuning, *, any_thread: bool = False
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=not any_thread,
        cached_statements=256,
    )
    connection.row_factory = sqlite3.Row
    for pragma in (
        f"busy_timeout = {round(tuning.busy_timeout.total_seconds() * 1000)}",
        f"synchronous = {tuning.synchronous}",
        f"cache_size = {-tuning.cache_kib}",
        f"temp_store = {tuning.temp_store}",
        f"mmap_size = {tuning.mmap_size_bytes}",
        f"wal_autocheckpoint = {tuning.wal_autocheckpoint}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _pragma(connection: sqlite3.Connection, text: str) -> Any:
    row = connection.execute(f"PRAGMA {text}").fetchone()
    return None if row is None else row[0]


def settings_of(connection: sqlite3.Connection) -> dict[str, Any]:
    """What the connection itself says of its settings."""
    return {name: _pragma(connection, name) for name in _SETTINGS}


def translated(error: BaseException) -> BaseException:
    """The error of ours that a driver's error means; any other error as it is."""
    if isinstance(error, UnicodeEncodeError):
        return InvalidRequest("text with half a surrogate pair can't be stored")
    if not isinstance(error, sqlite3.Error):
        return error
    ours = _translated(error)
    ours.__cause__ = error
    return ours


def _translated(error: sqlite3.Error) -> StepflowError:
    code = getattr(error, "sqlite_errorcode", None)
    match None if code is None else code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return NoSpace("the disk of the database is full")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Unavailable("another program keeps the database locked")
        case sqlite3.SQLITE_INTERRUPT:
            return Unavailable("the query took too long and was stopped")
        case sqlite3.SQLITE_NOTADB:
            return StorageUnusable("the database file is not a SQLite database")
        case sqlite3.SQLITE_CORRUPT:
            return StorageUnusable("the database file is damaged")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return StorageUnusable(f"the database can't be opened for writing: {error}")
        case sqlite3.SQLITE_IOERR:
            return Unavailable(f"the disk of the database failed: {error}")
        case _:
            return StepflowError(f"the database refused: {error}")
