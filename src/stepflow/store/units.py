"""Recording the units of a group: each table is read once and written once for all of them.

Exactly once, because nothing is written unless the offset is still the one the unit began at. What
was read stays remembered until somebody else writes: mostly the next group goes on from there.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from stepflow import events
from stepflow.errors import NotFound, StaleOwner
from stepflow.events import AnyEvent
from stepflow.model import Artifact, Status, Step, step_id
from stepflow.store.artifacts import keep_artifact
from stepflow.store.compiled import (
    CHANGE_FIGURES,
    CHANGE_STEP,
    INSERT_ANNOTATION,
    INSERT_DIAGNOSTIC,
    INSERT_METRIC,
    INSERT_SUMMARY,
    INSERT_TEST,
    INSERT_VARIABLE,
    KEEP_FOLLOW_STATE,
    KEEP_OUTPUT,
    KEEP_STEP,
)
from stepflow.store.fold import Figures, Fold
from stepflow.store.ledger import Ledger
from stepflow.store.protocol import Unit
from stepflow.store.rows import Row, json_text, step_changes, step_of, step_row, time_text

STANDINGS_KEPT = 5000

Outcome = tuple[list[Step], None] | tuple[None, Exception]

# Both by the primary keys of their tables, in the order of the list.
_STANDINGS = """
SELECT e.id, e.status, coalesce(e.total_steps, 0) AS total_steps,
       coalesce(e.completed_steps, 0) AS completed_steps,
       coalesce(e.failed_steps, 0) AS failed_steps, e.current_step_index,
       coalesce(e.step_strip, '') AS step_strip, e.metadata, e.annotation_counts, e.diagnostics,
       e.progress, e.result, e.result_message, e.test_counts,
       coalesce(f."offset", 0) AS "offset"
FROM json_each(?) wanted CROSS JOIN executions e ON e.id = wanted.value
LEFT JOIN follow_state f ON f.execution_id = e.id
"""
# idx_tests_execution, from its end: the test has just been recorded.
_KEEP_DETAILS = """
UPDATE tests SET details = :details WHERE id = (
    SELECT id FROM tests INDEXED BY idx_tests_execution
    WHERE execution_id = :execution_id AND number IS :number AND step_index IS :step_index
    ORDER BY id DESC LIMIT 1)
"""
_STEPS = "SELECT s.* FROM json_each(?) wanted CROSS JOIN steps s ON s.id = wanted.value"


class _Standing(msgspec.Struct):
    """How far an execution is recorded, what its figures are, and its steps as far as known."""

    status: Status
    offset: int
    figures: Figures
    steps: dict[int, Step] = {}


class Recorder:
    """Records on the writer's connection. To be told to forget when its writes are rolled back
    and when the connection writes anything else; what other connections write it notices."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._standings: dict[str, _Standing] = {}
        self._data_version: int | None = None

    def forget(self) -> None:
        self._standings.clear()

    def record(self, ledger: Ledger, units: Sequence[Unit]) -> list[Outcome]:
        """For each unit the steps that it changed, by index, or why nothing of it was written."""
        self._forget_what_others_changed()
        self._read_standings({unit.execution_id for unit in units})
        self._read_steps(units)
        rows = _Rows()
        outcomes = [self._fold(unit, rows) for unit in units]
        rows.write(ledger)
        for step in rows.steps.values():
            if step.is_finished:
                del self._standings[step.execution_id].steps[step.index]
        return outcomes

    def _fold(self, unit: Unit, rows: "_Rows") -> Outcome:
        standing = self._standings.get(unit.execution_id)
        if standing is None:
            return None, NotFound(f"there is no execution {unit.execution_id}")
        if standing.offset != unit.old_offset or standing.status.is_final:
            return None, StaleOwner(
                f"{unit.execution_id} stands at {standing.offset} ({standing.status}), "
                f"not at {unit.old_offset}"
            )
        try:
            fold = Fold(unit, standing.figures, standing.steps)
        except Exception as error:  # noqa: BLE001 - the caller of this unit hears of it
            return None, error
        rows.add(unit, fold, standing.figures)
        standing.offset = unit.offset
        standing.figures = fold.figures
        standing.steps.update(fold.changed)
        return [fold.changed[index] for index in sorted(fold.changed)], None

    def _forget_what_others_changed(self) -> None:
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version or len(self._standings) > STANDINGS_KEPT:
            self.forget()
        self._data_version = version

    def _read_standings(self, ids: set[str]) -> None:
        unknown = [run_id for run_id in ids if run_id not in self._standings]
        if not unknown:
            return
        for row in self._connection.execute(_STANDINGS, (json_text(unknown),)):
            figures = Figures(*(row[name] for name in Figures.__struct_fields__))
            self._standings[row["id"]] = _Standing(Status(row["status"]), row["offset"], figures)

    def _read_steps(self, units: Iterable[Unit]) -> None:
        unknown = []
        for unit in units:
            standing = self._standings.get(unit.execution_id)
            if standing is not None:
                unknown += [
                    step_id(unit.execution_id, index)
                    for index in _steps_spoken_of(unit.events)
                    if index not in standing.steps
                ]
        if unknown:
            for row in self._connection.execute(_STEPS, (json_text(unknown),)):
                step = step_of(row)
                self._standings[step.execution_id].steps[step.index] = step


