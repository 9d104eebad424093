"""The time of day, as the API says it."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
