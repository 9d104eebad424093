"""The one thread that writes: whatever waits when it comes round goes into one commit.

No lingering: under load groups form by themselves. Each write runs in a SAVEPOINT, so a bad one
fails alone; when the COMMIT itself fails every write is tried again by itself, unchanged.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog

from stepflow.errors import Unavailable
from stepflow.store.connection import open_writer, translated
from stepflow.store.ledger import Ledger
from stepflow.store.tuning import SqliteTuning

log = structlog.get_logger("stepflow.store")

Value = TypeVar("Value")

TRUNCATE_ABOVE_BYTES = 32 * 1024 * 1024


class _Write:
    """A piece of work, and afterwards what came of it: exactly one of `value` and `error`."""

    __slots__ = ("error", "future", "is_transaction", "value", "work")

    def __init__(
        self, work: Callable[[Any], Any], future: asyncio.Future[Any], is_transaction: bool
    ) -> None:
        self.work = work
        self.future = future
        self.is_transaction = is_transaction
        self.value: Any = None
        self.error: BaseException | None = None


class Writer:
    """Owns the writing connection. Opened and closed in the loop that it answers to."""

    def __init__(self, path: Path, tuning: SqliteTuning, is_being_read: Callable[[], bool]) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._tuning = tuning
        self._is_being_read = is_being_read
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._is_closed = False
        self._changes_at_checkpoint = 0
        self.commits = 0
        self.units = 0
        self.failed_units = 0
        self.last_checkpoint: dict[str, Any] = {}
        # Opened here, before the thread, so that a failure is the opener's to hear.
        self._connection = open_writer(path, tuning, any_thread=True)
        self._thread = threading.Thread(target=self._run, name="stepflow-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[Ledger], Value]) -> Value:
        """Run `work` inside a group's transaction; returns once that is committed."""
        return await self._submit(work, is_transaction=True)

    async def alone(self, work: Callable[[sqlite3.Connection], Value]) -> Value:
        """Run `work` on the writing connection between groups, outside any transaction."""
        return await self._submit(work, is_transaction=False)

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _submit(
        self, work: Callable[[Any], Value], *, is_transaction: bool
    ) -> asyncio.Future[Value]:
        if self._is_closed:
            raise Unavailable("the store is closed")
        future: asyncio.Future[Value] = self._loop.create_future()
        self._queue.put(_Write(work, future, is_transaction))
        return future

    def _run(self) -> None:
        is_open = True
        while is_open:
            group: list[_Write] = []
            following = self._queue.get()
            while following is not None:
                if not following.is_transaction:
                    break
                group.append(following)
                if len(group) >= self._tuning.group_limit:
                    break
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
            is_open = following is not None
            if group:
                self._commit(group)
                self._deliver(group)
            if following is not None and not following.is_transaction:
                self._run_alone(following)
                self._deliver([following])
            self._checkpoint_if_due()
        self._connection.close()

    def _commit(self, group: list[_Write]) -> None:
        try:
            self._transact(group)
        except sqlite3.Error as error:
            self._roll_back()
            if len(group) == 1 or primary_code(error) == sqlite3.SQLITE_BUSY:
                self._fail(group, error)
            else:
                log.warning("commit failed, trying each write by itself", error=str(error))
                for write in group:
                    self._commit([write])
        except Exception as error:  # noqa: BLE001 - every caller of the group hears of it
            self._roll_back()
            self._fail(group, error)

    def _transact(self, group: list[_Write]) -> None:
        connection = self._connection
        ledger = Ledger(connection)
        connection.execute("BEGIN IMMEDIATE")
        for write in group:
            connection.execute("SAVEPOINT unit")
            try:
                write.value = write.work(ledger)
                write.error = None
                ledger.keep_unit()
            except Exception as error:
                # A full disk ends the whole transaction, not just the savepoint.
                if not connection.in_transaction or primary_code(error) == sqlite3.SQLITE_FULL:
                    raise
                connection.execute("ROLLBACK TO unit")
                write.error = error
                ledger.drop_unit()
            connection.execute("RELEASE unit")
        ledger.write_counters()
        connection.execute("COMMIT")
        self.commits += 1

    def _run_alone(self, write: _Write) -> None:
        try:
            write.value = write.work(self._connection)
        except Exception as error:  # noqa: BLE001 - its caller hears of it
            self._roll_back()
            write.error = error

    def _fail(self, group: list[_Write], error: BaseException) -> None:
        for write in group:
            write.error = error

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _deliver(self, group: list[_Write]) -> None:
        self.units += len(group)
        self.failed_units += sum(write.error is not None for write in group)
        if not self._loop.is_closed():  # else nobody is left to hear
            self._loop.call_soon_threadsafe(_resolve, group)

    def _checkpoint_if_due(self) -> None:
        """Between groups, so that no caller waits for it. A changed row dirties about one page."""
        changes = self._connection.total_changes
        if changes - self._changes_at_checkpoint < self._tuning.wal_autocheckpoint:
            return
        self._changes_at_checkpoint = changes
        is_large = self._wal_bytes() > TRUNCATE_ABOVE_BYTES and not self._is_being_read()
        try:
            self.last_checkpoint = checkpoint(
                self._connection, "TRUNCATE" if is_large else "PASSIVE"
            )
        except sqlite3.Error as error:
            log.warning("checkpoint failed", error=str(error))

    def _wal_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0


def checkpoint(connection: sqlite3.Connection, mode: str) -> dict[str, Any]:
    """Checkpoint without waiting for readers; what came of it."""
    patience = connection.execute("PRAGMA busy_timeout").fetchone()[0]
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        busy, pages, moved = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience}")
    return {
        "mode": mode,
        "at": datetime.now(UTC),
        "is_complete": not busy and pages == moved,
        "wal_pages": pages,
        "moved_pages": moved,
    }


def primary_code(error: BaseException) -> int | None:
    """SQLite's primary code of a driver's error."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _resolve(group: list[_Write]) -> None:
    for write in group:
        if write.future.done():  # its caller has gone away
            continue
        if write.error is None:
            write.future.set_result(write.value)
        else:
            write.future.set_exception(translated(write.error))
