"""Search in a transcript: lines that match, a page at a time, with their true number.

It matches the raw bytes of one line: a literal that colour codes cut in two is not found. The
syntax of regular expressions is ripgrep's (Python's where ripgrep is missing). Masked bytes take
part in no match.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from stepflow import errors
from stepflow.transcript.finder import Bytes, Finder, Pattern
from stepflow.transcript.line import Line

if TYPE_CHECKING:
    from stepflow.transcript.transcript import Transcript

SECONDS_TO_SEARCH = 30.0
LONGEST_PATTERN = 4096
LARGEST_PAGE = 1000
# Of a longer line a hit shows the surroundings of its first match.
SHOWN_BYTES = 16384
_SHOWN_BEFORE = 1024
_MOST_RANGES = 1000
# The last matches are looked for from the end on, in pieces that grow.
_FIRST_LOOK_BACK = 1 << 20
_FARTHEST_LOOK_BACK = 256 << 20
# In no UTF-8 text, so neither a literal nor an expression on characters can match it.
_MASKED = b"\xff"
_BYTE_MODE = re.compile(r"\(\?[a-zA-Z]*-[a-zA-Z]*u")


class Search(msgspec.Struct, frozen=True):
    """What to look for, in lines `first_line` to `last_line`, both included."""

    text: str
    regex: bool = False
    ignore_case: bool = False
    whole_word: bool = False
    first_line: int = 0
    last_line: int | None = None


class Match(msgspec.Struct, frozen=True):
    """A line that matches. `ranges` count characters of `text` decoded as UTF-8 with `replace`.

    `text` is a piece of a line longer than 16 KiB, from the line's byte `text_start` on.
    """

    line: Line
    text: bytes
    text_start: int
    ranges: list[tuple[int, int]]
    before: list[Line]
    after: list[Line]


class Matches(msgspec.Struct, frozen=True):
    """A page of matches. `total` counts matching lines; not exact means at least as many."""

    total: int
    total_is_exact: bool
    lines: list[Match]
    next: str | None


class _Cursor(msgspec.Struct, frozen=True):
    offset: int
    seen: int
    total: int | None

    def __str__(self) -> str:
        return f"{self.offset}.{self.seen}.{'' if self.total is None else self.total}"

    @classmethod
    def of(cls, text: str) -> "_Cursor":
        found = re.fullmatch(r"(\d{1,19})\.(\d{1,19})\.(\d{0,19})", text)
        if not found:
            raise errors.InvalidRequest("the cursor is not one of ours", field="cursor")
        return cls(int(found[1]), int(found[2]), int(found[3]) if found[3] else None)


def find(
    transcript: "Transcript",
    search: Search,
    *,
    cursor: str | None = None,
    limit: int = 200,
    context: int = 0,
    count: bool = True,
    within_seconds: float = SECONDS_TO_SEARCH,
) -> Matches:
    """The first `limit` matching lines after `cursor`, each with `context` lines around it.

    `count=False` answers as soon as the page is full. A total that could not be counted in time is
    given as far as it is known. Raises errors.InvalidRequest for a bad pattern, cursor or limit,
    errors.Unavailable when the page itself took longer than `within_seconds`.
    """
    _check(search, limit, context)
    pattern = Pattern(search.text, search.regex, search.ignore_case, search.whole_word)
    finder = Finder.of(pattern, within_seconds)
    start, end = _bounds(transcript, search)
    place = _Cursor.of(cursor) if cursor else _Cursor(start, 0, None)
    place = msgspec.structs.replace(place, offset=min(max(start, place.offset), end))
    offsets = finder.lines(_bytes(transcript, place.offset, end), limit + 1)
    is_last = len(offsets) <= limit
    seen = place.seen + min(len(offsets), limit)
    # Before counting, which may use up the time.
    lines = _matches(transcript, finder, offsets[:limit], context)
    total, is_exact = seen + (not is_last), is_last
    if not is_last and place.total is not None:
        total, is_exact = place.total, True
    elif not is_last and count:
        try:
            total = seen + finder.count(_bytes(transcript, offsets[limit], end))
            is_exact = True
        except errors.Unavailable:
            pass  # the answer says that the total is not exact
    after = None if is_last else str(_Cursor(offsets[limit], seen, total if is_exact else None))
    return Matches(total, is_exact, lines, after)


def find_last(
    transcript: "Transcript",
    search: Search,
    *,
    limit: int = 200,
    context: int = 0,
    within_seconds: float = SECONDS_TO_SEARCH,
) -> Matches:
    """The last `limit` matching lines, in their order, without reading what comes before them.

    `total` counts what was found on the way. Raises as `find` does.
    """
    _check(search, limit, context)
    pattern = Pattern(search.text, search.regex, search.ignore_case, search.whole_word)
    finder = Finder.of(pattern, within_seconds)
    start, end = _bounds(transcript, search)
    offsets: list[int] = []
    length = _FIRST_LOOK_BACK
    while end > start and len(offsets) < limit:
        first = max(start, transcript.offset_of(transcript.line_of(max(0, end - length))))
        offsets = finder.lines(_bytes(transcript, first, end), 0) + offsets
        end = first
        length = min(4 * length, _FARTHEST_LOOK_BACK)
    lines = _matches(transcript, finder, offsets[-limit:], context)
    return Matches(len(offsets), end <= start, lines, None)


def _check(search: Search, limit: int, context: int) -> None:
    if not search.text:
        raise errors.InvalidRequest("there is nothing to search for", field="text")
    if len(search.text) > LONGEST_PATTERN:
        raise errors.InvalidRequest(
            f"the pattern is longer than {LONGEST_PATTERN} characters", field="text"
        )
    if "\n" in search.text or "\0" in search.text:
        raise errors.InvalidRequest("the pattern must be of one line, without NUL", field="text")
    if search.regex and _BYTE_MODE.search(search.text):
        raise errors.InvalidRequest("the flag -u is not allowed", field="text")
    if not 1 <= limit <= LARGEST_PAGE:
        raise errors.InvalidRequest(f"limit must be 1 to {LARGEST_PAGE}", field="limit")
    if not 0 <= context <= 100:
        raise errors.InvalidRequest("context must be 0 to 100", field="context")
    try:
        search.text.encode()
    except UnicodeEncodeError:
        raise errors.InvalidRequest("the pattern is not Unicode text", field="text") from None


def _bounds(transcript: "Transcript", search: Search) -> tuple[int, int]:
    size = transcript.size_bytes
    lines = transcript.line_count
    first, last = search.first_line, search.last_line
    if first < 0 or (last is not None and last < first):
        raise errors.InvalidRequest("the range of lines is empty", field="first_line")
    start = transcript.offset_of(first) if first < lines else size
    if last is None or last + 1 >= lines:
        return start, size
    return start, transcript.offset_of(last + 1)


def _bytes(transcript: "Transcript", start: int, end: int) -> Bytes:
    def filled(offset: int, length: int) -> list[bytes]:
        return [transcript.searchable(offset, length, fill=_MASKED)]

    return Bytes(
        raw=transcript.source.blocks,
        shown=filled if transcript.masks else None,
        start=start,
        end=end,
        descriptor=None if transcript.masks else transcript.source.descriptor,
        is_whole=start == 0 and end == transcript.size_bytes and not transcript.source.has_end,
    )


def _matches(
    transcript: "Transcript", finder: Finder, offsets: Sequence[int], context: int
) -> list[Match]:
    found: list[tuple[Line, list[Line], list[Line]]] = []
    for offset in offsets:
        number = transcript.line_of(offset)
        first = max(0, number - context)
        around = transcript.lines(first, number - first + 1 + context, longest_line=SHOWN_BYTES)
        here = number - first
        found.append((around[here], around[:here], around[here + 1 :]))
    short = [line for line, _, _ in found if not line.is_clipped]
    ranges = _ranges_of_short(transcript, finder, short)
    matches = []
    for line, before, after in found:
        if line.is_clipped:
            start, text, spans = _long_line(transcript, finder, line)
        else:
            start, text, spans = 0, line.text, ranges[line.offset]
        matches.append(Match(line, text, start, _characters(text, spans), before, after))
    return matches


def _ranges_of_short(
    transcript: "Transcript", finder: Finder, lines: Sequence[Line]
) -> dict[int, list[tuple[int, int]]]:
    """Matches of lines, all in one run, as bytes of each."""
    ranges: dict[int, list[tuple[int, int]]] = {line.offset: [] for line in lines}
    if not lines:
        return ranges
    starts: list[int] = []
    texts: list[bytes] = []
    position = 0
    for line in lines:
        starts.append(position)
        texts.append(transcript.searchable(line.offset, line.size_bytes, fill=_MASKED))
        position += len(texts[-1]) + 1
    data = b"\n".join(texts)
    given = Bytes(
        raw=lambda at, length: [data[at : at + length]], shown=None, start=0, end=len(data)
    )
    for start, end in finder.ranges(given):
        which = bisect_right(starts, start) - 1
        spans = ranges[lines[which].offset]
        if len(spans) < _MOST_RANGES:
            spans.append((start - starts[which], end - starts[which]))
    return ranges


def _long_line(
    transcript: "Transcript", finder: Finder, line: Line
) -> tuple[int, bytes, list[tuple[int, int]]]:
    """A piece around the first match of a long line, where it begins, and the matches in it."""
    end = line.offset + line.size_bytes
    spans = [
        (start - line.offset, min(stop - line.offset, line.size_bytes))
        for start, stop in finder.ranges(
            _bytes(transcript, line.offset, end), most_lines=1, most_bytes=4 * SHOWN_BYTES
        )
    ][:_MOST_RANGES]
    first = max(0, spans[0][0] - _SHOWN_BEFORE) if spans else 0
    last = min(first + SHOWN_BYTES, line.size_bytes)
    text = transcript.line_window(line.number, first, last - first)
    inside = [(s - first, min(e, last) - first) for s, e in spans if s < last]
    return first, text, inside


def _characters(text: bytes, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    ranges = []
    position = characters = 0
    for start, end in spans:
        characters += len(text[position:start].decode(errors="replace"))
        length = len(text[start:end].decode(errors="replace"))
        ranges.append((characters, characters + length))
        characters += length
        position = end
    return ranges
