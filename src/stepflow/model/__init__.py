"""The nouns of the product as plain values: no I/O, no clock, no logging."""

from stepflow.model.artifact import Artifact, ArtifactState, artifact_id
from stepflow.model.execution import (
    DEFAULT_GRACE,
    Cancellation,
    Dialects,
    Emulated,
    Execution,
    NewExecution,
    Status,
    TestCounts,
    status_of,
    utc,
)
from stepflow.model.ids import is_id, milliseconds_of, month_of, new_id
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
    in_words,
    signal_name,
)
from stepflow.model.progress import Progress
from stepflow.model.section import Section
from stepflow.model.step import Step, StepStatus, step_id

__all__ = [
    "DEFAULT_GRACE",
    "Artifact",
    "ArtifactState",
    "Cancellation",
    "Cancelled",
    "CouldNotStart",
    "Dialects",
    "Emulated",
    "Execution",
    "Failed",
    "Killed",
    "LogLimit",
    "Lost",
    "NewExecution",
    "Outcome",
    "Progress",
    "SaidFailed",
    "Section",
    "Status",
    "Step",
    "StepStatus",
    "StoppedOnError",
    "Succeeded",
    "TestCounts",
    "TimedOut",
    "artifact_id",
    "in_words",
    "is_id",
    "milliseconds_of",
    "month_of",
    "new_id",
    "signal_name",
    "status_of",
    "step_id",
    "utc",
]
