"""The three doors of one app: the main port, the original's WebSocket port, the unix socket."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from stepflow.config import Settings
from stepflow.server.sockets import from_systemd, inherited, listen, listen_in
from stepflow.web import SocketProtocol

HTTP, WEBSOCKET, UNIX = "http", "websocket", "unix"
DRAIN_SECONDS = 5


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers: the server above decides what a signal means."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Listeners:
    """Sockets by name, and what serves on them."""

    def __init__(self, sockets: dict[str, socket.socket]) -> None:
        self._sockets = sockets
        self._uvicorns: list[_Uvicorn] = []
        self._serving: list[asyncio.Task[None]] = []

    @classmethod
    def open(
        cls, storage: Path, settings: Settings, left: dict[str, int], *, is_private: bool
    ) -> Self:
        """Every socket that is wanted, as far as the image before (`left`) or systemd did not
        open it already. PortTaken."""
        sockets = {name: inherited(descriptor) for name, descriptor in left.items()}
        if UNIX not in sockets:
            sockets[UNIX] = listen_in(storage)
        if is_private:
            return cls(sockets)
        for name, opened in zip((HTTP, WEBSOCKET), from_systemd(os.environ), strict=False):
            sockets.setdefault(name, opened)
        if HTTP not in sockets:
            sockets[HTTP] = listen(settings.host, settings.port, "STEPFLOW_PORT")
        if WEBSOCKET not in sockets:
            host, port = settings.effective_websocket_host, settings.websocket_port
            sockets[WEBSOCKET] = listen(host, port, "STEPFLOW_WEBSOCKET_PORT")
        return cls(sockets)

    @property
    def descriptors(self) -> dict[str, int]:
        return {name: opened.fileno() for name, opened in self._sockets.items()}

    @property
    def addresses(self) -> dict[str, str]:
        """host:port of the doors that have one."""
        return {
            name: "{}:{}".format(*opened.getsockname()[:2])
            for name, opened in self._sockets.items()
            if name != UNIX
        }

    @property
    def ports(self) -> tuple[int, ...]:
        return tuple(s.getsockname()[1] for n, s in self._sockets.items() if n != UNIX)

    def serve(self, app: ASGIApp, socket_app: ASGIApp) -> None:
        """Accept connections from now on."""
        self._start(app, UNIX)
        self._start(app, HTTP)
        self._start(socket_app, WEBSOCKET)

    async def stop(self, app: Starlette) -> None:
        """Answer what was begun, close streams, and leave the sockets themselves open."""
        for server in self._uvicorns:
            server.should_exit = True
        app.state.end_streams()
        await asyncio.gather(*self._serving)

    def _start(self, app: ASGIApp, name: str) -> None:
        if name not in self._sockets:
            return
        config = uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws=SocketProtocol,
            ws_max_size=1 << 20,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            timeout_keep_alive=75,
        )
        server = _Uvicorn(config)
        self._uvicorns.append(server)
        # uvicorn closes what it is given; the original outlives it for the next image.
        serving = server.serve(sockets=[self._sockets[name].dup()])
        self._serving.append(asyncio.get_running_loop().create_task(serving))
