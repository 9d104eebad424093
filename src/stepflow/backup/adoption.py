"""Folders of executions that no row tells of, as after an older database was put back: what their
files tell becomes their row.

One whose pump wrote down that the script was started gets a row that says so, and is followed like
any other after a restart. Of the others the log is read as it was when it came: steps, remarks and
metrics are in it; how it ended is not.
"""

import os
import shlex
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from stepflow.errors import NotFound
from stepflow.events import AnyEvent, ArtifactMarked
from stepflow.model import (
    Artifact,
    ArtifactState,
    Execution,
    Lost,
    Status,
    artifact_id,
    is_id,
    milliseconds_of,
    month_of,
    new_id,
    step_id,
    utc,
)
from stepflow.process import Folder, StatusRecords, read_status
from stepflow.runner import Spec
from stepflow.store import Query, Settlement, Store, Unit
from stepflow.timeline import Parser, options_of
from stepflow.transcript import Transcript

WITHOUT_ROW = "its row was lost with a database, and how it ended with it"
UNKNOWN_COMMAND = "(unknown)"
_PIECE_BYTES = 64 << 10
_SAME_MOMENT = timedelta(seconds=2)

log = structlog.get_logger(__name__)


async def newer_than_rows(storage: Path, store: Store) -> list[Folder]:
    """Folders without a row that were made after the newest row: there are none, unless an older
    database was put back."""
    page = await store.executions(Query(limit=1))
    since = page.executions[0].created_at - _SAME_MOMENT if page.executions else utc(0)
    return await without_row(storage, store, since)


async def without_row(storage: Path, store: Store, since: datetime) -> list[Folder]:
    """Folders that no row tells of, oldest first."""
    first = new_id(int(since.timestamp() * 1000), bytes(10))
    first_month = month_of(first) or ""
    executions = storage / "executions"
    # Ids of ours sort by time.
    paths = [
        month / name
        for month in (sorted(executions.iterdir()) if executions.is_dir() else [])
        if len(month.name) == len(first_month) and month.name >= first_month
        for name in sorted(os.listdir(month))  # noqa: PTH208 - many, and only their names
        if name >= first and is_id(name) and milliseconds_of(name) is not None
    ]
    known = await store.known_ids([path.name for path in paths]) if paths else set()
    return [Folder(path) for path in paths if path.name not in known]


def may_run(folder: Folder) -> bool:
    return _records(folder).script is not None


async def adopt(folder: Folder, store: Store, artifacts: Path) -> Execution:
    """Make the row of a folder. The caller follows what is running by it."""
    execution_id = folder.path.name
    records = _records(folder)
    execution = await store.create(_execution(folder, records))
    if records.script is None:
        execution = await _read_again(execution, folder, store, artifacts / execution_id)
    log.warning("execution without a row adopted", execution=execution_id)
    return execution


def _records(folder: Folder) -> StatusRecords:
    try:
        return read_status(folder.status)
    except FileNotFoundError:
        return StatusRecords()


def _execution(folder: Folder, records: StatusRecords) -> Execution:
    made_ms = milliseconds_of(folder.path.name)
    assert made_ms is not None  # only folders with such ids are looked for
    created_at = utc(made_ms)
    execution = Execution(
        id=folder.path.name,
        name=f"Execution of {created_at:%Y-%m-%d %H:%M:%S}",
        command=UNKNOWN_COMMAND,
        created_at=created_at,
        started_at=records.script.at if records.script else created_at,
        status=Status.RUNNING,
    )
    try:
        launch = Spec.load(folder.spec).launch
    except (FileNotFoundError, msgspec.DecodeError):
        return execution
    is_shell = len(launch.argv) == 3 and launch.argv[:2] == ["/bin/sh", "-c"]
    command = launch.argv[2] if is_shell else shlex.join(launch.argv)
    return msgspec.structs.replace(
        execution,
        name=command.strip().splitlines()[0][:200],
        command=command,
        argv=None if is_shell else launch.argv,
        working_directory=launch.working_directory,
        deadline=launch.deadline,
        grace=launch.grace.total_seconds(),
        tty=launch.tty,
        stdin=launch.stdin,
        keep_background=launch.keep_background,
        max_log_bytes=launch.max_log_bytes,
    )


async def _read_again(
    execution: Execution, folder: Folder, store: Store, artifacts: Path
) -> Execution:
    at = execution.created_at
    size_bytes = lines = 0
    try:
        with Transcript.open(folder.path) as transcript:
            at = await _recorded(execution, transcript, store, artifacts)
            size_bytes, lines = transcript.size_bytes, transcript.line_count
    except NotFound:
        pass  # it never wrote anything
    settlement = Settlement(
        outcome=Lost(WITHOUT_ROW),
        at=at,
        log_bytes=size_bytes,
        log_lines=lines,
        tail_may_be_missing=True,
    )
    settled, _ = await store.settle(execution.id, settlement)
    return settled


async def _recorded(
    execution: Execution, transcript: Transcript, store: Store, artifacts: Path
) -> datetime:
    """Record what the log tells; when its last output came."""
    parser = Parser(options_of(execution))
    at, recorded = execution.created_at, 0

    async def record(events: list[AnyEvent]) -> None:
        nonlocal recorded
        if not events:
            return
        marked = [event for event in events if isinstance(event, ArtifactMarked)]
        unit = Unit(
            execution_id=execution.id,
            old_offset=recorded,
            offset=parser.offset,
            lines=parser.line,
            state=parser.state(),
            at=at,
            events=events,
            artifacts=[_artifact(execution.id, event, at, artifacts) for event in marked],
        )
        await store.record(unit)
        recorded = parser.offset

    while parser.offset < transcript.size_bytes:
        at = transcript.time_of(parser.offset) or at
        await record(parser.feed(transcript.source.read(parser.offset, _PIECE_BYTES), at))
    await record(parser.finish(None, at))
    return at


def _artifact(execution_id: str, marked: ArtifactMarked, at: datetime, artifacts: Path) -> Artifact:
    artifact = Artifact(
        id=artifact_id(execution_id, marked.number),
        execution_id=execution_id,
        step_id=None if marked.index is None else step_id(execution_id, marked.index),
        name=marked.name or marked.path,
        description=marked.description,
        created_at=marked.at or at,
        source_path=marked.path,
        line=marked.log_line,
        state=ArtifactState.MISSING,
        problem=WITHOUT_ROW,
    )
    for kept in artifacts.glob(f"{artifact.id}_*"):
        return msgspec.structs.replace(
            artifact,
            state=ArtifactState.STORED,
            problem=None,
            file_path=str(Path(artifacts.parent.parent.name, "artifacts", execution_id, kept.name)),
            file_name=kept.name.partition("_")[2],
            file_size=kept.stat().st_size,
        )
    return artifact
