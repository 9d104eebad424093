"""The records that a pump keeps in `status`: 64-byte slots written in place, each with a CRC.

In place, since a full disk has no room for a new file; with a CRC, since a reader may meet a
write half done and then reads again. What can't be read is unknown, never success.
"""

import os
import struct
import time
import uuid
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

import msgspec

from stepflow.process.folder import STATUS_BYTES
from stepflow.process.identity import Identity

SLOT_BYTES = 64
TEXT_OFFSET = 1024
PUMP_KIND, SCRIPT_KIND, EXIT_KIND = (
    int.from_bytes(name, "little") for name in (b"PUMP", b"SCRP", b"EXIT")
)
COMPLETE, CUT, SURVIVORS, UNKNOWN = 1, 2, 4, 8

_PROCESS = struct.Struct("<IIQ16sQq12x")
_EXIT = struct.Struct("<IIIIqQQQII4x")
_CRC = struct.Struct("<I")
_TEXT = struct.Struct("<II")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READS = 5

Record = TypeVar("Record")


class Why(IntEnum):
    """Why a script ended, as its pump saw it."""

    BY_ITSELF = 0
    ASKED = 1
    DEADLINE = 2
    COULD_NOT_START = 3
    LOG_LIMIT = 4


class Stage(IntEnum):
    """Where a start failed."""

    CHDIR = 1
    EXEC = 2
    STDIN = 3
    FORK = 4


class ProcessRecord(msgspec.Struct, frozen=True):
    identity: Identity
    at: datetime


class StartError(msgspec.Struct, frozen=True):
    stage: Stage
    errno: int

    def __str__(self) -> str:
        what = {
            Stage.CHDIR: "the working directory can't be entered",
            Stage.EXEC: "the command can't be executed",
            Stage.STDIN: "the input can't be opened",
            Stage.FORK: "no process can be made",
        }[self.stage]
        return f"{what}: {os.strerror(self.errno)}"


class ExitRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is None after a signal, after a failed start and when nobody could learn it.

    `is_complete` says that every byte of the output is in `log`: the record is final.
    """

    code: int | None
    signal: int | None
    why: Why
    at: datetime
    user_time: timedelta
    system_time: timedelta
    memory_peak_bytes: int
    background_count: int
    is_complete: bool
    was_cut: bool
    has_survivors: bool
    start_error: StartError | None

    @property
    def is_known(self) -> bool:
        return not (self.code is None and self.signal is None and self.start_error is None)


class StatusRecords(msgspec.Struct, frozen=True):
    """None: not written yet, or unreadable. `background` names what was stopped or survived."""

    pump: ProcessRecord | None = None
    script: ProcessRecord | None = None
    exit: ExitRecord | None = None
    background: str = ""


class _Torn(Exception):
    """A record's CRC is wrong: its writer is at it, or died there."""


def read_status(path: Path) -> StatusRecords:
    """The records as they are now. A file that is not there raises FileNotFoundError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return records_of(lambda: os.pread(descriptor, STATUS_BYTES, 0))
    finally:
        os.close(descriptor)


def records_of(read: Callable[[], bytes]) -> StatusRecords:
    """The records in what `read` returns; it is called again while one of them is torn."""
    for attempt in range(_READS):
        last_chance = attempt == _READS - 1
        data = read()

        def whole(parse: Callable[[bytes], Record], data: bytes, absent: Record) -> Record:
            try:
                return parse(data)
            except _Torn:
                if not last_chance:  # noqa: B023 - called before the next turn only
                    raise
                return absent

        try:
            return StatusRecords(
                whole(lambda data: _process(data, 0, PUMP_KIND), data, None),
                whole(lambda data: _process(data, 1, SCRIPT_KIND), data, None),
                whole(_exit, data, None),
                whole(_text, data, ""),
            )
        except _Torn:
            time.sleep(0.001)
    raise AssertionError("the last attempt returns")


def _slot(data: bytes, number: int, kind: int) -> bytes | None:
    slot = data[number * SLOT_BYTES : (number + 1) * SLOT_BYTES]
    if not any(slot):
        return None
    body, crc = slot[:-4], slot[-4:]
    if len(slot) < SLOT_BYTES or _CRC.pack(zlib.crc32(body)) != crc:
        raise _Torn
    if body[:4] != _CRC.pack(kind):
        raise _Torn
    return body


def _process(data: bytes, number: int, kind: int) -> ProcessRecord | None:
    body = _slot(data, number, kind)
    if body is None:
        return None
    _, pid, started, boot, namespace, at = _PROCESS.unpack(body)
    return ProcessRecord(Identity(pid, started, uuid.UUID(bytes=boot), namespace), _time(at))


def _exit(data: bytes) -> ExitRecord | None:
    body = _slot(data, 2, EXIT_KIND)
    if body is None:
        return None
    _, code, signal, why, at, user, system, peak, count, flags = _EXIT.unpack(body)
    started = why != Why.COULD_NOT_START
    is_known = started and not flags & UNKNOWN
    return ExitRecord(
        code=code if is_known and not signal else None,
        signal=signal if is_known and signal else None,
        why=Why(why),
        at=_time(at),
        user_time=timedelta(microseconds=user),
        system_time=timedelta(microseconds=system),
        memory_peak_bytes=peak * 1024,
        background_count=count,
        is_complete=bool(flags & COMPLETE),
        was_cut=bool(flags & CUT),
        has_survivors=bool(flags & SURVIVORS),
        start_error=None if started else StartError(Stage(flags >> 8 & 0xFF), code),
    )


def _text(data: bytes) -> str:
    if len(data) < TEXT_OFFSET + _TEXT.size:
        return ""
    length, crc = _TEXT.unpack_from(data, TEXT_OFFSET)
    text = data[TEXT_OFFSET + _TEXT.size :][:length]
    if zlib.crc32(text) != crc:
        raise _Torn
    return text.decode("utf-8", "replace")


def _time(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
