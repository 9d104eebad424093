"""A database of many ended executions, straight into the tables: counters and search from them."""

import sqlite3
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stepflow.model import Execution, Status, Step, StepStatus
from stepflow.store import open_sqlite
from stepflow.store.compiled import INSERT_EXECUTION, KEEP_STEP
from stepflow.store.rows import execution_row, step_row, time_text

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRST = NOON - timedelta(days=365)


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
            "INSERT INTO execution_tags VALUES (?, ?, ?, ?)",
            [(tag, run.status.value, time_text(run.created_at), run.seq) for tag in run.tags],
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
            connection.execute(KEEP_STEP, step_row(step, seq))
    connection.execute(
        "INSERT INTO execution_search (rowid, name, command, tags, error_message, user_name) "
        "SELECT seq, name, command, tags, error_message, user_name FROM executions ORDER BY seq"
    )
    for facet, key, source in (
        ("all", "''", "executions e"),
        ("day", "substr(e.created_at, 1, 10)", "executions e"),
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
