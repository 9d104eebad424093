"""What one image of the server leaves to the next, which replaces it by `execve`.

The process id stays, so systemd and a container's init notice nothing. Descriptors stay open:
the lock, the listening sockets, and the held FIFOs of running scripts.
"""

import os
import signal
from pathlib import Path
from typing import NoReturn

import msgspec

VARIABLE = "_STEPFLOW_HANDOVER"
PUBLIC_NAME = "public.json"


class Command(msgspec.Struct, frozen=True):
    """How an image is started. `serve` on the folder of a private server leaves its own for it."""

    argv: list[str]
    environment: dict[str, str]

    def leave(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(msgspec.json.encode(self))

    @classmethod
    def take(cls, path: Path) -> "Command":
        command = msgspec.json.decode(path.read_bytes(), type=cls)
        path.unlink()
        return command


class Handover(msgspec.Struct, frozen=True):
    """Descriptors by what they are; `holds` by execution id."""

    lock: int
    sockets: dict[str, int] = {}
    holds: dict[str, int] = {}

    @property
    def descriptors(self) -> list[int]:
        return [self.lock, *self.sockets.values(), *self.holds.values()]

    def become(self, command: Command) -> NoReturn:
        """Replace this process; returns never."""
        note = os.memfd_create("handover", 0)
        os.write(note, msgspec.json.encode(self))
        for descriptor in self.descriptors:
            os.set_inheritable(descriptor, True)
        # One that comes before the new image heeds it must be neither its death nor lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        environment = {**command.environment, VARIABLE: str(note)}
        os.execve(command.argv[0], command.argv, environment)


def received() -> Handover | None:
    """What the image before left, taken once; its descriptors are close-on-exec again."""
    note = os.environ.pop(VARIABLE, None)
    if note is None:
        return None
    descriptor = int(note)
    handover = msgspec.json.decode(os.pread(descriptor, 1 << 24, 0), type=Handover)
    os.close(descriptor)
    for inherited in handover.descriptors:
        os.set_inheritable(inherited, False)
    return handover
