"""Fixed-size records in a file, read one by one with pread.

The two indexes of a transcript are such files while it grows, and regions of the archive later.
"""

import os
from pathlib import Path
from typing import Protocol


class Records(Protocol):
    def __len__(self) -> int: ...

    def read(self, first: int, count: int) -> bytes: ...

    def close(self) -> None: ...


class FileRecords:
    """Records of a file that may be missing, may appear later, and may end in half a record."""

    def __init__(self, path: Path, record_bytes: int) -> None:
        self._path = path
        self._record_bytes = record_bytes
        self._descriptor: int | None = None
        self._is_closed = False
        self._open()

    def _open(self) -> int | None:
        if self._descriptor is None and not self._is_closed:
            try:
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
        return self._descriptor

    def __len__(self) -> int:
        descriptor = self._open()
        return 0 if descriptor is None else os.fstat(descriptor).st_size // self._record_bytes

    def read(self, first: int, count: int) -> bytes:
        descriptor = self._open()
        if descriptor is None:
            return b""
        return os.pread(descriptor, count * self._record_bytes, first * self._record_bytes)

    def close(self) -> None:
        self._is_closed = True
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class RegionRecords:
    """Records in the middle of a file that somebody else opened and closes."""

    def __init__(self, descriptor: int, offset: int, count: int, record_bytes: int) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._count = count
        self._record_bytes = record_bytes

    def __len__(self) -> int:
        return self._count

    def read(self, first: int, count: int) -> bytes:
        wanted = max(0, min(count, self._count - first))
        return os.pread(
            self._descriptor,
            wanted * self._record_bytes,
            self._offset + first * self._record_bytes,
        )

    def close(self) -> None:
        """The owner of the descriptor closes it."""
