"""How fast the store records: units of one event each, each durable when it returns.

Beside it plain sqlite3 inserts one step a commit, with the write-ahead log and with the rollback
journal, in turns with it.
"""

import asyncio
import sqlite3
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import uvloop

from generated_database import NOON
from ground import Ground
from row import Row, at_least
from spread import median, percentile
from stepflow.events import StepEnd, StepStart
from stepflow.model import Execution
from stepflow.store import SqliteStore, Unit, open_sqlite

CALLERS = 50


def raw_records(folder: Path, journal_mode: str, seconds: float) -> float:
    """One INSERT and one COMMIT a step, one caller, nothing else: the engine's own pace."""
    connection = sqlite3.connect(folder / f"raw-{journal_mode}.db", isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {journal_mode}")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS steps (id TEXT PRIMARY KEY, execution_id TEXT NOT NULL,"
        "name TEXT NOT NULL, step_index INTEGER, status TEXT, created_at TEXT)"
    )
    connection.execute("CREATE INDEX IF NOT EXISTS by_execution ON steps (execution_id)")
    begun, count = time.perf_counter(), 0
    while (taken := time.perf_counter() - begun) < seconds:
        row = (str(uuid.uuid4()), "e", "build", count, "running", NOON.isoformat())
        connection.execute("INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?)", row)
        count += 1
    connection.close()
    return count / taken


async def store_records(
    store: SqliteStore, seconds: float, callers: int
) -> tuple[float, list[float]]:
    runs = [
        await store.create(Execution(id=str(uuid.uuid4()), name="n", command="c", created_at=NOON))
        for _ in range(callers)
    ]
    begun = time.perf_counter()
    waits: list[float] = []

    async def follow(run: Execution) -> None:
        number = 0
        while time.perf_counter() - begun < seconds:
            index = number // 2
            event = (
                StepEnd(name="build", status="completed", index=index, log_line=number)
                if number % 2
                else StepStart(name="build", kind="step", index=index, log_line=number)
            )
            asked = time.perf_counter()
            await store.record(
                Unit(
                    execution_id=run.id,
                    old_offset=number,
                    offset=number + 1,
                    lines=number,
                    state=b"x" * 100,
                    at=NOON,
                    events=[event],
                )
            )
            waits.append(time.perf_counter() - asked)
            number += 1

    await asyncio.gather(*(follow(run) for run in runs))
    taken = time.perf_counter() - begun
    return len(waits) / taken, waits


def rows(ground: Ground) -> Iterator[Row]:
    yield from uvloop.run(_measured(ground.path("records"), ground.sizes.seconds))


async def _measured(folder: Path, seconds: float) -> list[Row]:
    store = await open_sqlite(folder / "store.db")
    rates: dict[str, list[float]] = {"store": [], "wal": [], "delete": [], "one": []}
    waits: list[float] = []
    for _ in range(3):
        rate, waits = await store_records(store, seconds, CALLERS)
        rates["store"].append(rate)
        rates["one"].append((await store_records(store, seconds / 2, 1))[0])
        rates["wal"].append(await asyncio.to_thread(raw_records, folder, "wal", seconds))
        rates["delete"].append(await asyncio.to_thread(raw_records, folder, "delete", seconds))
    await store.close()
    return [
        Row(
            name="records.against_wal",
            value=median(rates["store"]),
            unit=f"/s from {CALLERS} callers",
            against=median(rates["wal"]),
            beside="raw SQLite, a commit each, WAL",
            goal=at_least(1.0, "ratio"),
            note=f"p50 {1000 * percentile(waits, 0.5):.2f} ms,"
            f" p99 {1000 * percentile(waits, 0.99):.2f} ms",
        ),
        Row(
            name="records.against_rollback",
            value=median(rates["store"]),
            unit=f"/s from {CALLERS} callers",
            against=median(rates["delete"]),
            beside="raw SQLite, a commit each, rollback journal",
            goal=at_least(25, "ratio"),
        ),
        Row(
            name="records.one_caller",
            value=median(rates["one"]),
            unit="/s",
            against=median(rates["wal"]),
            beside="raw SQLite, a commit each, WAL",
        ),
    ]
