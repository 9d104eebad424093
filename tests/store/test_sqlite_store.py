"""What is particular to the store on SQLite: files, locks, plans, upgrades."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from stepflow import errors, events
from stepflow.model import Execution, Status, Succeeded
from stepflow.store import (
    Query,
    Settlement,
    SqliteStore,
    SqliteTuning,
    Unit,
    check_schema,
    migrations,
    open_sqlite,
    pages,
)
from stepflow.store.schema import REVISION
from stepflow.store.writer import TRUNCATE_ABOVE_BYTES

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ORIGINAL = """
CREATE TABLE executions (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE steps (id TEXT PRIMARY KEY);
CREATE TABLE artifacts (id TEXT PRIMARY KEY);
INSERT INTO executions VALUES ('a', 'old');
"""
WRITE_AS_THE_ORIGINAL = """
INSERT OR REPLACE INTO executions(id,name,command,working_directory,status,exit_code,error_message,
created_at,started_at,completed_at,environment,user_name,tags,total_steps,completed_steps,
current_step_index,metadata) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
"""
Scenario = Callable[[SqliteStore], Coroutine[Any, Any, None]]


def opened(path: Path, scenario: Scenario, tuning: SqliteTuning | None = None) -> None:
    async def run() -> None:
        store = await open_sqlite(path, tuning or SqliteTuning())
        try:
            await scenario(store)
        finally:
            await store.close()

    asyncio.run(run())


def execution(number: int, **facts: Any) -> Execution:
    run_id = f"00000000-0000-4000-8000-{number:012}"
    return Execution(**{"id": run_id, "name": "n", "command": "c", "created_at": NOON, **facts})


async def nothing(store: SqliteStore) -> None:
    assert store


def original_row(number: int, status: str, created_at: str) -> tuple[Any, ...]:
    run_id = f"00000000-0000-4000-8000-{number:012}"
    return (
        run_id,
        "legacy",
        "make",
        ".",
        status,
        0,
        None,
        created_at,
        created_at,
        None,
        "{}",
        "ann",
        '["red"]',
        0,
        0,
        -1,
        "{}",
    )


def schema_of(path: Path) -> dict[str, Any]:
    connection = sqlite3.connect(path)
    shape: dict[str, Any] = {}
    for kind, name, table, sql in connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_master"
    ):
        columns = connection.execute(f"PRAGMA table_xinfo('{name}')").fetchall()
        keys = connection.execute(f"PRAGMA index_xinfo('{name}')").fetchall()
        foreign = connection.execute(f"PRAGMA foreign_key_list('{name}')").fetchall()
        shape[name] = (kind, table, columns, keys, foreign, " ".join((sql or "").split()))
    connection.close()
    return shape


def test_a_migrated_database_equals_a_fresh_one(tmp_path: Path) -> None:
    opened(tmp_path / "fresh.db", nothing)
    migrations.upgrade(tmp_path / "migrated.db", None)
    fresh, migrated = schema_of(tmp_path / "fresh.db"), schema_of(tmp_path / "migrated.db")
    assert {n: s for n, s in fresh.items() if "alembic" not in n} == {
        n: s for n, s in migrated.items() if "alembic" not in n
    }
    opened(tmp_path / "migrated.db", nothing)


def test_the_originals_columns_come_first_in_its_order(tmp_path: Path) -> None:
    opened(tmp_path / "a.db", nothing)
    columns = [column[1] for column in schema_of(tmp_path / "a.db")["steps"][2]]
    assert columns[:14] == [
        "id", "execution_id", "name", "description", "step_index", "status", "exit_code",
        "error_message", "created_at", "started_at", "completed_at", "estimated_duration",
        "stop_on_error", "metadata",
    ]  # fmt: skip


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "a.db", nothing)
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(errors.StorageUnusable, match="newer version"):
        opened(tmp_path / "a.db", nothing)
    with pytest.raises(errors.StorageUnusable, match="newer version"):
        check_schema(tmp_path / "a.db")


def test_a_schema_one_step_ahead_is_worked_with(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        await store.create(execution(1))
        assert (await store.execution(execution(1).id)).name == execution(1).name

    opened(tmp_path / "a.db", nothing)
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("ALTER TABLE executions ADD COLUMN of_tomorrow TEXT")
    connection.execute("UPDATE alembic_version SET version_num = ?", (f"{int(REVISION) + 1:04}",))
    connection.commit()
    connection.close()
    check_schema(tmp_path / "a.db")
    opened(tmp_path / "a.db", scenario)


def test_a_database_of_the_original_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "stepflow.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(ORIGINAL)
    # As after its kill -9: what it wrote last is still in the write-ahead log.
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tmp_path.glob("stepflow.db*"):
        (copy / file.name).write_bytes(file.read_bytes())
    connection.close()
    before = {name: (copy / name).read_bytes() for name in ("stepflow.db", "stepflow.db-wal")}
    with pytest.raises(errors.LegacyDatabase, match="original"):
        opened(copy / "stepflow.db", nothing)
    assert before == {name: (copy / name).read_bytes() for name in before}


@pytest.mark.parametrize(
    "content", [b"not a database at all" * 100, b"SQLite format 3\0" + b"\7" * 5000]
)
def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "stepflow.db"
    path.write_bytes(content)
    with pytest.raises(errors.StorageUnusable, match=r"stepflow\.db"):
        opened(path, nothing)
    assert path.read_bytes() == content


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("CREATE TABLE cookies (a)")
    connection.close()
    with pytest.raises(errors.StorageUnusable, match="cookies"):
        opened(tmp_path / "a.db", nothing)


def test_a_folder_that_cannot_hold_a_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StorageUnusable, match="file"):
        opened(tmp_path / "file" / "stepflow.db", nothing)


def test_the_journal_mode_is_logged_once(tmp_path: Path) -> None:
    for _ in ("created", "opened again"):
        with structlog.testing.capture_logs() as logs:
            opened(tmp_path / "a.db", nothing)
        assert [entry["event"] for entry in logs] == ["journal mode set to WAL"]


def as_nobody(act: Callable[[], None]) -> str:
    """What `act` raises in a process that may not write here (root may write everywhere)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        try:
            act()
            said = "nothing"
        except BaseException as error:  # noqa: BLE001 - the parent looks at it
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def test_a_read_only_folder_is_refused_with_the_reason() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        Path(folder).chmod(0o555)
        said = as_nobody(lambda: opened(Path(folder) / "a.db", nothing))
        assert said == f"StorageUnusable: {folder}/a.db can't be created: Permission denied"
        below = as_nobody(lambda: opened(Path(folder) / "database" / "a.db", nothing))
        assert below == f"StorageUnusable: {folder}/database can't be used: Permission denied"
        Path(folder).chmod(0o755)


def test_a_database_that_may_only_be_read_is_refused_untouched() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        opened(path, nothing)
        path.chmod(0o444)
        path.parent.chmod(0o555)
        before = path.read_bytes()
        said = as_nobody(lambda: opened(path, nothing))
        assert said.startswith(f"StorageUnusable: {path}: the database can't be opened for writing")
        assert (path.read_bytes(), list(path.parent.iterdir())) == (before, [path])
        path.parent.chmod(0o755)


def test_the_tuning_is_what_the_connections_say(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        health = await store.health()
        writer, reader = health.settings["writer"], health.settings["reader"]
        assert writer["journal_mode"] == "wal"
        assert (writer["cache_size"], writer["synchronous"]) == (-1234, 2)
        assert (writer["mmap_size"], writer["wal_autocheckpoint"]) == (65536, 77)
        assert (writer["busy_timeout"], reader["busy_timeout"]) == (5000, 0)
        assert reader["cache_size"] == -1234

    opened(
        tmp_path / "a.db",
        scenario,
        SqliteTuning(
            synchronous="FULL",
            cache_kib=1234,
            mmap_size_bytes=65536,
            wal_autocheckpoint=77,
            busy_timeout=timedelta(seconds=5),
        ),
    )


def test_what_was_recorded_survives_kill_9(tmp_path: Path) -> None:
    program = """
import asyncio, os, sys
from pathlib import Path
from stepflow.model import Execution
from datetime import datetime, UTC
from stepflow.store import open_sqlite
async def main():
    store = await open_sqlite(Path(sys.argv[1]))
    for number in range(50):
        now = datetime.now(UTC)
        await store.create(Execution(id=str(number), name="n", command="c", created_at=now))
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    path = tmp_path / "a.db"
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert killed.returncode == -9

    async def scenario(store: SqliteStore) -> None:
        assert await store.count(Query(), within=SECOND) == 50

    opened(path, scenario)


def test_a_full_disk_is_said_and_later_writes_work(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        await store.create(execution(0))
        pages_now = (await store.health()).page_count
        limit = f"PRAGMA max_page_count = {pages_now + 2}"
        await store._writer.alone(lambda connection: connection.execute(limit).fetchone())
        large = [execution(n, command="x" * 20_000) for n in range(1, 6)]
        refused = await asyncio.gather(
            *(store.create(run) for run in large), return_exceptions=True
        )
        assert all(isinstance(one, errors.NoSpace) for one in refused)
        assert await store.count(Query(), within=SECOND) == 1
        free = "PRAGMA max_page_count = 1000000"
        await store._writer.alone(lambda connection: connection.execute(free).fetchone())
        await store.create(large[0])
        assert await store.count(Query(), within=SECOND) == 2

    opened(tmp_path / "a.db", scenario)


def test_what_fits_is_kept_when_the_group_does_not(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        await store.create(execution(0))
        limit = f"PRAGMA max_page_count = {(await store.health()).page_count + 3}"
        await store._writer.alone(lambda connection: connection.execute(limit).fetchone())
        outcomes = await asyncio.gather(
            store.create(execution(1)),
            store.create(execution(2, command="x" * 90_000)),
            store.create(execution(3)),
            return_exceptions=True,
        )
        assert [isinstance(one, errors.NoSpace) for one in outcomes] == [False, True, False]

    opened(tmp_path / "a.db", scenario)


def test_a_lock_of_another_program_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    async def scenario(store: SqliteStore) -> None:
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, other.execute, ["COMMIT"]).start()
        await store.create(execution(1))
        other.execute("BEGIN IMMEDIATE")
        assert await store.count(Query(), within=SECOND) == 1  # readers never wait
        other.close()

    opened(path, scenario)


def test_a_lock_that_stays_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    async def scenario(store: SqliteStore) -> None:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(errors.Unavailable, match="locked"):
            await store.create(execution(1))
        other.execute("COMMIT")
        other.close()
        await store.create(execution(1))

    opened(path, scenario, SqliteTuning(busy_timeout=timedelta(milliseconds=100)))


def test_a_slow_query_does_not_hold_the_loop(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        slow = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) "
            "SELECT sum(i) FROM n"
        )
        asked = asyncio.create_task(
            store._reader.ask(
                "slow", lambda c: (c.execute(slow).fetchone()[0], threading.current_thread().name)
            )
        )
        total, thread = await asked
        assert total == 1800030000
        assert thread.startswith("stepflow-reader")
        assert (await store.health()).slowest[0].name == "slow"

    opened(tmp_path / "a.db", scenario)


def test_no_query_reads_longer_than_a_second(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        endless = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
        )
        with pytest.raises(errors.Unavailable, match="too long"):
            await store._reader.ask("endless", lambda c: c.execute(endless).fetchone())

    opened(tmp_path / "a.db", scenario)


def test_another_program_s_writes_are_seen_by_the_next_unit(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        run = await store.create(execution(1))
        first = Unit(execution_id=run.id, old_offset=0, offset=1, lines=1, state=b"", at=NOON)
        await store.record(first)
        other = sqlite3.connect(tmp_path / "a.db")
        other.execute("UPDATE follow_state SET offset = 7")
        other.commit()
        other.close()
        with pytest.raises(errors.StaleOwner, match="stands at 7"):
            await store.record(msgspec.structs.replace(first, old_offset=1, offset=2))

    opened(tmp_path / "a.db", scenario)


def test_the_log_is_checkpointed_between_groups(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        await asyncio.gather(*(store.create(execution(number)) for number in range(100)))
        await store.create(execution(100))
        checkpoint = (await store.health()).last_checkpoint
        assert checkpoint["is_complete"]
        assert checkpoint["moved_pages"] > 0

    opened(tmp_path / "a.db", scenario, SqliteTuning(wal_autocheckpoint=50))


def test_a_large_log_is_cut_once_nobody_reads_it(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        reader = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM executions").fetchone()
        for number in range(350):
            await store.create(execution(number, command="x" * 100_000))
        assert (await store.health()).wal_bytes > TRUNCATE_ABOVE_BYTES
        reader.close()
        for number in range(350, 1000):
            await store.create(execution(number))
        health = await store.health()
        assert health.wal_bytes < TRUNCATE_ABOVE_BYTES
        assert health.last_checkpoint["is_complete"]

    opened(tmp_path / "a.db", scenario, SqliteTuning(wal_autocheckpoint=500))


def test_health_tells_what_was_measured(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        await store.create(execution(1))
        with pytest.raises(errors.Conflict):
            await store.create(execution(1))
        health = await store.health()
        assert (health.engine, health.version) == ("SQLite", sqlite3.sqlite_version)
        assert health.size_bytes == (tmp_path / "a.db").stat().st_size
        assert health.wal_bytes == (tmp_path / "a.db-wal").stat().st_size
        assert health.page_count * health.page_size >= health.size_bytes
        assert (health.commits, health.units, health.failed_units) == (2, 2, 1)
        assert health.table_counts["executions"] == 1
        assert {"health", "table counts"} <= {query.name for query in health.slowest}
        await store.close()
        with pytest.raises(errors.Unavailable):
            await store.health()

    opened(tmp_path / "a.db", scenario)


def test_optimizing_says_what_it_did(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        for number in range(50):
            await store.create(execution(number, command="x" * 5000))
            await store.settle(execution(number).id, Settlement(outcome=Succeeded(), at=NOON))
        for number in range(50):
            await store.delete(execution(number).id)
        optimized = await store.optimize(vacuum=True)
        assert len(optimized.done) == 3
        assert optimized.freed_bytes > 250_000
        health = await store.health()
        assert (health.wal_bytes, health.free_pages) == (0, 0)
        await store.create(execution(1))

    opened(tmp_path / "a.db", scenario)


FACTS: list[dict[str, Any]] = [
    {},
    {"statuses": (Status.FAILED,)},
    {"statuses": (Status.FAILED, Status.RUNNING)},
    {"user": "ann"},
    {"tag": "red"},
    {"name": "deploy"},
    {"since": NOON},
    {"until": NOON, "statuses": (Status.FAILED,)},
    {"user": "ann", "statuses": (Status.FAILED,)},
    {"tag": "red", "statuses": (Status.FAILED, Status.RUNNING)},
    {"text": "deploy"},
    {"text": "deploy", "user": "ann", "tag": "red"},
]


@pytest.mark.parametrize("facts", FACTS, ids=str)
def test_every_page_walks_an_index_in_order(tmp_path: Path, facts: dict[str, Any]) -> None:
    opened(tmp_path / "a.db", nothing)
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.row_factory = sqlite3.Row
    cursor = pages.Cursor(500, "2026").text()
    for query in (Query(**facts), Query(**facts, cursor=cursor)):
        for walk in (
            {"text"}
            if query.text
            else {*facts} & {"user", "name", "tag"} or {"status" if query.statuses else ""}
        ):
            sql, values = pages.page_sql(query, walk)
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
            assert not [step for step in plan if step.startswith(("SCAN e", "SCAN t"))], plan
            assert not [step for step in plan if "TEMP B-TREE" in step], plan
    connection.close()


def test_two_processes_create_one_database(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from stepflow.store import open_sqlite\n"
        "async def main():\n"
        "    await (await open_sqlite(Path(sys.argv[1]))).close()\n"
        "asyncio.run(main())"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "a.db")]) for _ in range(3)
    ]
    assert [process.wait() for process in started] == [0, 0, 0]


def test_events_are_recorded_by_fifty_callers_at_once(tmp_path: Path) -> None:
    async def scenario(store: SqliteStore) -> None:
        runs = [await store.create(execution(number)) for number in range(50)]

        async def follow(run: Execution) -> None:
            for n in range(20):
                start = events.StepStart(name=str(n), kind="step", index=n)
                await store.record(
                    Unit(
                        execution_id=run.id,
                        old_offset=n,
                        offset=n + 1,
                        lines=n,
                        state=b"",
                        at=NOON,
                        events=[start],
                    )
                )

        await asyncio.gather(*(follow(run) for run in runs))
        health = await store.health()
        assert health.table_counts["steps"] == 1000
        assert health.commits < health.units / 4

    opened(tmp_path / "a.db", scenario)
