"""Filters that no index answers: steps, metadata, exit codes, durations, text of logs.

Executions that pass the other filters are looked at one by one, newest first, for a bounded time.
The answer says how far it looked; its `next` goes on from there.
"""

import asyncio
import time
from datetime import datetime

import msgspec

from stepflow.model import Execution
from stepflow.store import Query
from stepflow.transcript import Search
from stepflow.web.clock import now
from stepflow.web.site import Site

MOST_SECONDS = 2.0
MOST_SECONDS_FOR_ONE_LOG = 1.0
_PAGE = 200


class Sieve(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is given must hold. `step` is part of a step's name and `log` text of the
    log, both in any case; durations are seconds."""

    step: str | None = None
    meta: dict[str, str] = {}
    exit_code: int | None = None
    min_duration: float | None = None
    max_duration: float | None = None
    log: str | None = None

    @property
    def lets_all_through(self) -> bool:
        return self == Sieve()

    def passes(self, execution: Execution, at: datetime) -> bool:
        """What can be told without reading steps or logs."""
        if self.exit_code is not None and execution.exit_code != self.exit_code:
            return False
        if any(_text(execution.metadata.get(key)) != value for key, value in self.meta.items()):
            return False
        if self.min_duration is None and self.max_duration is None:
            return True
        duration = execution.duration(at)
        if duration is None:
            return False
        longest = float("inf") if self.max_duration is None else self.max_duration
        return (self.min_duration or 0) <= duration.total_seconds() <= longest


class Sifted(msgspec.Struct, frozen=True, kw_only=True):
    """`looked_at` executions were looked at, back to the time `looked_back_to`; of `half_read` the
    log was too long to be read to its end."""

    executions: list[Execution]
    next: str | None
    looked_at: int
    looked_back_to: datetime | None
    half_read: int


async def sifted(site: Site, query: Query, sieve: Sieve) -> Sifted:
    """The first `query.limit` that pass, or those that were found in time."""
    until = time.monotonic() + MOST_SECONDS
    found: list[Execution] = []
    looked_at = half_read = 0
    looked_back_to: datetime | None = None
    query, most = msgspec.structs.replace(query, limit=_PAGE), query.limit
    while True:
        page = await site.store.executions(query)
        for place, execution in enumerate(page.executions, 1):
            looked_at += 1
            looked_back_to = execution.created_at
            passes = await _passes(site, execution, sieve)
            half_read += passes is None
            if passes:
                found.append(execution)
            if len(found) == most or time.monotonic() > until:
                following = (
                    await _after(site, query, place) if place < len(page.executions) else page.next
                )
                return _sifted(found, following, looked_at, looked_back_to, half_read)
        if page.next is None:
            return _sifted(found, None, looked_at, looked_back_to, half_read)
        query = msgspec.structs.replace(query, cursor=page.next, offset=0)


def _sifted(
    found: list[Execution],
    following: str | None,
    looked_at: int,
    looked_back_to: datetime | None,
    half_read: int,
) -> Sifted:
    return Sifted(
        executions=found,
        next=following,
        looked_at=looked_at,
        looked_back_to=looked_back_to,
        half_read=half_read,
    )


async def _after(site: Site, query: Query, place: int) -> str | None:
    """The cursor after one that is not the last of its page."""
    return (await site.store.executions(msgspec.structs.replace(query, limit=place))).next


async def _passes(site: Site, execution: Execution, sieve: Sieve) -> bool | None:
    """None: its log could not be read to the end in time."""
    if not sieve.passes(execution, now()):
        return False
    if sieve.step is not None and not await _has_step(site, execution, sieve.step):
        return False
    if sieve.log is None:
        return True
    return await asyncio.to_thread(_has_text, site, execution, sieve.log)


async def _has_step(site: Site, execution: Execution, name: str) -> bool:
    # Thousands of quick answers in a row would keep everybody else waiting.
    await asyncio.sleep(0)
    if not execution.total_steps:
        return False
    wanted = name.casefold()
    return any(wanted in step.name.casefold() for step in await site.store.steps(execution.id))


def _has_text(site: Site, execution: Execution, text: str) -> bool | None:
    with site.supervisor.open_transcript(execution) as transcript:
        found = transcript.search(
            Search(text=text, ignore_case=True),
            limit=1,
            count=False,
            within_seconds=MOST_SECONDS_FOR_ONE_LOG,
        )
    if found.lines:
        return True
    return False if found.total_is_exact else None


def _text(value: object) -> str | None:
    """Metadata as people write it in a filter: text as it is, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
