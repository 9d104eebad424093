"""Executions: create, list, look at, end, repeat, forget; their input, their use of the machine."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from stepflow.errors import InvalidRequest
from stepflow.model import Execution, NewExecution, Status
from stepflow.store import DayCount, Query, Sample
from stepflow.web.call import Call, NoQuery, body_of, media_type, refusal
from stepflow.web.clock import now
from stepflow.web.detail import detail_of
from stepflow.web.json import Answer, rounded
from stepflow.web.shapes import ExecutionShape, StepShape, execution_shape, step_shape
from stepflow.web.sifting import Sieve, sifted
from stepflow.web.site import Site

LONGEST_WAIT = timedelta(hours=1)
_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h)?")
Duration = Annotated[str, Meta(extra_json_schema={"pattern": f"^(?:{_DURATION.pattern})$"})]
_UNITS_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, None: 1}


class ExecutionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`status` may be several, with commas. `q` searches names, commands, tags and outcomes.
    `cursor` is `next` of the page before, and wins over `offset`. `since` is included. `step` is
    part of a step's name, `log` text of the log; `meta` is `KEY=VALUE`, several with commas;
    durations are seconds. These, and `exit`, look at executions one by one, for a bounded time."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    offset: Annotated[int, Meta(ge=0, le=1 << 62)] = 0
    cursor: str | None = None
    status: str | None = None
    user: str | None = None
    tag: str | None = None
    name: str | None = None
    q: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    step: str | None = None
    meta: str | None = None
    exit: int | None = None
    min_duration: Annotated[float, Meta(ge=0)] | None = None
    max_duration: Annotated[float, Meta(ge=0)] | None = None
    log: str | None = None


class WaitQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`wait`: answer when the execution has ended, or after this time, such as `30s`."""

    wait: Duration | None = None


class Executions(msgspec.Struct, frozen=True):
    """A page. `total_count` is null where counting would keep the page waiting (50 ms). Where
    executions were looked at one by one, `looked` says how far; `next` goes on from there."""

    executions: list[ExecutionShape]
    limit: int
    offset: int
    count: int
    total_count: int | None
    has_more: bool
    next: str | None
    looked: "Looked | None" = None


class Looked(msgspec.Struct, frozen=True):
    """So many executions, back to one created at that time; of `half_read` the log was too long to
    be read to its end in time."""

    executions: int
    back_to: datetime | None
    half_read: int


class Created(msgspec.Struct, frozen=True):
    """`input` is the FIFO that a script with `stdin` reads, for clients on this machine."""

    id: str
    status: Status
    name: str
    message: str
    execution: ExecutionShape
    input: str | None


class ActiveExecutions(msgspec.Struct, frozen=True):
    active_executions: list[ExecutionShape]


class StatisticsShape(msgspec.Struct, frozen=True):
    """`success_rate` is 0 to 1, of what has ended; `avg_duration` is in seconds."""

    total_executions: int
    active_now: int
    pending: int
    running: int
    success_rate: float | None
    avg_duration: float | None
    by_status: dict[str, int]
    last_24h: dict[str, int]
    per_day: list[DayCount]


class Said(msgspec.Struct, frozen=True):
    message: str


class Pinned(msgspec.Struct, frozen=True):
    message: str
    execution: ExecutionShape


class Cancel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`kill`: at once, without the grace."""

    kill: bool = False


class Cancelling(msgspec.Struct, frozen=True):
    message: str
    execution: ExecutionShape


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A terminal's size in characters."""

    rows: Annotated[int, Meta(ge=1, le=65535)]
    cols: Annotated[int, Meta(ge=1, le=65535)]


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    data: str


class Steps(msgspec.Struct, frozen=True):
    steps: list[StepShape]


class UsageSample(msgspec.Struct, frozen=True, kw_only=True):
    """What the script's processes used at one time."""

    at: datetime
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    processes: int | None = None


class Usage(msgspec.Struct, frozen=True):
    samples: list[UsageSample]


async def listed(call: Call[ExecutionsQuery, None]) -> Response:
    """Executions, newest first"""
    asked = call.query
    query = Query(
        limit=asked.limit,
        offset=asked.offset,
        cursor=asked.cursor,
        statuses=_statuses(asked.status),
        user=asked.user,
        tag=asked.tag,
        name=asked.name,
        text=asked.q,
        since=_aware(asked.since),
        until=_aware(asked.until),
    )
    sieve = Sieve(
        step=asked.step or None,
        meta=_meta(asked.meta),
        exit_code=asked.exit,
        min_duration=asked.min_duration,
        max_duration=asked.max_duration,
        log=asked.log or None,
    )
    if not sieve.lets_all_through:
        return await _listed_one_by_one(call.site, query, sieve)
    listing = await call.site.listings.listing(query)
    page = listing.page
    answer = Answer(
        Executions(
            _shapes(call.site, page.executions, listing.ended),
            asked.limit,
            asked.offset,
            len(page.executions),
            listing.total_count,
            page.next is not None,
            page.next,
        )
    )
    call.site.listings.keep(query, listing, len(answer.body))
    return answer


