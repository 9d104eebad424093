"""The log of a running execution, read once from its beginning to its end, in small pieces."""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property

import structlog

from stepflow.errors import NotFound
from stepflow.events import AnyEvent, Mask
from stepflow.process import Folder
from stepflow.runner.environment_files import Content
from stepflow.runner.log_file import open_log, restore_log
from stepflow.runner.masking import hidden, masked
from stepflow.timeline import Parser, ParserOptions
from stepflow.transcript import LineIndex, Masks, Transcript, write_masks

BLOCK_BYTES = 64 << 10
PIECE_BYTES = BLOCK_BYTES
MOST_PIECE_BYTES = 4 * PIECE_BYTES

log = structlog.get_logger(__name__)
_buffer = memoryview(bytearray(MOST_PIECE_BYTES))


class LogReader:
    """Gives what the log says, its secrets hidden. `masks` are the secrets known so far; with
    `has_new_masks` some of them are in no file yet. `descriptor` is None until it is opened.
    The backlog was written before that; `is_in_backlog` is true of what was parsed last."""

    def __init__(self, folder: Folder, options: ParserOptions, masks: Masks) -> None:
        self._folder = folder
        self._options = options
        self._state: bytes | None = None
        self._index: LineIndex | None = None
        self._unwritten: list[int] = []
        self._past: Transcript | None = None
        self._room = PIECE_BYTES
        self.backlog_end = 0
        self.is_in_backlog = False
        self.descriptor: int | None = None
        self.masks = masks
        self.has_new_masks = False

    @cached_property
    def _parser(self) -> Parser:
        """Made when it is needed: the log may wait in the queue, or be taken up where it was."""
        return Parser(self._options, state=self._state)

    def take_up(self, state: bytes) -> None:
        """Go on where the reader before was; nothing has been read yet."""
        self._state = state

    @property
    def offset(self) -> int:
        """How much was read."""
        return self._parser.offset

    @property
    def line(self) -> int:
        return self._parser.line

    def open(self, holder: int | None) -> int:
        """Begin where the parser is; the log's descriptor. FileNotFoundError. `holder` is the
        pump that may have the log open."""
        self.descriptor = open_log(self._folder, holder)
        self.backlog_end = os.fstat(self.descriptor).st_size
        if self.backlog_end < self._parser.offset:
            # After a power cut the log may be shorter than what was recorded of it.
            log.warning("log shorter than recorded", execution=self._folder.path.name)
        return self.descriptor

    @property
    def is_empty(self) -> bool:
        """Whether the script never said anything."""
        return self.offset == 0 and self.backlog_end == 0

    @property
    def is_index_behind(self) -> bool:
        """Whether a crash took lines from the index that the parser will not see again."""
        blocks = self.offset // BLOCK_BYTES
        return blocks > 0 and len(self._line_index()) < blocks

    def rebuild_index(self) -> None:
        """Count the lines again: as long as reading the log takes."""
        if self._folder.log.exists():
            self._line_index().rebuild(self._folder.log)

    def _line_index(self) -> LineIndex:
        """Made when there is something for it: most logs are shorter than a block."""
        if self._index is None:
            self._index = LineIndex(self._folder.line_index)
        return self._index

    def read(self) -> tuple[memoryview, bool]:
        """The next bytes, to be used at once, and whether there may be more after them."""
        assert self.descriptor is not None
        count = os.preadv(self.descriptor, [_buffer[: self._room]], self._parser.offset)
        return _buffer[:count], count == self._room

    def parse(self, data: memoryview) -> list[AnyEvent]:
        """What these bytes say. Of a flood without a marker more is read at once the next time:
        that is quicker, and where there are many markers it would keep all others waiting."""
        now, offset = datetime.now(UTC), self._parser.offset
        self.is_in_backlog = offset < self.backlog_end
        if self.is_in_backlog:
            events = self._parser.feed(data, lambda offset: self._arrival(offset) or now)
        else:
            self._close_past()
            events = self._parser.feed(data, now)
        is_flood = not events and len(data) == self._room
        self._room = min(2 * self._room, MOST_PIECE_BYTES) if is_flood else PIECE_BYTES
        if counts := self._parser.take_blocks():
            self._note_blocks(counts, first=offset // BLOCK_BYTES)
        return self._shown(events)

    def _note_blocks(self, counts: Sequence[int], *, first: int) -> None:
        """The index only saves readers time: what can't be written of it now is tried again with
        what comes next, and until then they count for themselves."""
        waiting = len(self._unwritten)
        self._unwritten += counts
        try:
            self._line_index().append(self._unwritten, first=first - waiting)
        except OSError as error:
            if not waiting:
                execution, reason = self._folder.path.name, error.strerror
                log.warning("line index not written yet", execution=execution, reason=reason)
            if self._index is not None:
                self._index.close()
                self._index = None
            return
        self._unwritten.clear()

    def _arrival(self, offset: int) -> datetime | None:
        """When a byte of the backlog arrived, as its pump wrote it down."""
        if self._past is None:
            with suppress(NotFound):
                self._past = Transcript.open(self._folder.path)
        return self._past.time_of(offset) if self._past is not None else None

    def finish(self, exit_code: int | None, at: datetime, *, cancelled: bool) -> list[AnyEvent]:
        """What the end says: steps that were left open."""
        return self._shown(self._parser.finish(exit_code, at, cancelled=cancelled))

    def read_files(
        self, contents: Sequence[Content], at: datetime, *, is_final: bool
    ) -> list[AnyEvent]:
        """What environment files say beyond what they said before."""
        events = []
        for each in contents:
            events += self._parser.read_file(each.name, each.kind, each.data, at, is_final=is_final)
        return self._shown(events)

    def _shown(self, events: list[AnyEvent]) -> list[AnyEvent]:
        """The events without secrets, those included that they themselves tell of."""
        if values := [v.encode() for e in events if isinstance(e, Mask) for v in e.values]:
            self.masks = self.masks.extended(values)
            self.has_new_masks = True
        return [masked(event, self.masks) for event in events] if self.masks else events

    def state(self) -> bytes:
        """The parser's state for the database."""
        state = self._parser.state()
        return hidden(state, self.masks) if self.masks else state

    def keep_masks(self) -> None:
        """Write the secrets down, so that the next server hides them too."""
        self.masks.keep(self._folder.masks)

    def seal(self) -> None:
        """Take the secrets out of the file, and make it durable."""
        if self.descriptor is None:
            return
        restore_log(self._folder, self.descriptor)
        if self.masks and self._folder.log.exists():
            write_masks(self._folder.log, self.masks)
        if self._parser.offset:
            os.fsync(self.descriptor)

    def close(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None
        self._close_past()
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def _close_past(self) -> None:
        if self._past is not None:
            self._past.close()
            self._past = None
