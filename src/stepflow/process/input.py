"""The writing end of a running execution's input, the FIFO `in`.

Nothing here ever blocks: what does not fit now is the caller's to offer again. A terminal reads
records, since the window's size travels with the input; a script reads plain bytes.
"""

import os
import struct
from contextlib import suppress
from typing import Self

from stepflow.errors import NoReader
from stepflow.process.folder import Folder

_HEAD = struct.Struct("<BI")
_WINDOW = struct.Struct("<HH")
_ATOMIC_BYTES = 4096  # PIPE_BUF: a record is written whole or not at all
_DATA_BYTES = _ATOMIC_BYTES - _HEAD.size


class Input:
    """Held open by its owner. Where the script itself reads, closing the last one is its end of
    file; a terminal has none (ask for it with Ctrl-D, b"\\x04")."""

    def __init__(self, folder: Folder, *, tty: bool) -> None:
        """Raises NoReader when the script (or its terminal) doesn't read, or not any more."""
        self._tty = tty
        try:
            self._file = os.open(folder.input, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise NoReader(f"{folder.path.name} reads no input: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """For waiting until it is writable."""
        return self._file

    def close(self) -> None:
        os.close(self._file)

    def write(self, data: bytes) -> int:
        """How many bytes of `data` were taken: fewer than offered when the reader is slow."""
        taken = 0
        with suppress(BlockingIOError):
            while taken < len(data):
                if self._tty:
                    piece = data[taken : taken + _DATA_BYTES]
                    self._write(_HEAD.pack(ord("d"), len(piece)) + piece)
                    taken += len(piece)
                else:
                    taken += self._write(data[taken:])
        return taken

    def resize(self, rows: int, columns: int) -> bool:
        """Tell the terminal its size; False when it is too busy to hear it now."""
        with suppress(BlockingIOError):
            self._write(_HEAD.pack(ord("w"), _WINDOW.size) + _WINDOW.pack(rows, columns))
            return True
        return False

    def _write(self, data: bytes) -> int:
        try:
            return os.write(self._file, data)
        except BrokenPipeError as error:
            raise NoReader("the script has closed its input") from error


def write_input(folder: Folder, data: bytes, tty: bool) -> int:
    """Offer `data` once; how many bytes were taken. For a script without a terminal this is all
    it gets, end of file included, unless somebody else holds an Input open."""
    with Input(folder, tty=tty) as opened:
        return opened.write(data)


def resize(folder: Folder, rows: int, columns: int) -> bool:
    with Input(folder, tty=True) as opened:
        return opened.resize(rows, columns)
