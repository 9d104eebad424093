"""Compresses finished logs: one at a time, in a niced thread, long after anybody waits for it.

What there is to do is read off the files: a raw log that is large and belongs to no running
execution. So nothing has to be remembered across a restart.
"""

import heapq
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from stepflow.errors import StepflowError
from stepflow.process import Folder, is_pumped
from stepflow.runner import tidy_after_crash
from stepflow.transcript import archive, drop_raw

SMALLEST_BYTES = 64 << 10
REST_SECONDS = 60.0
NICENESS = 10
_OF_THE_RUNNING = {"spec.json", "masks", "status"}

log = structlog.get_logger(__name__)


class Archiver:
    """`is_running` says whether an execution's folder may not be touched yet."""

    def __init__(
        self,
        executions: Path,
        is_running: Callable[[str], bool],
        rest_seconds: float = REST_SECONDS,
    ) -> None:
        self._executions = executions
        self._is_running = is_running
        self._rest_seconds = rest_seconds
        self._due: list[tuple[float, Path]] = []
        self._changed = threading.Condition()
        self._is_stopped = False
        self._thread = threading.Thread(target=self._work, name="archiver", daemon=True)

    def start(self) -> None:
        """Begin, once it is known what is running: a log that is still written to is not ours."""
        self._thread.start()

    def add(self, folder: Path) -> None:
        """Archive this folder's log once it has rested."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + self._rest_seconds, folder))
            self._changed.notify()

    def stop(self) -> None:
        """Stop soon; a half-written archive is removed and made again after the next start."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify()

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        for left in self._left_over():
            self._archive(left)
        while (folder := self._next()) is not None:
            self._archive(folder)

    def _left_over(self) -> list[Path]:
        """Folders of executions that ended before this server started and whose logs have rested.
        Where a crash cut the tidying short it is done now. Each folder is looked at once: there
        may be a million of them."""
        rested = []
        old = time.time() - self._rest_seconds
        for month in _folders(self._executions):
            for entry in _folders(month):
                if self._is_stopped:
                    return []
                folder, names = Path(entry), _names(entry)
                if self._is_running(folder.name):
                    continue
                if not _OF_THE_RUNNING.isdisjoint(names):
                    self._tidy(folder)
                if "log" in names and _is_rested(folder / "log", old):
                    rested.append(folder)
        return rested

    def _tidy(self, folder: Path) -> None:
        try:
            if not self._is_running(folder.name) and not is_pumped(Folder(folder)):
                tidy_after_crash(Folder(folder))
        except (OSError, msgspec.DecodeError) as error:
            log.warning("tidying failed", folder=str(folder), reason=str(error))

    def _next(self) -> Path | None:
        with self._changed:
            while not self._is_stopped:
                if not self._due:
                    self._changed.wait()
                elif (seconds := self._due[0][0] - time.monotonic()) > 0:
                    self._changed.wait(seconds)
                else:
                    return heapq.heappop(self._due)[1]
        return None

    def _archive(self, folder: Path) -> None:
        raw = folder / "log"
        try:
            if self._is_stopped or self._is_running(folder.name):
                return
            if raw.stat().st_size < SMALLEST_BYTES:
                return
            if archive(folder, should_stop=lambda: self._is_stopped):
                drop_raw(folder)
        except FileNotFoundError:
            return  # deleted meanwhile: nothing is left to archive
        except (OSError, StepflowError) as error:
            # The raw log stays and is as good; `stepflow doctor` and the log tell of it.
            log.warning("archiving failed", folder=str(folder), reason=str(error))


def _folders(path: Path | str) -> Iterator[str]:
    with suppress(FileNotFoundError), os.scandir(path) as entries:
        yield from (entry.path for entry in entries if entry.is_dir(follow_symlinks=False))


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 (names are enough)
    except FileNotFoundError:
        return []  # deleted meanwhile


def _is_rested(raw: Path, old: float) -> bool:
    try:
        status = raw.stat()
    except FileNotFoundError:
        return False
    return status.st_size >= SMALLEST_BYTES and status.st_mtime < old
