"""The events of a unit folded into an execution's steps and figures: rules only, no SQL.

A fold changes nothing but itself, so a unit that can't be applied has left no trace.
"""

import math
from datetime import datetime
from typing import Any

import msgspec

from stepflow import events
from stepflow.errors import Conflict
from stepflow.events import AnyEvent
from stepflow.model import Progress, Step, StepStatus, TestCounts, step_id
from stepflow.store.protocol import Unit
from stepflow.store.rows import (
    Row,
    counts_of,
    json_text,
    list_of,
    mapping_of,
    strip_with,
    time_text,
    time_text_or_none,
)

DIAGNOSTICS_KEPT = 100
HIDDEN = "***"
# From best to worst: of several the worst counts.
RESULTS = ("completed", "skipped", "completed_with_issues", "cancelled", "failed")


class Figures(msgspec.Struct, frozen=True):
    """What recorded events change in an execution's row, as its columns hold it."""

    total_steps: int
    completed_steps: int
    failed_steps: int
    current_step_index: int
    step_strip: str
    metadata: str | None
    annotation_counts: str | None
    diagnostics: str | None
    progress: str | None = None
    result: str | None = None
    result_message: str | None = None
    test_counts: str | None = None


class Fold:
    """One execution while the events of one unit are applied to it.

    `steps` are those that the events may speak of, by index; `changed` are those that they changed
    and `figures` what they made of the figures.
    """

    def __init__(self, unit: Unit, figures: Figures, steps: dict[int, Step]) -> None:
        self._unit = unit
        self._before = figures
        self._steps = steps
        self.changed: dict[int, Step] = {}
        self.started: set[int] = set()
        self.annotations: list[Row] = []
        self.metrics: list[Row] = []
        self.outputs: list[Row] = []
        self.variables: list[Row] = []
        self.tests: list[Row] = []
        self.test_details: list[Row] = []
        self.summaries: list[Row] = []
        self.diagnostics: list[Row] = []
        self._total = figures.total_steps
        self._completed = figures.completed_steps
        self._failed = figures.failed_steps
        self._current = figures.current_step_index
        self._strip = figures.step_strip
        self._metadata: dict[str, Any] | None = None
        self._annotation_counts: dict[str, int] | None = None
        self._diagnostics: list[str] | None = None
        self._progress = figures.progress
        self._result = figures.result
        self._result_message = figures.result_message
        self._test_counts: TestCounts | None = None
        for event in unit.events:
            self._apply(event)
        self.figures = Figures(
            self._total,
            self._completed,
            self._failed,
            self._current,
            self._strip,
            _text_of(self._metadata, figures.metadata),
            _text_of(self._annotation_counts, figures.annotation_counts),
            _text_of(self._diagnostics, figures.diagnostics),
            self._progress,
            self._result,
            self._result_message,
            _text_of(self._test_counts, figures.test_counts),
        )

    def _apply(self, event: AnyEvent) -> None:
        at = event.at or self._unit.at
        match event:
            case events.StepStart():
                self._start(event, at)
            case events.StepEnd():
                self._end(event, at)
            case events.StepUpdate():
                self._update(event)
            case events.StepMove():
                self._change(event.index, parent_index=event.parent_index)
            case events.StepAdopt():
                self._adopt(event, at)
            case events.Annotation():
                self._annotate(event, at)
            case events.Metric():
                self._measure(event, at)
            case events.Output():
                self._set_output(event)
            case events.Meta():
                self._describe(event)
            case events.Progress():
                self._advance(event)
            case events.Diagnostic():
                self._diagnose(event)
            case events.TestEnd():
                self._test(event, at)
            case events.TestDetails():
                self._detail(event)
            case events.Plan():
                self._expect(event)
            case events.Summary():
                self._summarise(event, at)
            case events.Env():
                self._set_variable(event)
            case events.Result():
                self._wish(event)
            case _:
                # Lines stay in the transcript; artifacts come as rows of the unit; masks are the
                # runner's business.
                pass

    def _step(self, index: int) -> Step:
        step = self.changed.get(index) or self._steps.get(index)
        if step is None:
            raise Conflict(f"{self._unit.execution_id} has no step {index}")
        return step

    def _change(self, index: int, **changes: Any) -> None:
        before = self._step(index)
        after = msgspec.structs.replace(before, **changes)
        self.changed[index] = after
        if after.status is not before.status:
            self._count(before.status, -1)
            self._count(after.status, +1)
        self._show(after)

    def _count(self, status: StepStatus, by: int) -> None:
        match status:
            case StepStatus.COMPLETED | StepStatus.SKIPPED:
                self._completed += by
            case StepStatus.FAILED:
                self._failed += by
            case _:
                pass

    def _show(self, step: Step) -> None:
        """Keep the strip of the first top-level steps true."""
        shown = step.status if step.parent_index is None else None
        self._strip = strip_with(self._strip, step.index, shown)

    def _start(self, event: events.StepStart, at: datetime) -> None:
        params = dict(event.params)
        stop_on_error = params.pop("stop_on_error", False) is True
        estimate = params.pop("estimated_duration", params.get("duration"))
        step = Step(
            id=step_id(self._unit.execution_id, event.index),
            execution_id=self._unit.execution_id,
            index=event.index,
            name=event.name,
            description=event.description,
            created_at=at,
            started_at=at,
            estimated_duration=_number(estimate),
            stop_on_error=stop_on_error,
            metadata=params,
            kind=event.kind,
            parent_index=event.parent_index,
            marker_id=event.id,
            first_line=event.log_line or 0,
            collapsed=event.collapsed,
            muted=event.muted,
            flow=event.flow,
        )
        self.changed[event.index] = step
        self.started.add(event.index)
        self._total += 1
        self._current = event.index
        self._show(step)

    def _end(self, event: events.StepEnd, at: datetime) -> None:
        status, reason = ending(event.status, event.reason)
        step = self._step(event.index)
        self._change(
            event.index,
            status=status,
            reason=reason,
            error_message=event.message,
            exit_code=_storable(event.exit_code),
            completed_at=at,
            last_line=event.log_line,
            message=event.message or step.message,
            duration=step.duration if event.duration is None else event.duration,
        )

    def _update(self, event: events.StepUpdate) -> None:
        step = self._step(event.index)
        self._change(
            event.index,
            name=event.name or step.name,
            collapsed=step.collapsed if event.collapsed is None else event.collapsed,
            duration=step.duration if event.duration is None else event.duration,
        )

    def _adopt(self, event: events.StepAdopt, at: datetime) -> None:
        status, _ = ending(event.status, None)
        self._change(event.index, status=status, completed_at=at, last_line=event.log_line)
        for child in event.child_indexes:
            self._change(child, parent_index=event.index)

    def _annotate(self, event: events.Annotation, at: datetime) -> None:
        if self._annotation_counts is None:
            self._annotation_counts = mapping_of(self._before.annotation_counts)
        counts = self._annotation_counts
        counts[event.level] = counts.get(event.level, 0) + 1
        self.annotations.append(
            {
                "execution_id": self._unit.execution_id,
                "step_index": event.index,
                "level": event.level,
                "message": event.message,
                "file": event.file,
                "line": _storable(event.line),
                "end_line": _storable(event.end_line),
                "col": _storable(event.col),
                "end_col": _storable(event.end_col),
                "title": event.title,
                "code": event.code,
                "details": event.details,
                "log_line": event.log_line,
                "at": time_text_or_none(at),
            }
        )

    def _measure(self, event: events.Metric, at: datetime) -> None:
        if not math.isfinite(event.value):  # neither SQLite nor JSON has a NaN
            return
        self.metrics.append(
            {
                "execution_id": self._unit.execution_id,
                "name": event.name,
                "value": event.value,
                "at": time_text(at),
                "unit": event.unit,
                "step": _storable(event.step),
                "step_index": event.index,
            }
        )

    def _set_output(self, event: events.Output) -> None:
        self.outputs.append(
            {
                "execution_id": self._unit.execution_id,
                "name": event.name,
                "value": HIDDEN if event.secret else event.value,
                "is_secret": event.secret,
            }
        )

    def _describe(self, event: events.Meta) -> None:
        if event.index is None:
            self._execution_metadata()[event.key] = event.value
            return
        step = self._step(event.index)
        changes: dict[str, Any] = {"metadata": {**step.metadata, event.key: event.value}}
        if event.key.upper() == "ESTIMATED_DURATION":
            changes["estimated_duration"] = _number(event.value)
        self._change(event.index, **changes)

    def _advance(self, event: events.Progress) -> None:
        progress = Progress(
            value=_finite(event.value),
            current=_finite(event.current),
            total=_finite(event.total),
            message=event.message,
            state=event.state,
        )
        if event.index is None:
            self._progress = json_text(progress)
            return
        step = self._step(event.index)
        self._change(event.index, progress=progress, message=event.message or step.message)

    def _test(self, event: events.TestEnd, at: datetime) -> None:
        counts = self._counts()
        changes = {"total": counts.total + 1, event.status: getattr(counts, event.status) + 1}
        self._test_counts = msgspec.structs.replace(counts, **changes)
        self.tests.append(
            {
                "execution_id": self._unit.execution_id,
                "number": _storable(event.number),
                "name": event.name,
                "status": event.status,
                "duration": _finite(event.duration),
                "message": event.message,
                "details": event.details,
                "expected": event.expected,
                "actual": event.actual,
                "step_index": event.index,
                "log_line": event.log_line,
                "at": time_text(at),
            }
        )

    def _detail(self, event: events.TestDetails) -> None:
        self.test_details.append(
            {
                "execution_id": self._unit.execution_id,
                "number": _storable(event.number),
                "step_index": event.index,
                "details": event.text,
            }
        )

    def _expect(self, event: events.Plan) -> None:
        """Subtests are counted, but who announces them is the suite, not the execution."""
        if not event.depth:
            counts = self._counts()
            expected = (counts.expected or 0) + (_storable(event.total) or 0)
            self._test_counts = msgspec.structs.replace(counts, expected=expected)

    def _counts(self) -> TestCounts:
        return self._test_counts or counts_of(self._before.test_counts) or TestCounts()

    def _summarise(self, event: events.Summary, at: datetime) -> None:
        self.summaries.append(
            {
                "execution_id": self._unit.execution_id,
                "step_index": event.index,
                "markdown": event.markdown,
                "path": event.path,
                "problem": event.problem,
                "truncated": event.truncated,
                "log_line": event.log_line,
                "at": time_text(at),
            }
        )

    def _set_variable(self, event: events.Env) -> None:
        value = event.value if event.prepend is None else event.prepend
        self.variables.append(
            {
                "execution_id": self._unit.execution_id,
                "name": event.name,
                "value": value or "",
                "is_prepended": event.prepend is not None,
            }
        )

    def _wish(self, event: events.Result) -> None:
        before = RESULTS.index(self._result) if self._result is not None else -1
        if RESULTS.index(event.status) > before:
            self._result, self._result_message = event.status, event.message

    def _diagnose(self, event: events.Diagnostic) -> None:
        self.diagnostics.append(
            {
                "execution_id": self._unit.execution_id,
                "code": event.code,
                "dialect": event.dialect,
                "command": event.command,
                "message": event.message,
                "log_line": event.log_line,
            }
        )
        if self._diagnostics is None:
            self._diagnostics = list_of(self._before.diagnostics)
        if len(self._diagnostics) < DIAGNOSTICS_KEPT:
            place = "" if event.log_line is None else f"line {event.log_line + 1}: "
            facts = [fact for fact in (event.code, event.command, event.message) if fact]
            self._diagnostics.append(place + ": ".join(facts))

    def _execution_metadata(self) -> dict[str, Any]:
        if self._metadata is None:
            self._metadata = mapping_of(self._before.metadata)
        return self._metadata


def _text_of(changed: Any, before: str | None) -> str | None:
    return before if changed is None else json_text(changed)


def ending(status: str, reason: str | None) -> tuple[StepStatus, str | None]:
    """A step's final status; an unknown one is kept as cancelled, with that as its reason."""
    if status == "unknown":
        return StepStatus.CANCELLED, reason or "unknown"
    return StepStatus(status), reason


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _finite(value: float | None) -> float | None:
    """Neither SQLite nor JSON has a NaN."""
    return value if value is not None and math.isfinite(value) else None


def _storable(value: int | None) -> int | None:
    """What a script prints as a number may not fit into 64 bits; that must not stop its log."""
    return None if value is None or not -(2**63) <= value < 2**63 else value
