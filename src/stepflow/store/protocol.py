"""The seam to the durable store: what every engine promises, and the values that cross it.

All writes are durable when they return. Reads never see half a unit. Errors are those of
`stepflow.errors`: NotFound, Conflict, StaleOwner, InvalidRequest, NoSpace, Unavailable.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol, TypedDict, Unpack

import msgspec

from stepflow.events import AnyEvent
from stepflow.model import Artifact, Cancellation, Execution, Outcome, Status, Step

MAX_PAGE = 1000


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk of a transcript as facts: recorded once, only if `old_offset` is still the offset.

    `lines` is the number of lines up to `offset`; `at` is the time of events that have none;
    `artifacts` are rows to keep together with the markers that named them.
    """

    execution_id: str
    old_offset: int
    offset: int
    lines: int
    state: bytes
    at: datetime
    events: list[AnyEvent] = []
    artifacts: list[Artifact] = []


class FollowState(msgspec.Struct, frozen=True):
    """How far the transcript of a running execution is recorded, and the timeline's state there."""

    offset: int
    lines: int
    state: bytes


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """How an execution ended. Empty `exit_code` and `error_message` follow from the outcome."""

    outcome: Outcome
    at: datetime
    exit_code: int | None = None
    error_message: str | None = None
    log_bytes: int = 0
    log_lines: int = 0
    survivors: str | None = None
    tail_may_be_missing: bool = False
    cpu_seconds: float | None = None
    memory_peak_bytes: int | None = None


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Which executions, newest first. `statuses` are alternatives, everything else must hold.

    `name` is the exact name, `text` is searched for; `cursor` (from `Page.next`) wins over
    `offset`; `since` is included, `until` is not.
    """

    limit: int = 100
    offset: int = 0
    cursor: str | None = None
    statuses: tuple[Status, ...] = ()
    user: str | None = None
    tag: str | None = None
    name: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Page(msgspec.Struct, frozen=True):
    """A page of executions; `next` is the cursor of the page after it, None on the last one."""

    executions: list[Execution]
    next: str | None


class ArtifactPage(msgspec.Struct, frozen=True):
    artifacts: list[Artifact]
    total_count: int
    next: str | None


class AnnotationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded annotation; `id` is its page key and grows in the order of the transcript."""

    id: int
    execution_id: str
    level: str
    message: str
    step_index: int | None = None
    file: str | None = None
    line: int | None = None
    end_line: int | None = None
    col: int | None = None
    end_col: int | None = None
    title: str | None = None
    code: str | None = None
    details: str | None = None
    log_line: int | None = None
    at: datetime | None = None


class AnnotationPage(msgspec.Struct, frozen=True):
    annotations: list[AnnotationRow]
    next: int | None


