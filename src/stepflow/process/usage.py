"""What scripts use of the machine, read from /proc: one pass over all processes serves them all."""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec

PUMP_NAME = b"stepflow-pump"
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_READ_AT_ONCE = 20


class Usage(msgspec.Struct, frozen=True):
    """`cpu_seconds` includes children that ended and were waited for; `memory_bytes` is the sum
    of resident sets, in which shared pages count once for each process."""

    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    processes: int = 0


class ProcessTable:
    """Everybody at one moment: the fields of stat from the third on, by pid. With `rest_seconds`
    the moment is a long one: after some processes others go first."""

    def __init__(self, *, rest_seconds: float = 0.0) -> None:
        self._names: dict[int, bytes] = {}
        self._fields: dict[int, list[bytes]] = {}
        self._children: dict[int, list[int]] = {}
        pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - a thousand Paths would double the cost
        for number, pid in enumerate(pids, start=1):
            if rest_seconds and number % _READ_AT_ONCE == 0:
                time.sleep(rest_seconds)
            with suppress(OSError):  # it ended meanwhile
                self._add(pid, _read(f"/proc/{pid}/stat"))

    def _add(self, pid: int, stat: bytes) -> None:
        end = stat.rindex(b")")
        fields = stat[end + 2 :].split(None, 22)
        self._names[pid] = stat[stat.index(b"(") + 1 : end]
        self._fields[pid] = fields
        self._children.setdefault(int(fields[1]), []).append(pid)

    @property
    def pids(self) -> list[int]:
        return list(self._fields)

    def start_time(self, pid: int) -> int:
        return int(self._fields[pid][19])

    def below(self, root: int) -> Iterator[int]:
        """The descendants of `root`, zombies included."""
        waiting = [root]
        while waiting:
            children = self._children.get(waiting.pop(), ())
            yield from children
            waiting.extend(children)

    def usage_of(self, root: int) -> Usage:
        if root not in self._fields:
            return Usage()
        ticks = pages = processes = 0
        if self._names[root] == PUMP_NAME:
            ticks = sum(map(int, self._fields[root][13:15]))
            members: Iterable[int] = self.below(root)
        else:
            members = (root, *self.below(root))
        for pid in members:
            fields = self._fields[pid]
            ticks += sum(map(int, fields[11:15]))
            pages += int(fields[21])
            processes += fields[0] != b"Z"
        return Usage(ticks / _TICKS, pages * _PAGE_BYTES, processes)


def usage_of(roots: Iterable[int], *, rest_seconds: float = 0.0) -> dict[int, Usage]:
    """What the trees below `roots` use, read with rests for who shares the processor. A root that
    is a pump is not counted itself, only what it waited for; a script without a pump is. A root
    that is gone uses nothing."""
    table = ProcessTable(rest_seconds=rest_seconds)
    return {root: table.usage_of(root) for root in roots}


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 1024)
    finally:
        os.close(descriptor)
