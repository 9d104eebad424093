"""The three doors of one app: the main port, the original's WebSocket port, the unix socket."""

import asyncio
import fcntl
import logging
import termios
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stepflow.server.sockets import HTTP, UNIX, WEBSOCKET, Sockets
from stepflow.web import SocketProtocol

DRAIN_SECONDS = 5
LAST_REQUEST_SECONDS = 0.3

log = structlog.get_logger(__name__)


class _Config(uvicorn.Config):
    is_ending = False


class _Connection(HttpToolsProtocol):
    """When the server ends, an idle connection is not closed at once: its next request may be on
    the way already. For a moment it may still ask, and is told to close then."""

    config: _Config

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.config.is_ending:
            self.shutdown()

    def shutdown(self) -> None:
        self.loop.call_later(LAST_REQUEST_SECONDS, self._close_if_idle)

    def _close_if_idle(self) -> None:
        is_idle = self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]
        if not is_idle or self.transport.is_closing():
            return
        if _unread_bytes(self.transport):
            # A busy loop has not come to this request yet; to close now would be a reset.
            self.shutdown()
        else:
            self.transport.close()


def _unread_bytes(transport: asyncio.Transport) -> int:
    """What the kernel holds of a connection for us."""
    count = array("i", [0])
    fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.FIONREAD, count)
    return count[0]


def _closing_at_the_end(app: ASGIApp, config: _Config) -> ASGIApp:
    """`app`, its answers saying `Connection: close` once the server ends."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start" and config.is_ending:
                message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        await app(scope, receive, send_last if scope["type"] == "http" else send)

    return answered


def _logged(app: ASGIApp) -> ASGIApp:
    """`app`, with a line for each request at the level DEBUG; without its query, which may hold
    what somebody looks for."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await app(scope, receive, noted)
        if scope["type"] == "http":
            took = round(1000 * (time.perf_counter() - began), 2)
            log.debug(
                "request", method=scope["method"], path=scope["path"], status=status, took_ms=took
            )

    return answered


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers: the server above decides what a signal means."""

    config: _Config

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listeners:
    """What serves on a server's sockets."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._uvicorns: list[_Uvicorn] = []
        self._serving: list[asyncio.Task[None]] = []

    def serve(self, app: ASGIApp, socket_app: ASGIApp) -> None:
        """Accept connections from now on."""
        self._start(app, UNIX)
        self._start(app, HTTP)
        self._start(socket_app, WEBSOCKET)

    async def stop(self, app: Starlette) -> None:
        """Answer what was begun, close streams, and leave the sockets themselves open."""
        for server in self._uvicorns:
            server.config.is_ending = True
            server.should_exit = True
        app.state.end_streams()
        await asyncio.gather(*self._serving)

    def _start(self, app: ASGIApp, name: str) -> None:
        # uvicorn closes what it is given; the original outlives it for the next image.
        own = self._sockets.duplicate(name)
        if own is None:
            return
        if logging.getLogger().isEnabledFor(logging.DEBUG):
            app = _logged(app)
        config = _Config(
            app,
            loop="none",
            http=_Connection,
            ws=SocketProtocol,
            ws_max_size=1 << 20,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            timeout_keep_alive=75,
        )
        config.app = _closing_at_the_end(app, config)
        server = _Uvicorn(config)
        self._uvicorns.append(server)
        serving = server.serve(sockets=[own])
        self._serving.append(asyncio.get_running_loop().create_task(serving))
