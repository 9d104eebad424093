"""The files that GITHUB_OUTPUT, _ENV, _STATE, _PATH and _STEP_SUMMARY name: markers of a text.

An error ends the file; what stands before it counts.
"""

from collections.abc import Iterator
from typing import Literal

from stepflow.markers.marker import Env, Marker, Output, Remark, Summary

EnvironmentFile = Literal["output", "env", "state", "path", "summary"]

SUMMARY_BYTES = 1024 * 1024
FILE_BYTES = 1024 * 1024
# Node reads it before the program that it starts: the runner refuses it.
_REFUSED = frozenset({"NODE_OPTIONS"})


class _Malformed(Exception):
    pass


def read_file(kind: EnvironmentFile, content: bytes, *, is_begun: bool = False) -> list[Marker]:
    """What the file says, or the rest of one that is begun."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    text = text if is_begun else text.removeprefix("\ufeff")
    if kind == "summary":
        return _summary(text, len(content))
    if kind == "path":
        return [Env(name="PATH", prepend=line) for line in text.split("\n") if line.strip()]
    return list(_pairs_as_markers(kind, text))


def whole_bytes(kind: EnvironmentFile, content: bytes) -> int:
    """How much of a file that is still written can be read: whole lines, and of a value of several
    lines all or nothing."""
    end = content.rfind(b"\n") + 1
    if kind in ("path", "summary"):
        return end
    position = 0
    while position < end:
        line, following = _line(content, position)
        equals, here = line.find(b"="), line.find(b"<<")
        if here > 0 and not 0 <= equals < here and line[here + 2 :]:
            closed = _closed(content, following, line[here + 2 :], end)
            if closed is None:
                return position
            following = closed
        position = following
    return end


def _line(content: bytes, position: int) -> tuple[bytes, int]:
    newline = content.find(b"\n", position)
    return content[position:newline].removesuffix(b"\r"), newline + 1


def _closed(content: bytes, position: int, delimiter: bytes, end: int) -> int | None:
    while position < end:
        line, position = _line(content, position)
        if line == delimiter:
            return position
    return None


def _summary(text: str, size_bytes: int) -> list[Marker]:
    if size_bytes > SUMMARY_BYTES:
        return [Remark(code="malformed", message=f"a summary has at most {SUMMARY_BYTES} bytes")]
    return [Summary(markdown=text)] if text.strip() else []


def _pairs_as_markers(kind: EnvironmentFile, text: str) -> Iterator[Marker]:
    try:
        for name, value in _pairs(text):
            if kind == "output":
                yield Output(name=name, value=value)
            elif kind == "env" and name.upper() in _REFUSED:
                yield Remark(code="unsupported_command", command=name)
            elif kind == "env":
                yield Env(name=name, value=value)
    except _Malformed as error:
        code, message = error.args
        yield Remark(code=code, message=message)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    lines = iter(text.removesuffix("\n").split("\n"))
    for line in lines:
        if not line:
            continue
        equals, here = line.find("="), line.find("<<")
        if equals >= 0 and (here < 0 or equals < here):
            name, value = line[:equals], line[equals + 1 :]
        elif here >= 0:
            name, delimiter = line[:here], line[here + 2 :]
            if not delimiter:
                raise _Malformed("missing_delimiter", line)
            value = _until(delimiter, lines) if name else ""
        else:
            raise _Malformed("malformed", line)
        if not name:
            raise _Malformed("malformed", line)
        yield name, value


def _until(delimiter: str, lines: Iterator[str]) -> str:
    value: list[str] = []
    for line in lines:
        if line == delimiter:
            return "\n".join(value)
        value.append(line)
    raise _Malformed("missing_delimiter", delimiter)
