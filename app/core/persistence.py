"""The original's PersistenceLayer on top of StepFlow's store.

It may be used in another process while the server runs: SQLite lets one of them write at a time.
Files of a storage belong to its server; only `cleanup_expired_data` removes any.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an older one must say so, not fail on syntax
    sys.exit("StepFlow Monitor needs 3.11 or newer; this is Python " + sys.version.split()[0])

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from stepflow.errors import NotFound
from stepflow.model import (
    Artifact,
    ArtifactState,
    Execution,
    Status,
    Step,
    StepStatus,
    is_id,
    month_of,
)
from stepflow.store import (
    MAX_PAGE,
    Query,
    SqliteStore,
    SqliteTuning,
    open_sqlite,
)

if not structlog.is_configured():
    # What the store logs must not come between the lines that the caller's program prints.
    structlog.configure(
        processors=[structlog.stdlib.render_to_log_kwargs],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )

PRODUCTION_SQLITE_CONFIG = {
    "journal_mode": "WAL",
    "synchronous": "NORMAL",
    "cache_size": "20000",  # KiB
    "temp_store": "memory",
    "mmap_size": "536870912",
    "wal_autocheckpoint": "1000",
    "busy_timeout": "30000",
}


class PersistenceLayer:
    """Executions, steps and artifacts of a storage folder; times are aware UTC.

    Saving takes any object with the attributes of the API's JSON (`user`, `index`, `status`);
    naive times in it are local. Errors are those of `stepflow.errors`.
    """

    def __init__(self, storage_path: str | Path = "storage") -> None:
        self.storage_path = Path(storage_path)
        self._opened: SqliteStore | None = None

    async def initialize(self) -> None:
        """Open the database. LegacyDatabase if it is the original's."""
        if self._opened is None:
            self._opened = await open_sqlite(
                self.storage_path / "database" / "stepflow.db",
                SqliteTuning.of_pragmas(PRODUCTION_SQLITE_CONFIG),
            )

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    async def save_execution(self, execution: Any) -> bool:
        await self._store.keep_execution(_execution(execution))
        return True

    async def save_step(self, step: Any) -> bool:
        await self._store.keep_step(_step(step))
        return True

    async def save_artifact(self, artifact: Any) -> bool:
        await self._store.keep_artifact(_artifact(artifact))
        return True

    async def save_execution_batch(self, executions: list[Any]) -> bool:
        for execution in executions:
            await self.save_execution(execution)
        return True

    async def get_execution(self, execution_id: str) -> Execution | None:
        try:
            return await self._store.execution(execution_id)
        except NotFound:
            return None

    async def get_executions(
        self,
        limit: int = 100,
        offset: int = 0,
        status: Any = None,
        user: str | None = None,
    ) -> list[Execution]:
        """Newest first; any limit, as in the original."""
        statuses = () if status is None else (Status(_plain(status)),)
        query = Query(
            limit=min(max(limit, 1), MAX_PAGE), offset=offset, statuses=statuses, user=user
        )
        found: list[Execution] = []
        while len(found) < limit:
            page = await self._store.executions(query)
            found += page.executions
            if page.next is None:
                break
            query = Query(limit=query.limit, cursor=page.next, statuses=statuses, user=user)
        return found[:limit]

    async def get_steps(self, execution_id: str) -> list[Step]:
        return await self._store.steps(execution_id)

    async def get_artifacts(self, execution_id: str) -> list[Artifact]:
        return await self._store.artifacts(execution_id)

    async def get_artifact(self, artifact_id: str) -> Artifact | None:
        try:
            return await self._store.artifact(artifact_id)
        except NotFound:
            return None

    async def cleanup_expired_data(self, days: int = 30) -> int:
        """Forget executions that ended more than `days` days ago, with their files; how many."""
        before = datetime.now(UTC) - timedelta(days=days)
        forgotten = 0
        while ids := await self._store.finished_before(before, 100):
            for execution_id in ids:
                await self._store.delete(execution_id)
                self._remove_files(execution_id)
            forgotten += len(ids)
        return forgotten

    async def get_performance_stats(self) -> dict[str, Any]:
        health = await self._store.health()
        settings = health.settings["writer"]
        return {
            "database_size_bytes": health.size_bytes,
            "database_size_mb": round(health.size_bytes / 1e6, 2),
            "table_counts": health.table_counts,
            "wal_mode": settings["journal_mode"] == "wal",
            "cache_size": settings["cache_size"],
            "storage_path": str(self.storage_path),
            "settings": settings,
        }

    async def optimize_database(self) -> bool:
        await self._store.optimize()
        return True

    @property
    def _store(self) -> SqliteStore:
        if self._opened is None:
            raise RuntimeError("call initialize() first")
        return self._opened

    def _remove_files(self, execution_id: str) -> None:
        if not is_id(execution_id):
            return
        folder = self.storage_path / "executions" / (month_of(execution_id) or "") / execution_id
        for leftover in (folder, self.storage_path / "artifacts" / execution_id):
            if leftover.exists():
                shutil.rmtree(leftover)


def _plain(value: Any) -> Any:
    """The text of an enumeration of the caller's, or the value itself."""
    return getattr(value, "value", value)


def _aware(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


def _execution(given: Any) -> Execution:
    if isinstance(given, Execution):
        return given
    return Execution(
        id=given.id,
        name=given.name,
        command=given.command,
        created_at=given.created_at.astimezone(UTC),
        working_directory=given.working_directory,
        status=Status(_plain(given.status)),
        exit_code=given.exit_code,
        error_message=given.error_message,
        started_at=_aware(given.started_at),
        completed_at=_aware(given.completed_at),
        environment=dict(given.environment or {}),
        user=given.user,
        tags=list(given.tags or []),
        total_steps=given.total_steps,
        completed_steps=given.completed_steps,
        current_step_index=given.current_step_index,
        metadata=dict(given.metadata or {}),
    )


def _step(given: Any) -> Step:
    if isinstance(given, Step):
        return given
    return Step(
        id=given.id,
        execution_id=given.execution_id,
        index=given.index,
        name=given.name,
        created_at=given.created_at.astimezone(UTC),
        description=given.description,
        status=StepStatus(_plain(given.status)),
        exit_code=given.exit_code,
        error_message=given.error_message,
        started_at=_aware(given.started_at),
        completed_at=_aware(given.completed_at),
        estimated_duration=given.estimated_duration,
        stop_on_error=bool(given.stop_on_error),
        metadata=dict(given.metadata or {}),
    )


def _artifact(given: Any) -> Artifact:
    if isinstance(given, Artifact):
        return given
    return Artifact(
        id=given.id,
        execution_id=given.execution_id,
        step_id=given.step_id,
        name=given.name,
        description=given.description,
        file_path=str(given.file_path),
        file_name=given.file_name or "",
        file_size=given.file_size or 0,
        mime_type=given.mime_type or "application/octet-stream",
        artifact_type=_plain(given.artifact_type) or "other",
        created_at=given.created_at.astimezone(UTC),
        tags=list(given.tags or []),
        is_public=bool(given.is_public),
        retention_days=given.retention_days,
        metadata=dict(given.metadata or {}),
        state=ArtifactState.STORED,
    )
