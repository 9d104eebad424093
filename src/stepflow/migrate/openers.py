"""Which other processes have a file open: whether the original program is still at work.

SQLite's own locks do not tell: with a rollback journal there are none between two statements.
Processes of other users are not seen by one who may not look at them.
"""

import os
from pathlib import Path

PROCESSES = Path("/proc")


def openers(path: Path) -> list[int]:
    """The ids of other processes that have the file open; empty where that can't be known."""
    try:
        wanted = path.stat()
    except FileNotFoundError:
        return []
    ours = os.getpid()
    return [
        int(process.name)
        for process in PROCESSES.glob("[0-9]*")
        if process.name != str(ours) and _has_open(process / "fd", wanted)
    ]


def _has_open(descriptors: Path, wanted: os.stat_result) -> bool:
    try:
        with os.scandir(descriptors) as found:
            return any(_is_same(descriptor, wanted) for descriptor in found)
    except OSError:
        return False  # it has ended, or is not ours to look at


def _is_same(descriptor: os.DirEntry[str], wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(descriptor.stat(), wanted)
    except OSError:
        return False
