"""Retention: the rules in effect, what they would remove, and its removal."""

from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response

from stepflow.retention import Doomed, DoomedArtifact, Plan, Rules
from stepflow.web.call import Call, NoQuery
from stepflow.web.json import Answer

MOST_NAMED = 1000


class PlanShape(msgspec.Struct, frozen=True, kw_only=True):
    """`executions` and `artifacts` name the first 1,000 of `execution_count` and `artifact_count`,
    the newest first. `pinned_count` stay although a rule would remove them."""

    execution_count: int
    artifact_count: int
    freed_bytes: int
    pinned_count: int
    checked_count: int
    executions: list[Doomed]
    artifacts: list[DoomedArtifact]


class RetentionShape(msgspec.Struct, frozen=True, kw_only=True):
    """`next` is what the next run would remove; `next_at` is null where it does not run by
    itself."""

    rules: Rules
    next_at: datetime | None
    next: PlanShape


class Prune(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    dry_run: bool = False


class Pruned(PlanShape, frozen=True, kw_only=True):
    """What was removed, or would be (`dry_run`)."""

    dry_run: bool


async def shown(call: Call[NoQuery, None]) -> Response:
    """The rules in effect, and what the next run would remove"""
    retention = call.site.retention
    planned = PlanShape(**_fields(await retention.plan()))
    return Answer(RetentionShape(rules=retention.rules, next_at=retention.next_at, next=planned))


async def pruned(call: Call[NoQuery, Prune]) -> Response:
    """Remove what the rules say now, or only tell what that is"""
    retention = call.site.retention
    is_dry = call.body.dry_run
    found = await (retention.plan() if is_dry else retention.prune())
    return Answer(Pruned(dry_run=is_dry, **_fields(found)))


def _fields(found: Plan) -> dict[str, Any]:
    return {
        "execution_count": len(found.executions),
        "artifact_count": len(found.artifacts),
        "freed_bytes": found.freed_bytes,
        "pinned_count": found.pinned,
        "checked_count": found.checked,
        "executions": found.executions[:MOST_NAMED],
        "artifacts": found.artifacts[:MOST_NAMED],
    }
