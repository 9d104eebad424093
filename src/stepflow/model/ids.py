"""Ids of executions: UUIDv7 (RFC 9562), so that they sort by time; older uuid4 ids stay valid."""

import uuid
from datetime import UTC, datetime


def new_id(milliseconds: int, randomness: bytes) -> str:
    """An id of the Unix time `milliseconds` with 10 bytes of randomness."""
    number = milliseconds << 80 | int.from_bytes(randomness[:10], "big")
    number = number & ~(0xF << 76) | 7 << 76
    number = number & ~(0x3 << 62) | 2 << 62
    return str(uuid.UUID(int=number))


def is_id(text: str) -> bool:
    """Whether this is an id in its canonical spelling; nothing else becomes part of a path."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def milliseconds_of(execution_id: str) -> int | None:
    """The Unix time that the id was made at, None for an id without one."""
    value = uuid.UUID(execution_id)
    return value.int >> 80 if value.version == 7 else None


def month_of(execution_id: str) -> str | None:
    """`yyyymm` of the id's time in UTC, None for an id without one."""
    milliseconds = milliseconds_of(execution_id)
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y%m")
