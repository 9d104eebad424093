"""The database from outside: journal mode, write-ahead log, and who holds its locks.

Nothing here opens it, so looking can neither wait nor disturb; the locks are the kernel's word.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stepflow.doctor.finding import Finding, ok, problem, size, warning
from stepflow.doctor.folder import NETWORK, mounted

WAL_SINCE = (3, 7, 0)
MOST_WAL_BYTES = 64 << 20
_HEADER = b"SQLite format 3\0"
_MODES = {1: "delete", 2: "wal"}  # byte 18 of the file
_LOCKS = Path("/proc/locks")
# Bytes of `stepflow.db-shm` that stand for WAL's locks, and of the file itself for the others.
_WRITER, _READERS = range(120, 121), range(123, 128)
_RESERVED = range(0x40000000, 0x40000002)
_LOOK_AGAIN_SECONDS = 0.1


class Lock(NamedTuple):
    """One process's hold; `what` is `writes` or `reads`."""

    pid: int
    what: str


def wal_mode(path: Path, journal_mode: str | None = None) -> Finding:
    """The guide's issue 1. `journal_mode` is what a server's own connections say."""
    # The server itself must never come here without its mode: to close any descriptor of the file
    # would take away the locks that SQLite holds in the same process.
    header = b"" if journal_mode else _header(path)
    if header and not header.startswith(_HEADER):
        return problem(
            "wal mode",
            f"{path} is no SQLite database",
            "stepflow backup list shows what can be put back",
        )
    mode = journal_mode or (_MODES.get(header[18], "unknown") if header else "none yet")
    if mode == "wal":
        return ok("wal mode", f"wal, SQLite {sqlite3.sqlite_version}")
    return _not_wal(path, mode)


def _header(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(20)


def _not_wal(path: Path, mode: str) -> Finding:
    said = f"the journal mode is {mode} instead of wal"
    kind, at = mounted(path)
    if sqlite3.sqlite_version_info < WAL_SINCE:
        found = f"SQLite {sqlite3.sqlite_version} is too old for it"
        return problem("wal mode", f"{said}: {found}", "use a Python with SQLite 3.7.0 or newer")
    if kind in NETWORK:
        return problem(
            "wal mode",
            f"{said}: {kind} (mounted at {at}) is a network file system",
            "give the server a folder on a local disk with STEPFLOW_STORAGE_PATH",
        )
    closed = [one for one in (path.parent, path) if not _is_writable(one)]
    if closed:
        return problem(
            "wal mode",
            f"{said}: {closed[0]} can't be written by its owner",
            f"chmod {'u+rwx' if closed[0].is_dir() else '664'} {closed[0]}",
        )
    return warning("wal mode", said, "stepflow serve switches it on when it starts")


def _is_writable(path: Path) -> bool:
    """By its owner's own right, since root may write everything."""
    return bool(path.stat().st_mode & 0o200) and os.access(path, os.W_OK)


def write_ahead_log(path: Path, last_checkpoint: dict[str, Any] | None) -> Finding:
    """Part of the guide's issue 4: a log that nobody may carry over makes every read slower."""
    log = path.with_name(path.name + "-wal")
    size_bytes = log.stat().st_size if log.exists() else 0
    sizes = f"{size(size_bytes)} beside a database of {size(path.stat().st_size)}"
    if size_bytes <= MOST_WAL_BYTES:
        return ok("write-ahead log", sizes)
    readers = {lock.pid for lock in holders(path) if lock.what == "reads"} - {os.getpid()}
    if readers:
        fix = f"end what reads the database: kill {' '.join(map(str, sorted(readers)))}"
        return warning("write-ahead log", f"{sizes}; read by {_named(readers)}", fix)
    if last_checkpoint is None:
        return warning("write-ahead log", sizes, "stepflow serve carries it over when it starts")
    return warning(
        "write-ahead log",
        f"{sizes}; the last checkpoint: {last_checkpoint or 'none yet'}",
        "curl -X POST http://localhost:8080/api/health/optimize",
    )


def set_aside(path: Path) -> Iterator[Finding]:
    """Write-ahead logs that the start of a server found to belong to another file."""
    for aside in sorted(path.parent.glob("*-wal.foreign-*")):
        yield warning(
            "foreign write-ahead log",
            f"{aside} belonged to another database file than the one that was put there",
            f"rm {aside}, when nothing of that one is missed",
        )


def locks(path: Path, server: int | None) -> Finding:
    """The guide's issue 3: who, beside the server, keeps others from writing, and keeps on."""
    writers = _writers(path, server)
    if writers:
        time.sleep(_LOOK_AGAIN_SECONDS)
        writers &= _writers(path, server)
    if writers:
        return problem(
            "locks",
            f"{_named(writers)} holds the write lock: the others get 'database is locked'",
            f"end its transaction, or: kill {' '.join(map(str, sorted(writers)))}",
        )
    readers = {lock.pid for lock in holders(path) if lock.what == "reads"} - {server}
    if readers:
        return ok("locks", f"nobody else writes; also read by {_named(readers)}")
    return ok("locks", "nobody else holds any")


def _writers(path: Path, server: int | None) -> set[int]:
    return {lock.pid for lock in holders(path) if lock.what == "writes"} - {server}


def holders(path: Path, table: Path = _LOCKS) -> set[Lock]:
    """Who holds a lock of this database now, from the kernel's table of them."""
    places = {
        path: {"writes": _RESERVED},
        path.with_name(path.name + "-shm"): {"writes": _WRITER, "reads": _READERS},
    }
    inodes = {file.stat().st_ino: spans for file, spans in places.items() if file.exists()}
    try:
        lines = table.read_text().splitlines()
    except OSError:
        return set()
    found = set()
    for line in lines:
        # 1: POSIX  ADVISORY  WRITE 1234 08:01:5678 120 120, and `->` before who only waits.
        fields = line.split()
        if len(fields) != 8 or fields[1] not in ("POSIX", "OFDLCK"):
            continue
        spans = inodes.get(int(fields[5].rpartition(":")[2]), {})
        for what, span in spans.items():
            if int(fields[6]) in span and (fields[3] == "WRITE" or what == "reads"):
                found.add(Lock(int(fields[4]), what))
    return found


def _named(pids: set[int]) -> str:
    return ", ".join(f"{_program(pid)} (process {pid})" for pid in sorted(pids))


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "a process of another container"
