"""An execution: one run of one command, and what may be asked of a new one."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, assert_never

import msgspec

from stepflow.model.outcome import (
    Cancelled,
    CouldNotStart,
    Failed,
    Killed,
    LogLimit,
    Lost,
    Outcome,
    SaidFailed,
    StoppedOnError,
    Succeeded,
    TimedOut,
)
from stepflow.model.progress import Progress
from stepflow.model.section import Section
from stepflow.model.step import StepStatus

DEFAULT_GRACE = timedelta(seconds=10)

Dialects = list[str] | Literal["auto", "none"]
Emulated = Literal["github", "azure", "gitlab", "teamcity", "buildkite"]


class Status(StrEnum):
    """The original's states; `outcome` says what a final one means."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in (Status.PENDING, Status.RUNNING)


def status_of(outcome: Outcome) -> Status:
    match outcome:
        case Succeeded():
            return Status.COMPLETED
        case Cancelled():
            return Status.CANCELLED
        case (
            Failed()
            | Killed()
            | TimedOut()
            | SaidFailed()
            | StoppedOnError()
            | LogLimit()
            | CouldNotStart()
            | Lost()
        ):
            return Status.FAILED
        case _:
            assert_never(outcome)


class NewExecution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a client may say of an execution that it wants. Seconds and bytes everywhere.

    `command` as a string is a shell command, as a list it is executed as it is.
    `caller_environment` is what `stepflow run` was called with: it replaces the server's own, and
    neither it nor the values of `secret_environment` are ever returned or put in the database.
    `dialects` are the marker languages that are understood (in a list `auto` stands for those that
    are on by default; not said: as the server is set); `emulate` are the CIs, or the one, that the
    script is made to believe in.
    """

    command: str | list[str]
    name: str | None = None
    working_directory: str | None = None
    environment: dict[str, str] = {}
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    user: str | None = None
    timeout: float | None = None
    grace: float | None = None
    tty: bool = False
    stdin: bool = False
    keep_background: bool = False
    secret_environment: dict[str, str] = {}
    max_log_bytes: int | None = None
    nesting: Literal["auto", "flat"] = "auto"
    dialects: Dialects | None = None
    emulate: Emulated | list[Emulated] = []
    sections: list[Section] = []
    trace: Literal["bash"] | None = None
    window: tuple[int, int] | None = None
    caller_environment: dict[str, str] | None = None
    rerun_of: str | None = None


class TestCounts(msgspec.Struct, frozen=True):
    """Tests by how they ended; `expected` is how many the script announced, if it did."""

    __test__ = False  # pytest takes classes of this name for its own

    total: int = 0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    todo: int = 0
    expected: int | None = None


class Cancellation(msgspec.Struct, frozen=True):
    """The recorded intent to end an execution; written before the first signal is sent."""

    outcome: Outcome
    requested_at: datetime


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """A durable execution. Times are aware UTC; sizes are bytes.

    `seq` is the page key: integer, unique, given by the store's writer (0 before that).
    `command` is for people; `argv` is what a list command said, exactly.
    `step_strip` has the statuses of the first 50 top-level steps, for lists. `result` is what the
    script itself said of its end; `usual_seconds` is what executions of its name usually take.
    `pinned`: no rule of retention removes it.
    """

    id: str
    name: str
    command: str
    created_at: datetime
    argv: list[str] | None = None
    seq: int = 0
    working_directory: str | None = None
    status: Status = Status.PENDING
    exit_code: int | None = None
    error_message: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    environment: dict[str, str] = {}
    user: str | None = None
    tags: list[str] = []
    total_steps: int = 0
    completed_steps: int = 0
    failed_steps: int = 0
    current_step_index: int = -1
    metadata: dict[str, Any] = {}
    outcome: Outcome | None = None
    cancellation: Cancellation | None = None
    timeout: float | None = None
    deadline: datetime | None = None
    grace: float = DEFAULT_GRACE.total_seconds()
    tty: bool = False
    stdin: bool = False
    keep_background: bool = False
    secret_names: list[str] = []
    max_log_bytes: int | None = None
    nesting: Literal["auto", "flat"] = "auto"
    dialects: Dialects = "auto"
    emulate: list[Emulated] = []
    sections: list[Section] = []
    trace: Literal["bash"] | None = None
    rerun_of: str | None = None
    log_bytes: int = 0
    log_lines: int = 0
    annotation_counts: dict[str, int] = {}
    diagnostics: list[str] = []
    step_strip: list[StepStatus] = []
    survivors: str | None = None
    tail_may_be_missing: bool = False
    cpu_seconds: float | None = None
    memory_peak_bytes: int | None = None
    progress: Progress | None = None
    result: str | None = None
    result_message: str | None = None
    test_counts: TestCounts | None = None
    usual_seconds: float | None = None
    pinned: bool = False

    @property
    def is_finished(self) -> bool:
        return self.status.is_final

    @property
    def progress_percentage(self) -> float:
        """Finished steps of those known so far; a completed execution is always at 100."""
        if self.status is Status.COMPLETED:
            return 100.0
        if self.total_steps == 0:
            return 0.0
        return min(100.0, 100.0 * (self.completed_steps + self.failed_steps) / self.total_steps)

    def duration(self, now: datetime) -> timedelta | None:
        """Time from start to end, or to `now` while it runs; None before the start. Never negative,
        whatever a clock did meanwhile."""
        if self.started_at is None:
            return None
        return max(timedelta(), (self.completed_at or now) - self.started_at)

    def remaining(self, now: datetime) -> timedelta | None:
        """How long it will go on: by its progress, else by what is usual; None if nobody knows."""
        passed = self.duration(now)
        if passed is None or self.is_finished:
            return None
        share = self.progress.value if self.progress is not None else None
        if share:
            return passed * ((1 - share) / share)
        if self.usual_seconds is None:
            return None
        left = timedelta(seconds=self.usual_seconds) - passed
        return left if left > timedelta() else None


def utc(milliseconds: int) -> datetime:
    """Aware UTC time of a Unix time in milliseconds."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
        microsecond=milliseconds % 1000 * 1000
    )
