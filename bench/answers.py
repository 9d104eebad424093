"""Pages, filters and searches over many executions, in the store.

A row is the slowest of its kind; beside it stands a page of fifty rows by plain `sqlite3`.
"""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from generated_database import FIRST, NOON
from ground import Ground
from row import Row, at_most
from spread import median
from stepflow.model import Status
from stepflow.store import Query, SqliteStore, open_sqlite, pages

TIMES = 30
RAW_PAGE = "SELECT * FROM executions ORDER BY seq DESC LIMIT 50"


def rows(ground: Ground) -> Iterator[Row]:
    database = ground.database()
    beside = _raw_page_ms(database)
    taken = asyncio.run(_taken(database, ground.sizes.executions))
    size = database.stat().st_size / 1e6
    for kind, times in taken.items():
        slowest = max(times, key=lambda name: times[name])
        listed = ", ".join(f"{name} {ms:.2f}" for name, ms in times.items())
        yield Row(
            name=f"answers.{kind}",
            value=times[slowest],
            unit=f"ms: {slowest}",
            against=beside,
            beside="ms: a page by sqlite3",
            goal=at_most(5),
            note=f"{ground.sizes.executions:,} executions, {size:.0f} MB; {listed}",
        )


def _raw_page_ms(database: Path) -> float:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        connection.execute(RAW_PAGE).fetchall()
        taken.append((time.perf_counter() - began) * 1000)
    connection.close()
    return median(taken)


def _page(store: SqliteStore, query: Query) -> Awaitable[Any]:
    """The page without its count, which is bounded and may come from counters."""
    return store._reader.ask_in_thread("page", partial(pages.page, query=query))


async def _median_ms(ask: Callable[[], Awaitable[Any]]) -> float:
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await ask()
        taken.append((time.perf_counter() - began) * 1000)
    return median(taken)


async def _taken(database: Path, executions: int) -> dict[str, dict[str, float]]:
    store = await open_sqlite(database)
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
    kinds: dict[str, dict[str, float]] = {"pages": {}, "filters": {}, "search": {}, "counts": {}}
    for name, query in queries.items():
        kind = "search" if query.text else "pages" if "page" in name else "filters"
        kinds[kind][name] = await _median_ms(partial(_page, store, query))
        with_count = await _median_ms(partial(store.executions, query))
        kinds["counts"][name] = with_count
    run_id = page.executions[0].id
    kinds["single"] = {
        "one execution": await _median_ms(lambda: store.execution(run_id)),
        "its steps": await _median_ms(lambda: store.steps(run_id)),
        "statistics": await _median_ms(lambda: store.statistics(NOON)),
        "health": await _median_ms(store.health),
    }
    await store.close()
    return kinds
