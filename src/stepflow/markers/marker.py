"""What a marker says, before anybody asks what it means: one struct for each thing to say.

The tags are the event vocabulary, so that `STEP_EVENT:{json}` decodes straight into them.
"""

from typing import Literal

import msgspec

Scalar = str | int | float | bool
StepKind = Literal["step", "group", "section", "suite", "command"]


class Marker(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    pass


class Start(Marker, frozen=True, kw_only=True, tag="step_start"):
    """`is_plain`: the next plain start at its level closes it. `is_parallel`: it closes nothing,
    and nothing nests under it unasked. `parent` is an id or a name, or empty for the top level.
    `key` is what an end compares instead of the id. `is_once`: while its key is open, only the
    time stamp `ts` moves. `outer_flows`: where to look for a parent if the flow itself holds
    none."""

    name: str = ""
    kind: StepKind = "step"
    id: str | None = None
    parent: str | None = None
    params: dict[str, Scalar] = {}
    description: str | None = None
    collapsed: bool | None = None
    muted: bool | None = None
    flow: str | None = None
    ts: float | None = None
    key: str | None = None
    outer_flows: tuple[str | None, ...] = ()
    is_plain: bool = False
    is_parallel: bool = False
    is_once: bool = False


class End(Marker, frozen=True, kw_only=True, tag="step_end"):
    """Ends the step with the key, the id, or the name, else the dialect's innermost one.

    `is_silent`: no diagnostic if nothing matches. `is_bracket`: ends the innermost group of the
    dialects that share brackets, and what is inside and has a status of its own goes on. `ts`
    gives the duration where the start had a time stamp."""

    name: str | None = None
    id: str | None = None
    status: Literal["completed", "failed", "skipped", "cancelled", "unknown"] = "completed"
    reason: str | None = None
    message: str | None = None
    duration: float | None = None
    exit_code: int | None = None
    flow: str | None = None
    key: str | None = None
    ts: float | None = None
    is_silent: bool = False
    is_bracket: bool = False


class Update(Marker, frozen=True, kw_only=True, tag="step_update"):
    """A late change of the dialect's innermost step."""

    collapsed: bool | None = None
    duration: float | None = None


class Skip(Marker, frozen=True, kw_only=True):
    """A step that starts and ends at once, as skipped."""

    start: Start
    reason: str | None = None


class Note(Marker, frozen=True, kw_only=True, tag="annotation"):
    """A remark. `id` or `step` aim it at a step; `ends_step`: that step failed with it."""

    level: Literal["error", "warning", "notice"]
    message: str
    file: str | None = None
    line: int | None = None
    end_line: int | None = None
    col: int | None = None
    end_col: int | None = None
    title: str | None = None
    code: str | None = None
    details: str | None = None
    id: str | None = None
    step: str | None = None
    ends_step: bool = False


class Progress(Marker, frozen=True, kw_only=True, tag="progress"):
    id: str | None = None
    value: float | None = None
    current: float | None = None
    total: float | None = None
    message: str | None = None
    state: Literal["none", "normal", "error", "indeterminate", "paused"] | None = None


class Artifact(Marker, frozen=True, kw_only=True, tag="artifact"):
    path: str
    name: str | None = None
    description: str | None = None
    type: str | None = None
    kind: str | None = None
    target: str | None = None


class Metric(Marker, frozen=True, kw_only=True, tag="metric"):
    name: str
    value: float
    unit: str | None = None
    step: int | None = None


class Summary(Marker, frozen=True, kw_only=True, tag="summary"):
    markdown: str | None = None
    path: str | None = None


class Mask(Marker, frozen=True, kw_only=True, tag="mask"):
    values: list[str]


class Output(Marker, frozen=True, kw_only=True, tag="output"):
    name: str
    value: str
    secret: bool = False


class Meta(Marker, frozen=True, kw_only=True, tag="meta"):
    key: str
    value: str


class Env(Marker, frozen=True, kw_only=True, tag="env"):
    name: str
    value: str | None = None
    prepend: str | None = None


class TestStart(Marker, frozen=True, kw_only=True, tag="test_start"):
    __test__ = False  # pytest takes classes of this name for its own

    name: str
    flow: str | None = None
    depth: int | None = None


class TestEnd(Marker, frozen=True, kw_only=True, tag="test_end"):
    __test__ = False

    name: str
    status: Literal["passed", "failed", "skipped", "todo"]
    number: int | None = None
    duration: float | None = None
    message: str | None = None
    details: str | None = None
    expected: str | None = None
    actual: str | None = None
    flow: str | None = None
    depth: int | None = None


class TestDetails(Marker, frozen=True, kw_only=True, tag="test_details"):
    __test__ = False

    number: int
    text: str
    depth: int | None = None


class Plan(Marker, frozen=True, kw_only=True, tag="plan"):
    total: int
    skip: str | None = None
    depth: int | None = None


class Result(Marker, frozen=True, kw_only=True, tag="result"):
    """The outcome that the script asks for."""

    status: Literal["completed", "completed_with_issues", "failed", "cancelled", "skipped"]
    message: str | None = None


class Stop(Marker, frozen=True, kw_only=True, tag="stop"):
    """From here on only the resume form with this token is looked at."""

    token: str


class Resume(Marker, frozen=True, kw_only=True, tag="resume"):
    pass


class Remark(Marker, frozen=True, kw_only=True, tag="warning"):
    """The dialect's own diagnostic, such as a malformed command."""

    code: str
    command: str | None = None
    message: str | None = None


class Text(Marker, frozen=True, kw_only=True, tag="log"):
    """An ordinary line, or what a marker wants to be shown as one."""

    text: str
    level: Literal[
        "debug", "info", "notice", "warning", "error", "critical", "command", "section"
    ] = "info"
    stream: str | None = None
    step: str | None = None
    message: str | None = None
