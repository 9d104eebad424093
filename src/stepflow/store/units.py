"""Recording a unit: its events folded into steps, annotations and the execution's own figures.

Exactly once, because nothing is written unless the offset is still the one the unit began at.
"""

import math
from datetime import datetime
from typing import Any

import msgspec

from stepflow import events
from stepflow.errors import Conflict, NotFound, StaleOwner
from stepflow.events import AnyEvent
from stepflow.model import Status, Step, StepStatus, step_id
from stepflow.store.artifacts import keep_artifact
from stepflow.store.ledger import Ledger
from stepflow.store.protocol import Unit
from stepflow.store.rows import (
    json_text,
    list_of,
    mapping_of,
    step_of,
    step_row,
    strip_with,
    time_text,
    time_text_or_none,
)
from stepflow.store.statements import (
    INSERT_ANNOTATION,
    INSERT_METRIC,
    KEEP_FOLLOW_STATE,
    KEEP_OUTPUT,
    KEEP_STEP,
    update_execution,
)

DIAGNOSTICS_KEPT = 100
HIDDEN = "***"

# Both tables by primary key.
_STAND = """
SELECT e.status, e.total_steps, e.completed_steps, e.failed_steps, e.current_step_index, e.metadata,
       e.annotation_counts, e.diagnostics, e.step_strip, f."offset"
FROM executions e LEFT JOIN follow_state f ON f.execution_id = e.id WHERE e.id = ?
"""
_STEP = "SELECT * FROM steps WHERE id = ?"


def record(ledger: Ledger, unit: Unit) -> list[Step]:
    """Apply a unit; the steps that it changed, by index."""
    stand = ledger.one(_STAND, (unit.execution_id,))
    if stand is None:
        raise NotFound(f"there is no execution {unit.execution_id}")
    if Status(stand["status"]).is_final or (stand["offset"] or 0) != unit.old_offset:
        raise StaleOwner(
            f"{unit.execution_id} stands at {stand['offset']} ({stand['status']}), "
            f"not at {unit.old_offset}"
        )
    ledger.execute(
        KEEP_FOLLOW_STATE,
        {
            "execution_id": unit.execution_id,
            "offset": unit.offset,
            "lines": unit.lines,
            "state": unit.state,
            "recorded_at": time_text(unit.at),
        },
    )
    for artifact in unit.artifacts:
        keep_artifact(ledger, artifact)
    if not unit.events:
        return []
    fold = _Fold(ledger, unit, stand)
    for event in unit.events:
        fold.apply(event)
    return fold.write()


