"""The storage folder as its one owner sees it: made, tested, locked.

The lock is a flock on `server.lock`, held for the life of the process and across a restart in
place. A file system that can't hand a lock over, splice or map memory is refused at once.
"""

import errno
import fcntl
import mmap
import os
import socket
import time
from pathlib import Path

import msgspec

from stepflow.backup import SWAPPING
from stepflow.errors import NoSpace, StorageOwned, StorageUnusable

LOCK_NAME = "server.lock"
SOCKET_NAME = "stepflow.sock"
OWNER_BYTES = 128
MOST_HOST_LETTERS = 64
SECONDS_FOR_A_LOOK = 0.5


class Owner(msgspec.Struct, frozen=True):
    """Who holds the lock, as it wrote into it. Its process id means something on its host only."""

    pid: int
    is_private: bool
    host: str = ""

    @property
    def is_here(self) -> bool:
        return self.host in ("", _host())


class StorageFolder:
    """A folder that exists, works, and is locked by us. `lock` is the locked descriptor."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock

    @classmethod
    def take(
        cls, path: Path, *, is_private: bool, lock: int | None = None, may_be_half: bool = False
    ) -> "StorageFolder":
        """Own the folder. `lock` is one that an earlier image of this process holds already.
        StorageOwned names the owner; StorageUnusable and NoSpace say what to do."""
        _make(path)
        if (path / SWAPPING).exists() and not may_be_half:
            raise StorageUnusable(
                f"a restore of {path} was interrupted in its middle: run `stepflow backup restore`"
                " again"
            )
        if lock is None:
            lock = _locked(path)
        try:
            # Padded to one size, so that a reader never meets half a record.
            owner = Owner(os.getpid(), is_private, _host())
            record = msgspec.json.encode(owner).ljust(OWNER_BYTES)
            os.pwrite(lock, record, 0)
            _self_test(path)
        except OSError as error:
            os.close(lock)
            raise explained(path, error) from error
        except StorageUnusable:
            os.close(lock)
            raise
        return cls(path, lock)

    def release(self) -> None:
        os.close(self.lock)


def owner_of(path: Path) -> Owner | None:
    """The server that owns the folder now, None if there is none."""
    try:
        descriptor = os.open(path / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return msgspec.json.decode(os.pread(descriptor, OWNER_BYTES, 0), type=Owner)
        except msgspec.DecodeError:
            return Owner(0, is_private=False)  # it has the lock and is about to say who it is
    finally:
        os.close(descriptor)
    return None


def _make(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in ("database", "executions", "artifacts"):
            (path / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise explained(path, error) from error


def _locked(path: Path) -> int:
    try:
        descriptor = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise explained(path, error) from error
    try:
        _lock_soon(descriptor)
    except BlockingIOError:
        os.close(descriptor)
        owner = owner_of(path)
        raise StorageOwned(_owned(path, owner)) from None
    except OSError as error:
        os.close(descriptor)
        raise StorageUnusable(f"{path}: its file system has no flock ({error.strerror})") from error
    return descriptor


def _host() -> str:
    return socket.gethostname()[:MOST_HOST_LETTERS]


def _owned(path: Path, owner: Owner | None) -> str:
    who = f"process {owner.pid}" if owner and owner.pid else "another process"
    if owner is None or owner.is_here:
        return (
            f"{path} is owned by another server ({who}): stop that one, or give this one another"
            " folder with STEPFLOW_STORAGE_PATH"
        )
    return (
        f"{path} is owned by a server on {owner.host} ({who}): one server owns one folder, so a"
        " volume takes one replica (deploy/kubernetes has it: replicas: 1, strategy: Recreate)"
    )


def _lock_soon(descriptor: int) -> None:
    """Lock, or raise BlockingIOError. Who only looks (`owner_of`) holds the lock for a moment."""
    deadline = time.monotonic() + SECONDS_FOR_A_LOOK
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _self_test(path: Path) -> None:
    """What pumps and transcripts rest on, tried for real: network file systems often fail it."""
    probe = path / f".self-test-{os.getpid()}"
    fifo = path / f".self-test-{os.getpid()}.fifo"
    try:
        with probe.open("w+b", buffering=0) as opened:
            _test_lock_hand_over(probe, opened.fileno())
            os.mkfifo(fifo, 0o600)
            _test_splice(fifo, opened.fileno())
            with mmap.mmap(opened.fileno(), 5, access=mmap.ACCESS_READ) as mapped:
                if mapped[:] != b"probe":
                    raise StorageUnusable(f"{path}: mapped memory differs from what was written")
    finally:
        probe.unlink(missing_ok=True)
        fifo.unlink(missing_ok=True)


def _test_lock_hand_over(probe: Path, descriptor: int) -> None:
    """A duplicate must keep the lock after the original is closed, as the pump's copy does."""
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(os.dup(descriptor))
    other = os.open(probe, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    finally:
        os.close(other)
    raise StorageUnusable(f"{probe.parent}: its file system does not keep locks (flock)")


def _test_splice(fifo: Path, target: int) -> None:
    pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.write(pipe, b"probe")
        if os.splice(pipe, target, 5) != 5:
            raise StorageUnusable(f"{fifo.parent}: splice into a file moves too little")
    finally:
        os.close(pipe)


def explained(path: Path, error: OSError) -> StorageUnusable | NoSpace:
    """What an error means for whoever runs the server."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return NoSpace(f"{path}: the disk is full; free some space and start again")
        case errno.EROFS:
            return StorageUnusable(f"{path} is on a read-only file system")
        case errno.EACCES | errno.EPERM:
            return StorageUnusable(f"{path} can't be written: {error.strerror} ({error.filename})")
        case errno.ENOTDIR | errno.EEXIST:
            return StorageUnusable(f"{path} is not a folder")
        case _:
            return StorageUnusable(f"{path} can't be used: {error.strerror or error}")
