"""Live events for whoever watches: lossy per watcher, never blocking, never a copy of a whole log.

A message says what changed; a watcher that falls behind is told so once (`Lagged`) and reads the
store and the transcript from where it was, so nothing is lost for it and it costs others nothing.
All of it lives in the event loop's thread.
"""

import asyncio
from collections import deque
from collections.abc import Container
from types import TracebackType
from typing import Self

import msgspec

from stepflow.events import Annotation, Metric, Output, Summary, TestEnd
from stepflow.model import Artifact, Execution, Step, TestCounts

QUEUE_LENGTH = 1_000
MOST_FRESH_BYTES = 16 << 10


class Message(msgspec.Struct, frozen=True):
    execution_id: str


class ExecutionUpdate(Message, frozen=True):
    execution: Execution


class ExecutionDeleted(Message, frozen=True):
    pass


class StepUpdate(Message, frozen=True):
    step: Step
    progress: float


class ArtifactUpdate(Message, frozen=True):
    artifact: Artifact


class AnnotationUpdate(Message, frozen=True):
    annotation: Annotation


class TestUpdate(Message, frozen=True):
    """Tests that ended, and how many there are by now."""

    __test__ = False  # pytest takes classes of this name for its own

    tests: tuple[TestEnd, ...]
    counts: TestCounts


class MetricUpdate(Message, frozen=True):
    metrics: tuple[Metric, ...]


class SummaryUpdate(Message, frozen=True):
    summary: Summary


class OutputUpdate(Message, frozen=True):
    output: Output


class Fresh(msgspec.Struct, frozen=True, gc=False):
    """Bytes of a log, as they were read at one time."""

    data: bytes
    unix_ms: int


class LogGrown(Message, frozen=True):
    """The transcript now has this size and so many ended lines; the bytes are in the file.
    `fresh` are its last bytes, where they need no masking and are few: else there are none."""

    size_bytes: int
    line_count: int
    fresh: tuple[Fresh, ...] = ()

    @property
    def start(self) -> int:
        """The offset of the first fresh byte."""
        return self.size_bytes - sum(len(piece.data) for piece in self.fresh)

    def then(self, later: "LogGrown") -> "LogGrown":
        """Both as one. Bytes are kept only if they are all there."""
        is_whole = self.fresh and later.fresh and later.start == self.size_bytes
        is_small = later.size_bytes - self.start <= MOST_FRESH_BYTES
        fresh = (*self.fresh, *later.fresh) if is_whole and is_small else ()
        return LogGrown(self.execution_id, later.size_bytes, later.line_count, fresh)


class LogComplete(Message, frozen=True):
    size_bytes: int
    line_count: int


class Lagged(msgspec.Struct, frozen=True):
    """Messages were dropped for this watcher."""


class Watcher:
    """One consumer's bounded queue; growth of a log is one entry however often it grew."""

    def __init__(self, feed: "Feed", execution_id: str | None, logs: Container[str] | None) -> None:
        self._feed = feed
        self._execution_id = execution_id
        self._logs = logs
        self._queue: deque[Message] = deque()
        self._growth: dict[str, LogGrown] = {}
        self._lagged = False
        self._wakeup = asyncio.Event()

    def __enter__(self) -> Self:
        self._feed.join(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._feed.leave(self)

    def follows(self, execution_id: str) -> bool:
        """Whether it hears of the growth of this log."""
        if self._logs is not None:
            return execution_id in self._logs
        return self._execution_id is None or self._execution_id == execution_id

    def offer(self, message: Message) -> None:
        if self._execution_id is not None and message.execution_id != self._execution_id:
            return
        if isinstance(message, LogGrown):
            if not self.follows(message.execution_id):
                return
            before = self._growth.get(message.execution_id)
            self._growth[message.execution_id] = before.then(message) if before else message
        elif len(self._queue) < QUEUE_LENGTH:
            self._queue.append(message)
        else:
            self._lagged = True
        self._wakeup.set()

    async def batch(self) -> list[Message | Lagged]:
        """Wait for something, then take all there is: growth first, then messages in order."""
        await self._wakeup.wait()
        self._wakeup.clear()
        batch: list[Message | Lagged] = [*self._growth.values(), *self._queue]
        if self._lagged:
            batch.append(Lagged())
        self._growth.clear()
        self._queue.clear()
        self._lagged = False
        return batch


class Feed:
    def __init__(self) -> None:
        self._watchers: set[Watcher] = set()

    def watch(
        self, execution_id: str | None = None, *, logs: Container[str] | None = None
    ) -> Watcher:
        """A watcher of one execution or of all; use it as a context manager. With `logs` it hears
        only of the growth of those that are in there at that time."""
        return Watcher(self, execution_id, logs)

    def is_followed(self, execution_id: str) -> bool:
        """Whether anybody hears of the growth of this log."""
        return any(watcher.follows(execution_id) for watcher in self._watchers)

    def join(self, watcher: Watcher) -> None:
        self._watchers.add(watcher)

    def leave(self, watcher: Watcher) -> None:
        self._watchers.discard(watcher)

    def publish(self, message: Message) -> None:
        for watcher in self._watchers:
            watcher.offer(message)
