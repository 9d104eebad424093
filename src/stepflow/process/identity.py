"""Which process a number meant: a pid is reused, its start time in its boot and namespace is not.

The check comes after `pidfd_open`: whatever the number meant a moment before, the descriptor
then stands for the process that was looked at.
"""

import os
import uuid
from functools import cache
from pathlib import Path
from typing import NamedTuple, Self

from stepflow.errors import Gone

# More than 52 numbers and a name ever are.
_STAT_BYTES = 4096


class Identity(NamedTuple):
    """`start_time`: field 22 of /proc/pid/stat; `pid_namespace`: inode of /proc/self/ns/pid."""

    pid: int
    start_time: int
    boot_id: uuid.UUID
    pid_namespace: int

    @classmethod
    def of(cls, pid: int) -> Self:
        """The identity of a process that runs now (or is a zombie); raises Gone."""
        return cls(pid, start_time(pid), this_boot(), this_namespace())

    @property
    def is_of_this_boot(self) -> bool:
        return self.boot_id == this_boot()

    def open(self) -> int:
        """A pidfd of exactly this process; raises Gone. The caller closes it."""
        if not self.is_of_this_boot:
            raise Gone(f"process {self.pid} ran before the machine was rebooted")
        if self.pid_namespace != this_namespace():
            raise Gone(f"process {self.pid} belongs to another PID namespace")
        try:
            pidfd = os.pidfd_open(self.pid)
        except ProcessLookupError:
            raise Gone(f"process {self.pid} has ended") from None
        try:
            if start_time(self.pid) != self.start_time:
                raise Gone(f"process {self.pid} is another one by now")
        except Gone:
            os.close(pidfd)
            raise
        return pidfd

    @property
    def is_alive(self) -> bool:
        """True for a zombie too: its exit code can still be had."""
        try:
            os.close(self.open())
        except Gone:
            return False
        return True

    @property
    def is_running(self) -> bool:
        """False for a zombie, which has let go of its files."""
        try:
            state = stat_fields(self.pid)[0]
        except Gone:
            return False
        return state not in (b"Z", b"X") and self.is_alive


def stat_fields(pid: int) -> list[bytes]:
    """/proc/pid/stat from field 3 (state) on; the name before it may hold blanks and brackets."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            stat = os.read(descriptor, _STAT_BYTES)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, ProcessLookupError):
        raise Gone(f"process {pid} has ended") from None
    return stat[stat.rindex(b")") + 2 :].split()


def start_time(pid: int) -> int:
    return int(stat_fields(pid)[19])


@cache
def this_boot() -> uuid.UUID:
    return uuid.UUID(Path("/proc/sys/kernel/random/boot_id").read_text().strip())


@cache
def this_namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino
