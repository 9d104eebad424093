"""A transcript: the complete output of an execution, readable by line while it grows.

A line's number is the count of newlines before it, from 0. Nothing here writes; any number of
readers are right at any time: while the log grows, is compressed, or is unlinked under them.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from stepflow import errors
from stepflow.transcript.archive import ArchivedLog
from stepflow.transcript.line import Line
from stepflow.transcript.line_index import BLOCK_BYTES, nth_newline
from stepflow.transcript.masks import NO_MASKS, Masks
from stepflow.transcript.search import SECONDS_TO_SEARCH, Matches, Search, find, find_last
from stepflow.transcript.source import LogFile, NoLog, Source

MOST_BYTES = 1 << 20
LONGEST_WHOLE_LINE = 16 << 20
_LARGEST_READ = 1 << 20


class _Stretch(msgspec.Struct, frozen=True):
    number: int
    offset: int
    text: bytes
    is_complete: bool
    size_bytes: int


class Transcript:
    """Opens `log` or, once that is gone, `log.zst`; raises errors.NotFound when neither is there.

    `masks` may be replaced while it is open.
    """

    def __init__(self, source: Source, masks: Masks = NO_MASKS) -> None:
        self._source = source
        self.masks = masks

    @classmethod
    def open(cls, folder: Path, masks: Masks = NO_MASKS, end: int | None = None) -> Self:
        """`end`: where it ends for this reader while the log itself goes on."""
        # `log` may turn into `log.zst` between the two looks; it never turns back, so a third is
        # only for a log that was created meanwhile.
        for look in (
            lambda: LogFile(folder, end),
            lambda: ArchivedLog(folder / "log.zst"),
            lambda: LogFile(folder, end),
        ):
            try:
                return cls(look(), masks)
            except FileNotFoundError:
                continue
        raise errors.NotFound(f"there is no log in {folder}")

    @classmethod
    def empty(cls) -> Self:
        """The transcript of an execution that never started."""
        return cls(NoLog())

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def source(self) -> Source:
        return self._source

    @property
    def size_bytes(self) -> int:
        return self._source.size_bytes

    @property
    def ends_with_newline(self) -> bool:
        size = self.size_bytes
        return size > 0 and self._source.read(size - 1, 1) == b"\n"

    @property
    def line_count(self) -> int:
        """Newlines, and one more for a last line that has none yet."""
        size = self.size_bytes
        if size == 0:
            return 0
        return self._newlines_before(size) + (self._source.read(size - 1, 1) != b"\n")

    def lines(
        self,
        first: int,
        count: int,
        *,
        max_bytes: int = MOST_BYTES,
        longest_line: int = LONGEST_WHOLE_LINE,
    ) -> list[Line]:
        """Lines from `first` on: at most `count`, and none begun after `max_bytes`."""
        size = self.size_bytes
        start = self._start(first, size)
        if start is None or count <= 0:
            return []
        found: list[_Stretch] = []
        for stretch in self._walk(first, start, size, longest_line):
            found.append(stretch)
            if len(found) >= count or stretch.offset + stretch.size_bytes - start >= max_bytes:
                break
        return self._with_times(found)

    def lines_before(
        self,
        number: int,
        count: int,
        *,
        max_bytes: int = MOST_BYTES,
        longest_line: int = LONGEST_WHOLE_LINE,
    ) -> list[Line]:
        """The lines that end just before line `number`, in their order; the nearest if limited."""
        size = self.size_bytes
        end = self._start(number, size)
        if end is None:
            number = self.line_count
            end = size
        first = max(0, number - count)
        if count <= 0 or number == 0:
            return []
        if end - self.offset_of(first) > max_bytes:
            first = max(first, min(self.line_of(max(0, end - max_bytes)) + 1, number - 1))
        return self.lines(first, number - first, max_bytes=end, longest_line=longest_line)

    def tail(
        self,
        count: int,
        *,
        max_bytes: int = MOST_BYTES,
        longest_line: int = LONGEST_WHOLE_LINE,
    ) -> list[Line]:
        """The last lines, in their order."""
        return self.lines_before(
            self.line_count, count, max_bytes=max_bytes, longest_line=longest_line
        )

    def line_window(self, number: int, byte: int, length: int) -> bytes:
        """A piece of a line, from its byte `byte` on; it ends where the line ends."""
        size = self.size_bytes
        start = self._existing_start(number, size)
        end = self._end(number, size)
        position = min(start + byte, end)
        return self.read(position, min(length, end - position))

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the log, masked; fewer where it ends."""
        return self.searchable(offset, length, fill=b"*")

    def searchable(self, offset: int, length: int, *, fill: bytes) -> bytes:
        """Bytes of the log with `fill` where a secret is."""
        masks = self.masks
        if not masks:
            return self._source.read(offset, length)
        start = max(0, offset - masks.carry)
        wanted = offset - start + length
        data = self._source.read(start, wanted + masks.carry)
        return masks.apply(
            data[offset - start : wanted],
            data[: offset - start],
            data[wanted:],
            at_end=len(data) < wanted + masks.carry and self._source.descriptor is not None,
            fill=fill,
        )

    def offset_of(self, line: int) -> int:
        """Where the line begins; for the line after a last newline, the size."""
        return self._existing_start(line, self.size_bytes)

    def line_of(self, offset: int) -> int:
        """The line that holds the byte; raises errors.RangeNotSatisfiable outside of the log."""
        if not 0 <= offset <= self.size_bytes:
            raise errors.RangeNotSatisfiable(
                f"byte {offset} is outside of the {self.size_bytes} bytes of the log"
            )
        return self._newlines_before(offset)

    def time_of(self, offset: int) -> datetime | None:
        """When the byte arrived (to 100 ms); None when the pump could not record it."""
        return self._source.times.at(offset)

    def line_at_time(self, at: datetime) -> int:
        """The first line of which something arrived at `at` or later, or the last line."""
        offset = self._source.times.offset_at(at)
        size = self.size_bytes
        if offset is None or offset >= size:
            return max(0, self.line_count - 1)
        return self._newlines_before(offset)

    def search(
        self,
        search: Search,
        cursor: str | None = None,
        limit: int = 200,
        context: int = 0,
        *,
        count: bool = True,
        within_seconds: float = SECONDS_TO_SEARCH,
    ) -> Matches:
        """See `stepflow.transcript.search.find`."""
        return find(
            self,
            search,
            cursor=cursor,
            limit=limit,
            context=context,
            count=count,
            within_seconds=within_seconds,
        )

    def search_last(self, search: Search, limit: int = 200, context: int = 0) -> Matches:
        """See `stepflow.transcript.search.find_last`."""
        return find_last(self, search, limit=limit, context=context)

    def _newlines_before(self, offset: int) -> int:
        boundary = offset // BLOCK_BYTES
        start = boundary * BLOCK_BYTES
        newlines = self._source.line_counts.before(boundary, max(offset, self.size_bytes))
        if offset == start:
            return newlines
        return newlines + self._source.read(start, offset - start).count(b"\n")

    def _start(self, line: int, size: int) -> int | None:
        """Where the line begins, if as many newlines come before."""
        if line <= 0:
            return 0 if line == 0 else None
        boundary = self._source.line_counts.boundary_before(line, size)
        start = boundary * BLOCK_BYTES
        missing = line - self._source.line_counts.before(boundary, size)
        block = self._source.read(start, min(BLOCK_BYTES, size - start))
        if block.count(b"\n") < missing:
            return None
        return start + nth_newline(block, missing) + 1

    def _existing_start(self, line: int, size: int) -> int:
        start = self._start(line, size)
        if start is None:
            raise errors.NotFound(f"the log has no line {line}")
        return start

    def _end(self, line: int, size: int) -> int:
        after = self._start(line + 1, size)
        return size if after is None else after - 1

    def _walk(self, number: int, offset: int, size: int, longest: int) -> Iterator[_Stretch]:
        held = b""
        position = offset
        wanted = BLOCK_BYTES
        while position < size:
            data = self.read(position, min(wanted, size - position))
            if not data:
                return
            position += len(data)
            wanted = min(wanted * 4, _LARGEST_READ)
            *whole, held = (held + data).split(b"\n")
            for text in whole:
                yield _Stretch(number, offset, text[:longest], True, len(text))
                number += 1
                offset += len(text) + 1
            if len(held) > longest:
                end = self._end(number, size)
                yield _Stretch(number, offset, held[:longest], end < size, end - offset)
                number += 1
                offset = position = end + 1
                held = b""
        if held:
            yield _Stretch(number, offset, held, False, len(held))

    def _with_times(self, found: list[_Stretch]) -> list[Line]:
        if not found:
            return []
        arrivals = self._source.times.between(found[0].offset, found[-1].offset)
        return [
            Line(s.number, s.offset, arrivals.at(s.offset), s.text, s.is_complete, s.size_bytes)
            for s in found
        ]
