"""Values to rows and back.

Times are stored as the original does, naive ISO text with the microseconds always present, but in
UTC; they are aware in code. Dictionaries and lists are JSON text.
"""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from stepflow.errors import StorageUnusable
from stepflow.model import (
    DEFAULT_GRACE,
    Artifact,
    ArtifactState,
    Cancellation,
    Execution,
    Outcome,
    Progress,
    Section,
    Status,
    Step,
    StepStatus,
    TestCounts,
)
from stepflow.store.protocol import (
    AnnotationRow,
    DiagnosticRow,
    Ended,
    OutputRow,
    Sample,
    SummaryRow,
    TestRow,
    VariableRow,
)

Row = dict[str, Any]

_encoder = msgspec.json.Encoder()
_decode_any = msgspec.json.Decoder().decode
_decode_outcome = msgspec.json.Decoder(Outcome).decode
_decode_cancellation = msgspec.json.Decoder(Cancellation).decode
_decode_progress = msgspec.json.Decoder(Progress).decode
_decode_sections = msgspec.json.Decoder(list[Section]).decode
_decode_counts = msgspec.json.Decoder(TestCounts).decode

STRIP_LENGTH = 50

_LETTERS = {
    StepStatus.PENDING: "p",
    StepStatus.RUNNING: "r",
    StepStatus.COMPLETED: "c",
    StepStatus.FAILED: "f",
    StepStatus.CANCELLED: "x",
    StepStatus.SKIPPED: "s",
}
_STATUSES = {letter: status for status, letter in _LETTERS.items()}


