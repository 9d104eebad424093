"""Reading: on the loop where it is quick, in a thread where it is not.

The loop's connection never waits: it is read-only, in autocommit, without a busy timeout, and
interrupted after 5 ms. What was interrupted or found a lock is asked again in a thread, where no
query runs longer than 1 s, so that no read transaction holds back the checkpoints.
"""

import asyncio
import heapq
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from stepflow.errors import Unavailable
from stepflow.store.connection import open_reader, settings_of, translated
from stepflow.store.protocol import SlowQuery
from stepflow.store.tuning import SqliteTuning

Value = TypeVar("Value")

LOOP_SECONDS = 0.005
THREAD_SECONDS = 1.0
ROWS_ON_LOOP = 200
SLOWEST_KEPT = 10
_NO_LIMIT = -1
_THREADS = 2
_STEPS_BETWEEN_LOOKS = 1000


class _Timed:
    """A connection whose queries are interrupted at a deadline."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._deadline = float("inf")
        connection.set_progress_handler(self._is_late, _STEPS_BETWEEN_LOOKS)

    def run(self, query: Callable[[sqlite3.Connection], Value], deadline: float) -> Value:
        self._deadline = deadline
        return query(self.connection)

    def _is_late(self) -> bool:
        return time.perf_counter() > self._deadline


class Reader:
    """Opened in the loop that asks."""

    def __init__(self, path: Path, tuning: SqliteTuning) -> None:
        self._path = path
        self._tuning = tuning
        self._on_loop = _Timed(open_reader(path, tuning, busy_timeout_ms=0))
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="stepflow-reader")
        self._patient_thread = ThreadPoolExecutor(1, thread_name_prefix="stepflow-counter")
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._reading = 0
        self._is_closed = False
        self._slowest: list[tuple[float, datetime, str]] = []

    async def ask(self, name: str, query: Callable[[sqlite3.Connection], Value]) -> Value:
        """A query that an index answers; `name` is for the list of the slowest."""
        if self._is_closed:
            raise Unavailable("the store is closed")
        begun = time.perf_counter()
        try:
            return self._on_loop.run(query, begun + LOOP_SECONDS)
        except sqlite3.OperationalError as error:
            if not _may_succeed_in_a_thread(error):
                raise translated(error) from error
        except sqlite3.Error as error:
            raise translated(error) from error
        finally:
            self._note(name, begun)
        return await self.ask_in_thread(name, query)

    async def ask_in_thread(self, name: str, query: Callable[[sqlite3.Connection], Value]) -> Value:
        """A query that may take its time, up to 1 s."""
        return await self._ask_in(self._threads, name, query, THREAD_SECONDS)

    async def ask_within(
        self, limit: timedelta, name: str, query: Callable[[sqlite3.Connection], Value]
    ) -> Value | None:
        """What is nice to know, from a thread that no other query waits for; None if it takes
        longer."""
        seconds = min(limit.total_seconds(), THREAD_SECONDS)
        try:
            async with asyncio.timeout(seconds):
                return await self._ask_in(self._patient_thread, name, query, seconds)
        except (TimeoutError, Unavailable):
            if self._is_closed:
                raise
            return None

    async def _ask_in(
        self,
        threads: ThreadPoolExecutor,
        name: str,
        query: Callable[[sqlite3.Connection], Value],
        seconds: float,
    ) -> Value:
        if self._is_closed:
            raise Unavailable("the store is closed")
        begun = time.perf_counter()
        self._reading += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                threads, self._run_in_thread, query, begun + seconds
            )
        except sqlite3.Error as error:
            raise translated(error) from error
        finally:
            self._reading -= 1
            self._note(name, begun)

    async def rows(
        self, name: str, sql: str, values: tuple[Any, ...], value_of: Callable[[Any], Value]
    ) -> list[Value]:
        """All rows of `sql`, which ends in `LIMIT ?`: many of them are fetched in a thread."""

        def few(connection: sqlite3.Connection) -> list[Value] | None:
            found = connection.execute(sql, (*values, ROWS_ON_LOOP + 1)).fetchall()
            return [value_of(row) for row in found] if len(found) <= ROWS_ON_LOOP else None

        def many(connection: sqlite3.Connection) -> list[Value]:
            found = connection.execute(sql, (*values, _NO_LIMIT)).fetchall()
            return [value_of(row) for row in found]

        found = await self.ask(name, few)
        return await self.ask_in_thread(name, many) if found is None else found

    def revision(self) -> int | None:
        """As the loop's connection sees it, which itself never writes; None while it can't look."""
        if self._is_closed:
            raise Unavailable("the store is closed")
        try:
            row = self._on_loop.run(
                lambda connection: connection.execute("PRAGMA data_version").fetchone(),
                time.perf_counter() + LOOP_SECONDS,
            )
        except sqlite3.Error:
            return None
        return int(row[0])

    def is_reading(self) -> bool:
        """Whether a thread reads; the writer asks before it truncates the log."""
        return self._reading > 0

    def settings(self) -> dict[str, Any]:
        return settings_of(self._on_loop.connection)

    def slowest(self) -> list[SlowQuery]:
        return [
            SlowQuery(name, round(seconds * 1000, 3), at)
            for seconds, at, name in sorted(self._slowest, reverse=True)
        ]

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._patient_thread.shutdown)
        for connection in [self._on_loop.connection, *self._opened]:
            connection.close()

    def _run_in_thread(
        self, query: Callable[[sqlite3.Connection], Value], deadline: float
    ) -> Value:
        timed: _Timed | None = getattr(self._local, "timed", None)
        if timed is None:
            patience = round(self._tuning.busy_timeout.total_seconds() * 1000)
            connection = open_reader(
                self._path, self._tuning, busy_timeout_ms=patience, any_thread=True
            )
            self._opened.append(connection)
            timed = self._local.timed = _Timed(connection)
        return timed.run(query, deadline)

    def _note(self, name: str, begun: float) -> None:
        entry = (time.perf_counter() - begun, datetime.now(UTC), name)
        if len(self._slowest) < SLOWEST_KEPT:
            heapq.heappush(self._slowest, entry)
        elif entry[0] > self._slowest[0][0]:
            heapq.heapreplace(self._slowest, entry)


def _may_succeed_in_a_thread(error: sqlite3.OperationalError) -> bool:
    return (error.sqlite_errorcode & 0xFF) in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_INTERRUPT,
    )
