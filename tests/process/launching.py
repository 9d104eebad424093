"""Starting real scripts under the Python pump, which is there on every machine."""

import os
import select
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from stepflow.process import Folder, Launch, Pump, StatusRecords, find_pump, read_status, start

# Unlike any other run of these tests: an attached pump sweeps by this mark.
EXECUTION = str(uuid.uuid4())
PYTHON_PUMP = find_pump(prefer_python=True)


def folder_at(path: Path) -> Folder:
    folder = Folder(path / "202611" / EXECUTION)
    folder.create()
    return folder


def launch_of(*argv: str, **rules: Any) -> Launch:
    rules.setdefault("grace", timedelta(seconds=5))
    environment = {"PATH": os.environ["PATH"], "STEPFLOW_EXECUTION_ID": EXECUTION}
    return Launch(argv=list(argv), working_directory="/", environment=environment, **rules)


def shell(text: str, **rules: Any) -> Launch:
    return launch_of("/bin/sh", "-c", text, **rules)


def started(folder: Folder, launch: Launch) -> Pump:
    return start(folder, EXECUTION, launch, PYTHON_PUMP)


def is_readable(pidfd: int, within: float = 0.0) -> bool:
    return bool(select.select([pidfd], [], [], within)[0])


def ended(folder: Folder, pump: Pump) -> StatusRecords:
    """The records once the pump has left."""
    assert is_readable(pump.pidfd, 20)
    pump.close()
    return read_status(folder.status)


def ran(folder: Folder, launch: Launch) -> StatusRecords:
    return ended(folder, started(folder, launch))
