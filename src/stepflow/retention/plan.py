"""What the rules would remove now, and how much that frees. Only looks."""

import asyncio
import os
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from stepflow.model import Artifact, ArtifactState, month_of
from stepflow.retention.rules import Rules, Tally
from stepflow.store import Ended, Store

PAGE = 500


class Doomed(msgspec.Struct, frozen=True):
    """An execution that would go, and why. `size_bytes` is what its files take on the disk."""

    id: str
    name: str
    completed_at: datetime
    size_bytes: int
    reason: str


class DoomedArtifact(msgspec.Struct, frozen=True):
    """An artifact whose own time is over; its execution stays."""

    id: str
    execution_id: str
    name: str
    size_bytes: int
    reason: str


class Plan(msgspec.Struct, frozen=True):
    """`pinned` stay although a rule would remove them; `checked` is how many were looked at."""

    executions: list[Doomed]
    artifacts: list[DoomedArtifact]
    pinned: int
    checked: int

    @property
    def freed_bytes(self) -> int:
        executions = sum(one.size_bytes for one in self.executions)
        return executions + sum(one.size_bytes for one in self.artifacts)


async def plan(store: Store, storage: Path, rules: Rules, now: datetime) -> Plan:
    """Look at all ended executions, newest first, and at artifacts with a time of their own."""
    over, needed_until = await _artifacts(store, now)
    tally = Tally(rules, now)
    executions: list[Doomed] = []
    pinned = checked = 0
    last = _newest(rules, now)
    while page := await store.ended(limit=PAGE, before=last):
        last = page[-1]
        sizes = {}
        if rules.size_bytes is not None:  # else only of those that go: it costs a look at each
            sizes = await asyncio.to_thread(_sizes, storage, [one.id for one in page])
        for one in page:
            checked += 1
            is_needed = needed_until.get(one.id, now) > now
            reason = tally.reason(
                one.tags,
                one.completed_at,
                sizes.get(one.id, 0),
                must_stay=one.is_pinned or is_needed,
            )
            if reason is None or is_needed:
                continue
            if one.is_pinned:
                pinned += 1
                continue
            executions.append(Doomed(one.id, one.name, one.completed_at, 0, reason))
    sizes = await asyncio.to_thread(_sizes, storage, [one.id for one in executions])
    executions = [msgspec.structs.replace(one, size_bytes=sizes[one.id]) for one in executions]
    gone = {one.id for one in executions}
    artifacts = [one for one in over if one.execution_id not in gone]
    return Plan(executions, artifacts, pinned, checked)


async def _artifacts(
    store: Store, now: datetime
) -> tuple[list[DoomedArtifact], dict[str, datetime]]:
    """Those that are over, and until when others want their executions kept."""
    over: list[DoomedArtifact] = []
    until: dict[str, datetime] = {}
    page: list[Artifact] = []
    while page := await store.artifacts_with_time(limit=PAGE, after=page[-1] if page else None):
        for artifact in page:
            end = artifact.created_at + timedelta(days=artifact.retention_days or 0)
            if end > now:
                known = until.get(artifact.execution_id, end)
                until[artifact.execution_id] = max(end, known)
            elif artifact.state is ArtifactState.STORED:
                reason = f"its own {artifact.retention_days} days are over"
                over.append(
                    DoomedArtifact(
                        artifact.id,
                        artifact.execution_id,
                        artifact.name,
                        artifact.file_size,
                        reason,
                    )
                )
    return over, until


def _newest(rules: Rules, now: datetime) -> Ended | None:
    """The place in the order of ends from which on something may go."""
    days = rules.shortest_days
    if days is None:
        return None
    return Ended("", "", [], now - timedelta(days=days), is_pinned=False)


def _sizes(storage: Path, ids: list[str]) -> dict[str, int]:
    return {one: _on_disk(storage, one) for one in ids}


def _on_disk(storage: Path, execution_id: str) -> int:
    month = month_of(execution_id)
    executions = storage / "executions"
    log = executions / month / execution_id if month else executions / execution_id
    return sum(_size(folder) for folder in (log, storage / "artifacts" / execution_id))


def _size(folder: Path) -> int:
    try:
        with os.scandir(folder) as files:
            return sum(file.stat(follow_symlinks=False).st_blocks * 512 for file in files)
    except (FileNotFoundError, NotADirectoryError):
        return 0
