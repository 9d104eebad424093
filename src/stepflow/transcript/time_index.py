"""When each byte arrived: `time.idx`, 16-byte records (u64 offset, i64 unix ms) by the pump.

The bytes from a record's offset on arrived at its time. Looked up by pread, so its size is no cost.
"""

import struct
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from stepflow.transcript.records import Records

RECORD_BYTES = 16
_RECORD = struct.Struct("<Qq")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_TIME_MS = 253402300800000
_BEYOND = 1 << 64


class Arrivals(msgspec.Struct, frozen=True):
    """The records that tell the times of a stretch of bytes."""

    offsets: list[int]
    unix_ms: list[int]

    def at(self, offset: int) -> datetime | None:
        unix_ms = self.unix_ms_at(offset)
        return None if unix_ms is None else _EPOCH + timedelta(milliseconds=unix_ms)

    def unix_ms_at(self, offset: int) -> int | None:
        position = bisect_right(self.offsets, offset) - 1
        return None if position < 0 else self.unix_ms[position]


def whole_records(data: bytes) -> bytes:
    """Without the record that is half there."""
    return data[: len(data) // RECORD_BYTES * RECORD_BYTES]


def misplaced_record(data: bytes, size_bytes: int) -> int | None:
    """The place of the first record of a whole index that no lookup would find: out of order, or
    beyond its log of `size_bytes`. Zeros after the last one are no records."""
    usable = data.rstrip(b"\0")
    usable = data[: -(-len(usable) // RECORD_BYTES) * RECORD_BYTES]
    before = 0
    for place, (offset, unix_ms) in enumerate(_RECORD.iter_unpack(whole_records(usable))):
        if not before <= offset <= size_bytes or not 0 < unix_ms < _END_OF_TIME_MS:
            return place
        before = offset
    return None


class TimeIndex:
    def __init__(self, records: Records) -> None:
        self._records = records

    def at(self, offset: int) -> datetime | None:
        return self.between(offset, offset).at(offset)

    def between(self, first: int, last: int) -> Arrivals:
        """The records for bytes `first` to `last`, both included."""
        low = max(0, self._bisect(lambda offset, _: offset <= first) - 1)
        high = self._bisect(lambda offset, _: offset <= last)
        data = self._records.read(low, high - low)
        pairs = list(_RECORD.iter_unpack(whole_records(data)))
        return Arrivals([offset for offset, _ in pairs], [unix_ms for _, unix_ms in pairs])

    def offset_at(self, at: datetime) -> int | None:
        """The first byte that arrived at `at` or later; None when all came before."""
        wanted_ms = (at - _EPOCH) // timedelta(milliseconds=1)
        position = self._bisect(lambda offset, ms: offset < _BEYOND and ms < wanted_ms)
        offset, _ = self._record(position)
        return None if offset == _BEYOND else offset

    def _bisect(self, is_before: Callable[[int, int], bool]) -> int:
        low, high = 0, len(self._records)
        while low < high:
            middle = (low + high) // 2
            if is_before(*self._record(middle)):
                low = middle + 1
            else:
                high = middle
        return low

    def _record(self, position: int) -> tuple[int, int]:
        data = self._records.read(position, 1)
        if len(data) < RECORD_BYTES:
            return _BEYOND, 0
        offset, unix_ms = _RECORD.unpack(data)
        # Zeros after the last record are what a power cut leaves: they lie beyond everything.
        return (offset, unix_ms) if 0 < unix_ms < _END_OF_TIME_MS else (_BEYOND, 0)
