"""What a copy of a database tells of itself, as a file that nobody has open."""

import sqlite3
from pathlib import Path

import msgspec

from stepflow.errors import StorageUnusable
from stepflow.store import original

# idx_executions_status_seq finds the few.
_UNFINISHED = """
SELECT executions.id, nesting, state FROM executions
LEFT JOIN follow_state ON execution_id = executions.id
WHERE status IN ('pending', 'running') AND seq IS NOT NULL
"""


class Followed(msgspec.Struct, frozen=True):
    """An unfinished execution: how its output is read, and how far that was (None: not begun)."""

    nesting: str
    state: bytes | None


class Snapshot(msgspec.Struct, frozen=True):
    """`revision` is None for a database of the original. `unfinished` by execution id."""

    revision: str | None
    rows: dict[str, int]
    unfinished: dict[str, Followed]


def snapshot_of(path: Path) -> Snapshot:
    """Check the file as a whole, then say what is in it. Raises StorageUnusable."""
    with original.look(path) as connection:
        found = original.damage(connection)
        if found is not None:
            raise StorageUnusable(f"{path} is damaged: {found}")
        revision = original.revision(connection)
        return Snapshot(
            revision,
            original.counts(connection),
            {} if revision is None else _unfinished(connection),
        )


def _unfinished(connection: sqlite3.Connection) -> dict[str, Followed]:
    rows = connection.execute(_UNFINISHED)
    return {row["id"]: Followed(row["nesting"] or "auto", row["state"]) for row in rows}
