"""How a process ended, when the pump that should have said so is dead.

Three witnesses, in this order: `waitid` (the script became our child, since the server is a
subreaper), the zombie's own stat (whoever its parent is), and what Linux ≥ 6.15 remembers of
reaped processes. An exit status is a code, or minus the number of the signal that killed.
"""

import fcntl
import os
import struct
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

from stepflow.errors import Gone
from stepflow.process.identity import Identity, stat_fields

PIDFD_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, the 64 bytes of the first version)
PIDFD_INFO_EXIT = 8
_INFO = struct.Struct("<QQ11Ii")


def exit_status(identity: Identity, pidfd: int) -> int | None:
    """The exit status of a process whose pidfd is readable; None while it runs, and when nobody
    knows. Only looks: the zombie stays, for an attached pump may be looking too."""
    for witness in (_of_child(pidfd), _of_zombie(identity), _of_buried(pidfd)):
        if witness is not None:
            return witness
    return None


def reap_strangers(known: AbstractSet[int]) -> dict[int, int]:
    """Bury the orphans that a subreaper inherits, and tell their exit statuses by pid.

    Never touched: `known` (our pumps, and scripts whose exit somebody still wants to see) and
    children in our own session, which are `subprocess`'s; a pump's descendants never are in it.
    """
    first = _ended_child(os.P_ALL, 0)
    if first is None:
        return {}
    our_session = os.getsid(0)
    buried = {}
    for pid in _children():
        if pid in known or _ended_child(os.P_PID, pid) is None:
            continue
        with suppress(ProcessLookupError, ChildProcessError):
            if os.getsid(pid) != our_session:
                _, status = os.waitpid(pid, os.WNOHANG)
                buried[pid] = os.waitstatus_to_exitcode(status)
    return buried


def _ended_child(kind: int, number: int) -> os.waitid_result | None:
    try:
        return os.waitid(kind, number, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None


def _children() -> list[int]:
    """Ours, of whichever thread: an orphan is given to any of them."""
    found: list[int] = []
    for thread in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, (thread / "children").read_text().split())
    return found


def _of_child(pidfd: int) -> int | None:
    ended = _ended_child(os.P_PIDFD, pidfd)
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _of_zombie(identity: Identity) -> int | None:
    """Field 52; the kernel shows 0 there to those who may not trace the process."""
    try:
        owner = Path(f"/proc/{identity.pid}").stat().st_uid
        fields = stat_fields(identity.pid)
    except (Gone, FileNotFoundError):
        return None
    may_trace = os.geteuid() in (0, owner)
    if not may_trace or fields[0] != b"Z" or int(fields[19]) != identity.start_time:
        return None
    return os.waitstatus_to_exitcode(int(fields[49]))


def _of_buried(pidfd: int) -> int | None:
    question = _INFO.pack(PIDFD_INFO_EXIT, *[0] * 13)
    try:
        mask, *_, status = _INFO.unpack(fcntl.ioctl(pidfd, PIDFD_GET_INFO, question))
    except OSError:  # an older kernel: it does not remember
        return None
    return os.waitstatus_to_exitcode(status) if mask & PIDFD_INFO_EXIT else None