async def _listed_one_by_one(site: Site, query: Query, sieve: Sieve) -> Response:
    found = await sifted(site, query, sieve)
    return Answer(
        Executions(
            _shapes(site, found.executions),
            query.limit,
            query.offset,
            len(found.executions),
            None,
            found.next is not None,
            found.next,
            Looked(found.looked_at, found.looked_back_to, found.half_read),
        )
    )


async def created(call: Call[WaitQuery, NewExecution]) -> Response:
    """Run a command"""
    wait = duration_of(call.query.wait)
    execution = await call.site.supervisor.create(call.body)
    return await _answer_created(call.site, execution, wait, "executions/")


async def rerun(call: Call[WaitQuery, dict[str, Any]]) -> Response:
    """Run the same command again, with changed fields if the body names some"""
    wait = duration_of(call.query.wait)
    try:
        execution = await call.site.supervisor.rerun(call.id, call.body)
    except InvalidRequest as error:
        # A field that the body has and the product does not is named with the nearest, too.
        if isinstance(error.__cause__, msgspec.ValidationError):
            raise refusal(error.__cause__, NewExecution) from error
        raise
    return await _answer_created(call.site, execution, wait, "../")


async def shown(call: Call[NoQuery, None]) -> Response:
    """One execution with its steps, artifacts and annotations"""
    return Answer(await detail_of(call.site, call.id))


async def active(call: Call[NoQuery, None]) -> Response:
    """What runs, then what waits, in order"""
    return Answer(ActiveExecutions(_shapes(call.site, call.site.supervisor.active())))


async def statistics(call: Call[NoQuery, None]) -> Response:
    """Figures over all executions"""
    found = await call.site.store.statistics(now())
    figures = call.site.supervisor.live_figures()
    return Answer(
        StatisticsShape(
            found.total_executions,
            figures.running + figures.pending,
            figures.pending,
            figures.running,
            rounded(found.success_rate, 4),
            rounded(found.avg_duration),
            found.by_status,
            found.last_24h,
            found.per_day,
        )
    )


async def cancelled(call: Call[NoQuery, Cancel]) -> Response:
    """Stop an execution: SIGTERM, then after its grace SIGKILL"""
    execution = await call.site.supervisor.cancel(call.id, by="user", kill=call.body.kill)
    asked = "killed" if call.body.kill else "asked to stop"
    shape = _shapes(call.site, [execution])[0]
    return Answer(Cancelling(f"execution {call.id} was {asked}", shape))


async def deleted(call: Call[NoQuery, None]) -> Response:
    """Forget an ended execution, with its log and artifacts"""
    await call.site.supervisor.delete(call.id)
    return Answer(Said(f"execution {call.id} is deleted"))


async def pinned(call: Call[NoQuery, None]) -> Response:
    """Keep an execution from every rule of retention"""
    execution = await call.site.supervisor.pin(call.id, pinned=True)
    shape = _shapes(call.site, [execution])[0]
    return Answer(Pinned(f"execution {call.id} is pinned", shape))


async def unpinned(call: Call[NoQuery, None]) -> Response:
    """Let the rules of retention have an execution again"""
    execution = await call.site.supervisor.pin(call.id, pinned=False)
    shape = _shapes(call.site, [execution])[0]
    return Answer(Pinned(f"execution {call.id} is not pinned", shape))


async def steps(call: Call[NoQuery, None]) -> Response:
    """The steps of an execution"""
    await call.site.store.execution(call.id)
    at = now()
    found = await call.site.store.steps(call.id)
    return Answer(Steps([step_shape(step, at) for step in found]))


async def usage(call: Call[NoQuery, None]) -> Response:
    """Processor and memory of the script's processes, every few seconds"""
    await call.site.store.execution(call.id)
    return Answer(Usage(_usage(await call.site.store.metrics(call.id))))


async def usual(call: Call[NoQuery, None]) -> Response:
    """How long executions of this name and their steps usually take"""
    execution = await call.site.store.execution(call.id)
    return Answer(await call.site.store.usual(execution.name, but=execution.id))


