"""Keeps to the rules inside a server: every hour, and when asked. One execution after the other, so
that nobody waits behind a large removal."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from stepflow.errors import Conflict, NotFound, StepflowError
from stepflow.retention.plan import Plan, plan
from stepflow.retention.rules import Rules
from stepflow.store import Store

EVERY = timedelta(hours=1)
FIRST_AFTER = timedelta(minutes=5)

log = structlog.get_logger(__name__)


class Forgetting(msgspec.Struct, frozen=True):
    """How an execution, and how an artifact alone, is forgotten with its files. Both raise NotFound
    for what is gone already, and Conflict for what has to stay after all."""

    execution: Callable[[str], Awaitable[None]]
    artifact: Callable[[str], Awaitable[object]]


class Retention:
    def __init__(self, storage: Path, store: Store, rules: Rules, forgetting: Forgetting) -> None:
        self.rules = rules
        self.next_at: datetime | None = None
        self._storage = storage
        self._store = store
        self._forgetting = forgetting
        self._working = asyncio.Lock()

    async def plan(self) -> Plan:
        """What the next run would remove. Without a rule: nothing."""
        if not self.rules.is_any:
            return Plan([], [], 0, 0)
        return await plan(self._store, self._storage, self.rules, datetime.now(UTC))

    async def prune(self) -> Plan:
        """Remove what the rules say; what was removed."""
        async with self._working:
            wanted = await self.plan()
            executions = [
                one
                for one in wanted.executions
                if await self._is_forgotten(self._forgetting.execution, one.id)
            ]
            artifacts = [
                one
                for one in wanted.artifacts
                if await self._is_forgotten(self._forgetting.artifact, one.id)
            ]
        done = msgspec.structs.replace(wanted, executions=executions, artifacts=artifacts)
        if executions or artifacts:
            log.info(
                "pruned",
                executions=len(executions),
                artifacts=len(artifacts),
                freed_bytes=done.freed_bytes,
            )
        return done

    async def keep_to_rules(self) -> None:
        """Prune every hour, for as long as this runs, if there is a rule."""
        wait = FIRST_AFTER
        while self.rules.is_any:
            self.next_at = datetime.now(UTC) + wait
            await asyncio.sleep(wait.total_seconds())
            wait = EVERY
            try:
                await self.prune()
            except StepflowError as error:
                log.error("not pruned", reason=error.detail)  # noqa: TRY400 (the reason says it all)

    @staticmethod
    async def _is_forgotten(forget: Callable[[str], Awaitable[object]], identity: str) -> bool:
        try:
            await forget(identity)
        except (NotFound, Conflict):
            return False  # deleted, pinned or started again since it was looked at
        return True
