"""Where each line begins: cumulative newline counts at every 64 KiB of the log.

`lines.idx` is u64 little endian; file position k holds the newlines before byte (k+1)*65536 (those
before byte 0 are none). It is a cache that only the runner writes: a reader checks it against the
log, and counts for itself, in memory, what the index does not tell.
"""

import errno
import os
import struct
import threading
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

from stepflow.transcript.records import Records

BLOCK_BYTES = 65536
ENTRY_BYTES = 8
_READ_BYTES = 16 * BLOCK_BYTES
_FARTHEST_STEP_BACK = 1024


def nth_newline(data: bytes, nth: int) -> int:
    """Position of the nth (1-based) newline of `data`, which must hold as many."""
    low, high = 0, len(data)
    while high - low > 1:
        middle = (low + high) // 2
        count = data.count(b"\n", low, middle)
        if count >= nth:
            high = middle
        else:
            nth -= count
            low = middle
    return low


class LineIndex:
    """The write side of `lines.idx`, for the one runner that follows the log."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Half an entry is what a crash leaves; the next append overwrites it.
        self._length = os.fstat(self._descriptor).st_size // ENTRY_BYTES

    def __len__(self) -> int:
        return self._length

    def append(self, counts: Sequence[int], *, first: int | None = None) -> None:
        """Write counts from entry `first` on (the end, if not given); safe to repeat.

        Raises ValueError when that would leave a gap: then `rebuild` is due; OSError when not all
        of it could be written.
        """
        position = self._length if first is None else first
        if position > self._length:
            raise ValueError(f"entry {position} would leave a gap after {self._length}")
        if counts:
            data = struct.pack(f"<{len(counts)}Q", *counts)
            if os.pwrite(self._descriptor, data, position * ENTRY_BYTES) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._length = max(self._length, position + len(counts))

    def rebuild(self, log: Path, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Count the whole log anew; False when asked to stop (what is written so far is right)."""
        os.ftruncate(self._descriptor, 0)
        self._length = 0
        buffer = bytearray(_READ_BYTES)
        newlines = 0
        with log.open("rb", buffering=0) as file:
            while not should_stop():
                got = _fill(file.fileno(), buffer, self._length * BLOCK_BYTES)
                counts = []
                for start in range(0, got - BLOCK_BYTES + 1, BLOCK_BYTES):
                    newlines += buffer.count(b"\n", start, start + BLOCK_BYTES)
                    counts.append(newlines)
                self.append(counts)
                if got < _READ_BYTES:
                    return True
        return False

    def close(self) -> None:
        os.close(self._descriptor)


def _fill(descriptor: int, buffer: bytearray, offset: int) -> int:
    got = 0
    view = memoryview(buffer)
    while got < len(buffer):
        count = os.preadv(descriptor, [view[got:]], offset + got)
        if count == 0:
            break
        got += count
    return got


def rebuild(log: Path, path: Path, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Write `path` as the line index of `log`, from the beginning."""
    index = LineIndex(path)
    try:
        return index.rebuild(log, should_stop)
    finally:
        index.close()


class LineCounts:
    """The read side: newlines before each 64 KiB boundary, whatever state the index is in."""

    def __init__(self, read: Callable[[int, int], bytes], records: Records) -> None:
        self._read = read
        self._records = records
        self._lock = threading.Lock()
        self._seen_entries = 0
        self._trusted = 0
        self._counted: array[int] = array("Q")
        self._counted_from = 1

    def before(self, boundary: int, size: int) -> int:
        """Newlines before byte boundary*65536, which is at most `size`, the size of the log."""
        with self._lock:
            self._look_at_index(size // BLOCK_BYTES)
            return self._before(boundary)

    def boundary_before(self, nth: int, size: int) -> int:
        """The last boundary with fewer than `nth` newlines before it: the nth lies after it."""
        with self._lock:
            self._look_at_index(size // BLOCK_BYTES)
            last = size // BLOCK_BYTES
            high = min(self._known(), last)
            while high < last and self._before(high) < nth:
                high = min(high + _READ_BYTES // BLOCK_BYTES, last)
            low = 0
            if self._before(high) < nth:
                return high
            while high - low > 1:
                middle = (low + high) // 2
                if self._before(middle) < nth:
                    low = middle
                else:
                    high = middle
            return low

    def _known(self) -> int:
        return max(self._trusted, self._counted_from + len(self._counted) - 1)

    def _before(self, boundary: int) -> int:
        if boundary == 0:
            return 0
        if boundary <= self._trusted:
            return self._entry(boundary - 1)
        while self._known() < boundary:
            self._count_on(boundary)
        return self._counted[boundary - self._counted_from]

    def _count_on(self, boundary: int) -> None:
        known = self._known()
        newlines = self._before(known)
        wanted = min(boundary - known, _READ_BYTES // BLOCK_BYTES)
        data = self._read(known * BLOCK_BYTES, wanted * BLOCK_BYTES)
        for start in range(0, wanted * BLOCK_BYTES, BLOCK_BYTES):
            newlines += data.count(b"\n", start, start + BLOCK_BYTES)
            self._counted.append(newlines)

    def _entry(self, position: int) -> int:
        data = self._records.read(position, 1)
        if len(data) < ENTRY_BYTES:
            # The runner truncated the index to write it anew; the next call sees the new length.
            start, newlines = (0, 0)
            while start <= position:
                newlines += self._read(start * BLOCK_BYTES, BLOCK_BYTES).count(b"\n")
                start += 1
            return newlines
        return int.from_bytes(data, "little")

    def _look_at_index(self, full_blocks: int) -> None:
        entries = min(len(self._records), full_blocks)
        if entries == self._seen_entries:
            return
        self._seen_entries = entries
        if entries == 0 or self._agrees(entries - 1):
            self._trusted = entries
        else:
            self._trusted = self._sound_prefix(entries)
        known = self._counted_from + len(self._counted) - 1
        if not self._counted_from - 1 <= self._trusted < known:
            self._counted = array("Q")
            self._counted_from = self._trusted + 1

    def _agrees(self, position: int) -> bool:
        """Whether the entry grows by as much as its block of the log has newlines."""
        data = self._records.read(max(0, position - 1), 2 if position else 1)
        if len(data) < (2 if position else 1) * ENTRY_BYTES:
            return False
        value = int.from_bytes(data[-ENTRY_BYTES:], "little")
        earlier = int.from_bytes(data[:ENTRY_BYTES], "little") if position else 0
        block = self._read(position * BLOCK_BYTES, BLOCK_BYTES)
        return value - earlier == block.count(b"\n")

    def _sound_prefix(self, entries: int) -> int:
        """How many entries can be believed, when the last one can't: a power cut leaves zeros."""
        values = array("Q", self._records.read(0, entries)[: entries * ENTRY_BYTES])
        earlier = 0
        sound = 0
        for value in values:
            if not earlier <= value <= earlier + BLOCK_BYTES:
                break
            earlier = value
            sound += 1
        farthest = max(0, sound - _FARTHEST_STEP_BACK)
        while sound > farthest:
            if self._agrees(sound - 1):
                return sound
            sound -= 1
        return 0
