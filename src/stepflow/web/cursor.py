"""Cursors on the wire, and pieces of a transcript from one cursor to the next.

A cursor is `LINE:BYTE`: the line's number and how many of its bytes came before. It is valid for
ever: across restarts, masking and compression.
"""

import re

import msgspec

from stepflow.errors import InvalidRequest, NotFound
from stepflow.transcript import Arrivals, Transcript

END = "end"
_FORM = re.compile(r"(\d{1,18})(?::(\d{1,18}))?")


class Cursor(msgspec.Struct, frozen=True):
    line: int
    byte: int = 0

    def __str__(self) -> str:
        return f"{self.line}:{self.byte}"

    @classmethod
    def of(cls, text: str) -> "Cursor":
        """The cursor that `LINE` or `LINE:BYTE` says. InvalidRequest."""
        found = _FORM.fullmatch(text)
        if not found:
            raise InvalidRequest(f"cursor: {text!r} is not LINE or LINE:BYTE", field="cursor")
        return cls(int(found[1]), int(found[2] or 0))


class Place(msgspec.Struct, frozen=True):
    """A cursor, and the same place as an offset in the log."""

    offset: int
    cursor: Cursor


START = Place(0, Cursor(0, 0))


class Piece(msgspec.Struct, frozen=True):
    """What stands between two places. `lines` are text and arrival in Unix milliseconds; the first
    may be the rest of a line, the last is unfinished if `partial`."""

    start: Place
    end: Place
    lines: list[tuple[str, int | None]]
    partial: bool


def place_of(transcript: Transcript, cursor: Cursor) -> Place:
    """Where a cursor points in the log. InvalidRequest if that is beyond its end."""
    try:
        offset = transcript.offset_of(cursor.line) + cursor.byte
    except NotFound as error:
        raise _beyond(cursor, transcript) from error
    if offset > transcript.size_bytes:
        raise _beyond(cursor, transcript)
    return Place(offset, cursor)


def place_at(transcript: Transcript, offset: int) -> Place:
    """The place of an offset within the log."""
    line = transcript.line_of(offset)
    return Place(offset, Cursor(line, offset - transcript.offset_of(line)))


def place_after(start: Place, data: bytes) -> Place:
    """The place where `data` ends that begins at `start`."""
    newlines, last = data.count(b"\n"), data.rfind(b"\n")
    byte = start.cursor.byte + len(data) if last < 0 else len(data) - last - 1
    return Place(start.offset + len(data), Cursor(start.cursor.line + newlines, byte))


def piece(transcript: Transcript, start: Place, until: int, *, most_lines: int) -> Piece:
    """Everything from `start` to the offset `until`, or the first `most_lines` lines of it."""
    data = transcript.read(start.offset, until - start.offset)
    arrivals = transcript.source.times.between(start.offset, max(start.offset, until - 1))
    return piece_of(data, arrivals, start, most_lines=most_lines)


def piece_of(data: bytes, arrivals: Arrivals, start: Place, *, most_lines: int) -> Piece:
    """The piece that `data` is, which begins at `start`, or its first `most_lines` lines."""
    texts = data.split(b"\n")
    partial = bool(texts[-1])
    if not partial:
        texts.pop()
    if len(texts) > most_lines:
        del texts[most_lines:]
        partial = False
    length = sum(map(len, texts)) + len(texts) - partial
    end = Place(start.offset + length, _moved(start.cursor, texts, partial))
    return Piece(start, end, _timed(arrivals, start.offset, texts), partial)


def whole_characters(data: bytes) -> int:
    """How many bytes of `data` there are without a UTF-8 character that is cut at its end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        wanted = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return len(data) - back if wanted > back else len(data)
    return len(data)


def _moved(cursor: Cursor, texts: list[bytes], partial: bool) -> Cursor:
    if not texts:
        return cursor
    line = cursor.line + len(texts) - partial
    if not partial:
        return Cursor(line, 0)
    before = cursor.byte if len(texts) == 1 else 0
    return Cursor(line, before + len(texts[-1]))


def _timed(arrivals: Arrivals, offset: int, texts: list[bytes]) -> list[tuple[str, int | None]]:
    lines = []
    for text in texts:
        lines.append((text.decode("utf-8", "replace"), arrivals.unix_ms_at(offset)))
        offset += len(text) + 1
    return lines


def _beyond(cursor: Cursor, transcript: Transcript) -> InvalidRequest:
    return InvalidRequest(
        f"cursor: {cursor} is beyond the end of the log ({transcript.line_count} lines)",
        field="cursor",
    )
