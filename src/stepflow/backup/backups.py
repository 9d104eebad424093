"""The backups of a running server: made when asked or when it is time, by a process of their own.

A process of its own, since packing takes the interpreter from who is waiting for an answer, and
since it then goes on while the server replaces itself.
"""

import asyncio
import os
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import structlog
from cronsim import CronSim

from stepflow import errors
from stepflow.backup.manifest import Origin
from stepflow.backup.shelf import Progress, Shelf
from stepflow.backup.shown import BackupShape, shown

_POLL_SECONDS = 0.02
_SECONDS_BETWEEN_TRIES = 60.0

log = structlog.get_logger(__name__)


class Schedule(msgspec.Struct, frozen=True):
    """`cron` has five fields, in the machine's time; None: no backup by itself. `keep` is how many
    of those by schedule stay."""

    cron: str | None = None
    keep: int = 7

    def next_at(self, after: datetime) -> datetime | None:
        return None if self.cron is None else next(CronSim(self.cron, after.astimezone()))


class Backups:
    """All of one storage folder. Belongs to the loop that uses it."""

    def __init__(self, storage: Path, schedule: Schedule) -> None:
        self._storage = storage.absolute()
        self.schedule = schedule
        self._shelf = Shelf(self._storage)
        self._working: set[asyncio.Task[BackupShape]] = set()

    @property
    def folder(self) -> Path:
        return self._shelf.folder

    def next_at(self) -> datetime | None:
        return self.schedule.next_at(datetime.now().astimezone())

    async def all(self) -> list[BackupShape]:
        """Newest first."""
        found = await asyncio.to_thread(self._shelf.all)
        return [shown(one) for one in found]

    async def find(self, backup_id: str) -> BackupShape:
        """NotFound."""
        return shown(await asyncio.to_thread(self._shelf.find, backup_id))

    async def progress(self) -> Progress | None:
        return await asyncio.to_thread(self._shelf.progress)

    async def make(self, origin: Origin = "asked") -> tuple[asyncio.Task[BackupShape], Progress]:
        """Begin a backup; it is the task's result. Conflict, NoSpace, StorageUnusable."""
        other = await self.progress()
        if other is not None:
            raise errors.Conflict(
                f"{self.folder} is in use ({other.doing} {other.id}): try again afterwards"
            )
        task = self._begun("create", "--origin", origin)
        while True:
            done, _ = await asyncio.wait((task,), timeout=_POLL_SECONDS)
            if done:
                made = task.result()
                return task, Progress("create", made.id, 0)
            progress = await self.progress()
            if progress is not None and progress.id:
                return task, progress

    async def verify(self, backup_id: str) -> BackupShape:
        """Read one back. NotFound, Conflict."""
        found = await self.find(backup_id)
        return await asyncio.shield(self._begun("verify", found.id))

    async def forget(self, backup_id: str) -> BackupShape:
        """Remove one; what it was. NotFound, Conflict."""
        found = await self.find(backup_id)
        return await asyncio.shield(self._begun("delete", found.id))

    async def keep_to_schedule(self) -> None:
        """Make backups when it is time, for as long as this runs, and remove those too many."""
        while (at := self.next_at()) is not None:
            await asyncio.sleep((at - datetime.now().astimezone()).total_seconds())
            await self._make_on_time()
            try:
                await self._forget_old()
            except errors.StepflowError as error:
                log.warning("old backups not removed", reason=error.detail)

    async def _make_on_time(self) -> None:
        while True:
            try:
                task, _ = await self.make("schedule")
                made = await task
            except errors.Conflict as error:
                log.info("backup waits", reason=error.detail)
                await asyncio.sleep(_SECONDS_BETWEEN_TRIES)
            except errors.StepflowError as error:
                log.error("no backup made", reason=error.detail)  # noqa: TRY400 (the reason says it all)
                return
            else:
                log.info("backup made", backup=made.id, new_bytes=made.new_bytes)
                return

    async def _forget_old(self) -> None:
        ours = [one for one in await self.all() if one.origin == "schedule"]
        whole = [one for one in ours if one.problem is None]
        for old in whole[self.schedule.keep :]:
            await self.forget(old.id)
            log.info("old backup removed", backup=old.id, size_bytes=old.size_bytes)

    def _begun(self, *arguments: str) -> asyncio.Task[BackupShape]:
        """A process at work; it ends its work whoever stops waiting for it."""
        task = asyncio.get_running_loop().create_task(self._asked(*arguments), name="backup")
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return task

    async def _asked(self, *arguments: str) -> BackupShape:
        with tempfile.TemporaryFile() as said:
            code = await self._ended(arguments, said)
            said.seek(0)
            *_, last = said.read().splitlines() or [b"it said nothing"]
        try:
            answer: dict[str, Any] = msgspec.json.decode(last)
        except msgspec.DecodeError:
            raise errors.Unavailable(
                f"`stepflow backup {arguments[0]}` ended with {code}:"
                f" {last.decode(errors='replace')}"
            ) from None
        if "error" in answer:
            kind = getattr(errors, str(answer["error"]), errors.StepflowError)
            raise kind(answer["detail"])
        return msgspec.convert(answer, BackupShape)

    async def _ended(self, arguments: tuple[str, ...], said: BinaryIO) -> int:
        """Run our own command to its end; its exit code. Who stops waiting leaves it at work, and
        nothing of it in this process: it may outlive us."""
        process = self._spawned(arguments, said)
        while True:
            ended, status = os.waitpid(process, os.WNOHANG)  # noqa: ASYNC222 - it does not wait
            if ended:
                return os.waitstatus_to_exitcode(status)
            await asyncio.sleep(_POLL_SECONDS)

    def _spawned(self, arguments: tuple[str, ...], said: BinaryIO) -> int:
        command = [sys.executable, "-P", "-m", "stepflow", "backup", *arguments, "--for-server"]
        command += ["--storage-path", str(self._storage)]
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.posix_spawn(
                command[0],
                command,
                {**os.environ, "STEPFLOW_URL": ""},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, null, 0),
                    (os.POSIX_SPAWN_DUP2, said.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, said.fileno(), 2),
                ],
            )
        finally:
            os.close(null)
