"""From markers to events: one tree, one stack, and the limits.

`accept` answers whether a marker was taken; a refused one leaves its line an ordinary line.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from stepflow.events import (
    Annotation,
    AnyEvent,
    ArtifactMarked,
    Control,
    Diagnostic,
    Progress,
    StepAdopt,
    StepEnd,
    StepMove,
    StepStart,
    StepUpdate,
)
from stepflow.events import Env as EnvEvent
from stepflow.events import Mask as MaskEvent
from stepflow.events import Meta as MetaEvent
from stepflow.events import Metric as MetricEvent
from stepflow.events import Output as OutputEvent
from stepflow.events import Plan as PlanEvent
from stepflow.events import Result as ResultEvent
from stepflow.events import Summary as SummaryEvent
from stepflow.events import TestDetails as TestDetailsEvent
from stepflow.events import TestEnd as TestEndEvent
from stepflow.events import TestStart as TestStartEvent
from stepflow.markers import OWN
from stepflow.markers import marker as said
from stepflow.timeline import limits
from stepflow.timeline.names import best_match, cut_to
from stepflow.timeline.tree import OpenStep, Sibling, Tree, outermost_groups

# Their groups are ended by each other's brackets: `##[group]` and `::endgroup::` are one language.
_BRACKET_DIALECTS = ("github", "azure")


class TimelineState(msgspec.Struct):
    tree: Tree = msgspec.field(default_factory=Tree)
    steps: int = 0
    artifacts: int = 0
    annotations: int = 0
    masks: int = 0
    metas: int = 0
    tests: int = 0
    diagnostics: int = 0
    reached: list[str] = []
    stopped_by: str | None = None
    meta_bytes: int = 0
    metrics: int = 0
    outputs: int = 0
    variables: int = 0
    summaries: int = 0
    summary_bytes: int = 0


class Timeline:
    def __init__(self, *, is_flat: bool = False, state: TimelineState | None = None) -> None:
        self._is_flat = is_flat
        self.state = state or TimelineState()
        self._tree = self.state.tree
        self._line = 0
        self._at: datetime | None = None
        self._events: list[AnyEvent] = []

    @property
    def open_steps(self) -> list[OpenStep]:
        return list(self._tree.open)

    def accept(
        self,
        dialect: str,
        marker: said.Marker,
        line: int,
        at: datetime | None,
        events: list[AnyEvent],
    ) -> bool:
        self._line = line
        self._at = at
        self._events = events
        return _ACCEPT[type(marker)](self, marker, dialect)

    def finish(
        self,
        exit_code: int | None,
        *,
        was_cancelled: bool,
        line: int,
        at: datetime | None,
        events: list[AnyEvent],
    ) -> None:
        self._line = line
        self._at = at
        self._events = events
        self._flatten_groups()
        for step in reversed(self.open_steps):
            status = _status_at_exit(exit_code, was_cancelled) if step.has_status else "completed"
            self._end_one(step, status, "eof", exit_code=exit_code)

    def _flatten_groups(self) -> None:
        for step, outermost in list(outermost_groups(self._tree.open)):
            parent = self._tree.by_index(outermost.inside)
            step.inside = outermost.inside
            self._events.append(
                StepMove(
                    name=step.name,
                    index=step.index,
                    parent=parent.name if parent else None,
                    parent_index=outermost.inside,
                    log_line=self._line,
                    at=self._at,
                )
            )

    def _start(self, marker: said.Start, dialect: str) -> bool:
        return self._open(marker, dialect) is not None

    def _open(self, marker: said.Start, dialect: str) -> OpenStep | None:
        state, tree = self.state, self._tree
        if marker.is_once and marker.key is not None:
            again = tree.by_key(marker.key, dialect)
            if again is not None:
                again.ts = marker.ts
                return None
        if state.steps >= limits.STEPS:
            self._refuse("too_many_steps", limits.STEPS)
            return None
        parent, closed = self._place(marker)
        if closed is None and len(tree.open) >= limits.OPEN_STEPS:
            self._refuse("too_many_open_steps", limits.OPEN_STEPS)
            return None
        if closed is not None:
            self._close(closed, "completed", "superseded", line=self._line - 1)
            if not self._is_flat:
                tree.remember_superseded(closed)
        parent = tree.capped(parent)
        step = OpenStep(
            index=state.steps,
            name=self._name(marker.name),
            kind=marker.kind,
            dialect=dialect,
            log_line=self._line,
            inside=parent.index if parent else None,
            depth=parent.depth + 1 if parent else 1,
            id=self._name(marker.id) if marker.id is not None else None,
            flow=marker.flow,
            is_plain=marker.is_plain,
            is_parallel=marker.is_parallel,
            stops=marker.params.get("stop_on_error") is True,
            key=marker.key,
            ts=marker.ts,
        )
        state.steps += 1
        tree.add(step)
        self._events.append(
            StepStart(
                name=step.name,
                kind=step.kind,
                index=step.index,
                parent=parent.name if parent else None,
                parent_index=step.inside,
                id=step.id,
                params=marker.params,
                description=self._message(marker.description),
                collapsed=marker.collapsed,
                muted=marker.muted,
                flow=marker.flow,
                ts=marker.ts,
                log_line=self._line,
                at=self._at,
            )
        )
        return step

    def _place(self, marker: said.Start) -> tuple[OpenStep | None, OpenStep | None]:
        """The parent of a new step, and the plain step that it closes."""
        if marker.parent == "":
            return None, self._tree.plain_child_of(None) if marker.is_plain else None
        parent = self._tree.named(marker.parent) if marker.parent is not None else None
        if parent is not None:
            return parent, self._tree.plain_child_of(parent) if marker.is_plain else None
        if marker.is_plain:
            return self._tree.plain_level()
        flows = (marker.flow, *marker.outer_flows)
        parents = (self._tree.implicit_parent(flow) for flow in flows)
        return next((p for p in parents if p is not None), None), None

    def _skip(self, marker: said.Skip, dialect: str) -> bool:
        step = self._open(marker.start, dialect)
        if step is None:
            return False
        self._end_one(step, "skipped", marker.reason)
        return True

    def _end(self, marker: said.End, dialect: str) -> bool:
        step = self._ended_by(marker, dialect)
        if isinstance(step, OpenStep):
            self._close(
                step,
                marker.status,
                marker.reason,
                message=self._message(marker.message),
                duration=_duration(marker, step),
                exit_code=marker.exit_code,
                leaves_steps=marker.is_bracket,
            )
        elif step is not None:
            self._adopt(step, marker.status)
        elif not marker.is_silent and self.state.steps < limits.STEPS:
            self._diagnose("unmatched_end", dialect, command=marker.id or marker.name)
        return True

    def _ended_by(self, marker: said.End, dialect: str) -> OpenStep | Sibling | None:
        tree = self._tree
        if marker.is_bracket:
            return tree.innermost_group(_BRACKET_DIALECTS)
        if marker.key is not None:
            return tree.by_key(marker.key, dialect)
        if marker.id is not None:
            return tree.by_id(self._name(marker.id), dialect)
        if marker.name is None:
            return tree.innermost(dialect, marker.flow)
        lane = [s for s in tree.open if s.dialect == dialect and s.flow == marker.flow]
        # Only plain own steps are closed by the next start.
        superseded = tree.superseded if dialect == OWN else []
        # A step with an id is meant by its name only where no other has it.
        without_id = [s for s in lane if not s.is_parallel]
        rows: tuple[Sequence[OpenStep | Sibling], ...] = (without_id, lane, superseded)
        return best_match(self._name(marker.name), *rows)

    def _adopt(self, parent: Sibling, status: str) -> None:
        for step in [
            s
            for s in reversed(self._tree.open)
            if s.inside == parent.inside and s.index > parent.index and not s.is_parallel
        ]:
            # A step that this one superseded on its way is gone by now.
            if step in self._tree.open:
                self._close(step, "completed", "parent_closed")
        children = self._tree.adopt(parent)
        self._events.append(
            StepAdopt(
                name=parent.name,
                index=parent.index,
                children=[c.name for c in children],
                child_indexes=[c.index for c in children],
                status=status,
                log_line=self._line,
                at=self._at,
            )
        )

    def _close(
        self,
        step: OpenStep,
        status: str,
        reason: str | None,
        *,
        message: str | None = None,
        duration: float | None = None,
        exit_code: int | None = None,
        line: int | None = None,
        leaves_steps: bool = False,
    ) -> None:
        """End a step, and first what is open inside it."""
        inside = self._tree.within(step)
        if leaves_steps:
            kept = {s.index for top in inside if top.has_status for s in self._tree.within(top)}
            inside = [s for s in inside if not s.has_status and s.index not in kept]
        for inner in inside:
            self._end_one(inner, "completed", "parent_closed", line=line)
        self._end_one(
            step,
            status,
            reason,
            message=message,
            duration=duration,
            exit_code=exit_code,
            line=line,
        )

    def _end_one(
        self,
        step: OpenStep,
        status: str,
        reason: str | None,
        *,
        message: str | None = None,
        duration: float | None = None,
        exit_code: int | None = None,
        line: int | None = None,
    ) -> None:
        self._tree.hang_out(step)
        self._tree.remove(step)
        stops = step.stops and status == "failed" and reason != "eof"
        if stops and self.state.stopped_by is None:
            self.state.stopped_by = step.name
        self._events.append(
            StepEnd(
                name=step.name,
                status=status,
                index=step.index,
                id=step.id,
                reason=self._message(reason),
                message=message,
                duration=duration,
                exit_code=exit_code,
                stops=stops,
                log_line=max(step.log_line, self._line if line is None else line),
                at=self._at,
            )
        )

    def _update(self, marker: said.Update, dialect: str) -> bool:
        step = self._tree.innermost(dialect)
        if step is not None:
            self._events.append(
                StepUpdate(
                    name=step.name,
                    index=step.index,
                    id=step.id,
                    collapsed=marker.collapsed,
                    duration=marker.duration,
                    log_line=self._line,
                    at=self._at,
                )
            )
        return True

    def _note(self, marker: said.Note, dialect: str) -> bool:
        step = self._target(marker, dialect)
        is_kept = self.state.annotations < limits.ANNOTATIONS
        if is_kept:
            self.state.annotations += 1
            self._annotate(marker, step or self._holder(marker))
        else:
            self._refuse("too_many_annotations", limits.ANNOTATIONS)
        if not marker.ends_step:
            return is_kept
        if step is not None:
            self._close(step, "failed", None, message=self._message(marker.message))
        elif marker.id is not None or marker.step is not None:
            self._diagnose("unmatched_end", dialect, command=marker.id or marker.step)
        return is_kept or step is not None

    def _annotate(self, marker: said.Note, step: OpenStep | None) -> None:
        self._events.append(
            Annotation(
                level=marker.level,
                message=self._message(marker.message) or "",
                index=step.index if step else None,
                file=self._name_or_none(marker.file),
                line=marker.line,
                end_line=marker.end_line,
                col=marker.col,
                end_col=marker.end_col,
                title=self._name_or_none(marker.title),
                code=self._name_or_none(marker.code),
                details=self._message(marker.details),
                log_line=self._line,
                at=self._at,
            )
        )

    def _target(self, marker: said.Note, dialect: str) -> OpenStep | None:
        if marker.id is not None:
            return self._tree.by_id(self._name(marker.id))
        if marker.step is not None:
            return self._tree.named(self._name(marker.step))
        return self._tree.innermost(dialect) if marker.ends_step else None

    def _holder(self, marker: said.Note) -> OpenStep | None:
        is_aimed = marker.id is not None or marker.step is not None
        return None if is_aimed else self._tree.innermost()

    def _progress(self, marker: said.Progress, _dialect: str) -> bool:
        if marker.id is not None:
            step = self._tree.by_id(self._name(marker.id))
        else:
            step = self._tree.innermost()
        self._events.append(
            Progress(
                index=step.index if step else None,
                id=marker.id,
                value=marker.value,
                current=marker.current,
                total=marker.total,
                message=self._message(marker.message),
                state=marker.state,
                log_line=self._line,
                at=self._at,
            )
        )
        return True

    def _artifact(self, marker: said.Artifact, _dialect: str) -> bool:
        if self.state.artifacts >= limits.ARTIFACTS:
            self._refuse("too_many_artifacts", limits.ARTIFACTS)
            return False
        step = self._tree.innermost()
        self._events.append(
            ArtifactMarked(
                path=marker.path,
                number=self.state.artifacts,
                index=step.index if step else None,
                name=self._name(marker.name) if marker.name is not None else None,
                description=marker.description,
                type=marker.type,
                kind=marker.kind,
                target=marker.target,
                log_line=self._line,
                at=self._at,
            )
        )
        self.state.artifacts += 1
        return True

    def _metric(self, marker: said.Metric, _dialect: str) -> bool:
        if self.state.metrics >= limits.METRICS:
            self._refuse("too_many_metrics", limits.METRICS)
            return False
        self.state.metrics += 1
        step = self._tree.innermost()
        self._events.append(
            MetricEvent(
                name=self._name(marker.name),
                value=marker.value,
                unit=marker.unit,
                step=marker.step,
                index=step.index if step else None,
                log_line=self._line,
                at=self._at,
            )
        )
        return True

    def _summary(self, marker: said.Summary, _dialect: str) -> bool:
        if self.state.summaries >= limits.SUMMARIES:
            self._refuse("too_many_summaries", limits.SUMMARIES)
            return False
        size_bytes = len((marker.markdown or "").encode("utf-8", "replace"))
        if self.state.summary_bytes + size_bytes > limits.SUMMARY_BYTES:
            self._refuse("summary_too_long", limits.SUMMARY_BYTES)
            return False
        self.state.summaries += 1
        self.state.summary_bytes += size_bytes
        step = self._tree.innermost()
        self._events.append(
            SummaryEvent(
                markdown=marker.markdown,
                path=marker.path,
                index=step.index if step else None,
                log_line=self._line,
                at=self._at,
            )
        )
        return True

    def _mask(self, marker: said.Mask, _dialect: str) -> bool:
        room = limits.MASKS - self.state.masks
        values = marker.values[:room]
        self.state.masks += len(values)
        if values:
            self._events.append(MaskEvent(values=values, log_line=self._line, at=self._at))
        if len(values) < len(marker.values):
            self._refuse("too_many_masks", limits.MASKS)
        return True

    def _output(self, marker: said.Output, _dialect: str) -> bool:
        if self.state.outputs >= limits.OUTPUTS:
            self._refuse("too_many_outputs", limits.OUTPUTS)
            return False
        self.state.outputs += 1
        self._events.append(
            OutputEvent(
                name=self._name(marker.name),
                value=marker.value,
                secret=marker.secret,
                log_line=self._line,
                at=self._at,
            )
        )
        return True

    def _meta(self, marker: said.Meta, _dialect: str) -> bool:
        if self.state.metas >= limits.METAS:
            self._refuse("too_many_metas", limits.METAS)
            return False
        size_bytes = len(marker.value.encode("utf-8", "replace"))
        if self.state.meta_bytes + size_bytes > limits.META_BYTES:
            self._refuse("metas_too_long", limits.META_BYTES)
            return False
        self.state.metas += 1
        self.state.meta_bytes += size_bytes
        step = self._tree.innermost(OWN)
        self._events.append(
            MetaEvent(
                key=self._name(marker.key),
                value=marker.value,
                index=step.index if step else None,
                log_line=self._line,
                at=self._at,
            )
        )
        return True

    def _env(self, marker: said.Env, _dialect: str) -> bool:
        if self.state.variables >= limits.VARIABLES:
            self._refuse("too_many_variables", limits.VARIABLES)
            return False
        self.state.variables += 1
        self._events.append(
            EnvEvent(
                name=self._name(marker.name),
                value=marker.value,
                prepend=marker.prepend,
                log_line=self._line,
                at=self._at,
            )
        )
        return True

    def _test_start(self, marker: said.TestStart, _dialect: str) -> bool:
        if self.state.tests >= limits.TESTS:
            self._refuse("too_many_tests", limits.TESTS)
            return False
        self._events.append(
            TestStartEvent(
                name=self._name(marker.name),
                index=self._index_in(marker.flow),
                flow=marker.flow,
                depth=marker.depth,
                log_line=self._line,
                at=self._at,
            )
        )
        return True

    def _test_end(self, marker: said.TestEnd, _dialect: str) -> bool:
        if self.state.tests >= limits.TESTS:
            self._refuse("too_many_tests", limits.TESTS)
            return False
        self.state.tests += 1
        self._events.append(
            TestEndEvent(
                name=self._name(marker.name),
                status=marker.status,
                index=self._index_in(marker.flow),
                number=marker.number,
                duration=marker.duration,
                message=self._message(marker.message),
                details=self._message(marker.details),
                expected=self._message(marker.expected),
                actual=self._message(marker.actual),
                flow=marker.flow,
                depth=marker.depth,
                log_line=self._line,
                at=self._at,
            )
        )
        return True

    def _test_details(self, marker: said.TestDetails, _dialect: str) -> bool:
        self._events.append(
            TestDetailsEvent(
                number=marker.number,
                text=self._message(marker.text) or "",
                index=self._index_in(None),
                depth=marker.depth,
                log_line=self._line,
                at=self._at,
            )
        )
        return True

    def _plan(self, marker: said.Plan, _dialect: str) -> bool:
        self._events.append(
            PlanEvent(
                total=marker.total,
                skip=self._message(marker.skip),
                index=self._index_in(None),
                depth=marker.depth,
                log_line=self._line,
                at=self._at,
            )
        )
        return True

    def _index_in(self, flow: str | None) -> int | None:
        """The step that holds a test of this lane."""
        step = self._tree.implicit_parent(flow)
        return step.index if step else None

    def _result(self, marker: said.Result, _dialect: str) -> bool:
        self._events.append(
            ResultEvent(
                status=marker.status,
                message=self._message(marker.message),
                log_line=self._line,
                at=self._at,
            )
        )
        return True

    def _stop(self, _marker: said.Stop, dialect: str) -> bool:
        self._events.append(
            Control(action="stop", dialect=dialect, log_line=self._line, at=self._at)
        )
        return True

    def _resume(self, _marker: said.Resume, dialect: str) -> bool:
        self._events.append(
            Control(action="resume", dialect=dialect, log_line=self._line, at=self._at)
        )
        return True

    def _remark(self, marker: said.Remark, dialect: str) -> bool:
        self._diagnose(marker.code, dialect, command=marker.command, message=marker.message)
        return True

    def _name(self, name: str) -> str:
        cut = cut_to(name, limits.NAME_BYTES)
        if cut is not name:
            self._refuse("name_too_long", limits.NAME_BYTES)
        return cut

    def _name_or_none(self, name: str | None) -> str | None:
        return None if name is None else self._name(name)

    def _message(self, message: str | None) -> str | None:
        if message is None:
            return None
        cut = cut_to(message, limits.MESSAGE_BYTES)
        if cut is not message:
            self._refuse("message_too_long", limits.MESSAGE_BYTES)
        return cut

    def _refuse(self, code: str, limit: int) -> None:
        """Say once that a limit is reached."""
        if code not in self.state.reached:
            self.state.reached.append(code)
            if code.startswith("too_many_"):
                kept = f"{code.removeprefix('too_many_').replace('_', ' ')} are kept as such"
            else:
                kept = "of its bytes are kept"
            message = f"only the first {limit:,} {kept}; every line is in the log"
            self._diagnose(code, None, message=message)

    def _diagnose(
        self,
        code: str,
        dialect: str | None,
        *,
        command: str | None = None,
        message: str | None = None,
    ) -> None:
        if self.state.diagnostics >= limits.DIAGNOSTICS:
            return
        self.state.diagnostics += 1
        self._events.append(
            Diagnostic(
                code=code,
                dialect=dialect,
                command=None if command is None else cut_to(command, limits.NAME_BYTES),
                message=None if message is None else cut_to(message, limits.NAME_BYTES),
                log_line=self._line,
                at=self._at,
            )
        )


def _duration(marker: said.End, step: OpenStep) -> float | None:
    """Of two stamps only the difference is worth something, and clocks may jump back."""
    if marker.duration is not None or marker.ts is None or step.ts is None:
        return marker.duration
    return max(0, marker.ts - step.ts)


def _status_at_exit(exit_code: int | None, was_cancelled: bool) -> str:
    if was_cancelled:
        return "cancelled"
    if exit_code is None:
        return "unknown"
    return "completed" if exit_code == 0 else "failed"


_ACCEPT: dict[type[said.Marker], Callable[[Timeline, Any, str], bool]] = {
    said.Start: Timeline._start,
    said.Skip: Timeline._skip,
    said.End: Timeline._end,
    said.Note: Timeline._note,
    said.Progress: Timeline._progress,
    said.Artifact: Timeline._artifact,
    said.Metric: Timeline._metric,
    said.Summary: Timeline._summary,
    said.Mask: Timeline._mask,
    said.Output: Timeline._output,
    said.Meta: Timeline._meta,
    said.Update: Timeline._update,
    said.Env: Timeline._env,
    said.TestStart: Timeline._test_start,
    said.TestEnd: Timeline._test_end,
    said.TestDetails: Timeline._test_details,
    said.Plan: Timeline._plan,
    said.Result: Timeline._result,
    said.Stop: Timeline._stop,
    said.Resume: Timeline._resume,
    said.Remark: Timeline._remark,
}
