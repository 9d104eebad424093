"""Real pumps, the compiled one and the Python one, with real scripts under them."""

import os
import select
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from eventually import eventually
from stepflow.process import (
    ExitRecord,
    Folder,
    Launch,
    StatusRecords,
    attach,
    find_pump,
    hold_output,
    read_status,
    start,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def compiled_pump() -> list[str]:
    if shutil.which("cc") is None and "CI" not in os.environ:
        pytest.skip("no C compiler")
    subprocess.run([sys.executable, ROOT / "hatch_build.py", "pump"], check=True)
    return find_pump()


@pytest.fixture(params=["c", "python"])
def program(request: pytest.FixtureRequest) -> list[str]:
    """The command line of a pump; every test that asks for it runs once with each."""
    if request.param == "python":
        return find_pump(prefer_python=True)
    compiled: list[str] = request.getfixturevalue("compiled_pump")
    return compiled


class Pumped:
    """One execution's folder with the pump on it, as a server would hold them."""

    def __init__(self, folder: Folder, launch: Launch, program: list[str]) -> None:
        self.folder = folder
        self.execution_id = folder.path.name
        self.launch = launch
        self.program = program
        folder.create()
        self.held = hold_output(folder)
        self.pump = start(folder, self.execution_id, launch, program)

    def attach(self) -> None:
        self.pump.close()
        self.pump = attach(self.folder, self.execution_id, self.launch, self.program)

    def kill_pump(self) -> None:
        """kill -9, until it is gone."""
        os.kill(self.pump.pid, 9)
        self.pump_left()

    def pump_left(self, within: float = 20.0) -> None:
        if not select.select([self.pump.pidfd], [], [], within)[0]:
            raise AssertionError(f"the pump still runs after {within} s: {self.records!r}")
        with suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, self.pump.pidfd, os.WEXITED)

    @property
    def records(self) -> StatusRecords:
        return read_status(self.folder.status)

    @property
    def log(self) -> bytes:
        return self.folder.log.read_bytes()

    @property
    def script(self) -> int:
        """The script's pid, as soon as it has written its record."""
        return eventually(lambda: self.records.script).identity.pid

    def shows(self, text: bytes) -> bool:
        return bool(eventually(lambda: text in self.log))

    def end(self, within: float = 20.0) -> ExitRecord:
        """The final exit record; the pump has left then."""
        self.pump_left(within)
        record = self.records.exit
        assert record is not None
        assert record.is_complete
        return record

    def close(self) -> None:
        self.pump.kill()
        with suppress(AssertionError):
            self.pump_left()
        self.pump.close()
        os.close(self.held)


Run = Callable[..., Pumped]


@pytest.fixture
def run(program: list[str], tmp_path: Path) -> Iterator[Run]:
    """Starts `sh -c command` (or a list as it is) under the pump that the test runs with."""
    running: list[Pumped] = []

    def run(command: str | list[str], *, at: Path | None = None, **launch: Any) -> Pumped:
        wrapper = launch.pop("wrapper", [])
        launch.setdefault("working_directory", str(tmp_path))
        launch.setdefault("environment", {})
        # Its own id for each: an attached pump stops whoever carries it.
        folder = Folder((at or tmp_path) / str(uuid.uuid4()))
        launch["environment"] = {
            "PATH": os.environ["PATH"],
            "STEPFLOW_EXECUTION_ID": folder.path.name,
            **launch["environment"],
        }
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else command
        running.append(Pumped(folder, Launch(argv=argv, **launch), [*wrapper, *program]))
        return running[-1]

    yield run
    for one in running:
        one.close()


def is_running(pid: int) -> bool:
    """Alive: neither gone nor a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat[stat.rindex(b")") + 2 :].split()[0] != b"Z"
