"""What the feed is told of one execution, once it is durable: no more often than anybody sees."""

import asyncio
import time
from collections.abc import Callable, Sequence

from stepflow.events import AnyEvent
from stepflow.feed import MOST_FRESH_BYTES, ExecutionUpdate, Feed, Fresh, LogGrown, StepUpdate
from stepflow.model import Execution, Step
from stepflow.runner.updates import updates_of

PROGRESS_SECONDS = 0.1


class Teller:
    """`later` is called when it is time to tell of the progress that was held back."""

    def __init__(self, feed: Feed, execution_id: str, later: Callable[[], None]) -> None:
        self._feed = feed
        self._execution_id = execution_id
        self._later = later
        self._loop = asyncio.get_running_loop()
        self._steps: dict[int, Step] = {}
        self._told_bytes = 0
        self._told_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def hold(self, steps: Sequence[Step]) -> None:
        """These have changed; whatever is told next tells of them."""
        self._steps |= {step.index: step for step in steps}

    def is_time_for_progress(self) -> bool:
        """Progress is told ten times a second at most; the last of it a moment later."""
        rest = self._told_at + PROGRESS_SECONDS - self._loop.time()
        if rest <= 0:
            self._told_at = self._loop.time()
            self.close()
            return True
        if self._timer is None:
            self._timer = self._loop.call_later(rest, self._is_time)
        return False

    def _is_time(self) -> None:
        self._timer = None
        self._told_at = self._loop.time()
        self._later()

    def tell(self, execution: Execution, events: Sequence[AnyEvent] = ()) -> None:
        """The steps that were held, what the events say, and the execution as it is by now."""
        progress = 100.0 if execution.is_finished else execution.progress_percentage
        for index in sorted(self._steps):
            self._feed.publish(StepUpdate(execution.id, self._steps[index], progress))
        self._steps.clear()
        for message in updates_of(events, execution):
            self._feed.publish(message)
        self._feed.publish(ExecutionUpdate(execution.id, execution))

    def grow(self, offset: int, line: int, read: memoryview | None) -> None:
        """The log has been read up to there. `read` is all of the growth, if that is still in hand
        and may be shown as it came."""
        has_grown, self._told_bytes = offset > self._told_bytes, offset
        if not has_grown or not self._feed.is_followed(self._execution_id):
            return
        fresh: tuple[Fresh, ...] = ()
        if read is not None and len(read) <= MOST_FRESH_BYTES:
            fresh = (Fresh(bytes(read), time.time_ns() // 1_000_000),)
        self._feed.publish(LogGrown(self._execution_id, offset, line, fresh))

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
