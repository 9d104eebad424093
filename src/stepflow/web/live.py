"""Who watches what: one hub between the feed and all watchers of all transports.

One task takes everything from the feed, in batches: at once after quiet, then with pauses of four
times the work, 10 to 50 ms. A message is serialised once. Lines are made once for all watchers of
a log, by its channel: of the bytes that come with the news, or else of the file. Nobody is waited
for: a watcher without room is told that it lags.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from itertools import accumulate
from typing import Protocol

import structlog

from stepflow import events
from stepflow.errors import StepflowError
from stepflow.feed import (
    AnnotationUpdate,
    ArtifactUpdate,
    ExecutionDeleted,
    ExecutionUpdate,
    Fresh,
    Lagged,
    LogComplete,
    LogGrown,
    Message,
    MetricUpdate,
    OutputUpdate,
    StepUpdate,
    SummaryUpdate,
    TestUpdate,
)
from stepflow.feed import Watcher as FeedWatcher
from stepflow.model import Execution
from stepflow.supervisor import Supervisor
from stepflow.transcript import Arrivals, Transcript
from stepflow.web.clock import now
from stepflow.web.cursor import (
    END,
    Cursor,
    Piece,
    Place,
    piece,
    piece_of,
    place_after,
    place_at,
    place_of,
    whole_characters,
)
from stepflow.web.messages import (
    ArtifactChange,
    Deleted,
    Lag,
    MetricChange,
    MetricPoint,
    Outgoing,
    OutputChange,
    Remark,
    StepChange,
    SummaryChange,
    TestChange,
    lagged_log,
    log_end,
    log_message,
)
from stepflow.web.shapes import (
    annotation_shape,
    artifact_shape,
    execution_shape,
    output_shape,
    step_shape,
    summary_shape,
    test_shape,
)

SHORTEST_PAUSE_SECONDS = 0.010
LONGEST_PAUSE_SECONDS = 0.020
MOST_LINES = 2_000
MOST_BYTES = 512 << 10
CATCH_UP_BYTES = 8 << 20
# Larger pieces are read in a thread, to keep the loop free.
_READ_ON_LOOP_BYTES = 64 << 10

_FOR_WHO_FOLLOWS = (AnnotationUpdate, TestUpdate, MetricUpdate, SummaryUpdate, OutputUpdate)

log = structlog.get_logger(__name__)


class Watcher(Protocol):
    """Somebody's connection."""

    def deliver(self, message: Outgoing) -> None:
        """Take a message, or drop it and remember to say `lagged`. Never waits."""

    async def room(self) -> None:
        """Wait until there is room, or the connection is gone."""

    def close(self) -> None:
        """The server goes; the watcher will come back."""


