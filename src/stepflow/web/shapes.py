"""What the API shows of the product's nouns: the original's fields, extended by adding only."""

from datetime import datetime
from operator import attrgetter
from typing import Any

import msgspec

from stepflow import events
from stepflow.events import Annotation
from stepflow.model import (
    Artifact,
    ArtifactState,
    Cancellation,
    Dialects,
    Execution,
    Outcome,
    Progress,
    Section,
    Status,
    Step,
    StepStatus,
    TestCounts,
    in_words,
)
from stepflow.store import AnnotationRow, DiagnosticRow, OutputRow, SummaryRow, TestRow
from stepflow.supervisor import Waiting
from stepflow.web.json import rounded

HIDDEN = "***"


class ExecutionShape(msgspec.Struct, frozen=True, kw_only=True):
    """An execution. Durations are seconds, sizes bytes; `outcome` is how it ended, `result` what
    the script said of that itself. `eta_seconds`: how long it will go on, by its own progress or
    by what executions of this name usually take; `starts_in_seconds` the same of the wait in the
    queue."""

    id: str
    name: str
    command: str
    argv: list[str] | None
    working_directory: str | None
    status: Status
    exit_code: int | None
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    environment: dict[str, str]
    user: str | None
    tags: list[str]
    total_steps: int
    completed_steps: int
    failed_steps: int
    current_step_index: int
    duration_seconds: float | None
    progress_percentage: float
    metadata: dict[str, Any]
    outcome: Outcome | None
    outcome_text: str | None
    cancellation: Cancellation | None
    queue_place: int | None
    starts_in_seconds: float | None
    timeout: float | None
    deadline: datetime | None
    grace: float
    tty: bool
    stdin: bool
    keep_background: bool
    secret_names: list[str]
    max_log_bytes: int | None
    nesting: str
    rerun_of: str | None
    log_bytes: int
    log_lines: int
    annotation_counts: dict[str, int]
    diagnostics: list[str]
    step_strip: list[StepStatus]
    survivors: str | None
    tail_may_be_missing: bool
    cpu_seconds: float | None
    memory_peak_bytes: int | None
    dialects: Dialects
    emulate: list[str]
    sections: list[Section]
    trace: str | None
    progress: Progress | None
    result: str | None
    result_message: str | None
    test_counts: TestCounts | None
    usual_seconds: float | None
    eta_seconds: float | None
    pinned: bool


_SAME_FIELDS = tuple(
    name for name in ExecutionShape.__struct_fields__ if name in Execution.__struct_fields__
)
_same_of_execution = attrgetter(*_SAME_FIELDS)


class StepShape(msgspec.Struct, frozen=True, kw_only=True):
    """A step. `first_line` to `last_line`, both included, are its lines of the log. `message` is
    what it last said of itself; `duration` is what its script measured, and `duration_seconds`
    then the same. `collapsed` and `muted` are how the script wants it shown."""

    id: str
    execution_id: str
    name: str
    description: str | None
    index: int
    status: StepStatus
    exit_code: int | None
    error_message: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    estimated_duration: float | None
    stop_on_error: bool
    duration_seconds: float | None
    metadata: dict[str, Any]
    is_finished: bool
    kind: str
    parent_index: int | None
    marker_id: str | None
    reason: str | None
    first_line: int
    last_line: int | None
    progress: Progress | None
    message: str | None
    collapsed: bool | None
    muted: bool | None
    flow: str | None
    duration: float | None


_STEP_FIELDS = tuple(name for name in StepShape.__struct_fields__ if name in Step.__struct_fields__)
_same_of_step = attrgetter(*_STEP_FIELDS)


class ArtifactShape(msgspec.Struct, frozen=True, kw_only=True):
    """An artifact. `state` says whether its file is here; `problem` why not."""

    id: str
    execution_id: str
    step_id: str | None
    name: str
    description: str | None
    file_path: str
    file_name: str
    file_size: int
    mime_type: str
    artifact_type: str
    created_at: datetime
    tags: list[str]
    is_public: bool
    retention_days: int | None
    metadata: dict[str, Any]
    exists: bool
    download_url: str | None
    state: ArtifactState
    source_path: str
    problem: str | None
    sha256: str | None
    line: int | None


_ARTIFACT_FIELDS = tuple(
    name for name in ArtifactShape.__struct_fields__ if name in Artifact.__struct_fields__
)


class AnnotationShape(msgspec.Struct, frozen=True, kw_only=True):
    """A remark of the script; `line` to `end_col` are places in `file`."""

    level: str
    message: str
    step_index: int | None
    file: str | None
    line: int | None
    end_line: int | None
    col: int | None
    end_col: int | None
    title: str | None
    log_line: int | None
    at: datetime | None
    code: str | None
    details: str | None


