"""Two executions side by side: fields, steps by their paths, and where their logs part."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable
from itertools import chain
from typing import Any

import msgspec
from starlette.responses import Response

from stepflow.model import Execution, Step, StepStatus
from stepflow.transcript import Line, Transcript
from stepflow.web.call import Call, NoQuery
from stepflow.web.clock import now
from stepflow.web.json import Answer, rounded
from stepflow.web.shapes import ExecutionShape, execution_shape
from stepflow.web.site import Site

MOST_SECONDS = 2.0
CONTEXT = 3
_LINES = 2000
_LONGEST_SHOWN = 2000
_FIELDS = (
    "name",
    "command",
    "argv",
    "working_directory",
    "user",
    "tags",
    "environment",
    "secret_names",
    "metadata",
    "timeout",
    "grace",
    "tty",
    "stdin",
    "keep_background",
    "max_log_bytes",
    "nesting",
    "status",
    "exit_code",
    "error_message",
    "survivors",
)


class FieldDifference(msgspec.Struct, frozen=True):
    """A field that is not the same in both."""

    field: str
    a: Any
    b: Any


class ComparedStep(msgspec.Struct, frozen=True):
    status: StepStatus
    duration_seconds: float | None
    first_line: int


class StepPair(msgspec.Struct, frozen=True):
    """Steps of the same path (the names from the outermost step on); null where one has none."""

    path: list[str]
    a: ComparedStep | None
    b: ComparedStep | None


class LogDifference(msgspec.Struct, frozen=True, kw_only=True):
    """`line` is the first line, from 0, that is not the same in both, null if none was found; `a`
    and `b` are that line, null behind the end of a log; `before` are the lines just before it.
    `compared_lines` are the same; unless `is_complete`, the time was over before the end."""

    line: int | None
    a: str | None
    b: str | None
    before: list[str]
    compared_lines: int
    is_complete: bool


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """`a` is the execution of the path, `b` the other one."""

    a: ExecutionShape
    b: ExecutionShape
    fields: list[FieldDifference]
    steps: list[StepPair]
    log: LogDifference


async def compared(call: Call[NoQuery, None]) -> Response:
    """Two executions side by side: what differs, step by step, and the first line that does"""
    store = call.site.store
    a = await store.execution(call.id)
    b = await store.execution(str(call.request.path_params["other"]))
    at = now()
    return Answer(
        Comparison(
            a=execution_shape(a, at),
            b=execution_shape(b, at),
            fields=[
                FieldDifference(name, getattr(a, name), getattr(b, name))
                for name in _FIELDS
                if getattr(a, name) != getattr(b, name)
            ],
            steps=paired(await store.steps(a.id), await store.steps(b.id)),
            log=await asyncio.to_thread(_logs, call.site, a, b),
        )
    )


Path = tuple[str, ...]


def paired(a: list[Step], b: list[Step]) -> list[StepPair]:
    """In the order of `a`; what only `b` has comes last. Steps of one path pair in their order."""
    ours, theirs = _by_path(a), _by_path(b)
    keys = dict.fromkeys(chain(ours, theirs))
    return [StepPair(list(key[0]), ours.get(key), theirs.get(key)) for key in keys]


def _by_path(steps: list[Step]) -> dict[tuple[Path, int], ComparedStep]:
    paths: dict[int | None, Path] = {}
    times: Counter[Path] = Counter()
    found: dict[tuple[Path, int], ComparedStep] = {}
    for step in steps:
        path = paths[step.index] = (*paths.get(step.parent_index, ()), step.name)
        times[path] += 1
        found[path, times[path]] = ComparedStep(
            step.status, rounded(step.duration_seconds), step.first_line
        )
    return found


def _logs(site: Site, a: Execution, b: Execution) -> LogDifference:
    with site.supervisor.open_transcript(a) as ours, site.supervisor.open_transcript(b) as theirs:
        return parting(ours, theirs)


def parting(a: Transcript, b: Transcript, within_seconds: float = MOST_SECONDS) -> LogDifference:
    """Lines are compared as they are shown, secrets masked; when they were printed does not
    count."""
    until = time.monotonic() + within_seconds
    first = 0
    before: deque[Line] = deque(maxlen=CONTEXT)
    while True:
        ours, theirs = a.lines(first, _LINES), b.lines(first, _LINES)
        for one, other in zip(ours, theirs, strict=False):
            if (one.text, one.size_bytes) != (other.text, other.size_bytes):
                return _parted(first, one, other, before)
            first += 1
            before.append(one)
        if not ours and not theirs:
            return LogDifference(
                line=None, a=None, b=None, before=[], compared_lines=first, is_complete=True
            )
        if not ours or not theirs:
            return _parted(first, ours[0] if ours else None, theirs[0] if theirs else None, before)
        if time.monotonic() > until:
            return LogDifference(
                line=None, a=None, b=None, before=[], compared_lines=first, is_complete=False
            )


def _parted(line: int, a: Line | None, b: Line | None, before: Iterable[Line]) -> LogDifference:
    return LogDifference(
        line=line,
        a=None if a is None else _shown(a),
        b=None if b is None else _shown(b),
        before=[_shown(each) for each in before],
        compared_lines=line,
        is_complete=True,
    )


def _shown(line: Line) -> str:
    return line.text[:_LONGEST_SHOWN].decode("utf-8", "replace")
