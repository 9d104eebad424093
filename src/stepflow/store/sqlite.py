"""The store on SQLite: one writer thread, one read-only connection on the loop, two beside it."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Unpack

from stepflow.errors import InvalidRequest, NotFound, StepflowError, StorageUnusable
from stepflow.model import Artifact, Execution, Step
from stepflow.store import artifacts, executions, foreign_wal, pages, upkeep, usual
from stepflow.store import statistics as figures
from stepflow.store.connection import settings_of, translated
from stepflow.store.protocol import (
    MAX_PAGE,
    AnnotationPage,
    ArtifactPage,
    DiagnosticRow,
    Ended,
    ExecutionChanges,
    FollowState,
    Health,
    Optimized,
    OutputRow,
    Page,
    Query,
    Sample,
    Settlement,
    Statistics,
    SummaryRow,
    TestPage,
    Unit,
    Usual,
    VariableRow,
)
from stepflow.store.reader import ROWS_ON_LOOP, Reader
from stepflow.store.rows import (
    annotation_of,
    artifact_of,
    diagnostic_of,
    ended_of,
    execution_of,
    output_of,
    sample_of,
    step_of,
    summary_of,
    test_of,
    time_text,
    variable_of,
)
from stepflow.store.schema import prepare
from stepflow.store.tuning import SqliteTuning
from stepflow.store.writer import Writer

_EXECUTION = "SELECT * FROM executions WHERE id = ?"
# idx_executions_status_seq finds the few; they are sorted. What the original runs is its own.
_UNFINISHED = """
SELECT * FROM executions INDEXED BY idx_executions_status_seq
WHERE status IN ('pending', 'running') AND seq IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM adopted WHERE execution_id = executions.id)
ORDER BY seq
"""
# idx_executions_completed_at
_FINISHED_BEFORE = """
SELECT id FROM executions INDEXED BY idx_executions_completed_at
WHERE completed_at < ? AND status NOT IN ('pending', 'running') AND seq IS NOT NULL
ORDER BY completed_at LIMIT ?
"""
# idx_executions_completed_at, whose entries of one time are sorted.
_ENDED = """
SELECT id, name, tags, completed_at, pinned
FROM executions INDEXED BY idx_executions_completed_at
WHERE completed_at <= ?1 AND (completed_at, id) < (?1, ?2)
AND status NOT IN ('pending', 'running') AND seq IS NOT NULL
ORDER BY completed_at DESC, id DESC LIMIT ?3
"""
# The primary key: as many rows are passed over as there are without a time.
_WITH_TIME = """
SELECT * FROM artifacts WHERE id > ? AND retention_days IS NOT NULL AND seq IS NOT NULL
ORDER BY id LIMIT ?
"""
# idx_steps_execution_id; the steps of one execution are sorted.
_STEPS = "SELECT * FROM steps WHERE execution_id = ? ORDER BY step_index, created_at LIMIT ?"
# idx_annotations_execution
_ANNOTATIONS = """
SELECT * FROM annotations WHERE execution_id = ? AND id > ? AND (? IS NULL OR level = ?)
AND (? IS NULL OR step_index = ?) ORDER BY id LIMIT ?
"""
# idx_tests_execution
_TESTS = """
SELECT * FROM tests WHERE execution_id = ? AND id > ? AND (? IS NULL OR status = ?)
ORDER BY id LIMIT ?
"""
# idx_summaries_execution, idx_variables_execution, idx_diagnostics_execution
_SUMMARIES = "SELECT * FROM summaries WHERE execution_id = ? ORDER BY id LIMIT ?"
_VARIABLES = "SELECT * FROM variables WHERE execution_id = ? ORDER BY id LIMIT ?"
_DIAGNOSTICS = "SELECT * FROM diagnostics WHERE execution_id = ? ORDER BY id LIMIT ?"
# idx_metrics_series
_SERIES = "SELECT * FROM metrics WHERE execution_id = ? AND name = ? ORDER BY id LIMIT ?"
# idx_metrics_series; the values of one execution are sorted.
_ALL_SERIES = "SELECT * FROM metrics WHERE execution_id = ? ORDER BY id LIMIT ?"
_OUTPUTS = "SELECT * FROM outputs WHERE execution_id = ? ORDER BY name LIMIT ?"
_FOLLOW_STATE = 'SELECT "offset", lines, state FROM follow_state WHERE execution_id = ?'


async def open_sqlite(path: Path, tuning: SqliteTuning | None = None) -> "SqliteStore":
    """Open the database, creating or upgrading it. StorageUnusable says why it can't be;
    LegacyDatabase that it is the original's, which was left untouched."""
    tuning = tuning or SqliteTuning()
    await asyncio.to_thread(foreign_wal.set_aside, path, datetime.now().astimezone())
    await asyncio.to_thread(prepare, path, tuning)
    try:
        return SqliteStore(path, tuning)
    except sqlite3.Error as error:
        ours = translated(error)
        assert isinstance(ours, StepflowError)
        raise StorageUnusable(f"{path}: {ours.detail}") from error


