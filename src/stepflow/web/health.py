"""Health: real answers of the store and the storage, at most a second old; 503 when one fails."""

import asyncio
import os
import shutil
import time
from datetime import UTC, datetime
from typing import Any

import msgspec
import psutil
from starlette.responses import Response

from stepflow.store import Health, Optimized, SlowQuery
from stepflow.web.call import Call, NoQuery
from stepflow.web.checkup import HEALTHY, Check, overall
from stepflow.web.clock import now
from stepflow.web.history import EVERY_SECONDS, HealthSample
from stepflow.web.json import Answer
from stepflow.web.site import SettingShape, Site

_process = psutil.Process()


class HealthShape(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is `healthy` or `unhealthy`; then the answer's status is 503."""

    status: str
    version: str
    uptime_seconds: float
    timestamp: datetime
    checks: dict[str, Check]


class HealthStatus(HealthShape, frozen=True, kw_only=True):
    """Health, and what happens right now."""

    running_executions: int
    pending_executions: int
    max_running: int
    connected_clients: int
    process_id: int


class SystemFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The machine, and of it what the server itself uses."""

    cpu_count: int
    cpu_percent: float
    load_average: tuple[float, float, float]
    memory_total_bytes: int
    memory_available_bytes: int
    disk_total_bytes: int
    disk_free_bytes: int
    process_memory_bytes: int
    process_cpu_seconds: float
    process_open_files: int
    process_threads: int


class DatabaseFigures(msgspec.Struct, frozen=True, kw_only=True):
    """`cache_size` is in KiB; `settings` are what the open connections say of themselves."""

    engine: str
    version: str
    path: str
    storage_path: str
    database_size_bytes: int
    database_size_mb: float
    wal_mode: bool
    wal_size_bytes: int
    journal_mode: str
    cache_size: int
    page_count: int
    page_size: int
    free_pages: int
    table_counts: dict[str, int]
    settings: dict[str, dict[str, Any]]


class HealthMetrics(msgspec.Struct, frozen=True, kw_only=True):
    timestamp: datetime
    database: DatabaseFigures
    system: SystemFigures
    uptime_seconds: float


class DatabaseHealth(msgspec.Struct, frozen=True, kw_only=True):
    """The database's figures, its work since the start, and its slowest reads."""

    timestamp: datetime
    status: str
    response_time_ms: float
    database: DatabaseFigures
    commits: int
    units: int
    failed_units: int
    last_checkpoint: dict[str, Any]
    slowest: list[SlowQuery]


class OptimizeQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`vacuum` writes the whole database anew: nothing else is recorded meanwhile."""

    vacuum: bool = False


class OptimizedShape(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, in words."""

    status: str
    message: str
    done: list[str]
    size_before_bytes: int
    size_after_bytes: int
    freed_bytes: int
    seconds: float


class EffectiveSettings(msgspec.Struct, frozen=True):
    settings: list[SettingShape]


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`since`: only what was measured after that time."""

    since: datetime | None = None


class HealthHistory(msgspec.Struct, frozen=True):
    """Oldest first; a sample that is not there could not be taken."""

    every_seconds: float
    samples: list[HealthSample]


async def health(call: Call[NoQuery, None]) -> Response:
    """Whether the server works; never asks for a key"""
    checks = await call.site.checkup.checks()
    status = overall(checks)
    body = HealthShape(
        status=status,
        version=call.site.settings.version,
        uptime_seconds=call.site.uptime_seconds,
        timestamp=now(),
        checks=checks,
    )
    return Answer(body, 200 if status == HEALTHY else 503)


async def status(call: Call[NoQuery, None]) -> Response:
    """Whether the server works, and what it is doing"""
    checks = await call.site.checkup.checks()
    state = overall(checks)
    figures = call.site.supervisor.live_figures()
    body = HealthStatus(
        status=state,
        version=call.site.settings.version,
        uptime_seconds=call.site.uptime_seconds,
        timestamp=now(),
        checks=checks,
        running_executions=figures.running,
        pending_executions=figures.pending,
        max_running=figures.max_running,
        connected_clients=call.site.live.connected,
        process_id=os.getpid(),
    )
    return Answer(body, 200 if state == HEALTHY else 503)


async def metrics(call: Call[NoQuery, None]) -> Response:
    """Figures of the database and the machine"""
    return Answer(
        HealthMetrics(
            timestamp=now(),
            database=_database(call.site, await call.site.store.health()),
            system=await asyncio.to_thread(system_figures, call.site),
            uptime_seconds=call.site.uptime_seconds,
        )
    )


async def database(call: Call[NoQuery, None]) -> Response:
    """Figures of the database, measured now"""
    began = time.perf_counter()
    measured = await call.site.store.health()
    return Answer(
        DatabaseHealth(
            timestamp=now(),
            status=HEALTHY,
            response_time_ms=_milliseconds_since(began),
            database=_database(call.site, measured),
            commits=measured.commits,
            units=measured.units,
            failed_units=measured.failed_units,
            last_checkpoint=measured.last_checkpoint,
            slowest=measured.slowest,
        )
    )


async def history(call: Call[HistoryQuery, None]) -> Response:
    """Figures of the last three hours, as far as the server runs that long"""
    since = call.query.since
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return Answer(HealthHistory(EVERY_SECONDS, call.site.history.samples(since)))


async def optimized(call: Call[OptimizeQuery, None]) -> Response:
    """Refresh the planner's statistics and empty the write-ahead log; with `vacuum` also give
    unused pages back"""
    done: Optimized = await call.site.store.optimize(vacuum=call.query.vacuum)
    return Answer(
        OptimizedShape(
            status="optimized",
            message="; ".join(done.done),
            done=done.done,
            size_before_bytes=done.size_before_bytes,
            size_after_bytes=done.size_after_bytes,
            freed_bytes=done.freed_bytes,
            seconds=round(done.seconds, 4),
        )
    )


async def config(call: Call[NoQuery, None]) -> Response:
    """The settings in effect, and where each came from"""
    return Answer(EffectiveSettings(list(call.site.settings.settings)))


def system_figures(site: Site) -> SystemFigures:
    memory = psutil.virtual_memory()
    disk = shutil.disk_usage(site.supervisor.storage)
    with _process.oneshot():
        times = _process.cpu_times()
        return SystemFigures(
            cpu_count=os.cpu_count() or 1,
            cpu_percent=psutil.cpu_percent(),
            load_average=os.getloadavg(),
            memory_total_bytes=memory.total,
            memory_available_bytes=memory.available,
            disk_total_bytes=disk.total,
            disk_free_bytes=disk.free,
            process_memory_bytes=_process.memory_info().rss,
            process_cpu_seconds=round(times.user + times.system, 3),
            process_open_files=_process.num_fds(),
            process_threads=_process.num_threads(),
        )


def _database(site: Site, measured: Health) -> DatabaseFigures:
    reader = measured.settings.get("reader", {})
    journal_mode = str(reader.get("journal_mode", ""))
    return DatabaseFigures(
        engine=measured.engine,
        version=measured.version,
        path=measured.path,
        storage_path=str(site.supervisor.storage),
        database_size_bytes=measured.size_bytes,
        database_size_mb=round(measured.size_bytes / 1_048_576, 2),
        wal_mode=journal_mode.lower() == "wal",
        wal_size_bytes=measured.wal_bytes,
        journal_mode=journal_mode,
        cache_size=_kib(int(reader.get("cache_size", 0)), measured.page_size),
        page_count=measured.page_count,
        page_size=measured.page_size,
        free_pages=measured.free_pages,
        table_counts=measured.table_counts,
        settings=measured.settings,
    )


def _kib(cache_size: int, page_size: int) -> int:
    """SQLite counts KiB as negative numbers and pages as positive ones."""
    return -cache_size if cache_size < 0 else cache_size * page_size // 1024


def _milliseconds_since(began: float) -> float:
    return round(1000 * (time.perf_counter() - began), 3)
