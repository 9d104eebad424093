"""Starting, finding and signalling pumps.

One pump per execution, by lock: the flock on `status` is taken here and goes to the pump with
descriptor 3. A free lock means that no pump lives; there are no guesses by time or by pid.
"""

import fcntl
import os
import signal
import stat
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from stepflow.errors import AlreadyPumped, AlreadyStarted, CouldNotSpawn, Gone
from stepflow.process.folder import STATUS_BYTES, Folder
from stepflow.process.launch import Launch
from stepflow.process.status import StatusRecords, records_of

_HERE = Path(__file__).parent
_SIGNALS = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
_NULL = (
    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDWR, 0),
    (os.POSIX_SPAWN_DUP2, 0, 1),
    (os.POSIX_SPAWN_DUP2, 0, 2),
)
_FIRST_FREE_DESCRIPTOR = 10
_HOLDING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


class Pump:
    """A pump that runs, or ran until just now. `pidfd` becomes readable when it ends."""

    __slots__ = ("_is_closed", "pid", "pidfd")

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self._is_closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stop(self) -> None:
        """Ask it to stop its script: politely, then by force after the grace. Safe to repeat."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Ask it to kill its script and all its descendants now."""
        self._send(signal.SIGQUIT)

    def close(self) -> None:
        """Let go of the pump, and bury it if it has ended as our child; safe to repeat."""
        if self._is_closed:
            return
        self._is_closed = True
        with suppress(ChildProcessError):
            os.waitid(os.P_PIDFD, self.pidfd, os.WEXITED | os.WNOHANG)
        os.close(self.pidfd)

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)


def find_pump(*, prefer_python: bool = False) -> list[str]:
    """The pump's command line: the compiled one if it was built, else the Python one."""
    compiled = _HERE / "stepflow-pump"
    if not prefer_python and os.access(compiled, os.X_OK):
        return [str(compiled)]
    return [sys.executable, "-I", "-S", str(_HERE / "fallback.py")]


def start(
    folder: Folder, execution_id: str, launch: Launch, program: list[str] | None = None
) -> Pump:
    """Start a pump, which starts the script. A script that can't be started is the pump's to say,
    in `status`. Raises AlreadyPumped, AlreadyStarted, CouldNotSpawn (the pump itself)."""
    with ExitStack() as stack:
        status = _locked_status(folder, stack)
        if _records_in(status).script is not None:
            raise AlreadyStarted(f"{execution_id} was started before")
        _make_fifo(folder.out)
        if launch.tty:
            _make_fifo(folder.input)  # that of a script without a terminal is made by the pump
        make_file(folder.log)
        command = [*(program or find_pump()), execution_id]
        return _spawn(command, folder, status, launch.block(), stack)


def attach(
    folder: Folder, execution_id: str, launch: Launch, program: list[str] | None = None
) -> Pump:
    """Give a script that lost its pump a new one, which goes on where the log ends; of `launch`
    only the rules of stopping count. Raises AlreadyPumped, CouldNotSpawn."""
    with ExitStack() as stack:
        status = _locked_status(folder, stack)
        command = [*(program or find_pump()), "--attach", execution_id]
        return _spawn(command, folder, status, launch.block(attach=True), stack)


def is_pumped(folder: Folder) -> bool:
    """Whether a pump lives. A folder without `status` has none."""
    return _records_of_pumped(folder) is not None


def _records_of_pumped(folder: Folder) -> StatusRecords | None:
    """What a living pump has written of itself; None if there is no pump."""
    try:
        status = os.open(folder.status, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(status, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _records_in(status)
    finally:
        os.close(status)
    return None


def _records_in(status: int) -> StatusRecords:
    return records_of(lambda: os.pread(status, STATUS_BYTES, 0))


def running_pump(folder: Folder, *, within: float = 1.0) -> Pump | None:
    """The pump that holds the lock. One that was started a moment ago has yet to write its
    record, so that is waited for, `within` seconds at most; then CouldNotSpawn is raised."""
    deadline = time.monotonic() + within
    while (records := _records_of_pumped(folder)) is not None:
        with suppress(Gone):
            if records.pump is not None:
                return Pump(records.pump.identity.pid, records.pump.identity.open())
        if time.monotonic() > deadline:
            raise CouldNotSpawn(f"somebody who is no pump of ours holds {folder.status}")
        time.sleep(0.002)
    return None


def hold_output(folder: Folder) -> int:
    """Hold the FIFO `out`, never to be read: unread bytes then outlive a dead pump. Read-only,
    so that end of file stays real. May come before `start`. The caller closes it."""
    try:
        return os.open(folder.out, _HOLDING)
    except FileNotFoundError:
        _make_fifo(folder.out)
        return os.open(folder.out, _HOLDING)


def _locked_status(folder: Folder, stack: ExitStack) -> int:
    status = os.open(folder.status, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, status)
    try:
        fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyPumped(f"{folder.path.name} has a pump") from None
    if os.fstat(status).st_size < STATUS_BYTES:
        # Zeros that are written, not a hole: on a full disk a record must still find its block.
        os.pwrite(status, bytes(STATUS_BYTES), 0)
    return status


def make_file(path: Path | str) -> None:
    """Make an empty file where there is nothing: what open and close do, in one call."""
    with suppress(FileExistsError):
        os.mknod(path, 0o600 | stat.S_IFREG)


def _make_fifo(path: Path) -> None:
    with suppress(FileExistsError):
        os.mkfifo(path, 0o600)


def _spawn(command: list[str], folder: Folder, status: int, block: bytes, stack: ExitStack) -> Pump:
    directory = folder.open()
    stack.callback(os.close, directory)
    launch = os.memfd_create("launch", os.MFD_CLOEXEC)
    stack.callback(os.close, launch)
    write_all(launch, block)
    os.lseek(launch, 0, os.SEEK_SET)
    sources = [_out_of_the_way(source, stack) for source in (status, directory, launch)]
    try:
        pid = os.posix_spawn(
            command[0],
            command,
            _environment(),
            file_actions=[
                *_NULL,
                *((os.POSIX_SPAWN_DUP2, source, 3 + n) for n, source in enumerate(sources)),
            ],
            setsid=True,
            # Python ignores SIGPIPE and SIGXFSZ, others SIGCHLD; all that passes through exec.
            setsigdef=_SIGNALS,
            # A stop may come before the pump can take it; the pump itself unblocks them.
            setsigmask=[signal.SIGTERM, signal.SIGQUIT],
        )
    except OSError as error:
        raise CouldNotSpawn(f"{command[0]}: {error.strerror}") from error
    return Pump(pid, os.pidfd_open(pid))


def _out_of_the_way(source: int, stack: ExitStack) -> int:
    """The same file at a number that the pump's own 0 to 5 can't overwrite."""
    if source >= _FIRST_FREE_DESCRIPTOR:
        return source
    moved = fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_DESCRIPTOR)
    stack.callback(os.close, moved)
    return moved


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, however many calls that takes. OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _environment() -> dict[str, str]:
    """Nearly nothing: but an interpreter that lives on LD_LIBRARY_PATH needs it."""
    path = os.environ.get("LD_LIBRARY_PATH")
    return {} if path is None else {"LD_LIBRARY_PATH": path}