class TestRow(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded test; `id` is its page key. `status`: passed, failed, skipped or todo."""

    __test__ = False  # pytest takes classes of this name for its own

    id: int
    execution_id: str
    name: str
    status: str
    number: int | None = None
    duration: float | None = None
    message: str | None = None
    details: str | None = None
    expected: str | None = None
    actual: str | None = None
    step_index: int | None = None
    log_line: int | None = None
    at: datetime | None = None


class TestPage(msgspec.Struct, frozen=True):
    __test__ = False

    tests: list[TestRow]
    next: int | None


class SummaryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded summary: what was printed, or the content of the file `path`, or the `problem`
    with that."""

    id: int
    execution_id: str
    step_index: int | None = None
    markdown: str | None = None
    path: str | None = None
    problem: str | None = None
    truncated: bool = False
    log_line: int | None = None
    at: datetime | None = None


class OutputRow(msgspec.Struct, frozen=True, kw_only=True):
    """A secret one's value reads `***`."""

    name: str
    value: str
    is_secret: bool


class VariableRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the script wanted a variable to be for what comes after it."""

    name: str
    value: str
    is_prepended: bool


class DiagnosticRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the parser had to say about a marker."""

    id: int
    execution_id: str
    code: str
    dialect: str | None = None
    command: str | None = None
    message: str | None = None
    log_line: int | None = None


class Ended(msgspec.Struct, frozen=True):
    """What rules of retention look at."""

    id: str
    name: str
    tags: list[str]
    completed_at: datetime
    is_pinned: bool


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a metric. Usage of the script's tree: process.cpu_percent,
    process.memory_bytes, process.count."""

    name: str
    value: float
    at: datetime
    unit: str | None = None
    step: int | None = None
    step_index: int | None = None


class DayCount(msgspec.Struct, frozen=True, kw_only=True):
    day: str
    completed: int = 0
    failed: int = 0
    cancelled: int = 0


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Figures from counters. `success_rate` (0..1) is of the finished, None before the first;
    `last_24h` counts by status what was created since; `per_day` has the last 30 UTC days."""

    total_executions: int
    by_status: dict[str, int]
    success_rate: float | None
    avg_duration: float | None
    last_24h: dict[str, int]
    per_day: list[DayCount]


class UsualDuration(msgspec.Struct, frozen=True):
    """Seconds: half of `count` took at most `p50`, nineteen of twenty at most `p95`."""

    p50: float
    p95: float
    count: int


class StepUsual(msgspec.Struct, frozen=True):
    """`path` has the names from the outermost step to this one."""

    path: list[str]
    duration: UsualDuration


class Usual(msgspec.Struct, frozen=True, kw_only=True):
    """What the last finished executions of a name took. `executions` were looked at; `duration`
    is of those that completed, `step_count` the median number of steps."""

    executions: int
    duration: UsualDuration | None
    step_count: int | None
    steps: list[StepUsual]


class SlowQuery(msgspec.Struct, frozen=True):
    name: str
    milliseconds: float
    at: datetime


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Measured figures of the store; `settings` are those of its own open connections."""

    engine: str
    version: str
    path: str
    size_bytes: int
    wal_bytes: int
    page_count: int
    page_size: int
    free_pages: int
    settings: dict[str, dict[str, Any]]
    table_counts: dict[str, int]
    commits: int
    units: int
    failed_units: int
    last_checkpoint: dict[str, Any]
    slowest: list[SlowQuery]


class Optimized(msgspec.Struct, frozen=True, kw_only=True):
    """What `optimize` did, in words, and how many bytes the files lost by it."""

    done: list[str]
    size_before_bytes: int
    size_after_bytes: int
    freed_bytes: int
    seconds: float


class ExecutionChanges(TypedDict, total=False):
    """What may be changed of an execution between creation and settlement."""

    name: str
    status: Status
    started_at: datetime | None
    deadline: datetime | None
    cancellation: Cancellation | None
    error_message: str | None
    log_bytes: int
    log_lines: int
    survivors: str | None
    tail_may_be_missing: bool
    cpu_seconds: float | None
    memory_peak_bytes: int | None
    diagnostics: list[str]
    metadata: dict[str, Any]
    tags: list[str]


class Store(Protocol):
    """Durable executions, steps and artifacts."""

    async def create(self, execution: Execution) -> Execution:
        """Keep a new execution; the result carries its `seq`. Conflict if the id exists."""

    async def record(self, unit: Unit) -> list[Step]:
        """Record a unit exactly once; the steps that it changed, as they are now."""

    async def update(self, execution_id: str, **changes: Unpack[ExecutionChanges]) -> Execution:
        """Change an unfinished execution. NotFound; Conflict once it is final."""

    async def settle(
        self, execution_id: str, settlement: Settlement
    ) -> tuple[Execution, list[Step]]:
        """Record the end: closes open steps (returned), forgets the follow state. Conflict once
        it is final."""

    async def pin(self, execution_id: str, *, pinned: bool) -> Execution:
        """Keep an execution from rules of retention, or no more; ended or not. NotFound."""

    async def delete(self, execution_id: str) -> None:
        """Forget a finished execution and all that belongs to it. NotFound; Conflict if running."""

    async def keep_execution(self, execution: Execution) -> Execution:
        """Keep an execution exactly as given, new or not (imports, and the original's API)."""

    async def keep_step(self, step: Step) -> Step:
        """Keep a step exactly as given, new or not. NotFound without its execution."""

    async def keep_artifact(self, artifact: Artifact) -> Artifact:
        """Insert an artifact, or replace the one with this id. NotFound without its execution."""

    async def delete_artifact(self, artifact_id: str) -> Artifact:
        """Forget an artifact's row; what it was. NotFound."""

    async def keep_samples(self, samples: Mapping[str, Sequence[Sample]]) -> None:
        """Append values to the metrics of executions, by id; those that are gone are left out."""

    async def execution(self, execution_id: str) -> Execution:
        """One execution. NotFound."""

    async def executions(self, query: Query) -> Page:
        """A page of executions, newest first. InvalidRequest names a bad cursor or limit."""

    async def count(self, query: Query, *, within: timedelta) -> int | None:
        """How many executions all pages have together; None if counting takes longer."""

    async def revision(self) -> int | None:
        """Another number after anybody has written anything: what was read after one is still so
        while it is the same. None where that can't be told just now."""

    async def known_ids(self, ids: Sequence[str]) -> set[str]:
        """Those of these ids that an execution has."""

    async def unfinished(self) -> list[Execution]:
        """All pending and running executions, oldest first, but for those that the original
        program runs."""

    async def finished_before(self, before: datetime, limit: int) -> list[str]:
        """Ids of executions that ended before a time, oldest first."""

    async def ended(self, *, limit: int, before: Ended | None = None) -> list[Ended]:
        """Executions that have ended, the last to end first; those after `before` in this order."""

    async def artifacts_with_time(
        self, *, limit: int, after: Artifact | None = None
    ) -> list[Artifact]:
        """Artifacts with a `retention_days` of their own, by id; those after `after`."""

    async def steps(self, execution_id: str) -> list[Step]:
        """The steps of an execution by index; empty for an unknown one."""

    async def artifacts(self, execution_id: str) -> list[Artifact]:
        """The artifacts of an execution, oldest first."""

    async def artifact(self, artifact_id: str) -> Artifact:
        """One artifact. NotFound."""

    async def artifact_page(
        self, *, limit: int = 100, offset: int = 0, cursor: str | None = None
    ) -> ArtifactPage:
        """A page of all artifacts, newest first."""

    async def annotations(
        self,
        execution_id: str,
        *,
        limit: int = 1000,
        after: int = 0,
        level: str | None = None,
        step: int | None = None,
    ) -> AnnotationPage:
        """Annotations in the order of the transcript, those after the id `after`, of one level or
        one step or of all."""

    async def tests(
        self, execution_id: str, *, limit: int = 1000, after: int = 0, status: str | None = None
    ) -> TestPage:
        """Tests in the order in which they ended, those after the id `after`."""

    async def summaries(self, execution_id: str) -> list[SummaryRow]:
        """An execution's summaries in the order of the transcript."""

    async def keep_summary(self, summary: SummaryRow) -> None:
        """Change what became of a summary's file: markdown, problem, truncated."""

    async def variables(self, execution_id: str) -> list[VariableRow]:
        """The variables that an execution wanted to set, in the order of the transcript."""

    async def diagnostics(self, execution_id: str) -> list[DiagnosticRow]:
        """What the parser had to say, in the order of the transcript; 1,000 at most."""

    async def usual_seconds(self, name: str) -> float | None:
        """The median duration of the last 20 completed executions of a name; it may be a second
        old."""

    async def metrics(self, execution_id: str, name: str | None = None) -> list[Sample]:
        """An execution's metric values in the order of recording, of one name or of all."""

    async def outputs(self, execution_id: str) -> list[OutputRow]:
        """The outputs that an execution set, by name."""

    async def follow_state(self, execution_id: str) -> FollowState | None:
        """Where recording stands; None before the first unit and after the end."""

    async def usual(self, name: str, *, but: str) -> Usual:
        """What executions of this name usually take, from the last 20 that completed or failed;
        the execution `but` does not count."""

    async def statistics(self, now: datetime) -> Statistics:
        """Figures over all executions."""

    async def health(self) -> Health:
        """What the store measures of itself. Unavailable if it does not answer."""

    async def optimize(self, *, vacuum: bool = False) -> Optimized:
        """Refresh the planner's statistics, empty the write-ahead log, optionally compact."""

    async def close(self) -> None:
        """Finish the queued writes and let go of every file. Later calls raise Unavailable."""