class TestShape(msgspec.Struct, frozen=True, kw_only=True):
    """A test: passed, failed, skipped or todo (it failed, as was expected)."""

    __test__ = False  # pytest takes classes of this name for its own

    number: int | None
    name: str
    status: str
    duration_seconds: float | None
    message: str | None
    details: str | None
    expected: str | None
    actual: str | None
    step_index: int | None
    log_line: int | None


class PointShape(msgspec.Struct, frozen=True, kw_only=True):
    """`step` is the script's own count, such as an epoch."""

    at: datetime | None
    value: float
    step: int | None


class OutputShape(msgspec.Struct, frozen=True, kw_only=True):
    """A value that the script gives to whoever ran it; a secret one reads `***`."""

    name: str
    value: str
    is_secret: bool


class SummaryShape(msgspec.Struct, frozen=True, kw_only=True):
    """Markdown of the script, printed or from a file; or the `problem` with that file."""

    step_index: int | None
    markdown: str | None
    path: str | None
    problem: str | None
    truncated: bool


class DiagnosticShape(msgspec.Struct, frozen=True, kw_only=True):
    """What the parser had to say about a marker."""

    code: str
    dialect: str | None
    command: str | None
    message: str | None
    log_line: int | None


def execution_shape(
    execution: Execution, now: datetime, waiting: Waiting | None = None
) -> ExecutionShape:
    duration, remaining = execution.duration(now), execution.remaining(now)
    return ExecutionShape(
        **dict(zip(_SAME_FIELDS, _same_of_execution(execution), strict=True)),
        duration_seconds=None if duration is None else rounded(duration.total_seconds()),
        progress_percentage=_progress(execution),
        outcome_text=None if execution.outcome is None else in_words(execution.outcome),
        queue_place=None if waiting is None else waiting.place,
        starts_in_seconds=None if waiting is None else rounded(waiting.starts_in, 1),
        eta_seconds=None if remaining is None else rounded(remaining.total_seconds(), 1),
    )


def step_shape(step: Step, now: datetime) -> StepShape:
    duration = step.duration_seconds
    if duration is None and step.started_at is not None and not step.is_finished:
        duration = max(0.0, (now - step.started_at).total_seconds())
    return StepShape(
        **dict(zip(_STEP_FIELDS, _same_of_step(step), strict=True)),
        duration_seconds=rounded(duration),
        is_finished=step.is_finished,
    )


def artifact_shape(artifact: Artifact) -> ArtifactShape:
    is_here = artifact.state is ArtifactState.STORED
    return ArtifactShape(
        **{name: getattr(artifact, name) for name in _ARTIFACT_FIELDS},
        exists=is_here,
        download_url=f"/api/artifacts/{artifact.id}/download" if is_here else None,
    )


def annotation_shape(annotation: AnnotationRow | Annotation) -> AnnotationShape:
    index = annotation.index if isinstance(annotation, Annotation) else annotation.step_index
    return AnnotationShape(
        level=annotation.level,
        message=annotation.message,
        step_index=index,
        file=annotation.file,
        line=annotation.line,
        end_line=annotation.end_line,
        col=annotation.col,
        end_col=annotation.end_col,
        title=annotation.title,
        log_line=annotation.log_line,
        at=annotation.at,
        code=annotation.code,
        details=annotation.details,
    )


def test_shape(test: TestRow | events.TestEnd) -> TestShape:
    return TestShape(
        number=test.number,
        name=test.name,
        status=test.status,
        duration_seconds=rounded(test.duration, 6),
        message=test.message,
        details=test.details,
        expected=test.expected,
        actual=test.actual,
        step_index=test.index if isinstance(test, events.TestEnd) else test.step_index,
        log_line=test.log_line,
    )


def output_shape(output: OutputRow | events.Output) -> OutputShape:
    if isinstance(output, events.Output):
        value = HIDDEN if output.secret else output.value
        return OutputShape(name=output.name, value=value, is_secret=output.secret)
    return OutputShape(name=output.name, value=output.value, is_secret=output.is_secret)


def summary_shape(summary: SummaryRow | events.Summary) -> SummaryShape:
    return SummaryShape(
        step_index=summary.index if isinstance(summary, events.Summary) else summary.step_index,
        markdown=summary.markdown,
        path=summary.path,
        problem=summary.problem,
        truncated=summary.truncated,
    )


def diagnostic_shape(row: DiagnosticRow) -> DiagnosticShape:
    return DiagnosticShape(
        code=row.code,
        dialect=row.dialect,
        command=row.command,
        message=row.message,
        log_line=row.log_line,
    )


def _progress(execution: Execution) -> float:
    if execution.status is Status.COMPLETED:
        return 100.0
    if not execution.total_steps:
        said = execution.progress.value if execution.progress is not None else None
        return round(100 * said, 1) if said else 0.0
    return round(100 * execution.completed_steps / execution.total_steps, 1)
