"""Transcripts: lines by cursor as JSON, the raw log with ranges, and search.

Everything that reads the log does it in a thread: it may be large, compressed, on a slow disk.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from stepflow.errors import InvalidRequest, NotFound, RangeNotSatisfiable
from stepflow.model import Execution, Step
from stepflow.transcript import Line, Search, Transcript
from stepflow.web.call import Call
from stepflow.web.cursor import Cursor, place_of
from stepflow.web.json import Answer
from stepflow.web.ranges import ByteRange, byte_range, unsatisfiable
from stepflow.web.site import Site

CHUNK_BYTES = 256 << 10
MOST_PAGE_BYTES = 8 << 20
SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'self'"


class LogsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`cursor` is `LINE` or `LINE:BYTE`; `tail` asks for the last lines instead, `since` for those
    from a time on. `step` (an index or a name) and `level` (of annotations) leave out all other
    lines. Longer lines than `max_line_bytes` are clipped; a cursor within the line gives the rest.
    """

    cursor: str = "0:0"
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    tail: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    step: str | None = None
    level: str | None = None
    max_line_bytes: Annotated[int, Meta(ge=1, le=1 << 20)] = 16_384


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line, or its rest from `byte` on. `length` is that of the whole line in bytes; `step` is
    the step that it belongs to."""

    line: int
    byte: int
    offset: int
    at: datetime | None
    text: str
    length: int
    clipped: bool
    step: int | None


class LogPage(msgspec.Struct, frozen=True, kw_only=True):
    """`is_complete`: nothing comes after `next`, and nothing will."""

    lines: list[LogLine]
    next: str
    line_count: int
    size_bytes: int
    is_complete: bool


class LogQuery(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"from_line": "from", "to_line": "to"},
):
    """`step` (an index or a name), or `from` and `to`, both included, give only those lines;
    `download` names a file for browsers."""

    step: str | None = None
    from_line: Annotated[int, Meta(ge=0)] = 0
    to_line: Annotated[int, Meta(ge=0)] | None = None
    download: bool = False


class SearchQuery(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename={"from_line": "from", "to_line": "to"},
):
    """`q` is looked for in each line from `from` to `to`, both included: as it stands, or as a
    regular expression. `context` lines are given around each hit. `last` asks for the last hits
    instead of the first. Without `count` the answer need not know how many there are."""

    q: Annotated[str, Meta(min_length=1)]
    regex: bool = False
    case: bool = False
    word: bool = False
    context: Annotated[int, Meta(ge=0, le=100)] = 0
    cursor: str | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200
    from_line: Annotated[int, Meta(ge=0)] = 0
    to_line: Annotated[int, Meta(ge=0)] | None = None
    last: bool = False
    count: bool = True


class MatchShape(msgspec.Struct, frozen=True, kw_only=True):
    """`ranges` are the hits, in characters of `text`; `text` of a very long line begins at its byte
    `byte`."""

    line: int
    byte: int
    at: datetime | None
    text: str
    ranges: list[tuple[int, int]]
    before: list[str]
    after: list[str]


class MatchesShape(msgspec.Struct, frozen=True, kw_only=True):
    total: int
    total_is_exact: bool
    matches: list[MatchShape]
    next: str | None
    took_ms: float


async def logs(call: Call[LogsQuery, None]) -> Response:
    """Lines of the log, from a cursor on or the last ones"""
    asked = call.query
    execution = await call.site.store.execution(call.id)
    steps = await call.site.store.steps(call.id)
    wanted = _span(steps, asked.step)
    chosen = None
    if asked.level is not None:
        chosen = await _lines_with(call.site, call.id, asked.level)
    return Answer(await asyncio.to_thread(_page, call, execution, steps, wanted, chosen))


async def log(call: Call[LogQuery, None]) -> Response:
    """The log as it is, byte by byte; it takes ranges"""
    execution = await call.site.store.execution(call.id)
    asked = call.query
    span: tuple[int, int | None] = asked.from_line, asked.to_line
    if asked.step is not None:
        span = _span(await call.site.store.steps(call.id), asked.step)
    elif asked.to_line is not None and asked.to_line < asked.from_line:
        raise InvalidRequest("the range of lines is empty", field="to")
    transcript = await asyncio.to_thread(call.site.supervisor.open_transcript, execution)
    try:
        first, end = await asyncio.to_thread(_bytes_of, transcript, span)
        part = byte_range(call.request.headers.get("range"), end - first)
    except RangeNotSatisfiable as error:
        transcript.close()
        return unsatisfiable(error, end - first)
    except BaseException:
        transcript.close()
        raise
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-cache",
        "Content-Security-Policy": SANDBOX,
    }
    if call.query.download:
        headers["Content-Disposition"] = f'attachment; filename="{execution.id}.log"'
    status = 200
    if part is None:
        part = ByteRange(0, end - first)
    else:
        status = 206
        headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{end - first}"
    headers["Content-Length"] = str(part.length)
    if call.request.method == "HEAD":
        transcript.close()
        return Response(None, status, headers, media_type="text/plain")
    body = _raw(transcript, first + part.start, part.length)
    return StreamingResponse(body, status, headers, media_type="text/plain")


async def search(call: Call[SearchQuery, None]) -> Response:
    """Lines of the log in which a text or a regular expression occurs"""
    execution = await call.site.store.execution(call.id)
    try:
        return Answer(await asyncio.to_thread(_found, call, execution))
    except InvalidRequest as error:
        if error.field != "text":
            raise
        raise InvalidRequest(error.detail, field="q") from error


async def _lines_with(site: Site, execution_id: str, level: str) -> list[int]:
    """The lines that have an annotation of this level."""
    numbers: set[int] = set()
    after: int | None = 0
    while after is not None:
        page = await site.store.annotations(execution_id, level=level, after=after)
        numbers.update(note.log_line for note in page.annotations if note.log_line is not None)
        after = page.next
    return sorted(numbers)


def _page(
    call: Call[LogsQuery, None],
    execution: Execution,
    steps: list[Step],
    wanted: tuple[int, int | None],
    chosen: list[int] | None,
) -> LogPage:
    asked = call.query
    with call.site.supervisor.open_transcript(execution) as transcript:
        # Asked before reading: a line that comes in between is no reason to call it complete.
        size = transcript.size_bytes
        if chosen is not None:
            lines, following = _chosen(transcript, asked, wanted, chosen)
        elif asked.tail is not None:
            lines, following = _last(transcript, asked, wanted)
        else:
            lines, following = _from(transcript, asked, wanted)
        owner = _Owner(steps)
        return LogPage(
            lines=[_shape(line, byte, owner) for line, byte in lines],
            next=str(following),
            line_count=transcript.line_count,
            size_bytes=size,
            is_complete=execution.is_finished and _is_end(transcript, following, wanted),
        )


Lines = list[tuple[Line, int]]
"""Lines, each with the byte of it at which its text begins."""


def _from(
    transcript: Transcript, asked: LogsQuery, wanted: tuple[int, int | None]
) -> tuple[Lines, Cursor]:
    cursor = Cursor.of(asked.cursor)
    if asked.since is not None:
        cursor = Cursor(transcript.line_at_time(asked.since))
    if cursor.line < wanted[0]:
        cursor = Cursor(wanted[0])
    place_of(transcript, cursor)
    found: Lines = []
    if cursor.byte:
        rest = _rest(transcript, cursor, asked.max_line_bytes)
        if rest is None:
            return found, cursor
        found.append((rest, cursor.byte))
        cursor = _after(rest, cursor.byte)
        if cursor.byte:
            return found, cursor
    count = asked.limit - len(found)
    if wanted[1] is not None:
        count = min(count, wanted[1] + 1 - cursor.line)
    lines = transcript.lines(
        cursor.line, max(0, count), max_bytes=MOST_PAGE_BYTES, longest_line=asked.max_line_bytes
    )
    found += [(line, 0) for line in lines]
    return found, _after(lines[-1], 0) if lines else cursor


def _last(
    transcript: Transcript, asked: LogsQuery, wanted: tuple[int, int | None]
) -> tuple[Lines, Cursor]:
    assert asked.tail is not None
    end = transcript.line_count if wanted[1] is None else wanted[1] + 1
    count = min(asked.tail, max(0, end - wanted[0]))
    lines = transcript.lines_before(
        end, count, max_bytes=MOST_PAGE_BYTES, longest_line=asked.max_line_bytes
    )
    following = _after(lines[-1], 0) if lines else Cursor(end)
    return [(line, 0) for line in lines], following


def _chosen(
    transcript: Transcript, asked: LogsQuery, wanted: tuple[int, int | None], chosen: list[int]
) -> tuple[Lines, Cursor]:
    """Only the lines of these numbers."""
    after = Cursor.of(asked.cursor).line if asked.tail is None else 0
    first, last = max(wanted[0], after), wanted[1]
    numbers = [number for number in chosen if number >= first and (last is None or number <= last)]
    numbers = numbers[: asked.limit] if asked.tail is None else numbers[-asked.tail :]
    found: Lines = []
    for number in numbers:
        lines = transcript.lines(number, 1, longest_line=asked.max_line_bytes)
        found += [(line, 0) for line in lines]
    is_all = len(numbers) < asked.limit or asked.tail is not None
    return found, Cursor(transcript.line_count if is_all else numbers[-1] + 1)


def _rest(transcript: Transcript, cursor: Cursor, most_bytes: int) -> Line | None:
    """The line of a cursor as if it began there; None if the cursor is at its end."""
    lines = transcript.lines(cursor.line, 1, longest_line=1)
    if not lines or cursor.byte >= lines[0].size_bytes:
        if lines and lines[0].is_complete and cursor.byte == lines[0].size_bytes:
            return msgspec.structs.replace(lines[0], text=b"")
        return None
    text = transcript.line_window(cursor.line, cursor.byte, most_bytes)
    return msgspec.structs.replace(lines[0], text=text)


def _after(line: Line, byte: int) -> Cursor:
    """The cursor after all of a line that ended, or after what is shown of one that did not.
    A clipped line is passed over: who wants its rest asks for it."""
    if line.is_complete or not line.size_bytes:
        return Cursor(line.number + 1)
    return Cursor(line.number, max(byte + len(line.text), line.size_bytes))


def _shape(line: Line, byte: int, owner: "_Owner") -> LogLine:
    return LogLine(
        line=line.number,
        byte=byte,
        offset=line.offset,
        at=line.at,
        text=line.text.decode("utf-8", "replace"),
        length=line.size_bytes,
        clipped=byte + len(line.text) < line.size_bytes,
        step=owner.of(line.number),
    )


def _is_end(transcript: Transcript, cursor: Cursor, wanted: tuple[int, int | None]) -> bool:
    if wanted[1] is not None and cursor.line > wanted[1]:
        return True
    try:
        return place_of(transcript, cursor).offset >= transcript.size_bytes
    except InvalidRequest:
        return True


class _Owner:
    """Which step a line belongs to: of those open at its beginning, the one started last. Asked
    with growing line numbers."""

    def __init__(self, steps: list[Step]) -> None:
        self._coming = sorted(steps, key=lambda step: (step.first_line, step.index), reverse=True)
        self._open: list[Step] = []

    def of(self, line: int) -> int | None:
        while self._coming and self._coming[-1].first_line <= line:
            self._open.append(self._coming.pop())
        while self._open and _has_ended(self._open[-1], line):
            self._open.pop()
        return self._open[-1].index if self._open else None


def _has_ended(step: Step, line: int) -> bool:
    return step.last_line is not None and step.last_line < line


def _span(steps: list[Step], wanted: str | None) -> tuple[int, int | None]:
    """First and last line (None: open) of the step of an index or a name, or of all. NotFound."""
    if wanted is None:
        return 0, None
    for step in steps:
        if wanted.isascii() and wanted.isdigit() and step.index == int(wanted):
            return step.first_line, step.last_line
    for step in steps:
        if step.name == wanted:
            return step.first_line, step.last_line
    raise NotFound(f"there is no step {wanted!r}", field="step")


def _bytes_of(transcript: Transcript, span: tuple[int, int | None]) -> tuple[int, int]:
    first, last = span
    size = transcript.size_bytes
    start = transcript.offset_of(first) if first < transcript.line_count else size
    if last is None:
        return start, size
    try:
        return start, min(size, transcript.offset_of(last + 1))
    except NotFound:
        return start, size


async def _raw(transcript: Transcript, offset: int, length: int) -> AsyncIterator[bytes]:
    try:
        while length > 0:
            data = await asyncio.to_thread(transcript.read, offset, min(CHUNK_BYTES, length))
            if not data:
                raise OSError("the log ended before its size")
            offset += len(data)
            length -= len(data)
            yield data
    finally:
        transcript.close()


def _found(call: Call[SearchQuery, None], execution: Execution) -> MatchesShape:
    asked = call.query
    started = time.perf_counter()
    with call.site.supervisor.open_transcript(execution) as transcript:
        wanted = Search(
            text=asked.q,
            regex=asked.regex,
            ignore_case=not asked.case,
            whole_word=asked.word,
            first_line=asked.from_line,
            last_line=asked.to_line,
        )
        if asked.last:
            found = transcript.search_last(wanted, asked.limit, asked.context)
        else:
            found = transcript.search(
                wanted, asked.cursor, asked.limit, asked.context, count=asked.count
            )
    return MatchesShape(
        total=found.total,
        total_is_exact=found.total_is_exact,
        matches=[
            MatchShape(
                line=match.line.number,
                byte=match.text_start,
                at=match.line.at,
                text=match.text.decode("utf-8", "replace"),
                ranges=match.ranges,
                before=_texts(match.before),
                after=_texts(match.after),
            )
            for match in found.lines
        ],
        next=found.next,
        took_ms=round(1000 * (time.perf_counter() - started), 2),
    )


def _texts(lines: list[Line]) -> list[str]:
    return [line.text.decode("utf-8", "replace") for line in lines]
