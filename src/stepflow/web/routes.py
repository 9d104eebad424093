"""Every endpoint of the API, once: routes and the OpenAPI document both come from this table."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from stepflow.backup import BackupShape
from stepflow.doctor import Finding
from stepflow.errors import Conflict, NoSpace, NotFound, RangeNotSatisfiable, StepflowError
from stepflow.model import NewExecution
from stepflow.store import Usual
from stepflow.web import (
    artifacts,
    auth,
    backups,
    comparing,
    doctor,
    events,
    executions,
    health,
    markers,
    metrics,
    retention,
    transcripts,
    trends,
)
from stepflow.web.call import Call, NoQuery
from stepflow.web.detail import Detail
from stepflow.web.shapes import ArtifactShape

JSON = "application/json"


class Endpoint(msgspec.Struct, frozen=True):
    """`answer` is the shape of a JSON answer, else `media_type` says what comes. A body of another
    type than `application/json` is read by the endpoint itself. `refusals` are those of its own,
    beside what any endpoint of its form refuses."""

    method: str
    path: str
    call: Callable[[Call[Any, Any]], Awaitable[Response]]
    answer: type | None = None
    query: type = NoQuery
    body: type | None = None
    body_type: str = JSON
    status: int = 200
    media_type: str = JSON
    refusals: tuple[type[StepflowError], ...] = ()

    @property
    def summary(self) -> str:
        return " ".join((self.call.__doc__ or "").split())

    @property
    def group(self) -> str:
        return self.call.__module__.rpartition(".")[2]


ENDPOINTS: tuple[Endpoint, ...] = (
    # First: the one that monitors ask every few seconds.
    Endpoint("GET", "/api/health", health.health, health.HealthShape),
    Endpoint("GET", "/api/health/status", health.status, health.HealthStatus),
    Endpoint("GET", "/api/health/metrics", health.metrics, health.HealthMetrics),
    Endpoint("GET", "/api/health/database", health.database, health.DatabaseHealth),
    Endpoint(
        "GET",
        "/api/health/history",
        health.history,
        health.HealthHistory,
        query=health.HistoryQuery,
    ),
    Endpoint(
        "POST",
        "/api/health/optimize",
        health.optimized,
        health.OptimizedShape,
        query=health.OptimizeQuery,
        refusals=(NoSpace,),
    ),
    Endpoint(
        "GET",
        "/api/executions",
        executions.listed,
        executions.Executions,
        query=executions.ExecutionsQuery,
    ),
    Endpoint(
        "POST",
        "/api/executions",
        executions.created,
        executions.Created,
        query=executions.WaitQuery,
        body=NewExecution,
        status=201,
        refusals=(NoSpace,),
    ),
    Endpoint("GET", "/api/executions/active", executions.active, executions.ActiveExecutions),
    Endpoint(
        "GET", "/api/executions/statistics", executions.statistics, executions.StatisticsShape
    ),
    Endpoint("GET", "/api/executions/trend", trends.trend, trends.Trend, query=trends.TrendQuery),
    Endpoint("GET", "/api/executions/{id}", executions.shown, Detail),
    Endpoint(
        "DELETE",
        "/api/executions/{id}",
        executions.deleted,
        executions.Said,
        refusals=(Conflict,),
    ),
    Endpoint(
        "POST",
        "/api/executions/{id}/cancel",
        executions.cancelled,
        executions.Cancelling,
        body=executions.Cancel,
        refusals=(Conflict,),
    ),
    Endpoint(
        "POST",
        "/api/executions/{id}/rerun",
        executions.rerun,
        executions.Created,
        query=executions.WaitQuery,
        body=dict[str, Any],
        status=201,
        refusals=(NoSpace,),
    ),
    Endpoint(
        "POST",
        "/api/executions/{id}/input",
        executions.input_written,
        executions.Said,
        body=bytes,
        body_type="application/octet-stream",
        refusals=(Conflict,),
    ),
    Endpoint(
        "POST",
        "/api/executions/{id}/window",
        executions.resized,
        executions.Said,
        body=executions.Window,
        refusals=(Conflict,),
    ),
    Endpoint("POST", "/api/executions/{id}/pin", executions.pinned, executions.Pinned),
    Endpoint("DELETE", "/api/executions/{id}/pin", executions.unpinned, executions.Pinned),
    Endpoint("GET", "/api/executions/{id}/steps", executions.steps, executions.Steps),
    Endpoint(
        "GET",
        "/api/executions/{id}/logs",
        transcripts.logs,
        transcripts.LogPage,
        query=transcripts.LogsQuery,
    ),
    Endpoint(
        "GET",
        "/api/executions/{id}/log",
        transcripts.log,
        query=transcripts.LogQuery,
        media_type="text/plain",
        refusals=(RangeNotSatisfiable,),
    ),
    Endpoint(
        "GET",
        "/api/executions/{id}/search",
        transcripts.search,
        transcripts.MatchesShape,
        query=transcripts.SearchQuery,
    ),
    Endpoint(
        "GET",
        "/api/executions/{id}/events",
        events.stream,
        query=events.EventsQuery,
        media_type="text/event-stream",
    ),
    Endpoint("GET", "/api/executions/{id}/artifacts", artifacts.of_execution, artifacts.Artifacts),
    Endpoint(
        "GET",
        "/api/executions/{id}/artifacts.zip",
        artifacts.zipped,
        media_type="application/zip",
    ),
    Endpoint(
        "GET",
        "/api/executions/{id}/annotations",
        markers.annotations,
        markers.Annotations,
        query=markers.AnnotationsQuery,
    ),
    Endpoint(
        "GET",
        "/api/executions/{id}/tests",
        markers.tests,
        markers.Tests,
        query=markers.TestsQuery,
    ),
    Endpoint(
        "GET",
        "/api/executions/{id}/metrics",
        markers.metrics,
        markers.Metrics,
        query=markers.MetricsQuery,
    ),
    Endpoint("GET", "/api/executions/{id}/outputs", markers.outputs, markers.Outputs),
    Endpoint("GET", "/api/executions/{id}/summary", markers.summary, markers.Summaries),
    Endpoint("GET", "/api/executions/{id}/diagnostics", markers.diagnostics, markers.Diagnostics),
    Endpoint("GET", "/api/executions/{id}/usage", executions.usage, executions.Usage),
    Endpoint("GET", "/api/executions/{id}/usual", executions.usual, Usual),
    Endpoint(
        "GET",
        "/api/executions/{id}/compare/{other}",
        comparing.compared,
        comparing.Comparison,
    ),
    Endpoint(
        "GET",
        "/api/artifacts",
        artifacts.listed,
        artifacts.ArtifactPageShape,
        query=artifacts.ArtifactsQuery,
    ),
    Endpoint(
        "POST",
        "/api/artifacts",
        artifacts.uploaded,
        artifacts.Kept,
        body=artifacts.Upload,
        body_type="multipart/form-data",
        status=201,
        refusals=(NotFound, NoSpace),
    ),
    Endpoint("GET", "/api/artifacts/{id}", artifacts.shown, ArtifactShape),
    Endpoint("DELETE", "/api/artifacts/{id}", artifacts.forgotten, artifacts.Forgotten),
    Endpoint(
        "GET",
        "/api/artifacts/{id}/download",
        artifacts.downloaded,
        query=artifacts.DownloadQuery,
        media_type="application/octet-stream",
        refusals=(RangeNotSatisfiable,),
    ),
    Endpoint("GET", "/api/backups", backups.listed, backups.BackupList),
    Endpoint(
        "POST",
        "/api/backups",
        backups.created,
        backups.BackupMade,
        query=executions.WaitQuery,
        status=201,
        refusals=(Conflict, NoSpace),
    ),
    Endpoint("GET", "/api/backups/{id}", backups.shown, BackupShape),
    Endpoint("DELETE", "/api/backups/{id}", backups.forgotten, BackupShape, refusals=(Conflict,)),
    Endpoint(
        "POST",
        "/api/backups/{id}/verify",
        backups.verified,
        BackupShape,
        refusals=(Conflict,),
    ),
    Endpoint("GET", "/api/retention", retention.shown, retention.RetentionShape),
    Endpoint(
        "POST",
        "/api/retention/prune",
        retention.pruned,
        retention.Pruned,
        body=retention.Prune,
    ),
    Endpoint("GET", "/api/session", auth.session, auth.SessionShape),
    Endpoint("POST", "/api/session", auth.opened, auth.SessionShape, body=auth.Key),
    Endpoint("DELETE", "/api/session", auth.closed, auth.SessionShape),
    Endpoint("GET", "/api/config", health.config, health.EffectiveSettings),
    Endpoint("GET", "/api/doctor", doctor.examined, list[Finding]),
    Endpoint("GET", "/metrics", metrics.metrics, media_type="text/plain"),
)
