"""What a pump has to know of its execution, and the binary block in which it is told.

The block travels in a memfd: no limit of argv, and nothing of it is visible in `ps`.
"""

import struct
from datetime import UTC, datetime, timedelta

import msgspec

from stepflow.errors import InvalidRequest

MAGIC = b"SFLAUNCH"
VERSION = 1
TTY, KEEP_BACKGROUND, STDIN = 1, 2, 4
_HEAD = struct.Struct("<8sIIqQQQHHII")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """`argv[0]` without a slash is looked up in the PATH of `environment`. `window` is rows and
    columns of the terminal. `open_files` is the script's soft RLIMIT_NOFILE (None: as ours)."""

    argv: list[str]
    working_directory: str
    environment: dict[str, str]
    deadline: datetime | None = None
    grace: timedelta = timedelta(seconds=10)
    tty: bool = False
    window: tuple[int, int] = (24, 120)
    keep_background: bool = False
    stdin: bool = False
    max_log_bytes: int | None = None
    open_files: int | None = None

    def block(self, *, attach: bool = False) -> bytes:
        """The launch block; for an attaching pump without argv and environment."""
        argv = [] if attach else self.argv
        pairs = [] if attach else [f"{name}={value}" for name, value in self.environment.items()]
        strings = [self.working_directory, *argv, *pairs]
        text = "\0".join(strings)
        if text.count("\0") != len(strings) - 1:
            raise InvalidRequest("a command, its directory and its environment can't hold a NUL")
        head = _HEAD.pack(
            MAGIC,
            VERSION,
            TTY * self.tty | KEEP_BACKGROUND * self.keep_background | STDIN * self.stdin,
            (self.deadline - _EPOCH) // _MILLISECOND if self.deadline else 0,
            self.grace // _MILLISECOND,
            self.max_log_bytes or 0,
            self.open_files or 0,
            *self.window,
            len(argv),
            len(pairs),
        )
        return head + text.encode("utf-8", "surrogateescape") + b"\0"
