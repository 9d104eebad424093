"""`storage_backup.tar.gz`: a tar whose every file is a gzip member of its own.

Members one after another are one valid gzip file, so `tar -xzf` unpacks it, and the compressed
member of a file that did not change can be taken over from an earlier archive as it is. Large
ones begin and end at whole blocks of the disk (an empty member fills the gap), so that a file
system which can share blocks between files shares them, and they take neither time nor space.
"""

import errno
import hashlib
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from stepflow.errors import StorageUnusable

ROOT = "storage"
BLOCK_BYTES = 4096
ALIGNED_FROM_BYTES = 1 << 20
PIECE_BYTES = 1 << 20
_LEVEL = 1
_GZIP = 31
_RECORD_BYTES = tarfile.BLOCKSIZE
_FILLER_BYTES = 22
_WORTH = 0.9
_CANT_COPY = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


class Member(msgspec.Struct, frozen=True):
    """Where a file lies in an archive, and what went in."""

    at: int
    packed_bytes: int
    head_bytes: int
    size_bytes: int
    sha256: str


class ArchiveWriter:
    """Writes an archive from its beginning to its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._position = 0
        self._source = -1
        self._waiting = (0, 0)
        self.new_bytes = 0

    def add(self, info: tarfile.TarInfo, content: Iterable[bytes]) -> Member:
        """Pack a file whose size `info` tells; `content` is cut or filled with zeros to it."""
        self._copy_waiting()
        begins_at_block = info.size >= ALIGNED_FROM_BYTES
        if begins_at_block:
            self._fill_block()
        at, before = self._position, self.new_bytes
        head = _head(info)
        digest = hashlib.sha256()
        compressor = None
        for piece in _exactly(content, info.size):
            if compressor is None:
                compressor = _compressor(piece)
                self._write(compressor.compress(head))
            digest.update(piece)
            self._write(compressor.compress(piece))
        if compressor is None:
            compressor = _compressor(b"")
            self._write(compressor.compress(head))
        self._write(compressor.compress(bytes(-info.size % _RECORD_BYTES)) + compressor.flush())
        if begins_at_block:
            self._fill_block()
        packed_bytes = self.new_bytes - before
        return Member(at, packed_bytes, len(head), info.size, digest.hexdigest())

    def take(self, source: int, at: int, packed_bytes: int) -> int:
        """Take a member over from another archive, open as `source`; where it lies now."""
        if source == self._source and self._waiting[1] == at:
            self._waiting = (self._waiting[0], at + packed_bytes)
        else:
            self._copy_waiting()
            if packed_bytes >= ALIGNED_FROM_BYTES and not at % BLOCK_BYTES:
                self._fill_block()
            self._source, self._waiting = source, (at, at + packed_bytes)
        self._position += packed_bytes
        return self._position - packed_bytes

    def finish(self) -> int:
        """The end of a tar; how large the archive is."""
        self._copy_waiting()
        compressor = _compressor(b"")
        self._write(compressor.compress(bytes(2 * _RECORD_BYTES)) + compressor.flush())
        self._file.flush()
        return self._position

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._position += len(data)
        self.new_bytes += len(data)

    def _fill_block(self) -> None:
        gap = -self._position % BLOCK_BYTES
        if gap:
            self._write(_filler(gap if gap >= _FILLER_BYTES else gap + BLOCK_BYTES))

    def _copy_waiting(self) -> None:
        start, end = self._waiting
        self._waiting = (0, 0)
        if start == end:
            return
        self._file.flush()
        while start < end:
            copied = _copied(self._source, self._file.fileno(), start, end - start)
            if not copied:
                raise StorageUnusable("the backup before is shorter than it says")
            start += copied
        self._file.seek(0, os.SEEK_END)
        self._source = -1


def _copied(source: int, target: int, at: int, count: int) -> int:
    """At the end of `target`; by the kernel, which shares blocks where it can."""
    try:
        return os.copy_file_range(source, target, min(count, 1 << 30), offset_src=at)
    except OSError as error:
        if error.errno not in _CANT_COPY:
            raise
    return os.write(target, os.pread(source, min(count, PIECE_BYTES), at))


def _head(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def _compressor(first: bytes) -> "zlib._Compress":
    """What is compressed already is only stored, at fifteen times the speed."""
    level = _LEVEL
    if len(first) >= BLOCK_BYTES and len(zlib.compress(first[:65536], _LEVEL)) > _WORTH * min(
        len(first), 65536
    ):
        level = 0
    return zlib.compressobj(level, zlib.DEFLATED, _GZIP)


def _exactly(content: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    left = size_bytes
    for piece in content:
        if not left:
            return
        yield piece[:left]
        left -= len(piece[:left])
    while left:  # cut under us: the header has said its size already
        yield bytes(min(left, PIECE_BYTES))
        left -= min(left, PIECE_BYTES)


def _filler(length: int) -> bytes:
    """An empty gzip member of exactly so many bytes."""
    extra = length - _FILLER_BYTES
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + extra.to_bytes(2, "little") + bytes(extra)
    return head + b"\x03\0" + bytes(8)


def content_of(descriptor: int, member: Member, path: Path) -> Iterator[bytes]:
    """The content of a member in pieces, read from an archive. Raises StorageUnusable where it
    can't be read; whether it is the right content is for its digest to say."""
    inflater = zlib.decompressobj(_GZIP)
    skip, left = member.head_bytes, member.size_bytes
    position, end, is_over = member.at, member.at + member.packed_bytes, False
    try:
        while position < end and not is_over:
            packed = os.pread(descriptor, min(PIECE_BYTES, end - position), position)
            if not packed:
                break
            position += len(packed)
            while packed and not is_over:
                data = inflater.decompress(packed, PIECE_BYTES)
                packed, is_over = inflater.unconsumed_tail, inflater.eof
                content = data[skip:][:left]
                skip = max(0, skip - len(data))
                left -= len(content)
                if content:
                    yield content
    except zlib.error as error:
        raise StorageUnusable(f"{path} is damaged near byte {position}: {error}") from error
    if left or not is_over:
        raise StorageUnusable(f"{path} is cut short near byte {position}")
