"""`log.zst`: the whole log in 64 KiB frames of their own, and its indexes, in one file.

`zstd -d` gives the log back. The last frame is a skippable one with the frame offsets, the line
index, the time index and, at the very end, a footer that says where they are; so block k of the log
is one read and one decompression away, and line numbers work as before.

The indexes are counted from the log itself, never copied from `lines.idx`, which is a cache.
"""

import os
import struct
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import zstandard

from stepflow import errors
from stepflow.transcript.folder import sync_folder
from stepflow.transcript.line_index import BLOCK_BYTES, ENTRY_BYTES, LineCounts
from stepflow.transcript.records import RegionRecords
from stepflow.transcript.time_index import RECORD_BYTES, TimeIndex, whole_records

# A smaller log gains nothing: it is one block anyway, and stays as it is.
SMALLEST_ARCHIVED_BYTES = BLOCK_BYTES
LEVEL = 3
_SKIPPABLE = 0x184D2A50
_VERSION = 1
_MAGIC = b"SFLOGZST"
# size and newlines of the log; frames, line entries, time records; crc of log, sections; version
_FOOTER = struct.Struct("<QQQQQIII4x")
_TAIL_BYTES = _FOOTER.size + 4 + len(_MAGIC)
_CACHED_FRAMES = 32


def archive(folder: Path, should_stop: Callable[[], bool] = lambda: False) -> bool:
    """Write `log.zst` beside `log`, read it back, and only then give it its name.

    `should_stop` is asked between frames (it may block, as a pause); when it says so nothing is
    left behind and the answer is False. `log` stays until `drop_raw`. Raises errors.Unavailable
    when what was read back is not what was written.
    """
    temporary = folder / "log.zst.new"
    try:
        with temporary.open("wb") as file:
            # Outside readers get what readers of the log had: nobody else.
            os.fchmod(file.fileno(), 0o600)
            if not _write(folder, file, should_stop):
                return False
            file.flush()
            os.fsync(file.fileno())
        if not _check(temporary, should_stop):
            return False
        temporary.replace(folder / "log.zst")
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(folder)
    return True


def drop_raw(folder: Path) -> None:
    """Remove the log and its indexes, once `archive` is done and recorded; safe to repeat."""
    for name in ("log", "lines.idx", "time.idx"):
        (folder / name).unlink(missing_ok=True)
    sync_folder(folder)


def _write(folder: Path, file: BinaryIO, should_stop: Callable[[], bool]) -> bool:
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    offsets = array("Q", [0])
    entries = array("Q")
    size = newlines = checksum = 0
    with (folder / "log").open("rb", buffering=BLOCK_BYTES * 16) as log:
        while block := log.read(BLOCK_BYTES):
            if should_stop():
                return False
            frame = compressor.compress(block)
            file.write(frame)
            offsets.append(offsets[-1] + len(frame))
            size += len(block)
            newlines += block.count(b"\n")
            checksum = crc32(block, checksum)
            if len(block) == BLOCK_BYTES:
                entries.append(newlines)
    times = _time_records(folder)
    sections = offsets.tobytes() + entries.tobytes() + times
    footer = _FOOTER.pack(
        size,
        newlines,
        len(offsets) - 1,
        len(entries),
        len(times) // RECORD_BYTES,
        checksum,
        crc32(sections),
        _VERSION,
    )
    file.write(struct.pack("<II", _SKIPPABLE, len(sections) + _TAIL_BYTES))
    file.write(sections + footer + struct.pack("<I", crc32(footer)) + _MAGIC)
    return True


def _time_records(folder: Path) -> bytes:
    try:
        return whole_records((folder / "time.idx").read_bytes())
    except FileNotFoundError:
        return b""


def _check(path: Path, should_stop: Callable[[], bool]) -> bool:
    archived = ArchivedLog(path)
    try:
        return archived.verify(should_stop)
    finally:
        archived.close()


