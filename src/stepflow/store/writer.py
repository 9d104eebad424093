"""The one thread that writes: whatever waits when it comes round goes into one commit.

No lingering: under load groups form by themselves. A group that fails is halved and tried again
until what is bad stands alone: the good pay nothing for a way back that is hardly ever needed.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog

from stepflow.errors import StepflowError, Unavailable
from stepflow.model import Step
from stepflow.store.connection import open_writer, translated
from stepflow.store.ledger import Ledger
from stepflow.store.protocol import Unit
from stepflow.store.tuning import SqliteTuning
from stepflow.store.units import Recorder

log = structlog.get_logger("stepflow.store")

Value = TypeVar("Value")

TRUNCATE_ABOVE_BYTES = 32 * 1024 * 1024
EARLIER = 0.8  # than SQLite itself would checkpoint, inside a COMMIT


class _Write:
    """Something to write, and afterwards what came of it: `value`, unless there is an `error`."""

    __slots__ = ("error", "future", "value")

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self.future = future
        self.value: Any = None
        self.error: Exception | None = None


class _Record(_Write):
    """A unit, recorded together with the other units of its group."""

    __slots__ = ("unit",)

    def __init__(self, unit: Unit, future: asyncio.Future[Any]) -> None:
        super().__init__(future)
        self.unit = unit


class _Work(_Write):
    """Any other work, inside a group's transaction."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[Ledger], Any], future: asyncio.Future[Any]) -> None:
        super().__init__(future)
        self.run = run


class _Alone(_Write):
    """Work between groups, outside any transaction."""

    __slots__ = ("run",)

    def __init__(
        self, run: Callable[[sqlite3.Connection], Any], future: asyncio.Future[Any]
    ) -> None:
        super().__init__(future)
        self.run = run


class Writer:
    """Owns the writing connection. Opened and closed in the loop that it answers to."""

    def __init__(self, path: Path, tuning: SqliteTuning, is_being_read: Callable[[], bool]) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._tuning = tuning
        self._is_being_read = is_being_read
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Write] = queue.SimpleQueue()
        self._is_closed = False
        self._changes_at_checkpoint = 0
        self._pages_per_change = 1.0  # rows of a group share pages: each checkpoint tells how many
        self.commits = 0
        self.units = 0
        self.failed_units = 0
        self.last_checkpoint: dict[str, Any] = {}
        # Opened here, before the thread, so that a failure is the opener's to hear.
        self._connection = open_writer(path, tuning, any_thread=True)
        log.info("journal mode set to " + tuning.journal_mode.upper(), path=str(path))
        self._recorder = Recorder(self._connection)
        self._thread = threading.Thread(target=self._run, name="stepflow-writer", daemon=True)
        self._thread.start()

    def record(self, unit: Unit) -> asyncio.Future[list[Step]]:
        """Record a unit; done once that is committed."""
        return self._submit(_Record(unit, self._loop.create_future()))

    def write(self, work: Callable[[Ledger], Value]) -> asyncio.Future[Value]:
        """Run `work` inside a group's transaction; done once that is committed."""
        return self._submit(_Work(work, self._loop.create_future()))

    def alone(self, work: Callable[[sqlite3.Connection], Value]) -> asyncio.Future[Value]:
        """Run `work` on the writing connection between groups, outside any transaction."""
        return self._submit(_Alone(work, self._loop.create_future()))

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._queue.put(_Alone(lambda _connection: None, self._loop.create_future()))  # wakes it
        await asyncio.to_thread(self._thread.join)

    def _submit(self, write: _Write) -> asyncio.Future[Any]:
        if self._is_closed:
            raise Unavailable("the store is closed")
        self._queue.put(write)
        return write.future

    def _run(self) -> None:
        while not (self._is_closed and self._queue.empty()):
            group, alone = self._next()
            if group:
                self._commit(group)
                self.units += len(group)
                self.failed_units += sum(write.error is not None for write in group)
                self._deliver(group)
            if alone is not None:
                self._run_alone(alone)
                self._deliver([alone])
            self._checkpoint_if_due()
        self._connection.close()

    def _next(self) -> tuple[list[_Write], _Alone | None]:
        """Wait for something; then all that waits, up to work that has to run alone."""
        group: list[_Write] = []
        while True:
            write = self._queue.get()
            if isinstance(write, _Alone):
                return group, write
            group.append(write)
            if len(group) >= self._tuning.group_limit or self._queue.empty():
                return group, None

    def _commit(self, group: list[_Write]) -> None:
        try:
            self._transact(group)
        except Exception as error:  # noqa: BLE001 - in the end its callers hear of it
            self._roll_back()
            if len(group) == 1 or primary_code(error) == sqlite3.SQLITE_BUSY:
                for write in group:
                    write.error = error
                return
            log.warning("commit failed, trying halves", writes=len(group), error=str(error))
            middle = len(group) // 2
            self._commit(group[:middle])
            self._commit(group[middle:])

    def _transact(self, group: list[_Write]) -> None:
        ledger = Ledger(self._connection)
        self._connection.execute("BEGIN IMMEDIATE")
        records = [write for write in group if isinstance(write, _Record)]
        if records:
            outcomes = self._recorder.record(ledger, [record.unit for record in records])
            for record, outcome in zip(records, outcomes, strict=True):
                record.value, record.error = outcome
        for write in group:
            if isinstance(write, _Work):
                self._run_within(ledger, write)
        ledger.write_counters()
        self._connection.execute("COMMIT")
        self.commits += 1

    def _run_within(self, ledger: Ledger, work: _Work) -> None:
        self._recorder.forget()
        before = ledger.changes
        try:
            work.value, work.error = work.run(ledger), None
        except StepflowError as error:
            if ledger.changes != before:  # only a rollback takes that back
                raise
            work.error = error

    def _run_alone(self, work: _Alone) -> None:
        self._recorder.forget()
        try:
            work.value = work.run(self._connection)
        except Exception as error:  # noqa: BLE001 - its caller hears of it
            self._roll_back()
            work.error = error

    def _roll_back(self) -> None:
        self._recorder.forget()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _deliver(self, group: Sequence[_Write]) -> None:
        if not self._loop.is_closed():  # else nobody is left to hear
            self._loop.call_soon_threadsafe(_resolve, group)

    def _checkpoint_if_due(self) -> None:
        """Between groups, so that no caller waits for it."""
        changes = self._connection.total_changes - self._changes_at_checkpoint
        if changes * self._pages_per_change < EARLIER * self._tuning.wal_autocheckpoint:
            return
        is_large = self._wal_bytes() > TRUNCATE_ABOVE_BYTES and not self._is_being_read()
        try:
            state = checkpoint(self._connection, "TRUNCATE" if is_large else "PASSIVE")
        except sqlite3.Error as error:
            log.warning("checkpoint failed", error=str(error))
            return
        self._changes_at_checkpoint += changes
        self._pages_per_change = max(state["wal_pages"], 1) / changes
        self.last_checkpoint = state

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


def _resolve(group: Sequence[_Write]) -> None:
    for write in group:
        if write.future.done():  # its caller has gone away
            continue
        if write.error is None:
            write.future.set_result(write.value)
        else:
            write.future.set_exception(translated(write.error))
