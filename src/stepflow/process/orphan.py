"""Stopping a script whose pump is dead: the pump's own work done from outside, as far as it goes.

The pump was the subreaper and so knew every descendant. Without it the descendants are those
below the script, plus whoever carries the execution's id in its environment.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

from stepflow.errors import Gone
from stepflow.process.identity import Identity, start_time
from stepflow.process.usage import ProcessTable


def stop_script(
    identity: Identity, number: signal.Signals, execution_id: str | None = None
) -> list[str]:
    """Signal the script's group after checking that it still is this script; with SIGKILL its
    descendants too, which are named: "sleep (4711)". Raises Gone if the script has ended."""
    pidfd = identity.open()
    try:
        # Held open and not reaped by others than us, the number can't become another group's.
        below = _descendants(identity.pid, execution_id) if number == signal.SIGKILL else []
        with suppress(ProcessLookupError):
            os.killpg(identity.pid, number)
            if number == signal.SIGTERM:
                os.killpg(identity.pid, signal.SIGCONT)
    finally:
        os.close(pidfd)
    return _kill(below)


def sweep(execution_id: str) -> list[str]:
    """Kill what still carries the execution's id in its environment, and all below that; for an
    execution whose pump and script are gone. Tells whom, by name."""
    return _kill(_descendants(None, execution_id))


def _descendants(script: int | None, execution_id: str | None) -> list[tuple[int, int]]:
    """Pids and start times, without the script itself and without us."""
    table = ProcessTable()
    roots = [] if script is None else [script]
    marked = _marked(table, execution_id) if execution_id else []
    found = {pid for root in (*roots, *marked) for pid in table.below(root)} | set(marked)
    found -= {script, os.getpid()}
    return [(pid, table.start_time(pid)) for pid in found]


def _marked(table: ProcessTable, execution_id: str) -> list[int]:
    mark = f"STEPFLOW_EXECUTION_ID={execution_id}".encode()
    found = []
    for pid in table.pids:
        with suppress(OSError):
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def _kill(targets: list[tuple[int, int]]) -> list[str]:
    named = []
    for pid, started in targets:
        with suppress(ProcessLookupError, Gone, FileNotFoundError):
            pidfd = os.pidfd_open(pid)
            try:
                if start_time(pid) == started:
                    name = Path(f"/proc/{pid}/comm").read_text().rstrip("\n")
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                    named.append(f"{name} ({pid})")
            finally:
                os.close(pidfd)
    return named