async def input_written(call: Call[NoQuery, None]) -> Response:
    """Give bytes to a script that has an input: the raw body, or `data` of a JSON body. The end of
    the body is the end of file for a script without a terminal"""
    supervisor = call.site.supervisor
    if media_type(call.request) == "application/json":
        data = (await body_of(call.request, Input)).data.encode("utf-8", "surrogatepass")
        await supervisor.write_input(call.id, data)
        return Answer(Said(f"{len(data)} bytes were written"))
    written = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal written
        async for piece in call.request.stream():
            yield piece
            written += len(piece)

    await supervisor.feed_input(call.id, pieces())
    return Answer(Said(f"{written} bytes were written"))


async def resized(call: Call[NoQuery, Window]) -> Response:
    """Tell the size of the terminal in which the script believes to be"""
    await call.site.supervisor.resize(call.id, call.body.rows, call.body.cols)
    return Answer(Said(f"the terminal has {call.body.rows} rows, {call.body.cols} columns"))


async def _answer_created(
    site: Site, execution: Execution, wait: timedelta | None, executions: str
) -> Response:
    """`executions` is where they all are, relative to the request: a proxy may add a prefix."""
    if wait is not None:
        execution = await _ended(site, execution, wait)
    shape = _shapes(site, [execution])[0]
    place = f", place {shape.queue_place} in the queue" if shape.queue_place else ""
    body = Created(
        execution.id,
        execution.status,
        execution.name,
        f"execution {execution.id} is {execution.status.value}{place}",
        shape,
        str(site.supervisor.folder(execution.id).input) if execution.stdin else None,
    )
    return Answer(body, 201, {"Location": f"{executions}{execution.id}"})


async def _ended(site: Site, execution: Execution, within: timedelta) -> Execution:
    """The execution when it has ended, or after a time, or when the server is about to go."""
    waiting = asyncio.ensure_future(site.supervisor.wait(execution.id, within))
    closing = asyncio.ensure_future(site.live.closing.wait())
    try:
        await asyncio.wait((waiting, closing), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        return await site.store.execution(execution.id)
    finally:
        waiting.cancel()
        closing.cancel()


def _shapes(
    site: Site, executions: list[Execution], ended: dict[str, ExecutionShape] | None = None
) -> list[ExecutionShape]:
    """`ended` are known already, and it gets what can't change any more."""
    at = now()
    known = {} if ended is None else ended
    return [known.get(one.id) or _shape(site, one, at, known) for one in executions]


def _shape(
    site: Site, execution: Execution, at: datetime, ended: dict[str, ExecutionShape]
) -> ExecutionShape:
    is_pending = execution.status is Status.PENDING
    waiting = site.supervisor.waiting(execution.id) if is_pending else None
    shape = execution_shape(execution, at, waiting)
    if execution.is_finished:
        ended[execution.id] = shape
    return shape


def _statuses(text: str | None) -> tuple[Status, ...]:
    if not text:
        return ()
    try:
        return tuple(Status(word.strip()) for word in text.split(","))
    except ValueError as error:
        known = ", ".join(Status)
        raise InvalidRequest(f"status: {text!r} is none of {known}", field="status") from error


def _meta(text: str | None) -> dict[str, str]:
    pairs = [part.partition("=") for part in (text or "").split(",") if part]
    for key, sign, _ in pairs:
        if not key or not sign:
            raise InvalidRequest(f"meta: {text!r} is not KEY=VALUE", field="meta")
    return {key: value for key, _, value in pairs}


def _aware(at: datetime | None) -> datetime | None:
    """A time without a zone is UTC, as all times of the API."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def duration_of(text: str | None) -> timedelta | None:
    """How long somebody wants to wait. InvalidRequest."""
    if text is None:
        return None
    found = _DURATION.fullmatch(text)
    if not found:
        raise InvalidRequest(f"wait: {text!r} is no duration such as 30s", field="wait")
    return min(LONGEST_WAIT, timedelta(seconds=float(found[1]) * _UNITS_SECONDS[found[2]]))


def _usage(samples: list[Sample]) -> list[UsageSample]:
    by_time: dict[datetime, dict[str, float]] = {}
    for sample in samples:
        if sample.name.startswith("process."):
            by_time.setdefault(sample.at, {})[sample.name] = sample.value
    return [
        UsageSample(
            at=at,
            cpu_percent=rounded(values.get("process.cpu_percent"), 1),
            memory_bytes=_whole(values.get("process.memory_bytes")),
            processes=_whole(values.get("process.count")),
        )
        for at, values in by_time.items()
    ]


def _whole(number: float | None) -> int | None:
    return None if number is None else round(number)
