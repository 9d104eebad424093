"""How fast the store records and how fast it answers; prints JSON.

Records: units of one event each, from N callers at once, every one durable when it returns, against
plain sqlite3 inserting one step a commit, with the write-ahead log and with the rollback journal,
interleaved in one run. Answers: pages, filters and searches over a generated database.

    python bench/store_records.py [--executions 200000] [--steps-per-execution 5] [--seconds 2]
"""

import argparse
import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from stepflow.events import StepEnd, StepStart
from stepflow.model import Execution, Status, Step, StepStatus
from stepflow.store import Query, SqliteStore, Unit, open_sqlite, pages
from stepflow.store.rows import execution_row, step_row
from stepflow.store.statements import INSERT_EXECUTION, KEEP_STEP

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = NOON - timedelta(days=365)
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


async def store_records(store: SqliteStore, seconds: float, callers: int) -> dict[str, float]:
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
    waits.sort()
    return {
        "per_second": len(waits) / taken,
        "p50_ms": waits[len(waits) // 2] * 1000,
        "p99_ms": waits[len(waits) * 99 // 100] * 1000,
    }


async def records(folder: Path, seconds: float) -> dict[str, Any]:
    store = await open_sqlite(folder / "store.db")
    rounds: dict[str, list[float]] = {"store": [], "wal": [], "delete": [], "one": []}
    latency: dict[str, float] = {}
    for _ in range(3):
        latency = await store_records(store, seconds, CALLERS)
        rounds["store"].append(latency["per_second"])
        rounds["one"].append((await store_records(store, seconds / 2, 1))["per_second"])
        rounds["wal"].append(await asyncio.to_thread(raw_records, folder, "wal", seconds))
        rounds["delete"].append(await asyncio.to_thread(raw_records, folder, "delete", seconds))
    await store.close()
    median = {name: statistics.median(values) for name, values in rounds.items()}
    return {
        "callers": CALLERS,
        "records_per_second": round(median["store"]),
        "records_per_second_one_caller": round(median["one"]),
        "p50_ms": round(latency["p50_ms"], 2),
        "p99_ms": round(latency["p99_ms"], 2),
        "raw_wal_commits_per_second": round(median["wal"]),
        "raw_rollback_commits_per_second": round(median["delete"]),
        "ratio_to_raw_wal": round(median["store"] / median["wal"], 2),
        "ratio_to_raw_rollback": round(median["store"] / median["delete"], 1),
    }


def generated(number: int) -> Execution:
    """A million a year; the rare user has one in a thousand."""
    statuses = [Status.COMPLETED] * 9 + [Status.FAILED]
    at = FIRST + timedelta(seconds=30 * number)
    return Execution(
        id=str(uuid.UUID(int=number)),
        name=f"job {number % 500}",
        command=f"make target{number % 2000} --shard {number % 7}",
        created_at=at,
        started_at=at,
        completed_at=at + timedelta(seconds=20),
        status=statuses[number % 10] if number % 50_000 else Status.CANCELLED,
        user="rare" if number % 1000 == 0 else ("ann", "bob", "cy")[number % 3],
        tags=["nightly"] if number % 100 == 0 else ["ci", "main"],
        error_message="exit code 2: undefined reference" if number % 10 == 9 else None,
        seq=number + 1,
        total_steps=5,
    )


async def create(path: Path) -> None:
    await (await open_sqlite(path)).close()


def fill(path: Path, executions: int, steps_each: int) -> None:
    """Rows straight into the tables; counters, tags and search from them."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -400000")
    connection.execute("BEGIN")
    seq = executions
    for number in range(executions):
        run = generated(number)
        connection.execute(INSERT_EXECUTION, execution_row(run))
        connection.executemany(
            "INSERT INTO execution_tags VALUES (?, ?)", [(tag, run.seq) for tag in run.tags]
        )
        for index in range(steps_each):
            seq += 1
            step = Step(
                id=str(uuid.UUID(int=number * 64 + index)),
                execution_id=run.id,
                index=index,
                name=f"step {index}",
                created_at=run.created_at,
                status=StepStatus.COMPLETED,
            )
            connection.execute(KEEP_STEP, {**step_row(step), "seq": seq})
        if number % 50_000 == 49_999:
            print(f"{number + 1} executions", file=sys.stderr)
    connection.execute(
        "INSERT INTO execution_search (rowid, name, command, tags, error_message, user_name) "
        "SELECT seq, name, command, tags, error_message, user_name FROM executions ORDER BY seq"
    )
    for facet, key, source in (
        ("all", "''", "executions e"),
        ("hour", "substr(e.created_at, 1, 13)", "executions e"),
        ("user", "e.user_name", "executions e"),
        ("name", "e.name", "executions e"),
        ("tag", "t.tag", "executions e JOIN execution_tags t ON t.seq = e.seq"),
    ):
        connection.execute(
            f"INSERT INTO counters SELECT '{facet}', {key}, e.status, count(*) FROM {source} "
            "GROUP BY 2, 3"
        )
    connection.execute("INSERT INTO counters VALUES ('seq', '', '', ?)", (seq,))
    connection.execute("COMMIT")
    connection.close()


def page_alone(store: SqliteStore, query: Query) -> Any:
    """The page without its count."""
    return store._reader.ask_in_thread("page", partial(pages.page, query=query))


async def timed(ask: Callable[[], Any], times: int = 30) -> dict[str, float]:
    waits = []
    for _ in range(times):
        begun = time.perf_counter()
        await ask()
        waits.append((time.perf_counter() - begun) * 1000)
    waits.sort()
    return {"p50_ms": round(waits[times // 2], 2), "max_ms": round(waits[-1], 2)}


async def answers(path: Path, executions: int) -> dict[str, Any]:
    store = await open_sqlite(path)
    middle = FIRST + timedelta(seconds=30 * (executions // 2))
    deep = (await store.executions(Query(limit=50, until=middle))).next
    page = await store.executions(Query(limit=50))
    queries = {
        "first page": Query(limit=50),
        "list of 10": Query(limit=10),
        "second page": Query(limit=50, cursor=page.next),
        "deep page by time": Query(limit=50, until=middle, cursor=deep),
        "offset in the middle": Query(limit=50, offset=executions // 2),
        "status failed": Query(limit=50, statuses=(Status.FAILED,)),
        "status cancelled (few)": Query(limit=50, statuses=(Status.CANCELLED,)),
        "status running (none)": Query(limit=50, statuses=(Status.RUNNING,)),
        "two statuses": Query(limit=50, statuses=(Status.FAILED, Status.CANCELLED)),
        "user": Query(limit=50, user="ann"),
        "user (few)": Query(limit=50, user="rare"),
        "tag": Query(limit=50, tag="ci"),
        "tag (few)": Query(limit=50, tag="nightly"),
        "name": Query(limit=50, name="job 7"),
        "since": Query(limit=50, since=FIRST + timedelta(seconds=27 * executions)),
        "until": Query(limit=50, until=middle),
        "between": Query(limit=50, since=middle - timedelta(days=9), until=middle),
        "user and status": Query(limit=50, user="ann", statuses=(Status.FAILED,)),
        "tag and status": Query(limit=50, tag="ci", statuses=(Status.FAILED,)),
        "user and since": Query(limit=50, user="ann", since=middle),
        "search (few)": Query(limit=50, text="target1234"),
        "search (many)": Query(limit=50, text="make"),
        "search (prefix)": Query(limit=50, text="targ"),
        "search (two words)": Query(limit=50, text="undefined ann"),
        "search (none)": Query(limit=50, text="zebra"),
    }
    results: dict[str, Any] = {}
    for name, query in queries.items():
        asked = await timed(lambda query=query: store.executions(query))
        rows = await timed(lambda query=query: page_alone(store, query))
        results[name] = {"page": rows, "page_and_count": asked}
    run_id = page.executions[0].id
    results["one execution"] = await timed(lambda: store.execution(run_id))
    results["its steps"] = await timed(lambda: store.steps(run_id))
    results["statistics"] = await timed(lambda: store.statistics(NOON))
    results["health"] = await timed(store.health)
    size = (await store.health()).size_bytes
    await store.close()
    return {"executions": executions, "size_bytes": size, "queries": results}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--executions", type=int, default=200_000)
    parser.add_argument("--steps-per-execution", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--database", type=Path, help="generated once, used again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = arguments.database or Path(folder) / "large.db"
        if not database.exists():
            asyncio.run(create(database))
            fill(database, arguments.executions, arguments.steps_per_execution)
        report = {
            "records": asyncio.run(records(Path(folder), arguments.seconds)),
            "answers": asyncio.run(answers(database, arguments.executions)),
        }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