class Channel:
    """The log of one execution, read once for all who watch it. `open_transcript` is asked each
    time anew: the log may have been compressed, and its masks may be more."""

    def __init__(
        self, open_transcript: Callable[[Execution], Transcript], execution: Execution
    ) -> None:
        self.execution = execution
        self._open_transcript = open_transcript
        self._is_complete = execution.is_finished
        self._is_ended = execution.is_finished
        self._watchers: dict[Watcher, Place | None] = {}
        self.users = 0
        self._is_behind = False
        self._reading: asyncio.Task[None] | None = None
        with self._open() as transcript:
            self._published = transcript.size_bytes
            self._head = self._whole(
                transcript, Place(0, Cursor(0)), self._published, execution.is_finished
            )

    @property
    def head(self) -> Cursor:
        return self._head.cursor

    @property
    def watchers(self) -> Iterable[Watcher]:
        return self._watchers.keys()

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    def grow(self, growth: LogGrown) -> None:
        """The log has been recorded up to here, and may be shown up to here. Its bytes are passed
        on if they are just those that come next; else the file is read."""
        if growth.size_bytes <= self._published:
            return
        self._published = growth.size_bytes
        is_next = growth.fresh and growth.start == self._head.offset
        if is_next and self._reading is None and not self._is_complete:
            self._extend(growth.fresh)
        else:
            self._read()

    def complete(self, execution: Execution) -> None:
        """Nothing will be added to the log."""
        self.execution = execution
        self._is_complete = True
        self._read()

    def leave(self, watcher: Watcher) -> None:
        self._watchers.pop(watcher, None)

    def require(self, cursor: str) -> None:
        """InvalidRequest for a cursor that points nowhere."""
        if cursor != END:
            self._place(cursor)

    async def follow(self, watcher: Watcher, cursor: str) -> None:
        """Give a watcher what is there from its cursor on, and make it one of the live ones.
        InvalidRequest for a cursor that points nowhere."""
        place = self._head if cursor == END else await asyncio.to_thread(self._place, cursor)
        while place.offset < self._head.offset:
            # Room first: until it is one of the live ones nobody tells this watcher what it lost.
            await watcher.room()
            if self._head.offset - place.offset > CATCH_UP_BYTES:
                watcher.deliver(lagged_log(self.execution.id, self._head))
                break
            until = min(self._head.offset, place.offset + MOST_BYTES)
            message, place = await asyncio.to_thread(self._piece, place, until)
            await watcher.room()
            watcher.deliver(message)
        # A reader by REST may be ahead of what is live here: then it joins when this gets there.
        self._watchers[watcher] = place if place.offset > self._head.offset else None
        if self._is_ended:
            watcher.deliver(log_end(self.execution.id, self._head))

    def catch_up(self, watcher: Watcher) -> None:
        """Tell a watcher that had no room how far the log is; from there on it is live again."""
        if watcher in self._watchers:
            watcher.deliver(lagged_log(self.execution.id, self._head))
            if self._is_ended:
                watcher.deliver(log_end(self.execution.id, self._head))

    def _extend(self, fresh: tuple[Fresh, ...]) -> None:
        data = b"".join(each.data for each in fresh)
        data = data[: whole_characters(data)]
        if not data:
            return
        start = self._head
        head = self._head = place_after(start, data)
        if not self._watchers:
            return
        offsets = accumulate((len(each.data) for each in fresh[:-1]), initial=start.offset)
        arrivals = Arrivals(list(offsets), [each.unix_ms for each in fresh])

        def from_there(place: Place) -> Piece:
            rest = data[place.offset - start.offset :]
            return piece_of(rest, arrivals, place, most_lines=MOST_LINES + 1)

        if head.cursor.line - start.cursor.line > MOST_LINES:
            message = lagged_log(self.execution.id, head)
        else:
            message = log_message(self.execution.id, from_there(start))
        self._pass_on(message, start, head, from_there)

    def _read(self) -> None:
        self._is_behind = True
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read_on())

    async def _read_on(self) -> None:
        try:
            while self._is_behind and not self._is_ended:
                self._is_behind = False
                try:
                    await self._advance()
                except (OSError, StepflowError) as error:
                    # Its watchers keep their cursors; REST tells them what is wrong with the log.
                    log.exception("log not readable", execution=self.execution.id, error=str(error))
        finally:
            self._reading = None

    async def _advance(self) -> None:
        is_complete = self._is_complete
        start = self._head
        with self._open() as transcript:
            until = transcript.size_bytes
            if not is_complete:
                until = min(until, self._published)
            if until - start.offset > _READ_ON_LOOP_BYTES:
                head = await asyncio.to_thread(self._whole, transcript, start, until, is_complete)
            else:
                head = self._whole(transcript, start, until, is_complete)
            if head.offset > start.offset:
                message = await self._message(transcript, start, head)
                self._head = head
                self._pass_on(message, start, head, lambda place: self._rest(transcript, place))
        if is_complete:
            self._is_ended = True
            for watcher in self._watchers:
                watcher.deliver(log_end(self.execution.id, self._head))

    async def _message(self, transcript: Transcript, start: Place, head: Place) -> Outgoing:
        size = head.offset - start.offset
        if size > MOST_BYTES or head.cursor.line - start.cursor.line > MOST_LINES:
            return lagged_log(self.execution.id, head)
        if size > _READ_ON_LOOP_BYTES:
            read = await asyncio.to_thread(
                piece, transcript, start, head.offset, most_lines=MOST_LINES + 1
            )
        else:
            read = piece(transcript, start, head.offset, most_lines=MOST_LINES + 1)
        return log_message(self.execution.id, read)

    def _rest(self, transcript: Transcript, place: Place) -> Piece:
        return piece(transcript, place, self._head.offset, most_lines=MOST_LINES + 1)

    def _pass_on(
        self, message: Outgoing, start: Place, head: Place, from_there: Callable[[Place], Piece]
    ) -> None:
        for watcher, ahead in self._watchers.items():
            if ahead is None or ahead.offset <= start.offset:
                self._watchers[watcher] = None
                watcher.deliver(message)
            elif ahead.offset < head.offset:
                self._watchers[watcher] = None
                watcher.deliver(log_message(self.execution.id, from_there(ahead)))

    def _open(self) -> Transcript:
        return self._open_transcript(self.execution)

    def _place(self, cursor: str) -> Place:
        with self._open() as transcript:
            return place_of(transcript, Cursor.of(cursor))

    def _piece(self, start: Place, until: int) -> tuple[Outgoing, Place]:
        with self._open() as transcript:
            read = piece(transcript, start, until, most_lines=MOST_LINES)
            return log_message(self.execution.id, read), read.end

    def _whole(self, transcript: Transcript, start: Place, until: int, is_complete: bool) -> Place:
        """The last place up to `until` that can be shown: not within a character, nor, where there
        are secrets, within a line, whose end may show that it is one."""
        if not is_complete and until > start.offset:
            tail = transcript.read(max(start.offset, until - 4), min(4, until - start.offset))
            if transcript.masks and not tail.endswith(b"\n"):
                until = max(start.offset, transcript.offset_of(transcript.line_of(until)))
            else:
                until -= len(tail) - whole_characters(tail)
        return start if until <= start.offset else place_at(transcript, until)


