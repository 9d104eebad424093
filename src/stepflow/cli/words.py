"""How the terminal says times, sizes and states: short, exact enough, the same everywhere."""

from datetime import UTC, datetime
from typing import Any

SIGNS = {
    "completed": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("■", "magenta"),
    "skipped": ("⊘", "bright_black"),
    "running": ("●", "blue"),
    "pending": ("○", "bright_black"),
    "unknown": ("?", "magenta"),
}
LEVEL_SIGNS = {
    "critical": ("✗", "red"),
    "error": ("✗", "red"),
    "warning": ("▲", "yellow"),
    "notice": ("●", "cyan"),
}


def sign(status: str) -> tuple[str, str]:
    """The sign of a status and its colour: never colour alone."""
    return SIGNS.get(status, SIGNS["unknown"])


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    return f"{hours // 24} d {hours % 24} h"


def ticking(seconds: float) -> str:
    """A duration that still grows: whole seconds, so that it does not flicker."""
    return duration(seconds) if seconds >= 60 else f"{int(seconds)} s"


def queued(execution: dict[str, Any]) -> str:
    """Where an execution is in the queue, and when it starts as far as that is known."""
    place = f"number {execution['queue_place']} in the queue"
    starts_in = execution.get("starts_in_seconds")
    return place if starts_in is None else f"{place}, starts in about {ticking(starts_in)}"


def size(size_bytes: int) -> str:
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 999.5:
            return (
                f"{amount:.0f} {unit}" if unit == "B" or amount >= 99.5 else f"{amount:.1f} {unit}"
            )
        amount /= 1000
    return f"{amount:.1f} TB"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 line`, `2,310 lines`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def ago(text: str | None, now: datetime) -> str:
    """A time in the past as people say it; the date itself after a week."""
    if text is None:
        return ""
    at = time(text)
    passed = (now - at).total_seconds()
    if passed < 5:
        return "just now"
    for limit, unit, name in (
        (60, 1, "s"),
        (3600, 60, "min"),
        (86400, 3600, "h"),
        (604800, 86400, "d"),
    ):
        if passed < limit:
            return f"{int(passed / unit)} {name} ago"
    return at.astimezone().strftime("%Y-%m-%d")


def moment(text: str | None) -> str:
    """A time of day on the reader's clock."""
    return time(text).astimezone().strftime("%Y-%m-%d %H:%M:%S") if text else ""


def clock() -> datetime:
    return datetime.now(UTC)


def short(execution_id: str) -> str:
    """The beginning of an id that people see: for ours the millisecond of its making."""
    return execution_id[:13]
