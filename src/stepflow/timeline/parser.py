"""The facade: bytes of a transcript in, events out, incremental and resumable at any byte.

Only lines that may hold a marker are decoded. Of an unfinished line no more is kept than the part
in which markers are looked for; a replay (`with_lines`) keeps a fragment, since it shows all.
"""

import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from stepflow.events import AnyEvent, Log
from stepflow.markers import MARKER_BYTES, Pipeline, scanner_for
from stepflow.markers import marker as said
from stepflow.markers.environment_files import (
    FILE_BYTES,
    EnvironmentFile,
    read_file,
    whole_bytes,
)
from stepflow.markers.pipeline import Stopped, log_text, whole_characters
from stepflow.timeline.options import ParserOptions
from stepflow.timeline.timeline import Timeline, TimelineState
from stepflow.timeline.tree import OpenStep

BLOCK_BYTES = 64 * 1024
_ENDS_FILE = ("malformed", "missing_delimiter")
FRAGMENT_BYTES = 1024 * 1024
Arrival = datetime | Callable[[int], datetime | None]

# No mark at the beginning of a line is longer.
_MARK_BYTES = 8 * 1024 + 32
# What one scan looks at: it fits into the second-level cache beside its lower-cased copy.
_PIECE_BYTES = 256 * 1024


class _FileState(msgspec.Struct, array_like=True, frozen=True):
    """How far a file was read, and the checksum of that: a script may begin it anew. `is_over`:
    it was malformed, or is too large, so no more of it counts."""

    offset: int = 0
    checksum: int = 0
    is_over: bool = False


class _State(msgspec.Struct):
    offset: int
    line: int
    head: bytes
    length: int
    is_split: bool
    timeline: TimelineState
    stopped: Stopped | None = None
    dialects: dict[str, Any] = {}
    is_led: bool = False
    files: dict[str, _FileState] = {}


