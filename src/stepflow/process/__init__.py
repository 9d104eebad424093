"""Pumps and scripts as the server sees them: it starts, finds, signals and reads about them.

Everything that must outlive the server is the pump's own work; between the two there are only
the launch block, the status records, a lock and signals.
"""

from stepflow.process.environment import script_environment
from stepflow.process.exits import exit_status, reap_strangers
from stepflow.process.folder import Folder
from stepflow.process.identity import Identity
from stepflow.process.input import Input, resize, write_input
from stepflow.process.launch import Launch
from stepflow.process.limits import (
    become_subreaper,
    keep_freed_memory,
    make_undumpable,
    raise_open_files,
)
from stepflow.process.orphan import stop_script, sweep
from stepflow.process.pump import (
    Pump,
    attach,
    find_pump,
    hold_output,
    is_pumped,
    make_file,
    running_pump,
    start,
    write_all,
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
from stepflow.process.trace import traced
from stepflow.process.usage import Usage, usage_of

__all__ = [
    "ExitRecord",
    "Folder",
    "Identity",
    "Input",
    "Launch",
    "ProcessRecord",
    "Pump",
    "Stage",
    "StartError",
    "StatusRecords",
    "Usage",
    "Why",
    "attach",
    "become_subreaper",
    "exit_status",
    "find_pump",
    "hold_output",
    "is_pumped",
    "keep_freed_memory",
    "make_file",
    "make_undumpable",
    "raise_open_files",
    "read_status",
    "reap_strangers",
    "resize",
    "running_pump",
    "script_environment",
    "start",
    "stop_script",
    "sweep",
    "traced",
    "usage_of",
    "write_all",
    "write_input",
]
