"""Byte ranges (RFC 9110 §14): one range of a body of known size."""

import re

import msgspec
from starlette.responses import Response

from stepflow.errors import RangeNotSatisfiable
from stepflow.web.problems import problem

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class ByteRange(msgspec.Struct, frozen=True):
    """The bytes from `start` up to, not including, `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


def byte_range(header: str | None, size: int) -> ByteRange | None:
    """The part that a Range header asks for; None for all of it, also where there are several
    ranges or another unit, which a server may ignore. RangeNotSatisfiable."""
    found = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if not found or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2] or size) + 1)
        if found[2] and int(found[2]) < start:
            return None
    if start >= size or start >= end:
        raise RangeNotSatisfiable(f"{header} lies outside of {size} bytes", field="Range")
    return ByteRange(start, end)


def unsatisfiable(error: RangeNotSatisfiable, size: int) -> Response:
    """The refusal, with the size that the client did not know."""
    answer = problem(error)
    answer.headers["Content-Range"] = f"bytes */{size}"
    return answer
