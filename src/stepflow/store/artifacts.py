"""Artifacts as rows: kept, forgotten, read. The files are somebody else's."""

import sqlite3

from stepflow.errors import InvalidRequest, NotFound
from stepflow.model import Artifact
from stepflow.store.compiled import KEEP_ARTIFACT
from stepflow.store.ledger import Ledger
from stepflow.store.protocol import MAX_PAGE, ArtifactPage
from stepflow.store.rows import artifact_of, artifact_row

_TABLE = ("table", "artifacts", "")
_LAST_SEQ = 2**63 - 1
# idx_artifacts_execution_id; the few rows of one execution are sorted.
OF_EXECUTION = "SELECT * FROM artifacts WHERE execution_id = ? ORDER BY seq, created_at LIMIT ?"


def keep_artifact(ledger: Ledger, artifact: Artifact) -> Artifact:
    if ledger.one("SELECT 1 FROM executions WHERE id = ?", (artifact.execution_id,)) is None:
        raise NotFound(f"there is no execution {artifact.execution_id}")
    is_new = ledger.one("SELECT 1 FROM artifacts WHERE id = ?", (artifact.id,)) is None
    seq = ledger.next_seq() if is_new else None  # an old row keeps its own
    ledger.execute(KEEP_ARTIFACT, {**artifact_row(artifact), "seq": seq})
    if is_new:
        ledger.count([_TABLE], 1)
    return artifact


def delete_artifact(ledger: Ledger, artifact_id: str) -> Artifact:
    forgotten = artifact(ledger.connection, artifact_id)
    ledger.execute("DELETE FROM artifacts WHERE id = ?", (artifact_id,))
    ledger.count([_TABLE], -1)
    return forgotten


def artifact(connection: sqlite3.Connection, artifact_id: str) -> Artifact:
    row = connection.execute("SELECT * FROM artifacts WHERE id = ?", (artifact_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no artifact {artifact_id}")
    return artifact_of(row)


def artifact_page(
    connection: sqlite3.Connection, limit: int, offset: int, cursor: str | None
) -> ArtifactPage:
    """Newest first; the cursor is the `seq` of the last row before."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidRequest(f"limit must be from 1 to {MAX_PAGE}", field="limit")
    if not 0 <= offset <= _LAST_SEQ:
        raise InvalidRequest("offset must not be negative", field="offset")
    before = _LAST_SEQ if cursor is None else _seq_of(cursor)
    # idx_artifacts_seq
    rows = connection.execute(
        "SELECT * FROM artifacts WHERE seq < ? ORDER BY seq DESC LIMIT ? OFFSET ?",
        (before, limit + 1, 0 if cursor else offset),
    ).fetchall()
    row = connection.execute(
        """SELECT value FROM counters WHERE facet = ? AND "key" = ? AND status = ?""", _TABLE
    ).fetchone()
    following = str(rows[limit - 1]["seq"]) if len(rows) > limit else None
    return ArtifactPage(
        [artifact_of(row) for row in rows[:limit]], 0 if row is None else row["value"], following
    )


def _seq_of(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise InvalidRequest("this cursor is not one of ours", field="cursor")
    return int(cursor)
