"""Durable executions: the `Store` protocol, and the SQLite engine behind `open_sqlite`."""

from stepflow.store.protocol import (
    MAX_PAGE,
    AnnotationPage,
    AnnotationRow,
    ArtifactPage,
    DayCount,
    ExecutionChanges,
    FollowState,
    Health,
    Optimized,
    Page,
    Query,
    Sample,
    Settlement,
    SlowQuery,
    Statistics,
    StepUsual,
    Store,
    Unit,
    Usual,
    UsualDuration,
)
from stepflow.store.schema import check_schema
from stepflow.store.sqlite import SqliteStore, open_sqlite
from stepflow.store.tuning import SqliteTuning

__all__ = [
    "MAX_PAGE",
    "AnnotationPage",
    "AnnotationRow",
    "ArtifactPage",
    "DayCount",
    "ExecutionChanges",
    "FollowState",
    "Health",
    "Optimized",
    "Page",
    "Query",
    "Sample",
    "Settlement",
    "SlowQuery",
    "SqliteStore",
    "SqliteTuning",
    "Statistics",
    "StepUsual",
    "Store",
    "Unit",
    "Usual",
    "UsualDuration",
    "check_schema",
    "open_sqlite",
]
