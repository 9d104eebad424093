"""The original's logs of steps, made into one transcript: their lines in order, without their
`[time] ` prefixes, whose times go into `time.idx`. Its own files stay as they are.
"""

import hashlib
import os
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from stepflow.migrate.clock import LocalClock
from stepflow.process import Folder
from stepflow.transcript import LineIndex

PIECE_BYTES = 1 << 20
INDEXED_BYTES = 1 << 20

_NAME = re.compile(r"step_(-?\d+)_(.+)\.log")
_PREFIX = re.compile(rb"\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)\] ")
_RECORD = struct.Struct("<Qq")


class Span(msgspec.Struct, frozen=True):
    """The lines of one step's log, `first` to before `end`."""

    first: int
    end: int


class Transcribed(msgspec.Struct, frozen=True):
    """What a transcript was made of; `spans` by the id of the step that a file names."""

    size_bytes: int = 0
    lines: int = 0
    last_ms: int | None = None
    spans: dict[str, Span] = {}
    unstamped: int = 0


def step_logs(folder: Path) -> list[tuple[str, Path]]:
    """The ids of steps and their logs, in order of the steps' numbers."""
    try:
        names = sorted(file.name for file in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    matches = [match for name in names if (match := _NAME.fullmatch(name))]
    matches.sort(key=lambda match: int(match[1]))
    return [(match[2], folder / match[0]) for match in matches]


def transcribe(path: Path, clock: LocalClock) -> Transcribed:
    """Make `log` and `time.idx` of the step logs in a folder; both appear whole or not at all."""
    logs = step_logs(path)
    if not logs:
        return Transcribed()
    folder = Folder(path)
    new_log, new_times = path / "log.new", path / "time.idx.new"
    with new_log.open("wb") as log, new_times.open("wb") as times:
        for file in (log, times):
            os.fchmod(file.fileno(), 0o600)
        made = _write(logs, clock, log.write, times.write)
        for file in (log, times):
            file.flush()
            os.fsync(file.fileno())
    folder.line_index.unlink(missing_ok=True)
    new_times.replace(folder.time_index)
    new_log.replace(folder.log)
    folder.archive.unlink(missing_ok=True)  # of the log that this one replaces
    if made.size_bytes >= INDEXED_BYTES:
        index = LineIndex(folder.line_index)
        try:
            index.rebuild(folder.log)
        finally:
            index.close()
    return made


def is_faithful(path: Path) -> bool:
    """Whether `log` is what the step logs hold, read again from the disk."""
    logs = step_logs(path)
    if not logs:
        return True
    wanted = hashlib.blake2b()
    for text, _, _ in _pieces([file for _, file in logs]):
        wanted.update(text)
    found = hashlib.blake2b()
    with (path / "log").open("rb") as log:
        while data := log.read(PIECE_BYTES):
            found.update(data)
    return wanted.digest() == found.digest()


def _write(
    logs: list[tuple[str, Path]],
    clock: LocalClock,
    write: Callable[[bytes], object],
    write_time: Callable[[bytes], object],
) -> Transcribed:
    offset = lines = unstamped = 0
    last_ms: int | None = None
    spans: dict[str, Span] = {}
    for step_id, file in logs:
        first = lines
        ends_with_newline = True
        for text, stamp, is_start in _pieces([file], is_last=(step_id, file) == logs[-1]):
            if stamp is not None:
                unix_ms = _moment(clock, stamp)
                if unix_ms is not None and unix_ms != last_ms:
                    write_time(_RECORD.pack(offset, unix_ms))
                    last_ms = unix_ms
            elif is_start:
                unstamped += 1
            write(text)
            offset += len(text)
            if text:
                ends_with_newline = text.endswith(b"\n")
                lines += ends_with_newline
        lines += not ends_with_newline
        spans[step_id] = Span(first, lines)
    return Transcribed(offset, lines, last_ms, spans, unstamped)


def _pieces(
    files: list[Path], *, is_last: bool = True
) -> Iterator[tuple[bytes, bytes | None, bool]]:
    """Text, the stamp before it, and whether it begins a line. A line longer than 1 MiB comes in
    pieces; the last one of a file that is not the last gets the newline that it lacks."""
    for number, file in enumerate(files):
        is_start = True
        with file.open("rb") as opened:
            while piece := opened.readline(PIECE_BYTES):
                match = _PREFIX.match(piece) if is_start else None
                yield (piece[match.end() :] if match else piece), match and match[1], is_start
                is_start = piece.endswith(b"\n")
        if not is_start and (number < len(files) - 1 or not is_last):
            yield b"\n", None, False


def _moment(clock: LocalClock, stamp: bytes) -> int | None:
    try:
        unix_ms = clock.unix_ms(stamp.decode())
    except (ValueError, OverflowError):
        return None  # looks like a time and is none: the line keeps its neighbour's
    return unix_ms if unix_ms > 0 else None
