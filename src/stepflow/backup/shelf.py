"""`backups/` beside the storage folder: what stands there, under which names, and who works on it.

A backup's name is its local time and always larger than those before, even when the clock was set
back or two are made in one second: the last name is the newest. One process at a time makes,
checks or removes; it holds the lock on `.lock` and writes there how far it is.
"""

import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from stepflow.backup.manifest import ARCHIVE, DATABASE, Manifest
from stepflow.errors import Conflict, NotFound, StorageUnusable

LOCK = ".lock"
_NAME = re.compile(r"\d{8}_\d{6}(_\d+)?")
_TIME = "%Y%m%d_%H%M%S"
_SECONDS_BETWEEN = 0.1


class Progress(msgspec.Struct, frozen=True):
    """`doing` is `create`, `verify` or `delete`; `what` says of what `done` of `of` are done."""

    doing: str
    id: str
    pid: int
    what: str = ""
    done: int = 0
    of: int = 0


class Kept(msgspec.Struct, frozen=True):
    """A backup as it stands there. Without a manifest somebody else made it, as by `cp`."""

    id: str
    path: Path
    created_at: datetime
    size_bytes: int
    manifest: Manifest | None
    problem: str | None

    @property
    def is_verified(self) -> bool:
        return (
            self.problem is None
            and self.manifest is not None
            and self.manifest.verified_at is not None
        )


class Shelf:
    def __init__(self, storage: Path) -> None:
        self.folder = storage.parent / "backups"

    def all(self) -> list[Kept]:
        """Newest first."""
        return [kept_in(self.folder / name) for name in reversed(self._names())]

    def find(self, backup_id: str) -> Kept:
        """By its name, or `last`. NotFound."""
        names = self._names()
        if backup_id == "last" and names:
            return kept_in(self.folder / names[-1])
        if backup_id not in names:
            known = f"; the newest is {names[-1]}" if names else ": there is none at all"
            raise NotFound(f"there is no backup {backup_id} in {self.folder}{known}")
        return kept_in(self.folder / backup_id)

    def newest_whole(self) -> Kept | None:
        """The one that the next can take unchanged files over from."""
        return next((one for one in self.all() if one.manifest and one.problem is None), None)

    def free_name(self, at: datetime) -> str:
        at = at.replace(microsecond=0)
        names = self._names()
        if names and at.strftime(_TIME) <= names[-1]:
            newest = datetime.strptime(names[-1][:15], _TIME)  # noqa: DTZ007 - a name, not a time
            at = newest + timedelta(seconds=1)
        return at.strftime(_TIME)

    def forget(self, backup_id: str) -> Kept:
        """Remove one; what it was. Half of it is never left under its name. The caller holds the
        lock."""
        kept = self.find(backup_id)
        gone = self.folder / f".{kept.id}.gone"
        kept.path.rename(gone)
        shutil.rmtree(gone)
        return kept

    def forget_halves(self) -> None:
        """What was killed left behind. The caller holds the lock."""
        for left in self.folder.glob(".[0-9]*_[0-9]*"):
            shutil.rmtree(left)

    def progress(self) -> Progress | None:
        """What another process is doing here now."""
        try:
            descriptor = os.open(self.folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(descriptor, 4096, 0)
            try:
                return msgspec.json.decode(text, type=Progress)
            except msgspec.DecodeError:
                return Progress("create", "", 0)  # it has the lock and is about to say
        else:
            return None
        finally:
            os.close(descriptor)

    @contextmanager
    def work(self, doing: str) -> Iterator["Work"]:
        """Have the shelf to oneself. Conflict says who has it; StorageUnusable that nobody can."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageUnusable(
                f"{self.folder} can't be written: {error.strerror}; nothing was changed"
            ) from error
        try:
            if not _locked(descriptor):
                other = self.progress()
                what = f"{other.doing} {other.id} by process {other.pid}" if other else "another"
                raise Conflict(f"{self.folder} is in use ({what.strip()}): try again afterwards")
            yield Work(descriptor, doing)
        finally:
            os.close(descriptor)

    def _names(self) -> list[str]:
        try:
            found = sorted(one.name for one in self.folder.iterdir() if one.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [name for name in found if _NAME.fullmatch(name)]


class Work:
    """The shelf's lock, held: tells everybody how far the work is."""

    def __init__(self, descriptor: int, doing: str) -> None:
        self._descriptor = descriptor
        self._said = Progress(doing, "", os.getpid())
        self._at = 0.0
        self._write(self._said)

    def names(self, backup_id: str) -> None:
        self._said = Progress(self._said.doing, backup_id, self._said.pid)
        self._write(self._said)

    def tell(self, what: str, done: int, of: int) -> None:
        now = time.monotonic()
        if now - self._at < _SECONDS_BETWEEN:
            return
        self._at = now
        self._write(msgspec.structs.replace(self._said, what=what, done=done, of=of))

    def _write(self, progress: Progress) -> None:
        text = msgspec.json.encode(progress).ljust(512)  # so that no reader meets half of one
        os.pwrite(self._descriptor, text, 0)


def _locked(descriptor: int) -> bool:
    """Whether the lock could be had. Who only looks holds it for a moment."""
    deadline = time.monotonic() + 0.5
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def kept_in(path: Path) -> Kept:
    """The backup in a folder. NotFound where there is no folder."""
    if not path.is_dir():
        raise NotFound(f"there is no backup in {path}")
    manifest, problem = None, None
    try:
        manifest = Manifest.load(path)
    except FileNotFoundError:
        pass  # made by hand, as the deployment guide does
    except StorageUnusable as error:
        problem = error.detail
    for name in (DATABASE, ARCHIVE):
        if not (path / name).is_file() and problem is None:
            problem = f"it has no {name}"
    if problem is None and manifest is not None:
        problem = manifest.problem
    return Kept(
        id=path.name,
        path=path,
        created_at=manifest.created_at if manifest else _time_of(path),
        size_bytes=sum(one.stat().st_size for one in path.iterdir() if one.is_file()),
        manifest=manifest,
        problem=problem,
    )


def _time_of(path: Path) -> datetime:
    try:
        return datetime.strptime(path.name[:15], _TIME).astimezone()
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone()