class SqliteStore:
    """`Store` on one SQLite file. Made by `open_sqlite`; belongs to the loop that opened it."""

    def __init__(self, path: Path, tuning: SqliteTuning) -> None:
        self._path = path
        self._reader = Reader(path, tuning)
        self._writer = Writer(path, tuning, self._reader.is_reading)
        self._usual = usual.Remembered()

    async def create(self, execution: Execution) -> Execution:
        return await self._writer.write(partial(executions.create, execution=execution))

    async def record(self, unit: Unit) -> list[Step]:
        return await self._writer.record(unit)

    async def update(self, execution_id: str, **changes: Unpack[ExecutionChanges]) -> Execution:
        return await self._writer.write(
            partial(executions.update, execution_id=execution_id, changes=dict(changes))
        )

    async def settle(
        self, execution_id: str, settlement: Settlement
    ) -> tuple[Execution, list[Step]]:
        return await self._writer.write(
            partial(executions.settle, execution_id=execution_id, settlement=settlement)
        )

    async def pin(self, execution_id: str, *, pinned: bool) -> Execution:
        return await self._writer.write(
            partial(executions.pin, execution_id=execution_id, pinned=pinned)
        )

    async def delete(self, execution_id: str) -> None:
        await self._writer.write(partial(executions.delete, execution_id=execution_id))

    async def keep_execution(self, execution: Execution) -> Execution:
        return await self._writer.write(partial(executions.keep_execution, execution=execution))

    async def keep_step(self, step: Step) -> Step:
        return await self._writer.write(partial(executions.keep_step, step=step))

    async def keep_artifact(self, artifact: Artifact) -> Artifact:
        return await self._writer.write(partial(artifacts.keep_artifact, artifact=artifact))

    async def delete_artifact(self, artifact_id: str) -> Artifact:
        return await self._writer.write(partial(artifacts.delete_artifact, artifact_id=artifact_id))

    async def keep_samples(self, samples: Mapping[str, Sequence[Sample]]) -> None:
        await self._writer.write(partial(executions.keep_samples, samples=samples))

    async def execution(self, execution_id: str) -> Execution:
        def query(connection: sqlite3.Connection) -> Execution:
            row = connection.execute(_EXECUTION, (execution_id,)).fetchone()
            if row is None:
                raise NotFound(f"there is no execution {execution_id}")
            return execution_of(row)

        return await self._reader.ask("execution", query)

    async def executions(self, query: Query) -> Page:
        pages.check(query)
        # One step of a full-text search may be long, and nothing can interrupt it.
        is_quick = query.text is None and query.limit <= ROWS_ON_LOOP
        ask = self._reader.ask if is_quick else self._reader.ask_in_thread
        return await ask("executions", partial(pages.page, query=query))

    async def count(self, query: Query, *, within: timedelta) -> int | None:
        pages.check(query)
        known = await self._reader.ask("count", partial(pages.count_from_counters, query=query))
        if known is not None:
            return known
        return await self._reader.ask_within(
            within, "count rows", partial(pages.count_rows, query=query)
        )

    async def revision(self) -> int | None:
        return self._reader.revision()

    async def known_ids(self, ids: Sequence[str]) -> set[str]:
        return await self._reader.ask_in_thread(
            "known ids", lambda connection: executions.known_ids(connection, ids)
        )

    async def unfinished(self) -> list[Execution]:
        return await self._reader.ask_in_thread(
            "unfinished", lambda c: [execution_of(row) for row in c.execute(_UNFINISHED).fetchall()]
        )

    async def finished_before(self, before: datetime, limit: int) -> list[str]:
        values = (time_text(before), limit)
        return await self._reader.ask_in_thread(
            "finished before",
            lambda c: [row["id"] for row in c.execute(_FINISHED_BEFORE, values).fetchall()],
        )

    async def ended(self, *, limit: int, before: Ended | None = None) -> list[Ended]:
        end = ("9999", "") if before is None else (time_text(before.completed_at), before.id)
        return await self._reader.ask_in_thread(
            "ended",
            lambda c: [ended_of(row) for row in c.execute(_ENDED, (*end, limit)).fetchall()],
        )

    async def artifacts_with_time(
        self, *, limit: int, after: Artifact | None = None
    ) -> list[Artifact]:
        values = ("" if after is None else after.id, limit)
        return await self._reader.ask_in_thread(
            "artifacts with a time",
            lambda c: [artifact_of(row) for row in c.execute(_WITH_TIME, values).fetchall()],
        )

    async def steps(self, execution_id: str) -> list[Step]:
        return await self._reader.rows("steps", _STEPS, (execution_id,), step_of)

    async def artifacts(self, execution_id: str) -> list[Artifact]:
        return await self._reader.rows(
            "artifacts", artifacts.OF_EXECUTION, (execution_id,), artifact_of
        )

    async def artifact(self, artifact_id: str) -> Artifact:
        return await self._reader.ask(
            "artifact", partial(artifacts.artifact, artifact_id=artifact_id)
        )

    async def artifact_page(
        self, *, limit: int = 100, offset: int = 0, cursor: str | None = None
    ) -> ArtifactPage:
        ask = self._reader.ask if limit <= ROWS_ON_LOOP else self._reader.ask_in_thread
        return await ask(
            "artifact page",
            partial(artifacts.artifact_page, limit=limit, offset=offset, cursor=cursor),
        )

    async def annotations(
        self,
        execution_id: str,
        *,
        limit: int = 1000,
        after: int = 0,
        level: str | None = None,
        step: int | None = None,
    ) -> AnnotationPage:
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidRequest(f"limit must be from 1 to {MAX_PAGE}", field="limit")

        def query(connection: sqlite3.Connection) -> AnnotationPage:
            values = (execution_id, after, level, level, step, step, limit + 1)
            rows = connection.execute(_ANNOTATIONS, values).fetchall()
            following = rows[limit - 1]["id"] if len(rows) > limit else None
            return AnnotationPage([annotation_of(row) for row in rows[:limit]], following)

        ask = self._reader.ask if limit <= ROWS_ON_LOOP else self._reader.ask_in_thread
        return await ask("annotations", query)

    async def metrics(self, execution_id: str, name: str | None = None) -> list[Sample]:
        if name is None:
            return await self._reader.rows("metrics", _ALL_SERIES, (execution_id,), sample_of)
        return await self._reader.rows("metrics", _SERIES, (execution_id, name), sample_of)

    async def outputs(self, execution_id: str) -> list[OutputRow]:
        return await self._reader.rows("outputs", _OUTPUTS, (execution_id,), output_of)

    async def tests(
        self, execution_id: str, *, limit: int = 1000, after: int = 0, status: str | None = None
    ) -> TestPage:
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidRequest(f"limit must be from 1 to {MAX_PAGE}", field="limit")

        def query(connection: sqlite3.Connection) -> TestPage:
            values = (execution_id, after, status, status, limit + 1)
            rows = connection.execute(_TESTS, values).fetchall()
            following = rows[limit - 1]["id"] if len(rows) > limit else None
            return TestPage([test_of(row) for row in rows[:limit]], following)

        ask = self._reader.ask if limit <= ROWS_ON_LOOP else self._reader.ask_in_thread
        return await ask("tests", query)

    async def summaries(self, execution_id: str) -> list[SummaryRow]:
        return await self._reader.rows("summaries", _SUMMARIES, (execution_id,), summary_of)

    async def keep_summary(self, summary: SummaryRow) -> None:
        await self._writer.write(partial(executions.keep_summary, summary=summary))

    async def variables(self, execution_id: str) -> list[VariableRow]:
        return await self._reader.rows("variables", _VARIABLES, (execution_id,), variable_of)

    async def diagnostics(self, execution_id: str) -> list[DiagnosticRow]:
        return await self._reader.rows("diagnostics", _DIAGNOSTICS, (execution_id,), diagnostic_of)

    async def usual_seconds(self, name: str) -> float | None:
        seconds = self._usual.get(name)
        if seconds is None:
            seconds = await self._reader.ask(
                "usual seconds", partial(usual.usual_seconds, name=name)
            )
            if seconds is not None:
                self._usual.keep(name, seconds)
        return seconds

    async def follow_state(self, execution_id: str) -> FollowState | None:
        def query(connection: sqlite3.Connection) -> FollowState | None:
            row = connection.execute(_FOLLOW_STATE, (execution_id,)).fetchone()
            return None if row is None else FollowState(row["offset"], row["lines"], row["state"])

        return await self._reader.ask("follow state", query)

    async def usual(self, name: str, *, but: str) -> Usual:
        # What 20 executions did is many rows where each has many steps, so never on the loop.
        return await self._reader.ask_in_thread("usual", partial(usual.usual, name=name, but=but))

    async def statistics(self, now: datetime) -> Statistics:
        return await self._reader.ask("statistics", partial(figures.statistics, now=now))

    async def health(self) -> Health:
        pages_now = await self._reader.ask("health", upkeep.figures)
        counts = await self._reader.ask("table counts", upkeep.table_counts)
        writer = await self._writer.alone(settings_of)
        return Health(
            engine="SQLite",
            version=sqlite3.sqlite_version,
            path=str(self._path),
            size_bytes=upkeep.file_bytes(self._path),
            wal_bytes=upkeep.file_bytes(upkeep.wal_of(self._path)),
            page_count=pages_now["page_count"],
            page_size=pages_now["page_size"],
            free_pages=pages_now["freelist_count"],
            settings={"writer": writer, "reader": self._reader.settings()},
            table_counts=counts,
            commits=self._writer.commits,
            units=self._writer.units,
            failed_units=self._writer.failed_units,
            last_checkpoint=self._writer.last_checkpoint,
            slowest=self._reader.slowest(),
        )

    async def optimize(self, *, vacuum: bool = False) -> Optimized:
        optimized, checkpoint = await self._writer.alone(
            partial(upkeep.optimize, path=self._path, vacuum=vacuum)
        )
        self._writer.last_checkpoint = checkpoint
        return optimized

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()  # last, since only a writer can empty and remove the log
