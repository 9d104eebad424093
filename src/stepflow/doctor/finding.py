"""One thing that was looked at, how it stands, and what to do about it."""

from enum import StrEnum

import msgspec


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True):
    """`name` says what was looked at and never changes; `fix` is null where nothing is to be done,
    and begins with a command where one does it."""

    name: str
    state: State
    text: str
    fix: str | None = None


def ok(name: str, text: str) -> Finding:
    return Finding(name, State.OK, text)


def warning(name: str, text: str, fix: str) -> Finding:
    return Finding(name, State.WARNING, text, fix)


def problem(name: str, text: str, fix: str) -> Finding:
    return Finding(name, State.PROBLEM, text, fix)


def size(size_bytes: float) -> str:
    """In the units of the deployment guide, which speaks of MB."""
    if size_bytes >= 10_000_000_000:
        return f"{size_bytes / 1e9:,.0f} GB"
    return f"{size_bytes / 1e6:.1f} MB"