class Parser:
    """`offset` bytes and `line` newlines are behind it. One parser serves one transcript."""

    def __init__(
        self,
        options: ParserOptions,
        *,
        with_lines: bool = False,
        state: bytes | None = None,
        is_accelerated: bool | None = None,
    ) -> None:
        dialects = options.chosen_dialects()
        self._pipeline = Pipeline(dialects)
        self._scanner = scanner_for(dialects, is_accelerated=is_accelerated, with_lines=with_lines)
        self._with_lines = with_lines
        self._head_bytes = FRAGMENT_BYTES if with_lines else MARKER_BYTES
        self._events: list[AnyEvent] = []
        self._at: Arrival | None = None
        self.blocks: list[int] = []
        kept = msgspec.msgpack.decode(state, type=_State) if state is not None else None
        self.offset = kept.offset if kept else 0
        self.line = kept.line if kept else 0
        self._head = bytearray(kept.head if kept else b"")
        self._length = kept.length if kept else 0
        self._is_split = kept.is_split if kept else False
        # Marks were read at its beginning, which is no longer in `_head`.
        self._is_led = kept.is_led if kept else False
        self._files = dict(kept.files) if kept else {}
        self._timeline = Timeline(
            is_flat=options.nesting == "flat", state=kept.timeline if kept else None
        )
        if kept:
            self._pipeline.stopped = kept.stopped
            self._pipeline.resume(kept.dialects)

    @property
    def open_steps(self) -> list[OpenStep]:
        return self._timeline.open_steps

    @property
    def stopped_by(self) -> str | None:
        """The name of the first critical step that failed."""
        return self._timeline.state.stopped_by

    def state(self) -> bytes:
        return msgspec.msgpack.encode(
            _State(
                offset=self.offset,
                line=self.line,
                head=bytes(self._head),
                length=self._length,
                is_split=self._is_split,
                timeline=self._timeline.state,
                stopped=self._pipeline.stopped,
                dialects=self._pipeline.state(),
                is_led=self._is_led,
                files=self._files,
            )
        )

    def take_blocks(self) -> list[int]:
        """Newlines before each 64 KiB boundary that was passed since the last call."""
        blocks, self.blocks = self.blocks, []
        return blocks

    def feed(self, data: bytes | memoryview, at: Arrival | None = None) -> list[AnyEvent]:
        """`at`: when all of it arrived; or who knows when the byte at an offset did, which is then
        asked of markers only."""
        self._at = at
        view = memoryview(data)
        for start in range(0, len(view), _PIECE_BYTES):
            # Behind a newline, so that tokens of a line's start are found in its first line, too.
            self._feed_piece(b"".join((b"\n", view[start : start + _PIECE_BYTES])))
        return self._taken_events()

    def flush(self, at: datetime | None = None) -> list[AnyEvent]:
        """The output is over: its last line counts even without a newline."""
        self._at = at
        if self._length or self._is_led:
            self._end_line()
        return self._taken_events()

    def finish(
        self, exit_code: int | None, at: datetime | None = None, *, cancelled: bool = False
    ) -> list[AnyEvent]:
        """Flush, and end what is open. No exit code means that nobody knows it."""
        is_unfinished = self._length > 0 or self._is_led
        last_line = self.line if is_unfinished else max(0, self.line - 1)
        events = self.flush(at)
        if exit_code is not None:
            self._pipeline.finish(exit_code, self._accept)
            events += self._taken_events()
        self._timeline.finish(
            exit_code, was_cancelled=cancelled, line=last_line, at=at, events=events
        )
        return events

    def read_file(
        self,
        name: str,
        kind: EnvironmentFile,
        content: bytes | None,
        at: datetime | None = None,
        *,
        is_final: bool,
    ) -> list[AnyEvent]:
        """What the environment file `name` says beyond what it said before. None: it is no plain
        file. Until it is final, what is begun in it waits."""
        known = self._files.get(name, _FileState())
        if known.is_over:
            return []
        if content is None or len(content) > FILE_BYTES:
            problem = "it is no plain file" if content is None else f"more than {FILE_BYTES} bytes"
            self._files[name] = _FileState(is_over=True)
            markers: list[said.Marker] = [said.Remark(code="malformed", message=problem)]
        else:
            is_longer = zlib.crc32(content[: known.offset]) == known.checksum
            start = known.offset if is_longer else 0
            end = len(content) if is_final else start + whole_bytes(kind, content[start:])
            markers = read_file(kind, content[start:end], is_begun=start > 0)
            is_over = any(isinstance(m, said.Remark) and m.code in _ENDS_FILE for m in markers)
            self._files[name] = _FileState(end, zlib.crc32(content[:end]), is_over)
        self._at = at
        for marker in markers:
            self._accept("github-file", _of_file(marker, name))
        return self._taken_events()

    def _taken_events(self) -> list[AnyEvent]:
        events, self._events = self._events, []
        return events

    def _feed_piece(self, region: bytes) -> None:
        """What follows the newline with which `region` begins."""
        count = _Count(self, region)
        first, end = 1, len(region)
        if self._length or self._is_led:
            newline = region.find(b"\n", first)
            if newline < 0:
                self._extend(region[first:])
                count.up_to(end)
                return
            self._extend(region[first:newline])
            count.up_to(newline)
            self._end_line()
            first = newline + 1
            count.up_to(first)
        last = region.rfind(b"\n", first) + 1
        if last > first:
            self._read_lines(region, first, last, count)
            count.up_to(last)
            first = last
        if first < end:
            self._extend(region[first:])
            count.up_to(end)

    def _read_lines(self, region: bytes, done: int, end: int, count: "_Count") -> None:
        """The whole lines from `done` to `end`."""
        done = self._read_each(region, done, end, count)
        if done == end:
            return
        for position in self._scanner.positions(region, done, end):
            if position < done:
                continue
            if position >= end:
                break
            start = region.rfind(b"\n", done - 1, position) + 1
            newline = region.find(b"\n", position)
            self._pass(region, done, start, count)
            count.up_to(start)
            self._read(region[start:newline])
            done = self._read_each(region, newline + 1, end, count)
        self._pass(region, done, end, count)

    def _read_each(self, region: bytes, done: int, end: int, count: "_Count") -> int:
        """Every line as long as a dialect wants to see them all; where that ended."""
        while self._pipeline.reads_every_line and done < end:
            newline = region.find(b"\n", done)
            count.up_to(done)
            self._read(region[done:newline])
            done = newline + 1
        return done

    def _pass(self, region: bytes, start: int, end: int, count: "_Count") -> None:
        """Lines without a marker: they are in the transcript, only a replay wants to hear them."""
        if not self._with_lines or start >= end:
            return
        for line in region[start : end - 1].split(b"\n"):
            count.up_to(start)
            self._log(log_text(line))
            start += len(line) + 1

    def _extend(self, part: bytes) -> None:
        """Go on with the unfinished line."""
        if len(self._head) <= _MARK_BYTES and (self._head or part).startswith(b"\x1b"):
            part = self._without_leading(part)
        self._length += len(part)
        if self._with_lines:
            self._head += part
            while len(self._head) > FRAGMENT_BYTES:
                fragment = whole_characters(bytes(self._head[:FRAGMENT_BYTES]))
                del self._head[: len(fragment)]
                self._end_fragment(fragment)
            return
        if not self._is_split:
            self._head += part[: max(0, self._head_bytes - len(self._head))]
            if self._length > FRAGMENT_BYTES:
                self._end_fragment(bytes(self._head))
                self._head.clear()

    def _without_leading(self, part: bytes) -> bytes:
        """What is left when the marks are read with which the unfinished line begins."""
        if self._is_split:
            return part
        head = bytes(self._head) + part
        led = self._pipeline.read_leading(head, self._accept)
        if not led:
            return part
        self._is_led = True
        self._head.clear()
        self._length = 0
        return head[led:]

    def _end_line(self) -> None:
        if (self._with_lines or not self._is_split) and not self._is_blank_behind_marks():
            self._end_fragment(bytes(self._head))
        self._head.clear()
        self._length = 0
        self._is_split = self._is_led = False

    def _is_blank_behind_marks(self) -> bool:
        return self._is_led and not self._is_split and not log_text(bytes(self._head)).strip()

    def _end_fragment(self, fragment: bytes) -> None:
        """Only the first fragment of a line may hold a marker."""
        if self._is_split:
            self._log(log_text(fragment))
        else:
            self._read(fragment)
        self._is_split = True

    def _read(self, line: bytes) -> None:
        self._pipeline.read(line, self._accept)

    def _accept(self, dialect: str, marker: said.Marker) -> bool:
        if isinstance(marker, said.Text):
            if self._with_lines:
                self._events.append(
                    Log(
                        text=marker.text,
                        level=marker.level,
                        stream=marker.stream,
                        step=marker.step,
                        message=marker.message,
                        log_line=self.line,
                        at=self._time(),
                    )
                )
            return True
        return self._timeline.accept(dialect, marker, self.line, self._time(), self._events)

    def _log(self, text: str) -> None:
        if self._with_lines:
            self._events.append(Log(text=text, level="info", log_line=self.line, at=self._time()))

    def _time(self) -> datetime | None:
        return self._at(self.offset) if callable(self._at) else self._at


def _of_file(marker: said.Marker, name: str) -> said.Marker:
    """Pieces of a summary are joined by newlines, as printed lines are."""
    match marker:
        case said.Summary(markdown=str(markdown)):
            return msgspec.structs.replace(marker, markdown=markdown.removesuffix("\n"))
        case said.Remark(command=None):
            return msgspec.structs.replace(marker, command=name)
        case _:
            return marker


class _Count:
    """Counts the newlines behind the first of a region, each byte once, and notes them at block
    boundaries."""

    def __init__(self, parser: Parser, data: bytes) -> None:
        self._parser = parser
        self._data = data
        self._position = 1

    def up_to(self, end: int) -> None:
        parser = self._parser
        while self._position < end:
            to_boundary = BLOCK_BYTES - parser.offset % BLOCK_BYTES
            step = min(end - self._position, to_boundary)
            parser.line += self._data.count(b"\n", self._position, self._position + step)
            parser.offset += step
            self._position += step
            if step == to_boundary:
                parser.blocks.append(parser.line)
