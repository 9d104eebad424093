"""A write-ahead log that belongs to another database file: recognised before SQLite replays it.

Nothing in the files links a log to its database. Whoever puts an older database back beside the log
that a killed server left gets pages of both mixed: SQLite then says "malformed", or nothing. What
is certain decides at once: a file that is not in WAL mode (every backup of ours) owns no log, nor
does one with pages of another size. Else a log is foreign only if the file was touched after it,
the two together are damaged, and the file alone is whole: a log that is needed is never set aside.
"""

import sqlite3
import struct
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import structlog

from stepflow.store import original

_HEADER = struct.Struct(">IIIIIIII")
_FRAME = struct.Struct(">IIIIII")
_MAGICS = (0x377F0682, 0x377F0683)
_MODE_AT, _WAL_MODE = 18, 2
_PAGE_SIZE_AT = 16
_DATABASE_HEADER_BYTES = 100

log = structlog.get_logger("stepflow.store")


def set_aside(path: Path, now: datetime) -> Path | None:
    """Rename the `-wal` beside a database if it is another's, and the `-shm` with it; the new name.
    The caller owns the database, and nobody has it open."""
    reason = why_foreign(path)
    if reason is None:
        return None
    stamp = now.strftime("%Y%m%d_%H%M%S")
    aside = path.with_name(f"{path.name}-wal.foreign-{stamp}")
    wal_of(path).rename(aside)
    shared = path.with_name(path.name + "-shm")
    if shared.exists():
        shared.rename(path.with_name(f"{path.name}-shm.foreign-{stamp}"))
    log.warning("foreign WAL set aside", database=str(path), reason=reason, kept_as=aside.name)
    return aside


def all_set_aside(folder: Path) -> list[Path]:
    """Those that lie in the database's folder, oldest first."""
    return sorted(folder.glob("*-wal.foreign-*"))


def why_foreign(path: Path, *, is_certain: bool = False) -> str | None:
    """Why the `-wal` beside a database can't be its own; None if it may be. `is_certain`: only what
    the headers tell, which holds while others have it open."""
    page_bytes = _page_bytes_of_log(wal_of(path))
    if page_bytes is None or not path.exists():
        return None
    with path.open("rb") as file:
        header = file.read(_DATABASE_HEADER_BYTES)
    if len(header) < _DATABASE_HEADER_BYTES:
        return None
    if header[_MODE_AT] != _WAL_MODE:
        return "the database is not in WAL mode, so it was put there afterwards"
    # 1 stands for 65536, which has no room in two bytes.
    own_bytes = int.from_bytes(header[_PAGE_SIZE_AT : _PAGE_SIZE_AT + 2], "big")
    if (own_bytes if own_bytes > 1 else 65536) != page_bytes:
        return f"its pages have {page_bytes} bytes and the database's {own_bytes}"
    if is_certain or path.stat().st_ctime_ns <= wal_of(path).stat().st_ctime_ns:
        return None  # the usual case after a crash: nothing touched the database since
    if _damage(path, "mode=ro") is None or _damage(path, "mode=ro&immutable=1") is not None:
        return None
    return "the database is whole without it and damaged with it"


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _page_bytes_of_log(wal: Path) -> int | None:
    """Of a log that SQLite would replay: its header is whole, and its first frame belongs to it."""
    try:
        with wal.open("rb") as file:
            head, frame = file.read(_HEADER.size), file.read(_FRAME.size)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(head) < _HEADER.size or len(frame) < _FRAME.size:
        return None
    magic, _, page_bytes, _, salt_1, salt_2, sum_1, sum_2 = _HEADER.unpack(head)
    if magic not in _MAGICS or _checksum(head[:24], is_big=bool(magic & 1)) != (sum_1, sum_2):
        return None
    return page_bytes if _FRAME.unpack(frame)[2:4] == (salt_1, salt_2) else None


def _checksum(data: bytes, *, is_big: bool) -> tuple[int, int]:
    first = second = 0
    for a, b in struct.iter_unpack(">II" if is_big else "<II", data):
        first = (first + a + second) & 0xFFFFFFFF
        second = (second + b + first) & 0xFFFFFFFF
    return first, second


def _damage(path: Path, how: str) -> str | None:
    """What is wrong with the database, with its log or (immutable) without; neither is changed."""
    connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True)
    try:
        return original.damage(connection)
    finally:
        connection.close()
        if "immutable" not in how:  # what it made to read the log; whoever opens it makes it anew
            path.with_name(path.name + "-shm").unlink(missing_ok=True)