class Live:
    """The hub. It takes part in the feed while somebody watches; `close` it before the server
    stops."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._supervisor = supervisor
        self._sockets: set[Watcher] = set()
        self._streams: dict[str, set[Watcher]] = {}
        self._channels: dict[str, Channel] = {}

    @property
    def connected(self) -> int:
        return len(self._sockets)

    def close(self) -> None:
        """Every stream and every waiting request ends soon; watchers reconnect by cursor."""
        self.closing.set()
        for watcher in (*self._sockets, *(w for group in self._streams.values() for w in group)):
            watcher.close()

    def join(self, watcher: Watcher, execution_id: str | None = None) -> None:
        """From now on the watcher gets the updates of one execution, or of all."""
        if execution_id is None:
            self._sockets.add(watcher)
        else:
            self._streams.setdefault(execution_id, set()).add(watcher)
        if self._task is None:
            source = self._supervisor.feed.watch(logs=self._channels)
            self._supervisor.feed.join(source)
            self._task = asyncio.get_running_loop().create_task(self._run(source))

    def leave(self, watcher: Watcher, execution_id: str | None = None) -> None:
        self._sockets.discard(watcher)
        if execution_id is not None and execution_id in self._streams:
            self._streams[execution_id].discard(watcher)
            if not self._streams[execution_id]:
                del self._streams[execution_id]
        if self._task is not None and not self._sockets and not self._streams:
            self._task.cancel()
            self._task = None

    async def channel(self, execution_id: str) -> Channel:
        """The channel of an execution's log, which the caller will `release`. NotFound."""
        channel = self._channels.get(execution_id)
        if channel is None:
            execution = await self._supervisor.store.execution(execution_id)
            # Somebody else may have made it meanwhile.
            channel = self._channels.get(execution_id)
            if channel is None:
                channel = self._channels[execution_id] = Channel(
                    self._supervisor.open_transcript, execution
                )
        channel.users += 1
        return channel

    def release(self, channel: Channel, watcher: Watcher) -> None:
        channel.leave(watcher)
        channel.users -= 1
        if not channel.users:
            channel.close()
            if self._channels.get(channel.execution.id) is channel:
                del self._channels[channel.execution.id]

    async def _run(self, source: FeedWatcher) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                batch = await source.batch()
                started = clock()
                at = now()
                for message in batch:
                    await self._pass_on(message, at)
                worked = clock() - started
                pause = min(LONGEST_PAUSE_SECONDS, max(SHORTEST_PAUSE_SECONDS, 3 * worked))
                await asyncio.sleep(pause)
        finally:
            self._supervisor.feed.leave(source)

    async def _pass_on(self, message: Message | Lagged, at: datetime) -> None:
        match message:
            case Lagged():
                await self._say_lagged()
            case LogGrown(execution_id=execution_id):
                if execution_id in self._channels:
                    self._channels[execution_id].grow(message)
            case LogComplete():
                pass  # the execution's last update, which comes before, has said it
            case _:
                self._tell(message, at)

    def _tell(self, message: Message, at: datetime) -> None:
        streams = self._streams.get(message.execution_id, ())
        channel = self._channels.get(message.execution_id)
        if isinstance(message, ExecutionUpdate) and message.execution.is_finished and channel:
            channel.complete(message.execution)
        watchers: Iterable[Watcher] = (*self._sockets, *streams)
        if isinstance(message, _FOR_WHO_FOLLOWS):
            watchers = {*streams, *channel.watchers} if channel else streams
        if not watchers:
            return
        outgoing = self._outgoing(message, at)
        for watcher in watchers:
            watcher.deliver(outgoing)

    def _outgoing(self, message: Message, at: datetime) -> Outgoing:
        match message:
            case ExecutionUpdate(execution=execution):
                waiting = self._supervisor.waiting(execution.id)
                return Outgoing(execution_shape(execution, at, waiting))
            case StepUpdate(execution_id=execution_id, step=step, progress=progress):
                return Outgoing(StepChange(execution_id, step_shape(step, at), progress))
            case ArtifactUpdate(execution_id=execution_id, artifact=artifact):
                return Outgoing(ArtifactChange(execution_id, artifact_shape(artifact)))
            case AnnotationUpdate(execution_id=execution_id, annotation=annotation):
                return Outgoing(Remark(execution_id, annotation_shape(annotation)))
            case TestUpdate(execution_id=execution_id, tests=tests, counts=counts):
                shapes = [test_shape(test) for test in tests]
                return Outgoing(TestChange(execution_id, shapes, counts))
            case MetricUpdate(execution_id=execution_id, metrics=metrics):
                return Outgoing(MetricChange(execution_id, [_point(one) for one in metrics]))
            case SummaryUpdate(execution_id=execution_id, summary=summary):
                return Outgoing(SummaryChange(execution_id, summary_shape(summary)))
            case OutputUpdate(execution_id=execution_id, output=output):
                return Outgoing(OutputChange(execution_id, output_shape(output)))
            case ExecutionDeleted(execution_id=execution_id):
                return Outgoing(Deleted(execution_id))
            case _:
                raise TypeError(f"the feed said {message!r}")

    async def _say_lagged(self) -> None:
        """The feed dropped messages for us: watchers read the state again, and so do channels."""
        lag = Outgoing(Lag())
        for watcher in (*self._sockets, *(w for group in self._streams.values() for w in group)):
            watcher.deliver(lag)
        for execution_id, channel in list(self._channels.items()):
            with suppress(StepflowError):  # deleted meanwhile: its watchers will read that
                execution = await self._supervisor.store.execution(execution_id)
                if execution.is_finished:
                    channel.complete(execution)


def _point(metric: events.Metric) -> MetricPoint:
    return MetricPoint(
        name=metric.name,
        value=metric.value,
        at=metric.at,
        unit=metric.unit,
        step=metric.step,
        step_index=metric.index,
    )
