"""The command line as a process, with a storage folder of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from eventually import eventually
from stepflow.server.storage import Owner, owner_of

IDLE_SECONDS = "1"


class Cli:
    def __init__(self, directory: Path, storage: Path) -> None:
        self.directory = directory
        self.storage = storage
        kept = {key: value for key, value in os.environ.items() if not key.startswith("STEPFLOW_")}
        self.environment = {
            **kept,
            "HOME": str(directory),
            "USER": "tester",
            "STEPFLOW_STORAGE_PATH": str(storage),
            "_STEPFLOW_IDLE_SECONDS": IDLE_SECONDS,
            "TERM": "xterm",
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "stepflow", *arguments]

    def __call__(
        self, *arguments: str, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(*arguments),
            **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}),
            capture_output=True,
            cwd=self.directory,
            env=self.environment,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.directory,
            env=self.environment,
        )

    def script(self, text: str) -> list[str]:
        return ["run", "--", "sh", "-c", text]

    @property
    def owner(self) -> Owner | None:
        return owner_of(self.storage)

    def end_server(self) -> None:
        owner = self.owner
        if owner is not None:
            os.kill(owner.pid, signal.SIGKILL)
            eventually(lambda: self.owner is None)
