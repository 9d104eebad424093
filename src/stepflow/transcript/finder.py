"""The search program as a process: ripgrep where present, else `line_finder`.

Both read the log from stdin and print byte offsets; both are killed when the time is up. ripgrep
never backtracks; Python's expressions may, and then end with the time.
"""

import contextlib
import fcntl
import os
import selectors
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from stepflow import errors
from stepflow.transcript.sieve import Blocks, Sieve

# The whole user's pipes share a budget: beyond it every new one would shrink.
_PIPE_BYTES = 1 << 18
_READ_BYTES = 1 << 20


class Pattern(msgspec.Struct, frozen=True):
    text: str
    regex: bool = False
    ignore_case: bool = False
    whole_word: bool = False


class Bytes(msgspec.Struct, frozen=True):
    """What to search: bytes `start`, where a line begins, to `end` of a log.

    `shown` fills secrets, None if there are none; `descriptor` is given when the file's bytes may
    be searched as they are, `is_whole` when they may be all of it.
    """

    raw: Blocks
    shown: Blocks | None
    start: int
    end: int
    descriptor: int | None = None
    is_whole: bool = False


class Places(Protocol):
    """From an offset that the program told to one of the log."""

    def byte_at(self, given: int) -> int: ...

    def line_at(self, given: int) -> int: ...


class _Shifted(msgspec.Struct, frozen=True):
    start: int

    def byte_at(self, given: int) -> int:
        return self.start + given

    def line_at(self, given: int) -> int:
        return self.start + given


class Finder(msgspec.Struct, frozen=True):
    """Finds a pattern until `deadline` (monotonic seconds), then raises errors.Unavailable."""

    pattern: Pattern
    deadline: float
    ripgrep: str | None

    @classmethod
    def of(cls, pattern: Pattern, within_seconds: float) -> "Finder":
        return cls(pattern, time.monotonic() + within_seconds, shutil.which("rg"))

    def lines(self, data: Bytes, most: int) -> list[int]:
        """Where lines with a match begin, in their order."""
        # One byte per line at most: only the offset before it is wanted, however long the line.
        arguments = self._arguments("lines", most, ["--byte-offset", "--max-columns=1"])
        output, places = self._output(arguments, data)
        told = [int(line.split(b":", 1)[0]) for line in output.split(b"\n") if line]
        return [places.line_at(given) for given in told]

    def count(self, data: Bytes) -> int:
        """How many lines have a match."""
        output, _ = self._output(self._arguments("count", 0, ["--count"]), data)
        return int(output or b"0")

    def ranges(
        self, data: Bytes, *, most_lines: int = 0, most_bytes: int | None = None
    ) -> Iterator[tuple[int, int]]:
        """Start and end of each match that is not empty; no more than `most_bytes` tell."""
        arguments = self._arguments("ranges", most_lines, ["--byte-offset", "--only-matching"])
        output, places = self._output(arguments, data, most_bytes)
        for line in output.split(b"\n"):
            offset, colon, match = line.partition(b":")
            if colon and match:
                start = places.byte_at(int(offset))
                yield start, start + len(match)

    def _arguments(self, wanted: str, most: int, options: list[str]) -> list[str]:
        pattern = self.pattern
        if self.ripgrep is None:
            flags = "r" * pattern.regex + "i" * pattern.ignore_case + "w" * pattern.whole_word
            program = str(Path(__file__).with_name("line_finder.py"))
            return [sys.executable, "-I", "-S", program, wanted, str(most), flags, pattern.text]
        return [
            self.ripgrep,
            "--no-config",
            "--color=never",
            "--encoding=none",
            "--text",
            "--no-filename",
            "--no-line-number",
            "--no-heading",
            "--regex-size-limit=10M",
            *options,
            *([f"--max-count={most}"] if most else []),
            *([] if pattern.regex else ["--fixed-strings"]),
            "--ignore-case" if pattern.ignore_case else "--case-sensitive",
            *(["--word-regexp"] if pattern.whole_word else []),
            f"--regexp={pattern.text}",
        ]

    def _output(
        self, arguments: list[str], data: Bytes, most_bytes: int | None = None
    ) -> tuple[bytes, Places]:
        if data.descriptor is not None and data.is_whole and self.ripgrep is not None:
            # By name ripgrep maps the file, which is twice as fast as any pipe.
            name = f"/proc/self/fd/{data.descriptor}"
            process = _start([*arguments, name], subprocess.DEVNULL, [data.descriptor])
            return self._result(process, most_bytes), _Shifted(0)
        reading, writing = os.pipe()
        with contextlib.suppress(PermissionError):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        try:
            process = _start([*arguments, *(["-"] if self.ripgrep else [])], reading, [])
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        literal = None if self.pattern.regex or self.pattern.ignore_case else self.pattern.text
        feed = _Feed(data, literal.encode() if literal else None, writing)
        try:
            output = self._result(process, most_bytes)
        finally:
            feed.end()
        feed.check()
        return output, feed.places

    def _result(self, process: "subprocess.Popen[bytes]", most_bytes: int | None) -> bytes:
        try:
            output, complaint = self._collect(process, most_bytes)
        finally:
            process.kill()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()
            process.wait()
        if complaint:
            # Not the exit code: a server that reaps strangers may have been faster.
            reason = complaint.decode(errors="replace").strip()
            if "(os error" in reason:
                raise errors.Unavailable(f"the search failed: {reason}")
            raise errors.InvalidRequest(_told(reason), field="text")
        return output

    def _collect(
        self, process: "subprocess.Popen[bytes]", most_bytes: int | None
    ) -> tuple[bytes, bytes]:
        assert process.stdout
        assert process.stderr
        pieces: dict[int, list[bytes]] = {
            process.stdout.fileno(): [],
            process.stderr.fileno(): [],
        }
        taken = 0
        with selectors.DefaultSelector() as selector:
            for descriptor in pieces:
                selector.register(descriptor, selectors.EVENT_READ)
            while selector.get_map() and (most_bytes is None or taken < most_bytes):
                left = self.deadline - time.monotonic()
                if left <= 0:
                    raise errors.Unavailable("the search took too long and was stopped")
                for key, _ in selector.select(left):
                    piece = os.read(key.fd, _READ_BYTES)
                    pieces[key.fd].append(piece)
                    taken += len(piece)
                    if not piece:
                        selector.unregister(key.fd)
        output, complaint = (b"".join(p) for p in pieces.values())
        return output, complaint


