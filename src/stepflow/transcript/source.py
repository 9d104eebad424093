"""The bytes of a transcript, wherever they are: a growing file, an archive, or nothing yet."""

import os
from pathlib import Path
from typing import Protocol

from stepflow.transcript.line_index import ENTRY_BYTES, LineCounts
from stepflow.transcript.records import FileRecords
from stepflow.transcript.time_index import RECORD_BYTES, TimeIndex


class Source(Protocol):
    @property
    def size_bytes(self) -> int: ...

    @property
    def line_counts(self) -> LineCounts: ...

    @property
    def times(self) -> TimeIndex: ...

    @property
    def descriptor(self) -> int | None:
        """The file whose bytes are the log's own, where there is one."""
        ...

    @property
    def has_end(self) -> bool:
        """Whether that file may hold more than is shown."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """As many of these bytes as exist."""
        ...

    def blocks(self, offset: int, length: int) -> list[bytes]:
        """The same, in pieces as they come: joining costs half as much as decompressing."""
        ...

    def close(self) -> None: ...


class LogFile:
    """`log` with its two indexes; goes on working after all three are unlinked. What comes after
    `end` decides what is masked before it, and is not shown."""

    def __init__(self, folder: Path, end: int | None = None) -> None:
        self._end = end
        self._descriptor = os.open(folder / "log", os.O_RDONLY | os.O_CLOEXEC)
        self._line_records = FileRecords(folder / "lines.idx", ENTRY_BYTES)
        self._time_records = FileRecords(folder / "time.idx", RECORD_BYTES)
        self.line_counts = LineCounts(self.read, self._line_records)
        self.times = TimeIndex(self._time_records)

    @property
    def size_bytes(self) -> int:
        size = os.fstat(self._descriptor).st_size
        return size if self._end is None else min(size, self._end)

    @property
    def descriptor(self) -> int | None:
        return self._descriptor

    @property
    def has_end(self) -> bool:
        return self._end is not None

    def read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._descriptor, length, offset)
        if len(data) == length or not data:
            return data
        # One pread moves at most 2 GiB and may be cut short by a signal.
        return data + self.read(offset + len(data), length - len(data))

    def blocks(self, offset: int, length: int) -> list[bytes]:
        return [self.read(offset, length)]

    def close(self) -> None:
        os.close(self._descriptor)
        self._line_records.close()
        self._time_records.close()


class NoLog:
    """An execution that never printed because it never started."""

    size_bytes = 0
    descriptor: int | None = None
    has_end = False

    def __init__(self) -> None:
        nowhere = FileRecords(Path(os.devnull), ENTRY_BYTES)
        nowhere.close()
        self.line_counts = LineCounts(self.read, nowhere)
        self.times = TimeIndex(nowhere)

    def read(self, offset: int, length: int) -> bytes:  # noqa: ARG002 (nothing is anywhere)
        return b""

    def blocks(self, offset: int, length: int) -> list[bytes]:  # noqa: ARG002 (as above)
        return []

    def close(self) -> None:
        """Nothing is open."""
