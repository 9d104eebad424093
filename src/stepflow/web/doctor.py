"""The doctor's findings, with what this server measures of itself."""

import asyncio
import os
import time

from starlette.responses import Response

from stepflow.doctor import Finding, Measured, State, Subject, examine
from stepflow.errors import StepflowError
from stepflow.store import Health, Query, SlowQuery
from stepflow.web.call import Call, NoQuery
from stepflow.web.checkup import HEALTHY, overall
from stepflow.web.clock import now
from stepflow.web.json import Answer
from stepflow.web.site import Site


async def examined(call: Call[NoQuery, None]) -> Response:
    """What is well and what is not about this server, its storage and its machine; with the fix"""
    site = call.site
    checks = await site.checkup.checks()
    bad = [f"{name}: {check.problem}" for name, check in checks.items() if check.problem]
    server = Finding(
        "server",
        State.OK if overall(checks) == HEALTHY else State.PROBLEM,
        f"{overall(checks)}, version {site.settings.version}, process {os.getpid()}"
        + "".join(f"; {one}" for one in bad),
        "see logs/stepflow.log beside the storage folder" if bad else None,
    )
    subject = Subject(
        storage=site.supervisor.storage,
        min_free_bytes=site.supervisor.rules.least_free_bytes,
        max_running=site.supervisor.rules.max_running,
        pump_program=site.supervisor.rules.pump_program,
        measured=None if bad else await _measured(site),
    )
    found = await asyncio.to_thread(lambda: list(examine(subject, now())))
    return Answer([server, *found])


async def _measured(site: Site) -> Measured | None:
    """None where the database does not answer, which the finding `server` tells."""
    try:
        began = time.perf_counter()
        page = await site.store.executions(Query(limit=1))
        read_ms = 1000 * (time.perf_counter() - began)
        health = await site.store.health()
    except StepflowError:
        return None
    writer = health.settings["writer"]
    return Measured(
        pid=os.getpid(),
        journal_mode=str(writer["journal_mode"]),
        cache_kib=abs(int(writer["cache_size"])),
        size_bytes=health.size_bytes,
        free_bytes=health.free_pages * health.page_size,
        read_ms=read_ms,
        slowest=_slowest(health),
        newest_at=page.executions[0].created_at if page.executions else None,
        last_checkpoint=health.last_checkpoint,
    )


def _slowest(health: Health) -> list[str]:
    def said(query: SlowQuery) -> str:
        return f"{query.name}, {query.milliseconds:.0f} ms at {query.at:%Y-%m-%d %H:%M:%SZ}"

    return [said(query) for query in health.slowest]
