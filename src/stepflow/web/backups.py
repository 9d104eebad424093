"""Backups: list, make, check, remove. Restoring needs the folder for itself: the command line's."""

import asyncio
from datetime import datetime

import msgspec
from starlette.responses import Response

from stepflow.backup import BackupShape, Progress
from stepflow.web.call import Call, NoQuery
from stepflow.web.executions import WaitQuery, duration_of
from stepflow.web.json import Answer


class BackupList(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first. `running` is what is being done now; `schedule` (five fields as in crontab) and
    `next_at` are null where no backup is made by itself; `keep` of those by schedule stay."""

    backups: list[BackupShape]
    running: Progress | None
    folder: str
    schedule: str | None
    keep: int
    next_at: datetime | None


class BackupMade(msgspec.Struct, frozen=True, kw_only=True):
    """`backup` is null while it is still being made."""

    id: str
    message: str
    backup: BackupShape | None


async def listed(call: Call[NoQuery, None]) -> Response:
    """The backups of this server's storage folder, newest first"""
    backups = call.site.backups
    return Answer(
        BackupList(
            backups=await backups.all(),
            running=await backups.progress(),
            folder=str(backups.folder),
            schedule=backups.schedule.cron,
            keep=backups.schedule.keep,
            next_at=backups.next_at(),
        )
    )


async def created(call: Call[WaitQuery, None]) -> Response:
    """Make a backup now; answers at once, or with `wait` when it is made"""
    within = duration_of(call.query.wait)
    task, progress = await call.site.backups.make()
    if within is not None:
        closing = asyncio.ensure_future(call.site.live.closing.wait())
        await asyncio.wait(
            (task, closing),
            timeout=within.total_seconds(),
            return_when=asyncio.FIRST_COMPLETED,
        )
        closing.cancel()
    made = task.result() if task.done() else None
    message = "is being made" if made is None else "is made and was read back"
    return Answer(
        BackupMade(id=progress.id, message=f"backup {progress.id} {message}", backup=made), 201
    )


async def shown(call: Call[NoQuery, None]) -> Response:
    """One backup"""
    return Answer(await call.site.backups.find(call.id))


async def verified(call: Call[NoQuery, None]) -> Response:
    """Read a backup back and compare it with what went in; answers when that is done"""
    return Answer(await call.site.backups.verify(call.id))


async def forgotten(call: Call[NoQuery, None]) -> Response:
    """Remove a backup; what it was"""
    return Answer(await call.site.backups.forget(call.id))
