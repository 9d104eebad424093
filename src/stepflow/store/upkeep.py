"""What the store measures of itself, and the care it takes of its file."""

import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

from stepflow.errors import NoSpace
from stepflow.store.protocol import Optimized
from stepflow.store.writer import checkpoint

_COUNTED = ("executions", "steps", "artifacts", "annotations", "metrics", "tests")


def file_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def wal_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def figures(connection: sqlite3.Connection) -> dict[str, int]:
    names = ("page_count", "page_size", "freelist_count")
    return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}


def table_counts(connection: sqlite3.Connection) -> dict[str, int]:
    # The primary key of counters.
    rows = connection.execute("""SELECT "key", value FROM counters WHERE facet = 'table'""")
    counts = dict.fromkeys(_COUNTED, 0) | {row["key"]: row["value"] for row in rows}
    total = "SELECT coalesce(sum(value), 0) FROM counters WHERE facet = 'all'"
    return counts | {"executions": connection.execute(total).fetchone()[0]}


def optimize(connection: sqlite3.Connection, path: Path, vacuum: bool) -> tuple[Optimized, Any]:
    """ANALYZE, checkpoint, VACUUM on the writer's connection; also the checkpoint's state."""
    if vacuum:
        _require_room(path)
    begun = time.perf_counter()
    before = file_bytes(path) + file_bytes(wal_of(path))
    done = []
    connection.execute("PRAGMA analysis_limit = 1000")
    connection.execute("ANALYZE")
    done.append("refreshed the planner's statistics")
    connection.execute("DELETE FROM counters WHERE value = 0 AND facet <> 'seq'")
    if vacuum:
        connection.execute("VACUUM")
        done.append("compacted the database file")
    state = checkpoint(connection, "TRUNCATE")
    if state["is_complete"]:
        done.append("emptied the write-ahead log")
    else:
        done.append("left the write-ahead log, somebody is reading it")
    after = file_bytes(path) + file_bytes(wal_of(path))
    optimized = Optimized(
        done=done,
        size_before_bytes=before,
        size_after_bytes=after,
        freed_bytes=before - after,
        seconds=time.perf_counter() - begun,
    )
    return optimized, state


def _require_room(path: Path) -> None:
    """VACUUM writes the database anew, then once more through the log. Raises NoSpace."""
    needed, free = 2 * file_bytes(path), shutil.disk_usage(path.parent).free
    if free < needed:
        raise NoSpace(f"to compact the database {needed:,} bytes are needed, {free:,} are free")
