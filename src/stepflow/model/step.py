"""A step: a named span of an execution, opened and closed by markers."""

import hashlib
import uuid
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

from stepflow.model.progress import Progress


class StepStatus(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"

    @property
    def is_final(self) -> bool:
        return self not in (StepStatus.PENDING, StepStatus.RUNNING)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A durable step. `first_line` and `last_line` (both included) are line numbers of the
    transcript, counted from 0; `last_line` is None while the step is open. `message` is what was
    last said of it, with its progress or at its end; `collapsed` and `muted` are how its script
    wants it shown, `flow` is the lane that it runs in, `duration` the seconds that its script
    measured.
    """

    id: str
    execution_id: str
    index: int
    name: str
    created_at: datetime
    description: str | None = None
    status: StepStatus = StepStatus.RUNNING
    exit_code: int | None = None
    error_message: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    estimated_duration: float | None = None
    stop_on_error: bool = False
    metadata: dict[str, Any] = {}
    kind: str = "step"
    parent_index: int | None = None
    marker_id: str | None = None
    reason: str | None = None
    first_line: int = 0
    last_line: int | None = None
    progress: Progress | None = None
    message: str | None = None
    collapsed: bool | None = None
    muted: bool | None = None
    flow: str | None = None
    duration: float | None = None

    @property
    def is_finished(self) -> bool:
        return self.status.is_final

    @property
    def duration_seconds(self) -> float | None:
        if self.duration is not None and self.is_finished:
            return self.duration
        if self.started_at is None or self.completed_at is None:
            return None
        return max(0.0, (self.completed_at - self.started_at).total_seconds())


def step_id(execution_id: str, index: int) -> str:
    """The id of an execution's n-th step: derived, so recording one twice changes nothing.

    It is `uuid5(execution_id, f"step/{index}")`, spelled out because every event needs one.
    """
    digest = _namespace(execution_id).copy()
    digest.update(b"step/%d" % index)
    text = digest.hexdigest()
    variant = "89ab"[int(text[16], 16) & 3]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


@lru_cache(maxsize=4096)
def _namespace(execution_id: str) -> "hashlib._Hash":
    return hashlib.sha1(uuid.UUID(execution_id).bytes, usedforsecurity=False)
