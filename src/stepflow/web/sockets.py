"""WebSockets: `/ws` of the main port, and any path of the port that the original's clients use."""

import asyncio
import secrets
from collections import deque
from typing import get_args

import msgspec
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from stepflow.errors import InvalidRequest, StepflowError
from stepflow.web.clock import now
from stepflow.web.live import Channel
from stepflow.web.messages import (
    ConnectionEstablished,
    GetStatus,
    Incoming,
    Lag,
    LogEnd,
    LogLines,
    Outgoing,
    Ping,
    Pong,
    Refusal,
    ServerStatus,
    Subscribe,
    SubscribeExecution,
    Unsubscribe,
)
from stepflow.web.protocol import EXTENSION, SocketProtocol
from stepflow.web.site import Site

MOST_SUBSCRIPTIONS = 200
BACKLOG_LENGTH = 1_000
# A transport that holds so much has no room (asyncio's high-water mark).
MOST_GATHERED_BYTES = 64 << 10

_incoming = msgspec.json.Decoder(Incoming)
_TYPES = ", ".join(str(kind.__struct_config__.tag) for kind in get_args(Incoming))


class SocketWatcher:
    """A client's connection. What is delivered in one turn of the loop is written at once. What
    does not fit waits in a short backlog; log lines never do, since the log has them, nor its end,
    which comes after them."""

    def __init__(self, protocol: SocketProtocol) -> None:
        self.channels: dict[str, Channel] = {}
        self._protocol = protocol
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._backlog: deque[bytes] = deque()
        self._behind: set[str] = set()
        self._has_lost = False
        protocol.on_writable = self._catch_up

    def deliver(self, message: Outgoing) -> None:
        if self._protocol.has_room:
            self._gather(message.frame)
        elif isinstance(message.data, LogLines | LogEnd):
            self._behind.add(message.data.execution_id)
        elif len(self._backlog) < BACKLOG_LENGTH:
            self._backlog.append(message.frame)
        else:
            self._has_lost = True

    async def room(self) -> None:
        await self._protocol.writable.wait()

    def close(self) -> None:
        """Going away: the client may come back at once (1012)."""
        self._write()
        self._protocol.shutdown()

    def _gather(self, frame: bytes) -> None:
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._write)
        self._gathered.append(frame)
        self._gathered_bytes += len(frame)
        if self._gathered_bytes >= MOST_GATHERED_BYTES:
            self._write()

    def _write(self) -> None:
        if self._gathered:
            self._protocol.write_frames(b"".join(self._gathered))
            self._gathered.clear()
            self._gathered_bytes = 0

    def _catch_up(self) -> None:
        while self._backlog and self._protocol.has_room:
            self._gather(self._backlog.popleft())
        if self._has_lost and self._protocol.has_room:
            self._has_lost = False
            self.deliver(Outgoing(Lag()))
        behind, self._behind = self._behind, set()
        for execution_id in behind:
            if execution_id in self.channels:
                self.channels[execution_id].catch_up(self)


class LiveSocket:
    """The ASGI application behind every WebSocket."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        watcher = SocketWatcher(scope["extensions"][EXTENSION])
        conversation = _Conversation(self._site, watcher)
        await socket.accept()
        self._site.live.join(watcher)
        try:
            conversation.greet()
            while (message := await socket.receive())["type"] == "websocket.receive":
                text = message.get("text")
                conversation.hear(text if text is not None else message["bytes"])
        finally:
            self._site.live.leave(watcher)
            conversation.end()


class _Conversation:
    """What one client asked for, and the answers."""

    def __init__(self, site: Site, watcher: SocketWatcher) -> None:
        self._site = site
        self._watcher = watcher
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def greet(self) -> None:
        client_id = secrets.token_hex(8)
        connected = self._site.live.connected
        version = self._site.settings.version
        self._say(ConnectionEstablished(client_id, now(), connected, version))

    def hear(self, text: str | bytes) -> None:
        try:
            message = _incoming.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._say(Refusal(f"not understood: {error}; the types are {_TYPES}"))
            return
        match message:
            case Ping():
                self._say(Pong(now()))
            case GetStatus():
                self._say(self._status())
            case SubscribeExecution(execution_id=execution_id):
                self._subscribe(execution_id, "end")
            case Subscribe(execution_id=execution_id, cursor=cursor):
                self._subscribe(execution_id, cursor)
            case Unsubscribe(execution_id=execution_id):
                self._unsubscribe(execution_id)

    def end(self) -> None:
        for execution_id in list(self._tasks):
            self._unsubscribe(execution_id)

    def _say(self, data: msgspec.Struct) -> None:
        self._watcher.deliver(Outgoing(data))

    def _status(self) -> ServerStatus:
        figures = self._site.supervisor.live_figures()
        return ServerStatus(
            running=True,
            connected_clients=self._site.live.connected,
            timestamp=now(),
            running_executions=figures.running,
            pending_executions=figures.pending,
        )

    def _subscribe(self, execution_id: str, cursor: str) -> None:
        self._unsubscribe(execution_id)
        if len(self._tasks) >= MOST_SUBSCRIPTIONS:
            self._say(Refusal(f"one connection can follow {MOST_SUBSCRIPTIONS} logs, no more"))
            return
        self._tasks[execution_id] = asyncio.create_task(self._follow(execution_id, cursor))

    def _unsubscribe(self, execution_id: str) -> None:
        task = self._tasks.pop(execution_id, None)
        if task is not None:
            task.cancel()

    async def _follow(self, execution_id: str, cursor: str) -> None:
        """Lives as long as the subscription."""
        live, watcher = self._site.live, self._watcher
        try:
            channel = await live.channel(execution_id)
        except StepflowError as error:
            self._refuse(execution_id, error)
            return
        watcher.channels[execution_id] = channel
        try:
            await channel.follow(watcher, cursor)
            await asyncio.Event().wait()
        except InvalidRequest as error:
            self._refuse(execution_id, error)
        finally:
            if watcher.channels.get(execution_id) is channel:
                del watcher.channels[execution_id]
            live.release(channel, watcher)

    def _refuse(self, execution_id: str, error: StepflowError) -> None:
        self._tasks.pop(execution_id, None)
        self._say(Refusal(f"{execution_id}: {error.detail}"))
