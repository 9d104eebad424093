"""Server-sent events of one execution: its state, then everything that changes, then the end.

The stream's ids are cursors of the log, so `Last-Event-ID` goes on where a connection broke.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse

from stepflow.web.call import Call
from stepflow.web.cursor import END
from stepflow.web.detail import Detail, detail_of
from stepflow.web.live import Channel, Live
from stepflow.web.messages import (
    Deleted,
    Lag,
    LogEnd,
    LogLines,
    Outgoing,
    StreamEnd,
    sent_event,
)
from stepflow.web.shapes import ExecutionShape

BACKLOG_LENGTH = 1_000
KEEP_ALIVE_SECONDS = 15.0


class EventsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`cursor`: from where on the log is wanted, `LINE:BYTE` or `end`; `Last-Event-ID` wins."""

    cursor: str = "0:0"


class Snapshot(Detail, frozen=True, kw_only=True):
    """The first event: the state, and from which cursor on log lines follow."""

    cursor: str


class StreamWatcher:
    """A stream's bounded queue; `batch` takes all there is."""

    def __init__(self) -> None:
        self._queue: deque[Outgoing] = deque()
        self._behind = False
        self._has_lost = False
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self.is_closed = False
        self.channel: Channel | None = None

    def deliver(self, message: Outgoing) -> None:
        if len(self._queue) < BACKLOG_LENGTH:
            self._queue.append(message)
            self._drained.clear()
        elif isinstance(message.data, LogLines | LogEnd):
            self._behind = True
        else:
            self._has_lost = True
        self._filled.set()

    async def room(self) -> None:
        await self._drained.wait()

    def close(self) -> None:
        self.is_closed = True
        self._filled.set()

    async def batch(self) -> list[Outgoing]:
        """What has come; empty after a while of silence, or when the server goes."""
        try:
            await asyncio.wait_for(self._filled.wait(), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            return []
        self._filled.clear()
        batch = list(self._queue)
        self._queue.clear()
        self._drained.set()
        if self._has_lost:
            self._has_lost = False
            batch.append(Outgoing(Lag()))
        if self._behind and self.channel is not None:
            self._behind = False
            self.channel.catch_up(self)
        return batch


async def stream(call: Call[EventsQuery, None]) -> Response:
    """The state of an execution, then its log lines and changes as they come."""
    cursor = call.request.headers.get("last-event-id") or call.query.cursor
    live = call.site.live
    if call.request.method == "HEAD":
        await call.site.store.execution(call.id)
        return Response(None, media_type="text/event-stream")
    watcher = StreamWatcher()
    live.join(watcher, call.id)
    channel = None
    try:
        # Watching begins before reading, so nothing falls between the two.
        channel = watcher.channel = await live.channel(call.id)
        channel.require(cursor)
        snapshot = await detail_of(call.site, call.id)
    except BaseException:
        _leave(live, call.id, watcher, channel)
        raise
    if cursor == END:
        cursor = str(channel.head)
    body = _events(live, channel, watcher, Snapshot(**_fields(snapshot), cursor=cursor))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(body, headers=headers, media_type="text/event-stream")


async def _events(
    live: Live, channel: Channel, watcher: StreamWatcher, snapshot: Snapshot
) -> AsyncIterator[bytes]:
    execution = snapshot.execution
    following = asyncio.create_task(channel.follow(watcher, snapshot.cursor))
    try:
        yield sent_event("snapshot", snapshot)
        while not watcher.is_closed:
            batch = await watcher.batch()
            for message in batch:
                if isinstance(message.data, ExecutionShape):
                    execution = message.data
            yield b"".join(message.event for message in batch) or b": still here\n\n"
            if any(isinstance(message.data, LogEnd) for message in batch):
                yield sent_event("end", StreamEnd(execution))
                return
            if any(isinstance(message.data, Deleted) for message in batch):
                return
    finally:
        following.cancel()
        _leave(live, channel.execution.id, watcher, channel)


def _fields(detail: Detail) -> dict[str, Any]:
    return {name: getattr(detail, name) for name in Detail.__struct_fields__}


def _leave(live: Live, execution_id: str, watcher: StreamWatcher, channel: Channel | None) -> None:
    live.leave(watcher, execution_id)
    if channel is not None:
        live.release(channel, watcher)
