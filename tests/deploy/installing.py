"""Installing and starting as a user would, who has nothing of this process's environment."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from documents import ROOT
from eventually import eventually
from server_process import free_port

Shell = Callable[..., str]
BASE_PYTHON = Path(sys.base_prefix) / "bin/python3"


def plain_environment() -> dict[str, str]:
    ours = ("STEPFLOW_", "PYTHON", "VIRTUAL_ENV", "MAKE", "PYTEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    own = str(ROOT / ".venv")
    path = [part for part in kept["PATH"].split(os.pathsep) if not part.startswith(own)]
    return {**kept, "PATH": os.pathsep.join(path)}


class Started:
    """A server that a line in a shell becomes (`exec …`)."""

    def __init__(self, line: str, folder: Path) -> None:
        port = free_port()
        ports = {"STEPFLOW_PORT": str(port), "STEPFLOW_WEBSOCKET_PORT": str(free_port())}
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self.process = subprocess.Popen(
            ["bash", "-euc", line], cwd=folder, env={**plain_environment(), **ports}
        )
        eventually(self._answers, within=60)

    def names(self) -> list[str]:
        return [one["name"] for one in self.client.get("/api/executions").json()["executions"]]

    def has_page_api_and_pump(self) -> bool:
        """Whether it shows the page, and runs a script by its compiled pump."""
        asking = {"command": "readlink /proc/$PPID/exe"}
        made = self.client.post("/api/executions", json=asking, params={"wait": "30s"}).json()
        log = self.client.get(f"/api/executions/{made['id']}/log").text
        return (
            '<div id="app">' in self.client.get("/").text
            and made["execution"]["status"] == "completed"
            and log.strip().endswith("/stepflow-pump")
        )

    def _answers(self) -> bool:
        assert self.process.poll() is None, "the server ended"
        try:
            return self.client.get("/api/health").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(30)
