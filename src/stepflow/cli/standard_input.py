"""How what is piped into `stepflow run` reaches the script.

Beside the server the execution's FIFO is written directly: the server moves no byte of it, and the
script sees the end of its input when ours ends. Elsewhere it goes by HTTP.
"""

import errno
import os
import stat
import threading

from stepflow.cli.client import Client
from stepflow.cli.follow import Messages, Typed
from stepflow.errors import StepflowError

_PIECE_BYTES = 1 << 16


def is_piped() -> bool:
    """Whether stdin is a pipe, a file or a socket: a terminal and /dev/null are none."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def copy_to_fifo(path: str) -> None:
    """In the background; opening blocks until the script is there to read."""
    threading.Thread(target=copy_all_to_fifo, args=(path,), daemon=True).start()


def copy_all_to_fifo(path: str) -> None:
    try:
        fifo = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # already over: nobody is left to read
    with os.fdopen(fifo, "wb", buffering=0) as script:
        while piece := os.read(0, _PIECE_BYTES):
            try:
                rest = memoryview(piece)
                while rest:
                    rest = rest[script.write(rest) :]
            except BrokenPipeError:
                return  # the script has closed its stdin, as `head` does


def send(client: Client, path: str) -> None:
    """To a server elsewhere, in the background."""
    threading.Thread(target=send_all, args=(client, path), daemon=True).start()


def send_all(client: Client, path: str) -> None:
    while True:
        piece = os.read(0, _PIECE_BYTES)
        try:
            client.ask("POST", f"{path}/input", piece)
        except StepflowError:
            return  # it has ended, or reads no input: that is for its outcome to tell
        if not piece:
            return  # the empty piece has told the end


def type_into(messages: Messages) -> None:
    """Keys of a raw terminal as messages, in the background."""
    threading.Thread(target=_type_into, args=(messages,), daemon=True).start()


def _type_into(messages: Messages) -> None:
    while True:
        try:
            data = os.read(0, _PIECE_BYTES)
        except OSError as error:
            if error.errno == errno.EIO:
                return  # the terminal was closed
            raise
        # What a terminal sends for Ctrl-D stands for the end of piped input.
        messages.put(Typed(data or b"\x04"))
        if not data:
            return
