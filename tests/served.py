"""The real application, on real sockets, in a thread of the tests' process."""

import asyncio
import os
import socket
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn

from eventually import eventually
from stepflow.artifacts import ArtifactFolder, Limits
from stepflow.backup import Backups, Schedule
from stepflow.feed import Feed
from stepflow.process import find_pump
from stepflow.retention import Forgetting, Retention, Rules
from stepflow.store import Store, open_sqlite
from stepflow.supervisor import Rules as RunningRules
from stepflow.supervisor import Supervisor
from stepflow.web import SocketProtocol, Upkeep, WebSettings, create_app, create_socket_app


class Served:
    """`url` is the main port, `socket_url` the old WebSocket one, `unix` the unix socket."""

    def __init__(self, folder: Path, limits: Limits | None = None, **settings: Any) -> None:
        self.storage = folder / "storage"
        self.storage.mkdir(mode=0o700)
        (self.storage / "server.lock").touch()
        self.unix = self.storage / "stepflow.sock"
        self.limits = limits
        self.rules: Rules = settings.pop("retention", Rules())
        self.settings = settings
        self.main, self.old = _listening(), _listening()
        self.url = f"http://127.0.0.1:{self.main.getsockname()[1]}"
        self.socket_url = f"ws://127.0.0.1:{self.old.getsockname()[1]}/"
        self.live_url = self.url.replace("http", "ws") + "/ws"
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._ending: asyncio.Event
        self.supervisor: Supervisor
        self.client = httpx.Client(base_url=self.url, timeout=20, trust_env=False)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self.loop = self._ready.result(20)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        self.loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def run(self, command: str | list[str], **fields: Any) -> dict[str, Any]:
        """An execution that has ended."""
        answer = self.client.post(
            "/api/executions", json={"command": command, **fields}, params={"wait": "20s"}
        )
        assert answer.status_code == 201, answer.text
        execution: dict[str, Any] = answer.json()["execution"]
        return execution

    def start(self, command: str | list[str], **fields: Any) -> str:
        """The id of an execution that runs."""
        answer = self.client.post("/api/executions", json={"command": command, **fields})
        assert answer.status_code == 201, answer.text
        execution_id = str(answer.json()["id"])
        eventually(lambda: self.status(execution_id) != "pending")
        return execution_id

    def status(self, execution_id: str) -> str:
        answer = self.client.get(f"/api/executions/{execution_id}")
        return str(answer.json()["execution"]["status"])

    async def _serve(self) -> None:
        self._ending = asyncio.Event()
        store = await open_sqlite(self.storage / "database" / "stepflow.db")
        rules = RunningRules(
            find_pump(), dict(os.environ), least_free_bytes=0, archive_after_seconds=600
        )
        artifacts = ArtifactFolder(self.storage / "artifacts", limits=self.limits)
        self.supervisor = Supervisor(self.storage, store, Feed(), artifacts, rules)
        await self.supervisor.recover()
        ports = (self.main.getsockname()[1], self.old.getsockname()[1])
        web = create_app(
            self.supervisor,
            self._upkeep(store),
            WebSettings(version="1.2.3", own_ports=ports, **self.settings),
        )
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(str(self.unix))
        unix.listen()
        servers = [_uvicorn(web), _uvicorn(create_socket_app(web))]
        serving = [
            asyncio.create_task(servers[0].serve([self.main, unix])),
            asyncio.create_task(servers[1].serve([self.old])),
        ]
        while not all(server.started for server in servers):
            await asyncio.sleep(0.01)
        self._ready.set_result(asyncio.get_running_loop())
        await self._ending.wait()
        for server in servers:
            server.should_exit = True
        web.state.end_streams()
        await asyncio.gather(*serving)
        for hold in (await self.supervisor.stop(scripts_too=True)).values():
            os.close(hold)
        await store.close()

    def _upkeep(self, store: Store) -> Upkeep:
        forgetting = Forgetting(self.supervisor.forget_unpinned, self.supervisor.forget_artifact)
        return Upkeep(
            Backups(self.storage, Schedule()),
            Retention(self.storage, store, self.rules, forgetting),
        )


def _listening() -> socket.socket:
    # asyncio turns Nagle's algorithm off (40 ms per answer) only where the protocol is named.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    listening.setblocking(False)
    return listening


def _uvicorn(app: Any) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            ws=SocketProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
        )
    )