def _steps_spoken_of(happened: Iterable[AnyEvent]) -> set[int]:
    """Indexes of the steps that must have been there before."""
    spoken_of: set[int] = set()
    started: set[int] = set()
    for event in happened:
        match event:
            case events.StepStart():
                started.add(event.index)
            case events.StepEnd() | events.StepUpdate() | events.StepMove():
                spoken_of.add(event.index)
            case events.StepAdopt():
                spoken_of.update((event.index, *event.child_indexes))
            case events.Meta() | events.Progress() if event.index is not None:
                spoken_of.add(event.index)
            case _:
                pass
    return spoken_of - started


class _Rows:
    """What a group writes: by table, each row once and as it is after the last unit."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self._new_steps: set[str] = set()
        self._units: dict[str, Unit] = {}
        self._figures: dict[str, Figures] = {}
        self._artifacts: list[Artifact] = []
        self._annotations: list[Row] = []
        self._metrics: list[Row] = []
        self._outputs: list[Row] = []
        self._variables: list[Row] = []
        self._tests: list[Row] = []
        self._test_details: list[Row] = []
        self._summaries: list[Row] = []
        self._diagnostics: list[Row] = []

    def add(self, unit: Unit, fold: Fold, before: Figures) -> None:
        self._units[unit.execution_id] = unit
        for index, step in fold.changed.items():
            self.steps[step.id] = step
            if index in fold.started:
                self._new_steps.add(step.id)
        if fold.figures != before:
            self._figures[unit.execution_id] = fold.figures
        self._artifacts += unit.artifacts
        self._annotations += fold.annotations
        self._metrics += fold.metrics
        self._outputs += fold.outputs
        self._variables += fold.variables
        self._tests += fold.tests
        self._test_details += fold.test_details
        self._summaries += fold.summaries
        self._diagnostics += fold.diagnostics

    def write(self, ledger: Ledger) -> None:
        for sql, rows in (
            (KEEP_FOLLOW_STATE, [_follow_state_row(unit) for unit in self._units.values()]),
            (KEEP_STEP, self._new_step_rows(ledger)),
            (CHANGE_STEP, self._changed_step_rows()),
            (CHANGE_FIGURES, self._figure_rows()),
            (INSERT_ANNOTATION, self._annotations),
            (INSERT_METRIC, self._metrics),
            (KEEP_OUTPUT, self._outputs),
            (INSERT_VARIABLE, self._variables),
            (INSERT_TEST, self._tests),
            (_KEEP_DETAILS, self._test_details),
            (INSERT_SUMMARY, self._summaries),
            (INSERT_DIAGNOSTIC, self._diagnostics),
        ):
            if rows:
                ledger.connection.executemany(sql, rows)
        for artifact in self._artifacts:
            keep_artifact(ledger, artifact)
        ledger.count([("table", "steps", "")], len(self._new_steps))
        ledger.count([("table", "annotations", "")], len(self._annotations))
        ledger.count([("table", "metrics", "")], len(self._metrics))
        ledger.count([("table", "tests", "")], len(self._tests))

    def _new_step_rows(self, ledger: Ledger) -> list[tuple[Any, ...]]:
        return [step_row(self.steps[key], ledger.next_seq()) for key in self._new_steps]

    def _changed_step_rows(self) -> list[tuple[Any, ...]]:
        new = self._new_steps
        return [step_changes(step) for key, step in self.steps.items() if key not in new]

    def _figure_rows(self) -> list[tuple[Any, ...]]:
        units = self._units
        return [
            (*msgspec.structs.astuple(figures), units[key].offset, units[key].lines, key)
            for key, figures in self._figures.items()
        ]


def _follow_state_row(unit: Unit) -> tuple[Any, ...]:
    return (unit.execution_id, unit.offset, unit.lines, unit.state, time_text(unit.at))
