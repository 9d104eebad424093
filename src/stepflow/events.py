"""Events: the facts that a timeline draws from a script's output, and all that flows outwards.

The vocabulary is that of the marker specification; `stepflow parse` prints them as they are.
`log_line` is the line of the transcript (from 0) that said it, `at` the time when that line arrived
(absent in replays of a saved log), `index` the step's number within its execution.
"""

from datetime import datetime
from typing import Any

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    log_line: int | None = None
    at: datetime | None = None


class Log(Event, frozen=True, kw_only=True, tag="log"):
    """One ordinary line. Only replays produce it: a running execution's lines are in its file."""

    text: str
    level: str
    stream: str | None = None
    step: str | None = None
    message: str | None = None


class StepStart(Event, frozen=True, kw_only=True, tag="step_start"):
    """`parent` is the parent's name; `id` the marker's own id, if it gave one."""

    name: str
    kind: str
    index: int
    parent: str | None = None
    parent_index: int | None = None
    id: str | None = None
    params: dict[str, Any] = {}
    description: str | None = None
    collapsed: bool | None = None
    muted: bool | None = None
    flow: str | None = None
    ts: float | None = None


class StepEnd(Event, frozen=True, kw_only=True, tag="step_end"):
    """`status`: completed, failed, skipped, cancelled or unknown. `stops`: a step that was started
    with stop_on_error has failed, so the execution has to end here."""

    name: str
    status: str
    index: int
    id: str | None = None
    reason: str | None = None
    message: str | None = None
    duration: float | None = None
    exit_code: int | None = None
    stops: bool = False


class StepUpdate(Event, frozen=True, kw_only=True, tag="step_update"):
    index: int
    name: str | None = None
    id: str | None = None
    collapsed: bool | None = None
    duration: float | None = None


class StepMove(Event, frozen=True, kw_only=True, tag="step_move"):
    name: str
    index: int
    parent: str | None = None
    parent_index: int | None = None


class StepAdopt(Event, frozen=True, kw_only=True, tag="step_adopt"):
    """Late proof of nesting: the children go under the step, whose end becomes this line."""

    name: str
    index: int
    children: list[str]
    child_indexes: list[int]
    status: str


class Progress(Event, frozen=True, kw_only=True, tag="progress"):
    """`index` is the step that it speaks of, or None for the execution; `value` is 0..1."""

    index: int | None = None
    id: str | None = None
    value: float | None = None
    current: float | None = None
    total: float | None = None
    message: str | None = None
    state: str | None = None


class Annotation(Event, frozen=True, kw_only=True, tag="annotation"):
    """A remark with a level; `line` to `end_col` are places in `file`. It is also its log line."""

    level: str
    message: str
    index: int | None = None
    file: str | None = None
    line: int | None = None
    end_line: int | None = None
    col: int | None = None
    end_col: int | None = None
    title: str | None = None
    code: str | None = None
    details: str | None = None


class ArtifactMarked(Event, frozen=True, kw_only=True, tag="artifact"):
    """`number` counts the artifacts of the execution from 0."""

    path: str
    number: int
    index: int | None = None
    name: str | None = None
    description: str | None = None
    type: str | None = None
    kind: str | None = None
    target: str | None = None


class Metric(Event, frozen=True, kw_only=True, tag="metric"):
    name: str
    value: float
    unit: str | None = None
    step: int | None = None
    index: int | None = None


class Summary(Event, frozen=True, kw_only=True, tag="summary"):
    """Text, or the file that holds it; once that was looked at, `problem` says why there is none
    of it, or `truncated` that it is not all."""

    problem: str | None = None
    truncated: bool = False
    markdown: str | None = None
    path: str | None = None
    index: int | None = None


class Mask(Event, frozen=True, kw_only=True, tag="mask"):
    values: list[str]


class Output(Event, frozen=True, kw_only=True, tag="output"):
    name: str
    value: str
    secret: bool = False


class Meta(Event, frozen=True, kw_only=True, tag="meta"):
    """Goes to the open own-dialect step `index`, else to the execution."""

    key: str
    value: str
    index: int | None = None


class Env(Event, frozen=True, kw_only=True, tag="env"):
    """Recorded only: a running process can't be changed. Either `value` or `prepend`."""

    name: str
    value: str | None = None
    prepend: str | None = None


class TestStart(Event, frozen=True, kw_only=True, tag="test_start"):
    """`index` is the step that holds the test."""

    __test__ = False  # pytest takes classes of this name for its own

    name: str
    index: int | None = None
    flow: str | None = None
    depth: int | None = None


class TestEnd(Event, frozen=True, kw_only=True, tag="test_end"):
    """`status`: passed, failed, skipped or todo. `duration` in seconds."""

    __test__ = False

    name: str
    status: str
    index: int | None = None
    number: int | None = None
    duration: float | None = None
    message: str | None = None
    details: str | None = None
    expected: str | None = None
    actual: str | None = None
    flow: str | None = None
    depth: int | None = None


class TestDetails(Event, frozen=True, kw_only=True, tag="test_details"):
    """What stood below the test `number`, as YAML."""

    __test__ = False

    number: int
    text: str
    index: int | None = None
    depth: int | None = None


class Plan(Event, frozen=True, kw_only=True, tag="plan"):
    """How many tests are expected. `skip` is why there are none."""

    total: int
    skip: str | None = None
    index: int | None = None
    depth: int | None = None


class Result(Event, frozen=True, kw_only=True, tag="result"):
    status: str
    message: str | None = None


class Control(Event, frozen=True, kw_only=True, tag="control"):
    """`action`: stop or resume."""

    action: str
    dialect: str | None = None


class Diagnostic(Event, frozen=True, kw_only=True, tag="warning"):
    """What the parser has to say about a marker; shown apart, never in the log."""

    code: str
    dialect: str | None = None
    command: str | None = None
    message: str | None = None


AnyEvent = (
    Log
    | StepStart
    | StepEnd
    | StepUpdate
    | StepMove
    | StepAdopt
    | Progress
    | Annotation
    | ArtifactMarked
    | Metric
    | Summary
    | Mask
    | Output
    | Meta
    | Env
    | TestStart
    | TestEnd
    | TestDetails
    | Plan
    | Result
    | Control
    | Diagnostic
)

_POSITIONS = ("at", "parent_index", "child_indexes", "stops")


def as_json(event: AnyEvent) -> dict[str, Any]:
    """The event in the words of the vocabulary, with `log_line` and `index` as the only extras."""
    told: dict[str, Any] = msgspec.to_builtins(event)
    if isinstance(event, ArtifactMarked):
        del told["number"]
    return {key: value for key, value in told.items() if key not in _POSITIONS}
