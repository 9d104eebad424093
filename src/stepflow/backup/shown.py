"""A backup as clients see it, in the API and on the command line."""

from datetime import UTC, datetime

import msgspec

from stepflow.backup.manifest import Origin
from stepflow.backup.shelf import Kept


class BackupShape(msgspec.Struct, frozen=True, kw_only=True):
    """`new_bytes` were written anew, the rest was taken over from the backup before. What only a
    manifest tells is null where somebody else made the backup. `problem` says why it can't be
    relied on."""

    id: str
    created_at: datetime
    path: str
    size_bytes: int
    new_bytes: int | None
    executions: int | None
    unfinished: int | None
    is_verified: bool
    verified_at: datetime | None
    problem: str | None
    origin: Origin | None
    host: str | None
    version: str | None
    seconds: float | None


def shown(kept: Kept) -> BackupShape:
    manifest = kept.manifest
    return BackupShape(
        id=kept.id,
        created_at=kept.created_at.astimezone(UTC),
        path=str(kept.path),
        size_bytes=kept.size_bytes,
        new_bytes=None if manifest is None else manifest.new_bytes,
        executions=None if manifest is None else manifest.executions,
        unfinished=None if manifest is None else manifest.unfinished,
        is_verified=kept.is_verified,
        verified_at=None if manifest is None else manifest.verified_at,
        problem=kept.problem,
        origin=None if manifest is None else manifest.origin,
        host=None if manifest is None else manifest.host,
        version=None if manifest is None else manifest.version,
        seconds=None if manifest is None else manifest.seconds,
    )
