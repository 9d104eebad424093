"""A real server process on a storage folder of its own, reached over its unix socket."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from eventually import eventually

FINAL = ("completed", "failed", "cancelled")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """Started with `start`; `kill` is -9. As a context manager it starts, and ends by SIGTERM."""

    def __init__(self, folder: Path, command: list[str] | None = None, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.storage = folder / "storage"
        self.command = command or [sys.executable, "-m", "stepflow", "serve"]
        self.port, self.websocket_port = free_port(), free_port()
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("STEPFLOW_")},
            "STEPFLOW_STORAGE_PATH": str(self.storage),
            "STEPFLOW_PORT": str(self.port),
            "STEPFLOW_WEBSOCKET_PORT": str(self.websocket_port),
            "STEPFLOW_MIN_FREE_BYTES": "0",
            **settings,
        }
        self.through: list[str] = []  # a program that starts the server's own
        self.process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "logs/stepflow.log").read_text()

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting until it answers."""
        with (self.folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                [*self.through, *self.command],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
            )
        return self.process

    def start(self) -> Self:
        self.spawn()
        eventually(self._answers, within=60)
        return self

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        self._hang_up()
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(30)

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended: {self.stderr}")
        # A child of a killed server may hold its socket until it becomes the pump.
        gone = (OSError, httpx.TransportError)
        with suppress(*gone), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(self.storage / "stepflow.sock"))
            return self.client.get("/api/health").status_code == 200
        return False

    @property
    def client(self) -> httpx.Client:
        if self._client is None:
            transport = httpx.HTTPTransport(uds=str(self.storage / "stepflow.sock"))
            self._client = httpx.Client(
                transport=transport, base_url="http://localhost", timeout=60
            )
        return self._client

    def create(self, command: str | list[str], **fields: Any) -> str:
        """Create an execution in this server's folder; its id."""
        wanted = {"command": command, "working_directory": str(self.folder), **fields}
        answer = self.client.post("/api/executions", json=wanted)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def execution(self, execution_id: str) -> dict[str, Any]:
        """The execution with its steps and artifacts."""
        return dict(self.client.get(f"/api/executions/{execution_id}").json())

    def ended(self, execution_id: str, within: float = 60) -> dict[str, Any]:
        """The same, once it has ended."""

        def is_final() -> bool:
            return self.execution(execution_id)["execution"]["status"] in FINAL

        eventually(is_final, within=within)
        return self.execution(execution_id)

    def are_all_ended(self) -> bool:
        return not self.client.get("/api/executions/active").json()["active_executions"]

    def text(self, execution_id: str) -> bytes:
        return self.client.get(f"/api/executions/{execution_id}/log").content

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hang_up()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(30)
