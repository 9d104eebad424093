"""Copying a file or a folder out of a script's reach, with its checksum taken on the way."""

import hashlib
import os
import stat
import tarfile
from pathlib import Path
from typing import IO

import zstandard

CHUNK_BYTES = 1 << 20


class Refused(Exception):
    """Why a source may not be kept, in words for the user."""


class HashedWriter:
    """A file being written whose SHA-256 and size are known at its end, up to a limit."""

    def __init__(self, raw: IO[bytes], limit_bytes: int) -> None:
        self._raw = raw
        self._limit_bytes = limit_bytes
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        self.size_bytes += len(data)
        if self.size_bytes > self._limit_bytes:
            raise Refused(f"it is larger than the limit of {self._limit_bytes} bytes")
        self._hash.update(data)
        self._raw.write(data)
        return len(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def copy_file(source: int, target: HashedWriter) -> None:
    """Copy from an open descriptor to its present end."""
    with os.fdopen(source, "rb", buffering=0, closefd=False) as opened:
        while data := opened.read(CHUNK_BYTES):
            target.write(data)


def pack_folder(source: Path, target: HashedWriter) -> None:
    """Write `source` as tar.zst; symlinks stay symlinks, sockets and devices are left out."""
    compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
    with (
        compressor.stream_writer(target, closefd=False) as packed,  # type: ignore[arg-type]
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.add(source, arcname=source.name, filter=_plain_only)


def _plain_only(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    member.uname = member.gname = ""
    return member if member.isreg() or member.isdir() or member.issym() else None


def open_inside(path: Path, roots: tuple[Path, ...]) -> int:
    """Open `path` for reading, only if what was opened really lies in one of `roots`.

    The check is made on the open descriptor: a symlink swapped in between changes nothing.
    Raises FileNotFoundError, or Refused with the reason.
    """
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError as error:
        raise Refused("it can't be read: permission denied") from error
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            raise FileNotFoundError(path) from error
        raise Refused(f"it can't be opened: {error.strerror}") from error
    try:
        real = Path(f"/proc/self/fd/{descriptor}").readlink()
        if not any(real.is_relative_to(root) for root in roots):
            raise Refused(f"it lies outside of {' and '.join(map(str, roots))}")
        mode = os.fstat(descriptor).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise Refused("it is neither a file nor a folder")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