class _Feed:
    """A thread that writes the bytes into the program's stdin, until `end`."""

    def __init__(self, data: Bytes, literal: bytes | None, writing: int) -> None:
        self._data = data
        self._writing = writing
        self._is_over = threading.Event()
        self._error: Exception | None = None
        self._sieve = Sieve(data.raw, data.shown, data.start, data.end, literal)
        is_spliced = data.descriptor is not None
        self.places: Places = _Shifted(data.start) if is_spliced else self._sieve
        self._thread = threading.Thread(target=self._run, name="search-feed", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._is_over.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what went wrong while reading: the program only saw an early end."""
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            with contextlib.suppress(BrokenPipeError):
                if self._data.descriptor is None:
                    self._write()
                else:
                    self._splice(self._data.descriptor)
        except Exception as error:  # noqa: BLE001 (`check` raises it in the thread that asked)
            self._error = error
        finally:
            os.close(self._writing)

    def _splice(self, descriptor: int) -> None:
        position = self._data.start
        while position < self._data.end and not self._is_over.is_set():
            wanted = min(_READ_BYTES, self._data.end - position)
            moved = os.splice(descriptor, self._writing, wanted, offset_src=position)
            if moved == 0:
                return
            position += moved

    def _write(self) -> None:
        with contextlib.closing(iter(self._sieve)) as handed_on:
            for blocks in handed_on:
                if self._is_over.is_set():
                    return
                if blocks:
                    self._write_all(blocks)

    def _write_all(self, blocks: list[bytes]) -> None:
        written = os.writev(self._writing, blocks)
        if written < sum(map(len, blocks)):
            rest = memoryview(b"".join(blocks))[written:]
            while rest:
                rest = rest[os.write(self._writing, rest) :]


def _start(arguments: list[str], stdin: int, descriptors: list[int]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        arguments,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=descriptors,
        env={"LC_ALL": "C.UTF-8"},
    )


def _told(reason: str) -> str:
    """What ripgrep says of a pattern, without its drawing of where."""
    lines = [line.strip() for line in reason.splitlines()]
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return f"the pattern is not valid: {told[0] if told else lines[0]}"