class Columns(Protocol):
    """A row that is read by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any: ...


@lru_cache(maxsize=256)  # the events of a unit share few times
def time_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00")


def time_text_or_none(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)


@lru_cache(maxsize=256)
def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def time_or_none(text: str | None) -> datetime | None:
    return None if text is None else time_of(text)


def json_text(value: Any) -> str:
    return _encoder.encode(value).decode()


def mapping_of(text: str | None) -> dict[str, Any]:
    return {} if text is None or text == "{}" else _decode_any(text)


def list_of(text: str | None) -> list[Any]:
    return [] if text is None or text == "[]" else _decode_any(text)


def json_or_none(value: Any) -> str | None:
    return None if value is None else json_text(value)


def counts_of(text: str | None) -> TestCounts | None:
    return None if text is None else _decode_counts(text)


def progress_of(text: str | None) -> Progress | None:
    return None if text is None else _decode_progress(text)


def _mapping_text(value: Mapping[str, Any]) -> str:
    return json_text(value) if value else "{}"


def _list_text(value: list[Any]) -> str:
    return json_text(value) if value else "[]"


def strip_of(text: str | None) -> list[StepStatus]:
    return [_STATUSES[part[-1]] for part in text.split(",")[1:]] if text else []


def strip_with(text: str, index: int, status: StepStatus | None) -> str:
    """The strip with this step's status, or without it. As text, `,0c,1f`: the index lets a later
    event find its place, and no event has to read all of it."""
    begin = f",{index}"
    letter = "" if status is None else _LETTERS[status]
    place = text.find(begin)
    while place >= 0 and text[place + len(begin)].isdigit():  # the step 12, where 1 is meant
        place = text.find(begin, place + 1)
    if place >= 0:
        rest = text[place + len(begin) + 1 :]
        return text[:place] + (begin + letter if letter else "") + rest
    if not letter or text.count(",") >= STRIP_LENGTH:
        return text
    return text + begin + letter


def execution_row(execution: Execution) -> Row:
    """All columns but `step_strip`, which only recorded events change."""
    e = execution
    return {
        "id": e.id,
        "name": e.name,
        "command": e.command,
        "working_directory": e.working_directory,
        "status": str(e.status),
        "exit_code": e.exit_code,
        "error_message": e.error_message,
        "created_at": time_text(e.created_at),
        "started_at": time_text_or_none(e.started_at),
        "completed_at": time_text_or_none(e.completed_at),
        "environment": _mapping_text(e.environment),
        "user_name": e.user,
        "tags": _list_text(e.tags),
        "total_steps": e.total_steps,
        "completed_steps": e.completed_steps,
        "current_step_index": e.current_step_index,
        "metadata": _mapping_text(e.metadata),
        "seq": e.seq,
        "argv": None if e.argv is None else json_text(e.argv),
        "failed_steps": e.failed_steps,
        "outcome": None if e.outcome is None else json_text(e.outcome),
        "cancellation": None if e.cancellation is None else json_text(e.cancellation),
        "timeout": e.timeout,
        "deadline": time_text_or_none(e.deadline),
        "grace": e.grace,
        "tty": e.tty,
        "stdin": e.stdin,
        "keep_background": e.keep_background,
        "secret_names": _list_text(e.secret_names),
        "max_log_bytes": e.max_log_bytes,
        "nesting": e.nesting,
        "rerun_of": e.rerun_of,
        "log_bytes": e.log_bytes,
        "log_lines": e.log_lines,
        "annotation_counts": _mapping_text(e.annotation_counts),
        "diagnostics": _list_text(e.diagnostics),
        "survivors": e.survivors,
        "tail_may_be_missing": e.tail_may_be_missing,
        "cpu_seconds": e.cpu_seconds,
        "memory_peak_bytes": e.memory_peak_bytes,
        "dialects": json_text(e.dialects),
        "emulate": _list_text(e.emulate),
        "sections": _list_text(e.sections),
        "trace": e.trace,
        "progress": json_or_none(e.progress),
        "result": e.result,
        "result_message": e.result_message,
        "test_counts": json_or_none(e.test_counts),
        "usual_seconds": e.usual_seconds,
        "pinned": e.pinned,
    }


def execution_of(row: Columns) -> Execution:
    try:
        return _execution_of(_by_name(row))
    except (ValueError, KeyError) as error:
        raise StorageUnusable(f"the row of execution {row['id']} is damaged: {error}") from error


def _by_name(row: Columns) -> Columns:
    """A `sqlite3.Row` compares names one by one at each look: most of what a wide row costs."""
    if isinstance(row, sqlite3.Row):
        return dict(zip(row.keys(), row, strict=True))
    return row


def _execution_of(row: Columns) -> Execution:
    argv, outcome, cancellation = row["argv"], row["outcome"], row["cancellation"]
    grace = row["grace"]
    return Execution(
        id=row["id"],
        name=row["name"],
        command=row["command"],
        working_directory=row["working_directory"],
        status=Status(row["status"]),
        exit_code=row["exit_code"],
        error_message=row["error_message"],
        created_at=time_of(row["created_at"]),
        started_at=time_or_none(row["started_at"]),
        completed_at=time_or_none(row["completed_at"]),
        environment=mapping_of(row["environment"]),
        user=row["user_name"],
        tags=list_of(row["tags"]),
        total_steps=row["total_steps"] or 0,
        completed_steps=row["completed_steps"] or 0,
        current_step_index=row["current_step_index"],
        metadata=mapping_of(row["metadata"]),
        seq=row["seq"] or 0,
        argv=None if argv is None else _decode_any(argv),
        failed_steps=row["failed_steps"] or 0,
        outcome=None if outcome is None else _decode_outcome(outcome),
        cancellation=None if cancellation is None else _decode_cancellation(cancellation),
        timeout=row["timeout"],
        deadline=time_or_none(row["deadline"]),
        grace=DEFAULT_GRACE.total_seconds() if grace is None else grace,
        tty=bool(row["tty"]),
        stdin=bool(row["stdin"]),
        keep_background=bool(row["keep_background"]),
        secret_names=list_of(row["secret_names"]),
        max_log_bytes=row["max_log_bytes"],
        nesting=row["nesting"] or "auto",
        rerun_of=row["rerun_of"],
        log_bytes=row["log_bytes"] or 0,
        log_lines=row["log_lines"] or 0,
        annotation_counts=mapping_of(row["annotation_counts"]),
        diagnostics=list_of(row["diagnostics"]),
        step_strip=strip_of(row["step_strip"]),
        survivors=row["survivors"],
        tail_may_be_missing=bool(row["tail_may_be_missing"]),
        cpu_seconds=row["cpu_seconds"],
        memory_peak_bytes=row["memory_peak_bytes"],
        dialects="auto" if row["dialects"] is None else _decode_any(row["dialects"]),
        emulate=list_of(row["emulate"]),
        sections=_decode_sections(row["sections"]) if row["sections"] else [],
        trace=row["trace"],
        progress=progress_of(row["progress"]),
        result=row["result"],
        result_message=row["result_message"],
        test_counts=counts_of(row["test_counts"]),
        usual_seconds=row["usual_seconds"],
        pinned=bool(row["pinned"]),
    )


def step_row(step: Step, seq: int | None) -> tuple[Any, ...]:
    """All columns in the order of the table, as the statements of events are bound by position."""
    return (
        step.id,
        step.execution_id,
        step.name,
        step.description,
        step.index,
        str(step.status),
        step.exit_code,
        step.error_message,
        time_text(step.created_at),
        time_text_or_none(step.started_at),
        time_text_or_none(step.completed_at),
        step.estimated_duration,
        step.stop_on_error,
        _mapping_text(step.metadata),
        seq,
        step.kind,
        step.parent_index,
        step.marker_id,
        step.reason,
        step.first_line,
        step.last_line,
        json_or_none(step.progress),
        step.message,
        step.collapsed,
        step.muted,
        step.flow,
        step.duration,
    )


def step_changes(step: Step) -> tuple[Any, ...]:
    """The columns of `statements.STEP_CHANGES`, then the id."""
    return (
        step.name,
        str(step.status),
        step.exit_code,
        step.error_message,
        time_text_or_none(step.completed_at),
        step.estimated_duration,
        _mapping_text(step.metadata),
        step.parent_index,
        step.reason,
        step.last_line,
        json_or_none(step.progress),
        step.message,
        step.collapsed,
        step.duration,
        step.id,
    )


def step_of(row: Columns) -> Step:
    row = _by_name(row)
    try:
        return Step(
            id=row["id"],
            execution_id=row["execution_id"],
            name=row["name"],
            description=row["description"],
            index=row["step_index"],
            status=StepStatus(row["status"]),
            exit_code=row["exit_code"],
            error_message=row["error_message"],
            created_at=time_of(row["created_at"]),
            started_at=time_or_none(row["started_at"]),
            completed_at=time_or_none(row["completed_at"]),
            estimated_duration=row["estimated_duration"],
            stop_on_error=bool(row["stop_on_error"]),
            metadata=mapping_of(row["metadata"]),
            kind=row["kind"] or "step",
            parent_index=row["parent_index"],
            marker_id=row["marker_id"],
            reason=row["reason"],
            first_line=row["first_line"] or 0,
            last_line=row["last_line"],
            progress=progress_of(row["progress"]),
            message=row["message"],
            collapsed=_truth(row["collapsed"]),
            muted=_truth(row["muted"]),
            flow=row["flow"],
            duration=row["duration"],
        )
    except (ValueError, KeyError) as error:
        raise StorageUnusable(f"the row of step {row['id']} is damaged: {error}") from error


def _truth(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def artifact_row(artifact: Artifact) -> Row:
    """All columns but `seq`."""
    a = artifact
    return {
        "id": a.id,
        "execution_id": a.execution_id,
        "step_id": a.step_id,
        "name": a.name,
        "description": a.description,
        "file_path": a.file_path,
        "file_name": a.file_name,
        "file_size": a.file_size,
        "mime_type": a.mime_type,
        "artifact_type": a.artifact_type,
        "created_at": time_text(a.created_at),
        "tags": _list_text(a.tags),
        "is_public": a.is_public,
        "retention_days": a.retention_days,
        "metadata": _mapping_text(a.metadata),
        "state": a.state.value,
        "source_path": a.source_path,
        "problem": a.problem,
        "sha256": a.sha256,
        "line": a.line,
    }


def artifact_of(row: Columns) -> Artifact:
    try:
        return Artifact(
            id=row["id"],
            execution_id=row["execution_id"],
            step_id=row["step_id"],
            name=row["name"],
            description=row["description"],
            file_path=row["file_path"],
            file_name=row["file_name"] or "",
            file_size=row["file_size"] or 0,
            mime_type=row["mime_type"] or "application/octet-stream",
            artifact_type=row["artifact_type"] or "other",
            created_at=time_of(row["created_at"]),
            tags=list_of(row["tags"]),
            is_public=bool(row["is_public"]),
            retention_days=row["retention_days"],
            metadata=mapping_of(row["metadata"]),
            state=ArtifactState(row["state"] or "stored"),
            source_path=row["source_path"] or "",
            problem=row["problem"],
            sha256=row["sha256"],
            line=row["line"],
        )
    except (ValueError, KeyError) as error:
        raise StorageUnusable(f"the row of artifact {row['id']} is damaged: {error}") from error


def _values(row: sqlite3.Row) -> Row:
    return {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates over values


def annotation_of(row: sqlite3.Row) -> AnnotationRow:
    return AnnotationRow(**{**_values(row), "at": time_or_none(row["at"])})


def test_of(row: sqlite3.Row) -> TestRow:
    return TestRow(**{**_values(row), "at": time_or_none(row["at"])})


def summary_of(row: sqlite3.Row) -> SummaryRow:
    facts = {"truncated": bool(row["truncated"]), "at": time_or_none(row["at"])}
    return SummaryRow(**{**_values(row), **facts})


def diagnostic_of(row: sqlite3.Row) -> DiagnosticRow:
    return DiagnosticRow(**_values(row))


def output_of(row: Columns) -> OutputRow:
    return OutputRow(name=row["name"], value=row["value"], is_secret=bool(row["is_secret"]))


def variable_of(row: Columns) -> VariableRow:
    return VariableRow(name=row["name"], value=row["value"], is_prepended=bool(row["is_prepended"]))


def ended_of(row: Columns) -> Ended:
    return Ended(
        id=row["id"],
        name=row["name"],
        tags=list_of(row["tags"]),
        completed_at=time_of(row["completed_at"]),
        is_pinned=bool(row["pinned"]),
    )


def sample_of(row: Columns) -> Sample:
    return Sample(
        name=row["name"],
        value=row["value"],
        at=time_of(row["at"]),
        unit=row["unit"],
        step=row["step"],
        step_index=row["step_index"],
    )