class _Fold:
    """The state of one execution while the events of one unit are applied to it."""

    def __init__(self, ledger: Ledger, unit: Unit, stand: Any) -> None:
        self._ledger = ledger
        self._unit = unit
        self._stand = stand
        self._steps: dict[int, Step] = {}
        self._new_steps: set[int] = set()
        self._changes: dict[str, Any] = {}
        self._total = stand["total_steps"] or 0
        self._completed = stand["completed_steps"] or 0
        self._failed = stand["failed_steps"] or 0
        self._strip = stand["step_strip"] or ""
        self._metadata: dict[str, Any] | None = None
        self._annotation_counts: dict[str, int] | None = None
        self._diagnostics: list[str] | None = None

    def apply(self, event: AnyEvent) -> None:
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
            case _:
                # Lines stay in the transcript; artifacts come as rows of the unit; masks, controls
                # and results are the runner's business.
                pass

    def write(self) -> list[Step]:
        changed = [self._steps[index] for index in sorted(self._steps)]
        for step in changed:
            is_new = step.index in self._new_steps
            seq = self._ledger.next_seq() if is_new else None  # an old row keeps its own
            self._ledger.execute(KEEP_STEP, {**step_row(step), "seq": seq})
        if self._new_steps:
            self._ledger.count([("table", "steps", "")], len(self._new_steps))
        self._write_execution()
        return changed

    def _write_execution(self) -> None:
        changes = self._changes
        if self._steps:
            changes["total_steps"] = self._total
            changes["completed_steps"] = self._completed
            changes["failed_steps"] = self._failed
            changes["step_strip"] = self._strip
        if self._metadata is not None:
            changes["metadata"] = json_text(self._metadata)
        if self._annotation_counts is not None:
            changes["annotation_counts"] = json_text(self._annotation_counts)
        if self._diagnostics is not None:
            changes["diagnostics"] = json_text(self._diagnostics)
        if changes:
            changes["log_bytes"] = self._unit.offset
            changes["log_lines"] = self._unit.lines
            sql = update_execution(tuple(changes))
            self._ledger.execute(sql, {**changes, "_id": self._unit.execution_id})

    def _step(self, index: int) -> Step:
        step = self._steps.get(index)
        if step is None:
            row = self._ledger.one(_STEP, (step_id(self._unit.execution_id, index),))
            if row is None:
                raise Conflict(f"{self._unit.execution_id} has no step {index}")
            step = step_of(row)
        return step

    def _change(self, index: int, **changes: Any) -> Step:
        before = self._step(index)
        after = msgspec.structs.replace(before, **changes)
        self._steps[index] = after
        self._count(before.status, -1)
        self._count(after.status, +1)
        self._show(after)
        return after

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
        if event.collapsed is not None:
            params["collapsed"] = event.collapsed
        if event.muted is not None:
            params["muted"] = event.muted
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
        )
        self._steps[event.index] = step
        self._new_steps.add(event.index)
        self._total += 1
        self._changes["current_step_index"] = event.index
        self._show(step)

    def _end(self, event: events.StepEnd, at: datetime) -> None:
        status, reason = ending(event.status, event.reason)
        metadata = self._step(event.index).metadata
        if event.duration is not None:
            metadata = {**metadata, "duration": event.duration}
        self._change(
            event.index,
            status=status,
            reason=reason,
            error_message=event.message,
            exit_code=_storable(event.exit_code),
            completed_at=at,
            last_line=event.log_line,
            metadata=metadata,
        )

    def _update(self, event: events.StepUpdate) -> None:
        step = self._step(event.index)
        metadata = dict(step.metadata)
        if event.collapsed is not None:
            metadata["collapsed"] = event.collapsed
        if event.duration is not None:
            metadata["duration"] = event.duration
        self._change(event.index, name=event.name or step.name, metadata=metadata)

    def _adopt(self, event: events.StepAdopt, at: datetime) -> None:
        status, _ = ending(event.status, None)
        self._change(event.index, status=status, completed_at=at, last_line=event.log_line)
        for child in event.child_indexes:
            self._change(child, parent_index=event.index)

    def _annotate(self, event: events.Annotation, at: datetime) -> None:
        if self._annotation_counts is None:
            self._annotation_counts = mapping_of(self._stand["annotation_counts"])
        counts = self._annotation_counts
        counts[event.level] = counts.get(event.level, 0) + 1
        self._ledger.execute(
            INSERT_ANNOTATION,
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
            },
        )
        self._ledger.count([("table", "annotations", "")], 1)

    def _measure(self, event: events.Metric, at: datetime) -> None:
        if not math.isfinite(event.value):  # neither SQLite nor JSON has a NaN
            return
        self._ledger.execute(
            INSERT_METRIC,
            {
                "execution_id": self._unit.execution_id,
                "name": event.name,
                "value": event.value,
                "at": time_text(at),
                "unit": event.unit,
                "step": _storable(event.step),
                "step_index": event.index,
            },
        )
        self._ledger.count([("table", "metrics", "")], 1)

    def _set_output(self, event: events.Output) -> None:
        self._ledger.execute(
            KEEP_OUTPUT,
            {
                "execution_id": self._unit.execution_id,
                "name": event.name,
                "value": HIDDEN if event.secret else event.value,
                "is_secret": event.secret,
            },
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
        facts = {
            "value": event.value,
            "current": event.current,
            "total": event.total,
            "message": event.message,
            "state": event.state,
        }
        progress = {name: fact for name, fact in facts.items() if fact is not None}
        if event.index is None:
            self._execution_metadata()["progress"] = progress
        else:
            metadata = {**self._step(event.index).metadata, "progress": progress}
            self._change(event.index, metadata=metadata)

    def _diagnose(self, event: events.Diagnostic) -> None:
        if self._diagnostics is None:
            self._diagnostics = list_of(self._stand["diagnostics"])
        if len(self._diagnostics) < DIAGNOSTICS_KEPT:
            place = "" if event.log_line is None else f"line {event.log_line + 1}: "
            facts = [fact for fact in (event.code, event.command, event.message) if fact]
            self._diagnostics.append(place + ": ".join(facts))

    def _execution_metadata(self) -> dict[str, Any]:
        if self._metadata is None:
            self._metadata = mapping_of(self._stand["metadata"])
        return self._metadata


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


def _storable(value: int | None) -> int | None:
    """What a script prints as a number may not fit into 64 bits; that must not stop its log."""
    return None if value is None or not -(2**63) <= value < 2**63 else value
