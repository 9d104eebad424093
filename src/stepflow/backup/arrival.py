"""What became of executions that had not ended when their backup was made: they run elsewhere, or
no more, and whatever process has their number here is another.

A folder that was unpacked is known by the mark in it; a database alone that was put back (`cp`)
has none, and then the folders in place tell what became of its executions.
"""

from pathlib import Path

import msgspec
import structlog

from stepflow.backup.manifest import MARK, Mark
from stepflow.errors import NotFound
from stepflow.model import Execution, Lost, Status, month_of
from stepflow.process import Folder, read_status
from stepflow.store import Settlement, Store
from stepflow.transcript import Transcript

log = structlog.get_logger(__name__)


def folder_of(storage: Path, execution_id: str) -> Folder:
    executions = storage / "executions"
    month = month_of(execution_id)
    return Folder(executions / month / execution_id if month else executions / execution_id)


async def settle_left_behind(storage: Path, store: Store) -> int:
    """If the folder was unpacked from a backup: settle what ran or waited then; how many. The
    caller owns the folder and follows nothing yet. Safe to repeat."""
    try:
        mark = msgspec.json.decode((storage / MARK).read_bytes(), type=Mark)
    except FileNotFoundError:
        return 0
    settled = 0
    for execution in await store.unfinished():
        folder = folder_of(storage, execution.id)
        if not _has_ended(folder):
            await store.settle(execution.id, _settlement(execution, folder, mark))
            folder.status.unlink(missing_ok=True)
            settled += 1
    (storage / MARK).unlink()
    log.warning("restored from a backup", backup=mark.backup, made_on=mark.host, lost=settled)
    return settled


def _has_ended(folder: Folder) -> bool:
    """Whether its pump had written down the end: then that is known, here as there."""
    try:
        ended = read_status(folder.status).exit
    except FileNotFoundError:
        return False
    return ended is not None and ended.is_complete


def _settlement(execution: Execution, folder: Folder, mark: Mark) -> Settlement:
    verb = "waited" if execution.status is Status.PENDING else "ran"
    where = f" on {mark.host}" if mark.host else ""
    reason = f"it {verb}{where} when the backup {mark.backup} was made"
    size_bytes = lines = 0
    try:
        with Transcript.open(folder.path) as transcript:
            size_bytes, lines = transcript.size_bytes, transcript.line_count
    except NotFound:
        pass  # it had no output yet
    return Settlement(
        outcome=Lost(reason),
        at=mark.made_at,
        log_bytes=size_bytes,
        log_lines=lines,
        tail_may_be_missing=verb == "ran",
    )
