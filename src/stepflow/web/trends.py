"""How the last executions of one name went, for curves: outcomes, durations, steps."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from stepflow.model import Execution, Outcome, Status, StepStatus
from stepflow.store import Query
from stepflow.web.call import Call
from stepflow.web.clock import now
from stepflow.web.json import Answer, rounded


class TrendQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` is the exact name; `steps` adds the steps of each."""

    name: str
    limit: Annotated[int, Meta(ge=1, le=200)] = 20
    steps: bool = False


class TrendStep(msgspec.Struct, frozen=True):
    """`path` has the names from the outermost step to this one."""

    path: list[str]
    status: StepStatus
    duration_seconds: float | None


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    created_at: datetime
    status: Status
    outcome: Outcome | None
    duration_seconds: float | None
    steps: list[TrendStep] | None


class Trend(msgspec.Struct, frozen=True):
    """Oldest first."""

    name: str
    executions: list[TrendPoint]


async def trend(call: Call[TrendQuery, None]) -> Response:
    """Outcomes and durations of the last executions of one name"""
    asked = call.query
    page = await call.site.store.executions(Query(name=asked.name, limit=asked.limit))
    points = [await _point(call, execution) for execution in reversed(page.executions)]
    return Answer(Trend(asked.name, points))


async def _point(call: Call[TrendQuery, None], execution: Execution) -> TrendPoint:
    duration = execution.duration(now())
    return TrendPoint(
        id=execution.id,
        created_at=execution.created_at,
        status=execution.status,
        outcome=execution.outcome,
        duration_seconds=None if duration is None else rounded(duration.total_seconds()),
        steps=await _steps(call, execution.id) if call.query.steps else None,
    )


async def _steps(call: Call[TrendQuery, None], execution_id: str) -> list[TrendStep]:
    paths: dict[int | None, list[str]] = {}
    found = []
    for step in await call.site.store.steps(execution_id):
        path = paths[step.index] = [*paths.get(step.parent_index, []), step.name]
        found.append(TrendStep(path, step.status, rounded(step.duration_seconds)))
    return found
