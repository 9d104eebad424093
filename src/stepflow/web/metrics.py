"""Figures for Prometheus, read when they are asked for: nothing is counted twice."""

import asyncio
from collections.abc import Iterable

from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from stepflow.store import Health, Statistics
from stepflow.supervisor import LiveFigures
from stepflow.web.call import Call, NoQuery
from stepflow.web.clock import now
from stepflow.web.health import SystemFigures, system_figures


async def metrics(call: Call[NoQuery, None]) -> Response:
    """Figures in the format of Prometheus"""
    site = call.site
    statistics = await site.store.statistics(now())
    measured = await site.store.health()
    system = await asyncio.to_thread(system_figures, site)
    figures = site.supervisor.live_figures()
    families = [
        *_executions(statistics, figures),
        *_database(measured),
        *_server(system, site.live.connected, site.uptime_seconds),
    ]
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(families))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Snapshot:
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _executions(statistics: Statistics, figures: LiveFigures) -> list[Metric]:
    by_status = GaugeMetricFamily(
        "stepflow_executions", "Executions kept, by status.", labels=["status"]
    )
    for status, count in statistics.by_status.items():
        by_status.add_metric([status], count)
    return [
        by_status,
        GaugeMetricFamily("stepflow_executions_running", "Running now.", figures.running),
        GaugeMetricFamily("stepflow_executions_pending", "Waiting for a place.", figures.pending),
        GaugeMetricFamily("stepflow_executions_limit", "Most at once.", figures.max_running),
        GaugeMetricFamily(
            "stepflow_storage_usable",
            "1 while the storage folder is the one of the start.",
            figures.problem is None,
        ),
    ]


def _database(measured: Health) -> list[Metric]:
    rows = GaugeMetricFamily("stepflow_database_rows", "Rows, by table.", labels=["table"])
    for table, count in measured.table_counts.items():
        rows.add_metric([table], count)
    return [
        rows,
        GaugeMetricFamily("stepflow_database_bytes", "Size of the file.", measured.size_bytes),
        GaugeMetricFamily(
            "stepflow_database_wal_bytes", "Size of the write-ahead log.", measured.wal_bytes
        ),
        CounterMetricFamily(
            "stepflow_database_commits", "Commits since the start.", measured.commits
        ),
        CounterMetricFamily(
            "stepflow_database_units", "Recorded units since the start.", measured.units
        ),
        CounterMetricFamily(
            "stepflow_database_failed_units", "Units that failed.", measured.failed_units
        ),
    ]


def _server(system: SystemFigures, connected: int, uptime_seconds: float) -> list[Metric]:
    return [
        GaugeMetricFamily("stepflow_websocket_clients", "Connected now.", connected),
        GaugeMetricFamily("stepflow_uptime_seconds", "Since the start.", uptime_seconds),
        GaugeMetricFamily(
            "stepflow_disk_free_bytes", "Free where the storage is.", system.disk_free_bytes
        ),
        GaugeMetricFamily(
            "process_resident_memory_bytes", "Memory of the server.", system.process_memory_bytes
        ),
        CounterMetricFamily(
            "process_cpu_seconds", "Processor time of the server.", system.process_cpu_seconds
        ),
        GaugeMetricFamily("process_open_fds", "Open descriptors.", system.process_open_files),
    ]
