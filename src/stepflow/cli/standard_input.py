"""How what is piped into `stepflow run` reaches the script.

Beside the server the execution's FIFO is written directly: the server moves no byte of it, and the
script sees the end of its input when ours ends. Elsewhere it goes by HTTP.
"""

import errno
import os
import stat
import threading
import time
from collections.abc import Callable
from typing import Any

from stepflow.cli.client import Client
from stepflow.cli.follow import Messages, Typed
from stepflow.errors import StepflowError

_PIECE_BYTES = 1 << 16
_QUEUED_SECONDS = 0.02


def is_piped() -> bool:
    """Whether stdin is a pipe, a file or a socket: a terminal and /dev/null are none."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def copy_to_fifo(path: str) -> threading.Thread:
    """In the background; opening blocks until the script is there to read."""
    return _started(_copy_to_fifo, path)


def _copy_to_fifo(path: str) -> None:
    while True:
        try:
            fifo = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
            break
        except FileNotFoundError:
            time.sleep(_QUEUED_SECONDS)  # made when the execution leaves the queue
    with os.fdopen(fifo, "wb", buffering=0) as script:
        while piece := os.read(0, _PIECE_BYTES):
            try:
                rest = memoryview(piece)
                while rest:
                    rest = rest[script.write(rest) :]
            except BrokenPipeError:
                return  # the script has closed its stdin, as `head` does


def send(client: Client, path: str) -> threading.Thread:
    """To a server elsewhere, in the background."""
    return _started(_send, client.twin(), path)


def _send(client: Client, path: str) -> None:
    """One request whose body is our input; it is not begun before somebody can take it."""
    try:
        while (status := client.ask("GET", path)["execution"]["status"]) == "pending":
            time.sleep(_QUEUED_SECONDS)
        if status == "running":
            client.ask("POST", f"{path}/input", iter(lambda: os.read(0, _PIECE_BYTES), b""))
    except StepflowError:
        return  # it has ended, or the server has: the event stream tells which


def type_into(messages: Messages) -> None:
    """Keys of a raw terminal as messages, in the background."""
    _started(_type_into, messages)


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


def _started(target: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread
