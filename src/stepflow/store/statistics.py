"""Figures over all executions, from counters: nothing here walks executions, except for the begun
hour at the edge of the last 24."""

import sqlite3
from datetime import UTC, datetime, timedelta

from stepflow.model import Status
from stepflow.store import pages
from stepflow.store.protocol import DayCount, Query, Statistics

DAYS = 30

# All three: the primary key of counters.
_ALL = "SELECT status, value FROM counters WHERE facet = 'all' AND value <> 0"
_DURATION = "SELECT status, value FROM counters WHERE facet = 'duration'"
_DAYS = """
SELECT "key" AS day, status, value FROM counters WHERE facet = 'day' AND "key" >= ?
"""


def statistics(connection: sqlite3.Connection, now: datetime) -> Statistics:
    by_status = {row["status"]: row["value"] for row in connection.execute(_ALL)}
    finished = sum(by_status.get(status.value, 0) for status in Status if status.is_final)
    duration = {row["status"]: row["value"] for row in connection.execute(_DURATION)}
    timed = duration.get("executions", 0)
    return Statistics(
        total_executions=sum(by_status.values()),
        by_status=by_status,
        success_rate=by_status.get("completed", 0) / finished if finished else None,
        avg_duration=duration["microseconds"] / 1e6 / timed if timed else None,
        last_24h=_since(connection, now - timedelta(hours=24)),
        per_day=_per_day(connection, now),
    )


def _since(connection: sqlite3.Connection, since: datetime) -> dict[str, int]:
    counts = {}
    for status in Status:
        count = pages.count_from_counters(connection, Query(since=since, statuses=(status,)))
        if count:
            counts[status.value] = count
    return counts


def _per_day(connection: sqlite3.Connection, now: datetime) -> list[DayCount]:
    today = now.astimezone(UTC).date()
    days = [(today - timedelta(days=ago)).isoformat() for ago in reversed(range(DAYS))]
    counts: dict[str, dict[str, int]] = {day: {} for day in days}
    for row in connection.execute(_DAYS, (days[0],)):
        if row["day"] in counts:
            counts[row["day"]][row["status"]] = row["value"]
    return [
        DayCount(
            day=day,
            completed=counts[day].get("completed", 0),
            failed=counts[day].get("failed", 0),
            cancelled=counts[day].get("cancelled", 0),
        )
        for day in days
    ]
