"""The machine: kernel, clock, pump, search, open files."""

import ctypes
import os
import platform
import resource
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

from stepflow.doctor.finding import Finding, ok, problem, warning

_OPEN_FILES_PER_EXECUTION = 6
_KERNEL = (5, 10)
_AHEAD = timedelta(seconds=5)
_UNSYNCHRONISED = 0x40  # STA_UNSYNC of adjtimex(2)


def system(name: str | None = None, release: str | None = None) -> Finding:
    name, release = name or platform.system(), release or platform.release()
    running = f"{name} {release}, Python {platform.python_version()}"
    if name != "Linux":
        return warning(
            "system", f"{running}: only Linux is tested; Python pump, polling tail", "use Linux"
        )
    parts = tuple(
        int(part) for part in release.split("-", maxsplit=1)[0].split(".")[:2] if part.isdigit()
    )
    if parts < _KERNEL:
        return problem("system", f"{running} is too old", "a kernel of 5.10 or newer is needed")
    return ok("system", running)


def clock(now: datetime, newest_at: datetime | None) -> Finding:
    """A clock that was set back puts new executions behind old ones."""
    if newest_at is not None and newest_at - now > _AHEAD:
        ahead = str(newest_at - now).partition(".")[0]
        return problem(
            "clock",
            f"the newest execution is {ahead} in the future: the clock was set back, or was wrong",
            "set the clock: timedatectl set-ntp true",
        )
    kept = "kept by a time server" if _is_synchronised() else "not kept by a time server"
    return ok("clock", f"{now.astimezone():%Y-%m-%d %H:%M:%S %Z}, {kept}")


def _is_synchronised() -> bool:
    """What the kernel has been told by whoever keeps the time; asking needs no rights."""
    if not sys.platform.startswith("linux"):
        return False
    timex = (ctypes.c_long * 64)()  # struct timex, larger than it needs to be; modes = 0 only reads
    ctypes.CDLL(None).adjtimex(timex)
    status = ctypes.c_int.from_buffer(timex, 5 * ctypes.sizeof(ctypes.c_long))
    return not status.value & _UNSYNCHRONISED


def pump(program: list[str]) -> Finding:
    if len(program) == 1:
        return ok("pump", f"C ({program[0]})")
    return warning(
        "pump",
        "Python: 2.8 MB each, about 65 starts a second",
        "make setup (in a clone) or pip install builds the one in C, where there is a C compiler",
    )


def search() -> Finding:
    program = shutil.which("rg")
    if program:
        return ok("search", f"ripgrep ({program})")
    return ok("search", "without ripgrep (rg), which searches large logs faster")


def open_files(max_running: int) -> Finding:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return ok("open files", "no limit")
    used = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0  # noqa: PTH208 - one of a million
    fits = hard // _OPEN_FILES_PER_EXECUTION
    if fits < max_running:
        return warning(
            "open files",
            f"at most {hard}: about {fits} executions at once, not the {max_running} that may run",
            "raise the limit (LimitNOFILE= of the unit, ulimits of the container), or lower"
            " STEPFLOW_MAX_RUNNING",
        )
    return ok("open files", f"{used} of at most {hard}")
