"""Pumps and scripts as the server sees them: it starts, finds, signals and reads about them.

Everything that must outlive the server is the pump's own work; between the two there are only
the launch block, the status records, a lock and signals.
"""

from stepflow.process.folder import Folder
from stepflow.process.identity import Identity
from stepflow.process.launch import Launch
from stepflow.process.pump import (
    Pump,
    attach,
    find_pump,
    hold_output,
    is_pumped,
    running_pump,
    start,
)
from stepflow.process.status import (
    ExitRecord,
    ProcessRecord,
    Stage,
    StartError,
    StatusRecords,
    Why,
    read_status,
)

__all__ = [
    "ExitRecord",
    "Folder",
    "Identity",
    "Launch",
    "ProcessRecord",
    "Pump",
    "Stage",
    "StartError",
    "StatusRecords",
    "Why",
    "attach",
    "find_pump",
    "hold_output",
    "is_pumped",
    "read_status",
    "running_pump",
    "start",
]
