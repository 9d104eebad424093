"""What a copy of a database tells of itself, as a file that nobody has open."""

import sqlite3
from datetime import datetime
from pathlib import Path

import msgspec

from stepflow.errors import StorageUnusable
from stepflow.model import Execution
from stepflow.store import original
from stepflow.store.rows import execution_of, time_text
from stepflow.store.schema import REVISION

# idx_executions_status_seq finds the few.
_UNFINISHED = """
SELECT executions.*, state AS followed FROM executions
LEFT JOIN follow_state ON execution_id = executions.id
WHERE status IN ('pending', 'running') AND seq IS NOT NULL
"""
# idx_executions_created_seq
_CREATED_SINCE = "SELECT id FROM executions WHERE created_at >= ?"


class Followed(msgspec.Struct, frozen=True):
    """An unfinished execution, and how far its output was read (None: not at all). Of a database
    with another schema than ours no more is known than that there is one."""

    execution: Execution | None
    state: bytes | None


class Snapshot(msgspec.Struct, frozen=True):
    """`revision` is None for a database of the original. `unfinished` by execution id; `younger`
    are the ids of what was created since the time that was asked for."""

    revision: str | None
    rows: dict[str, int]
    unfinished: dict[str, Followed]
    younger: frozenset[str]


def snapshot_of(path: Path, since: datetime | None = None) -> Snapshot:
    """Check the file as a whole, then say what is in it. Raises StorageUnusable."""
    with original.look(path) as connection:
        found = original.damage(connection)
        if found is not None:
            raise StorageUnusable(f"{path} is damaged: {found}")
        revision = original.revision(connection)
        return Snapshot(
            revision,
            original.counts(connection),
            {} if revision is None else _unfinished(connection, is_ours=revision == REVISION),
            frozenset() if since is None else _created_since(connection, since),
        )


def _created_since(connection: sqlite3.Connection, at: datetime) -> frozenset[str]:
    return frozenset(row["id"] for row in connection.execute(_CREATED_SINCE, (time_text(at),)))


def _unfinished(connection: sqlite3.Connection, *, is_ours: bool) -> dict[str, Followed]:
    return {
        row["id"]: Followed(execution_of(row), row["followed"]) if is_ours else Followed(None, None)
        for row in connection.execute(_UNFINISHED)
    }