class ArchivedLog:
    """The source that reads `log.zst`. Raises errors.Unavailable where the file is damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._read_footer()
        except BaseException:
            os.close(self._descriptor)
            raise
        self._frames: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._own = threading.local()

    def _read_footer(self) -> None:
        file_size = os.fstat(self._descriptor).st_size
        tail = os.pread(self._descriptor, _TAIL_BYTES, max(0, file_size - _TAIL_BYTES))
        footer = tail[: _FOOTER.size]
        if not tail.endswith(_MAGIC) or tail[_FOOTER.size : -len(_MAGIC)] != struct.pack(
            "<I", crc32(footer)
        ):
            raise self._damaged("its footer")
        (
            self.size_bytes,
            self.newlines,
            self._frame_count,
            line_entries,
            time_records,
            self._log_checksum,
            self._section_checksum,
            version,
        ) = _FOOTER.unpack(footer)
        if version != _VERSION:
            raise errors.Unavailable(f"{self._path} has the unknown version {version}")
        offsets_bytes = (self._frame_count + 1) * ENTRY_BYTES
        self._section_bytes = (
            offsets_bytes + line_entries * ENTRY_BYTES + time_records * RECORD_BYTES
        )
        self._sections = file_size - _TAIL_BYTES - self._section_bytes
        lines_at = self._sections + offsets_bytes
        times_at = lines_at + line_entries * ENTRY_BYTES
        self._offsets = RegionRecords(
            self._descriptor, self._sections, self._frame_count + 1, ENTRY_BYTES
        )
        self.line_counts = LineCounts(
            self.read, RegionRecords(self._descriptor, lines_at, line_entries, ENTRY_BYTES)
        )
        self.times = TimeIndex(
            RegionRecords(self._descriptor, times_at, time_records, RECORD_BYTES)
        )

    @property
    def descriptor(self) -> int | None:
        return None

    @property
    def has_end(self) -> bool:
        return False

    def read(self, offset: int, length: int) -> bytes:
        return b"".join(self.blocks(offset, length))

    def blocks(self, offset: int, length: int) -> list[bytes]:
        end = min(offset + length, self.size_bytes)
        if offset >= end:
            return []
        first, last = offset // BLOCK_BYTES, (end - 1) // BLOCK_BYTES
        blocks = self._blocks(first, last - first + 1)
        if end < (last + 1) * BLOCK_BYTES:
            blocks[-1] = blocks[-1][: end - last * BLOCK_BYTES]
        if offset > first * BLOCK_BYTES:
            blocks[0] = blocks[0][offset - first * BLOCK_BYTES :]
        return blocks

    def verify(self, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Compare everything with the checksums; False when asked to stop."""
        if self._checksum_of_sections() != self._section_checksum:
            raise self._damaged("its indexes")
        checksum = size = 0
        for number in range(self._frame_count):
            if should_stop():
                return False
            block = self._decompressed(number, 1)[0]
            checksum = crc32(block, checksum)
            size += len(block)
        if (checksum, size) != (self._log_checksum, self.size_bytes):
            raise self._damaged("its content")
        return True

    def _checksum_of_sections(self) -> int:
        return crc32(os.pread(self._descriptor, self._section_bytes, self._sections))

    def _blocks(self, first: int, count: int) -> list[bytes]:
        if count > _CACHED_FRAMES // 2:
            return self._decompressed(first, count)
        with self._lock:
            cached = [self._frames.get(number) for number in range(first, first + count)]
        if all(block is not None for block in cached):
            return [block for block in cached if block is not None]
        blocks = self._decompressed(first, count)
        with self._lock:
            self._frames.update(zip(range(first, first + count), blocks, strict=True))
            while len(self._frames) > _CACHED_FRAMES:
                self._frames.popitem(last=False)
        return blocks

    def _decompressed(self, first: int, count: int) -> list[bytes]:
        offsets = array("Q", self._offsets.read(first, count + 1))
        data = memoryview(os.pread(self._descriptor, offsets[-1] - offsets[0], offsets[0]))
        # A decompressor serves one thread at a time.
        if not hasattr(self._own, "decompressor"):
            self._own.decompressor = zstandard.ZstdDecompressor()
        decompress = self._own.decompressor.decompress
        try:
            return [
                decompress(data[start - offsets[0] : end - offsets[0]])
                for start, end in pairwise(offsets)
            ]
        except zstandard.ZstdError as error:
            raise self._damaged(f"frame {first} or one of the {count - 1} after it") from error

    def _damaged(self, what: str) -> errors.Unavailable:
        return errors.Unavailable(f"{self._path} is damaged: {what} can't be read")

    def close(self) -> None:
        os.close(self._descriptor)
