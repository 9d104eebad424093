"""Owns all executions of one storage folder: the queue, the runners, and what becomes of both.

Everything that has to survive the server is in the store and in the folders; an object of this
class can be thrown away at any moment and made again by `recover`.
"""

import asyncio
import os
import shutil
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import structlog

from stepflow.artifacts import ArtifactFolder
from stepflow.errors import (
    Conflict,
    InvalidRequest,
    NoReader,
    NoSpace,
    NotFound,
    Unavailable,
)
from stepflow.feed import ExecutionDeleted, ExecutionUpdate, Feed
from stepflow.model import (
    Artifact,
    Cancellation,
    Cancelled,
    CouldNotStart,
    Execution,
    NewExecution,
    Outcome,
    Status,
    is_id,
    month_of,
    new_id,
)
from stepflow.process import (
    Folder,
    Input,
    Launch,
    Usage,
    reap_strangers,
    script_environment,
    traced,
    usage_of,
)
from stepflow.runner import (
    Runner,
    Seams,
    Spec,
    Tail,
    argv_of,
    create_files,
    file_variables,
    masked_request,
)
from stepflow.store import Sample, Settlement, Store
from stepflow.supervisor.archiver import Archiver
from stepflow.supervisor.creation import Reading, checked, execution_of, repeated
from stepflow.supervisor.emulation import emulated
from stepflow.supervisor.queueing import Waiting, starts_in
from stepflow.transcript import NO_MASKS, Masks, Transcript

STOP_SECONDS = 8.0
SECONDS_TO_SAVE = 2.0
SECONDS_TO_ATTACH = 1.0
SECONDS_TO_CATCH_UP = 1.0
SECONDS_TO_OPEN_INPUT = 5.0
FOLLOW_AGAIN_SECONDS = 1.0
LOOK_SECONDS = 0.1
LOOK_AT_SAVES_SECONDS = 1.0
SAMPLING_REST_SECONDS = 0.001
# A thousand at once would keep everybody else waiting.
AT_ONCE = 20
HIDDEN = "***"

Result = TypeVar("Result")
Value = TypeVar("Value")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Rules:
    """How this supervisor works; sizes in bytes. `environment` is what scripts start from,
    `open_files` their soft limit (None: as ours), `reading` how their output is read.
    `save_seconds` after it was read, output of whatever size is recorded as read."""

    pump_program: list[str]
    environment: dict[str, str]
    environment_mode: Literal["inherit", "minimal"] = "inherit"
    max_running: int = 1_000
    least_free_bytes: int = 1 << 30
    open_files: int | None = None
    archive_after_seconds: float = 60.0
    save_seconds: float = 10.0
    sample_seconds: float = 5.0
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True)
class _Kept:
    """What a folder holds of an unfinished execution."""

    folder: Folder
    spec: Spec
    is_spec_lost: bool
    masks: Masks
    was_begun: bool


class LiveFigures(msgspec.Struct, frozen=True):
    """What happens right now; `problem` says why the storage can't be used."""

    running: int
    pending: int
    max_running: int
    problem: str | None


class Supervisor:
    """`storage` is the folder that holds `executions/`; the caller holds its lock. `recover` begins
    its work: before that no output is read."""

    def __init__(
        self, storage: Path, store: Store, feed: Feed, artifacts: ArtifactFolder, rules: Rules
    ) -> None:
        self.storage = storage
        self.store = store
        self.feed = feed
        self.artifacts = artifacts
        self._rules = rules
        self._loop = asyncio.get_running_loop()
        self._spawning = ThreadPoolExecutor(1, "spawn")
        self._copying = ThreadPoolExecutor(2, "copy")
        self._tail = Tail()
        self._seams = Seams(
            store,
            feed,
            self._tail,
            artifacts,
            self._spawning,
            self._copying,
            rules.pump_program,
            self._problem_now,
            self._problem_lately,
        )
        self._running: dict[str, Runner] = {}
        self._pending: dict[str, Runner] = {}
        self._making: dict[str, asyncio.Future[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._usage: dict[str, tuple[float, Usage]] = {}
        self._is_stopping = False
        self.problem: str | None = None
        self._looked_at = 0.0
        self._reckoned_at = 0.0
        self._starts_in: dict[str, float | None] = {}
        names = ("", "server.lock", "database/stepflow.db")
        self._own_paths = [str(storage / name) for name in names]
        self._identity = self._identity_now()
        self._archiver = Archiver(
            storage / "executions", self._is_unfinished, rules.archive_after_seconds
        )
        self._background(self._tick(min(LOOK_AT_SAVES_SECONDS, rules.save_seconds), self._save_due))
        self._background(self._tick(rules.sample_seconds, self._sample))

    # --- asked for by clients ------------------------------------------------------------

    async def create(self, wanted: NewExecution, *, user: str | None = None) -> Execution:
        """Record a new execution and put it in the queue. InvalidRequest, NoSpace, Unavailable."""
        self._check_usable()
        checked(wanted)
        masks = _masks(list(wanted.secret_environment.values()))
        execution = execution_of(
            wanted,
            execution_id=new_id(time.time_ns() // 1_000_000, os.urandom(10)),
            user=user,
            at=datetime.now(UTC),
            reading=self._rules.reading,
        )
        usual_seconds = await self.store.usual_seconds(execution.name)
        execution = msgspec.structs.replace(execution, usual_seconds=usual_seconds)
        self._check_space()
        made = self._making[execution.id] = self._loop.create_future()
        try:
            return await self._queued(execution, wanted, masks)
        finally:
            del self._making[execution.id]
            made.set_result(None)

    async def _queued(self, execution: Execution, wanted: NewExecution, masks: Masks) -> Execution:
        folder, spec = self.folder(execution.id), self._spec(execution, wanted)
        shown = masked_request(execution, masks) if masks else execution
        execution = await self.store.create(shown)
        runner = Runner(self._seams, execution, folder, spec.launch, masks)
        try:
            await self._in_spawning(lambda: _prepare(folder, spec, masks))
        except OSError as error:
            reason = f"its folder can't be made: {error.strerror}"
            return await self._settle_unstarted(execution, CouldNotStart(reason))
        self._publish(execution)
        self._pending[execution.id] = runner
        self._start_pending()
        return runner.execution

    async def cancel(self, execution_id: str, *, by: str, kill: bool = False) -> Execution:
        """Ask for the end of an execution. NotFound; Conflict if it has ended already."""
        self._check_usable()
        now = datetime.now(UTC)
        if execution_id in self._making:  # its row is seen a moment before it is in the queue
            await asyncio.wait([self._making[execution_id]])
        if execution_id in self._pending:
            return await self._cancel_pending(self._pending.pop(execution_id), by)
        runner_or_none = self._running.get(execution_id)
        if runner_or_none is None:
            execution = await self.store.execution(execution_id)
            raise Conflict(f"execution {execution_id} has ended: it is {execution.status.value}")
        await runner_or_none.stop(Cancellation(Cancelled(by), now), kill=kill)
        return runner_or_none.execution

    async def _cancel_pending(self, runner: Runner, by: str) -> Execution:
        try:
            settled = await self._settle_unstarted(runner.execution, Cancelled(by))
        except Unavailable:
            self._pending = {runner.execution.id: runner, **self._pending}
            raise
        runner.ended.set_result(settled)
        return settled

    async def rerun(
        self, execution_id: str, changes: dict[str, Any], *, user: str | None = None
    ) -> Execution:
        """Create the same execution again, with changed fields. Its secrets are not kept: they
        must be given again, or InvalidRequest names them."""
        execution = await self.store.execution(execution_id)
        request = {**repeated(execution), **changes}
        try:
            wanted = msgspec.convert(request, NewExecution)
        except msgspec.ValidationError as error:
            raise InvalidRequest(str(error)) from error
        missing = sorted(set(execution.secret_names) - set(wanted.secret_environment))
        if missing and "secret_environment" not in changes:
            raise InvalidRequest(
                f"secret_environment: give the values of {', '.join(missing)} again,"
                " they were not kept",
                field="secret_environment",
            )
        if execution.secret_names:
            _require_unmasked(request)
        return await self.create(wanted, user=user)

    async def delete(self, execution_id: str) -> None:
        """Forget a finished execution and its files. NotFound; Conflict while it runs."""
        self._check_usable()
        if self._is_unfinished(execution_id):
            raise Conflict(f"execution {execution_id} has not ended: cancel it first")
        await self.store.delete(execution_id)
        await self._in_spawning(lambda: self._remove_files(execution_id))
        self.feed.publish(ExecutionDeleted(execution_id))

    async def pin(self, execution_id: str, *, pinned: bool) -> Execution:
        """Keep an execution from rules of retention, or no more. NotFound."""
        self._check_usable()
        execution = await self.store.pin(execution_id, pinned=pinned)
        runner = self._running.get(execution_id) or self._pending.get(execution_id)
        if runner is not None:
            runner.execution = msgspec.structs.replace(runner.execution, pinned=pinned)
        self._publish(execution)
        return execution

    async def forget_unpinned(self, execution_id: str) -> None:
        """Forget for a rule of retention. NotFound; Conflict while it runs and if it is pinned."""
        if (await self.store.execution(execution_id)).pinned:
            raise Conflict(f"execution {execution_id} is pinned")
        await self.delete(execution_id)

    async def forget_artifact(self, artifact_id: str) -> Artifact:
        """Forget an artifact and its file; what it was. NotFound."""
        self._check_usable()
        artifact = await self.store.delete_artifact(artifact_id)
        await self._loop.run_in_executor(self._copying, self.artifacts.forget, artifact)
        return artifact

    async def wait(self, execution_id: str, within: timedelta) -> Execution:
        """The execution when it has ended, or as it is after `within`. NotFound."""
        runner = self._running.get(execution_id) or self._pending.get(execution_id)
        if runner is not None:
            await asyncio.wait([runner.ended], timeout=within.total_seconds())
            if runner.ended.done():
                return runner.ended.result()
        return await self.store.execution(execution_id)

    async def write_input(self, execution_id: str, data: bytes) -> None:
        """Give bytes to the input of a running execution, however slowly it takes them.
        NotFound; Conflict without an input."""
        await self.feed_input(execution_id, _once(data))

    async def feed_input(self, execution_id: str, chunks: AsyncIterator[bytes]) -> None:
        """Give a stream to the input of a running execution; for a script without a terminal its
        end is the end of file. NotFound; Conflict without an input."""
        runner = self._with_input(execution_id)
        with await self._opened_input(runner) as opened:
            async for chunk in chunks:
                rest = chunk
                while rest := rest[opened.write(rest) :]:
                    await self._writable(opened)

    async def resize(self, execution_id: str, rows: int, columns: int) -> None:
        """Tell a terminal's size. NotFound; Conflict without a terminal."""
        runner = self._with_input(execution_id)
        if not runner.execution.tty:
            raise Conflict(f"execution {execution_id} has no terminal: start it with tty")
        with await self._opened_input(runner) as opened:
            while not opened.resize(rows, columns):
                await self._writable(opened)

    async def _opened_input(self, runner: Runner) -> Input:
        """A script opens its input a moment after it was started."""
        while True:
            try:
                return Input(runner.folder, tty=runner.execution.tty)
            except NoReader:
                began = runner.execution.started_at
                age = datetime.now(UTC) - began if began is not None else timedelta()
                if runner.ended.done() or age.total_seconds() > SECONDS_TO_OPEN_INPUT:
                    raise
            await asyncio.sleep(0.01)

    async def _writable(self, opened: Input) -> None:
        ready = self._loop.create_future()
        self._loop.add_writer(opened.fileno(), ready.set_result, None)
        try:
            await ready
        finally:
            self._loop.remove_writer(opened.fileno())

    def queue_place(self, execution_id: str) -> int | None:
        """1 for the one that starts next; None for what is not waiting."""
        if execution_id not in self._pending:
            return None
        return list(self._pending).index(execution_id) + 1

    def waiting(self, execution_id: str) -> Waiting | None:
        """Its place in the queue, and when it will start; that is reckoned once a second."""
        place = self.queue_place(execution_id)
        if place is None:
            return None
        is_old = time.monotonic() - self._reckoned_at >= 1
        if is_old or execution_id not in self._starts_in:
            self._reckoned_at = time.monotonic()
            self._starts_in = dict(zip(self._pending, self._reckoned(), strict=True))
        return Waiting(place, self._starts_in.get(execution_id))

    def _reckoned(self) -> list[float | None]:
        now = datetime.now(UTC)
        lefts = [runner.execution.remaining(now) for runner in self._running.values()]
        return starts_in(
            [None if left is None else left.total_seconds() for left in lefts],
            [runner.execution.usual_seconds for runner in self._pending.values()],
            self._rules.max_running,
        )

    def active(self) -> list[Execution]:
        """Running executions, then pending ones in their order."""
        return [r.execution for r in (*self._running.values(), *self._pending.values())]

    def open_transcript(self, execution: Execution) -> Transcript:
        """The transcript as its readers may see it; empty if nothing was ever written."""
        folder = self.folder(execution.id)
        runner = self._running.get(execution.id)
        try:
            if runner is not None:
                return Transcript.open(folder.path, runner.masks, runner.published_bytes)
            # An end that a crash cut short left them there, and the secrets in the log.
            return Transcript.open(folder.path, Masks.of_file(folder.masks))
        except NotFound:
            return Transcript.empty()

    def folder(self, execution_id: str) -> Folder:
        """Where an execution's files are; those of the original's ids lie flat."""
        if not is_id(execution_id):
            raise NotFound(f"{execution_id!r} is not the id of an execution")
        month = month_of(execution_id)
        executions = self.storage / "executions"
        return Folder(executions / month / execution_id if month else executions / execution_id)

    @property
    def rules(self) -> Rules:
        return self._rules

    def live_figures(self) -> LiveFigures:
        return LiveFigures(
            len(self._running), len(self._pending), self._rules.max_running, self.problem
        )

    async def announce(self, execution_ids: list[str]) -> None:
        """Tell watchers of executions that were written by somebody else."""
        for execution_id in execution_ids:
            with suppress(NotFound):  # removed meanwhile
                self._publish(await self.store.execution(execution_id))

    # --- the life of the server ----------------------------------------------------------

    async def recover(self, holds: dict[str, int] | None = None) -> int:
        """Go on with everything that had not ended, each on its own; how many there were.
        `holds` are output FIFOs held by the server before (after a restart in place)."""
        holds = holds or {}
        unfinished = await self.store.unfinished()
        attaching, reading = [], []
        for execution, kept in await self._in_spawning(lambda: self._all_kept(unfinished)):
            if isinstance(kept, Exception):
                log.error("not recovered", execution=execution.id, reason=str(kept))
                continue
            runner, is_queued = self._found(execution, kept)
            if is_queued:
                self._pending[execution.id] = runner
            else:
                attached, caught_up = self._resume(runner, holds.get(execution.id))
                attaching.append(attached)
                reading.append(caught_up)
        # What all say is held before any of it is read, and it is read before anybody asks for
        # it; but a long log or a full disk keeps nobody out.
        if attaching:
            await asyncio.wait(attaching, timeout=SECONDS_TO_ATTACH)
        self._tail.start()
        if reading:
            await asyncio.wait(reading, timeout=SECONDS_TO_CATCH_UP)
        self._archiver.start()
        self._start_pending()
        return len(unfinished)

    def _found(
        self,
        execution: Execution,
        kept: "_Kept",
        ended: asyncio.Future[Execution] | None = None,
    ) -> tuple[Runner, bool]:
        """A runner for an unfinished execution, and whether it still waits for its turn."""
        runner = Runner(
            self._seams,
            execution,
            kept.folder,
            kept.spec.launch,
            kept.masks,
            is_spec_lost=kept.is_spec_lost,
            ended=ended,
        )
        return runner, execution.status is Status.PENDING and not kept.was_begun

    def _all_kept(self, executions: list[Execution]) -> list[tuple[Execution, "_Kept | Exception"]]:
        """What their folders hold; a bad one is no trouble of the others."""
        found: list[tuple[Execution, _Kept | Exception]] = []
        for execution in executions:
            try:
                found.append((execution, self._kept(execution)))
            except Exception as error:  # noqa: BLE001 - the log hears of it
                found.append((execution, error))
        return found

    def _kept(self, execution: Execution) -> "_Kept":
        """What the folder holds, whatever became of it meanwhile."""
        folder = self.folder(execution.id)
        is_spec_lost = False
        try:
            spec = Spec.load(folder.spec)
        except (OSError, msgspec.DecodeError):
            spec, is_spec_lost = self._spec(execution, None), True
        try:
            masks = Masks.of_file(folder.masks)
        except (OSError, msgspec.DecodeError) as error:
            log.error("masks unreadable", execution=execution.id, reason=str(error))  # noqa: TRY400 (the reason says it all)
            masks = NO_MASKS
        masks = masks.extended([secret.encode() for secret in spec.secrets])
        return _Kept(folder, spec, is_spec_lost, masks, folder.status.exists())

    def _resume(
        self, runner: Runner, hold: int | None
    ) -> tuple[asyncio.Task[None], asyncio.Task[None]]:
        """Follow it again. The first task is done when its output is held, the second when it has
        been read as far as it was written by now."""
        self._running[runner.execution.id] = runner
        attached = self._loop.create_task(runner.resume(hold))
        caught_up = self._loop.create_task(self._catch_up(runner, attached))
        self._background(self._guard(runner, lambda: caught_up))
        return attached, caught_up

    async def _catch_up(self, runner: Runner, attached: asyncio.Task[None]) -> None:
        await attached
        await self._tail.started.wait()
        await runner.catch_up()

    async def stop(self, *, scripts_too: bool) -> dict[str, int]:
        """Let go of everything; scripts go on, unless they are to stop too (8 s at most).
        Returns the held output FIFOs of running executions; the caller owns them."""
        self._is_stopping = True
        if scripts_too:
            await self._stop_scripts()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # On a full disk the last save waits for ever; the next server then reads a little again.
        with suppress(TimeoutError):
            await asyncio.wait_for(self._save(self._running.values()), SECONDS_TO_SAVE)
        holds = {}
        for execution_id, runner in self._running.items():
            hold = runner.take_hold()
            if hold is not None:
                holds[execution_id] = hold
            runner.close()
        self._tail.close()
        self._archiver.stop()
        self._spawning.shutdown()
        self._copying.shutdown()
        self._archiver.join()
        return holds

    async def _stop_scripts(self) -> None:
        now = datetime.now(UTC)
        runners = list(self._running.values())
        cancellation = Cancellation(Cancelled("shutdown"), now)
        await asyncio.gather(*(runner.stop(cancellation) for runner in runners))
        if runners:
            ended = [runner.ended for runner in runners]
            _, running = await asyncio.wait(ended, timeout=STOP_SECONDS * 0.75)
            for runner in runners:
                if runner.ended in running:
                    await runner.stop(cancellation, kill=True)
            if running:
                await asyncio.wait(running, timeout=STOP_SECONDS * 0.25)

    # --- the queue -----------------------------------------------------------------------

    def _start_pending(self) -> None:
        while (
            self._pending
            and len(self._running) < self._rules.max_running
            and not self._is_stopping
            and self.problem is None
        ):
            execution_id = next(iter(self._pending))
            runner = self._running[execution_id] = self._pending.pop(execution_id)
            self._background(self._guard(runner, partial(self._begin, runner)))

    async def _begin(self, runner: Runner) -> None:
        """Start one whose turn has come; its folder may have been lost while it waited."""
        if not runner.is_spec_lost and not runner.folder.spec.exists():
            await self._in_spawning(lambda: _prepare(runner.folder, runner.spec, runner.masks))
        await runner.begin()

    async def _guard(self, runner: Runner, begin: Callable[[], Awaitable[None]]) -> None:
        """See one runner through. What goes wrong with it is nobody else's trouble, and the
        script's neither: it is followed again from what was recorded."""
        execution_id = runner.execution.id
        try:
            await begin()
            either = (runner.ended, runner.failed)
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not runner.ended.done():
                runner.failed.result()
        except Exception:  # The log hears of it, and following is tried again.
            log.exception("following failed, trying again", execution=execution_id)
            hold = runner.take_hold()
            runner.give_up()
            await self._follow_again(runner, hold)
            return
        self._forget(runner)

    def _forget(self, runner: Runner) -> None:
        self._running.pop(runner.execution.id, None)
        self._usage.pop(runner.execution.id, None)
        self._archiver.add(runner.folder.path)
        self._start_pending()

    async def _follow_again(self, lost: Runner, hold: int | None) -> None:
        execution = lost.execution
        while True:
            await asyncio.sleep(FOLLOW_AGAIN_SECONDS)
            try:
                self._check_usable()
                execution = await self.store.execution(execution.id)
                kept = await self._in_spawning(partial(self._kept, execution))
            except NotFound:
                break
            except (OSError, Unavailable) as error:
                log.warning("not followed yet", execution=execution.id, reason=str(error))
                continue
            if not execution.is_finished:
                runner, _ = self._found(execution, kept, lost.ended)
                self._resume(runner, hold)
                return
            break
        self._forget(lost)
        if not lost.ended.done():
            lost.ended.set_result(execution)

    async def _settle_unstarted(self, execution: Execution, outcome: Outcome) -> Execution:
        settlement = Settlement(outcome=outcome, at=datetime.now(UTC))
        settled, _ = await self.store.settle(execution.id, settlement)
        await self._in_spawning(lambda: self._remove_folder(execution.id))
        self._publish(settled)
        return settled

    def _spec(self, execution: Execution, wanted: NewExecution | None) -> Spec:
        """What the start needs. Without the request (lost with its `spec.json`) what the row tells
        must do, to follow what runs."""
        caller = wanted.caller_environment if wanted else None
        secrets = wanted.secret_environment if wanted else {}
        environment = script_environment(
            caller if caller is not None else self._rules.environment,
            {**emulated(execution.emulate, execution), **execution.environment, **secrets},
            execution.id,
            mode=self._rules.environment_mode if caller is None else "inherit",
        )
        if execution.trace == "bash":
            environment = traced(environment, self.folder(execution.id).out)
        environment |= file_variables(self.folder(execution.id), execution, environment)
        launch = Launch(
            argv=argv_of(execution.argv or execution.command),
            working_directory=execution.working_directory or str(Path.cwd()),
            environment=environment,
            grace=timedelta(seconds=execution.grace),
            tty=execution.tty,
            window=(wanted.window if wanted and wanted.window else (24, 120)),
            keep_background=execution.keep_background,
            stdin=execution.stdin,
            max_log_bytes=execution.max_log_bytes,
            open_files=self._rules.open_files,
        )
        return Spec(launch, list(secrets.values()))

    # --- ticks ---------------------------------------------------------------------------

    async def _tick(self, seconds: float, act: Callable[[], Any]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await act()
            except Exception:  # The log hears of it; one bad look must not end the looking.
                log.exception("tick failed")

    async def _save_due(self) -> None:
        seconds = self._rules.save_seconds
        due = [runner for runner in self._running.values() if runner.is_save_due(seconds)]
        for runners in _batched(due, AT_ONCE):
            await self._save(runners)

    async def _save(self, runners: Iterable[Runner]) -> None:
        if self._problem_now() is None:
            await asyncio.gather(*(runner.save() for runner in runners))

    def _problem_now(self) -> str | None:
        """A folder removed or replaced under us is a ghost: nothing more is written into it."""
        self._looked_at = time.monotonic()
        is_ours = self._identity_now() == self._identity
        problem = None if is_ours else f"{self.storage} was removed or replaced under the server"
        if problem != self.problem:
            self.problem = problem
            log.error("storage lost" if problem else "storage back", storage=str(self.storage))
            if problem is None:
                for runner in self._running.values():
                    runner.wake()
                self._start_pending()
        return problem

    def _problem_lately(self) -> str | None:
        """The same as it was a moment ago: for readers, of whom there are thousands a second."""
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            return self._problem_now()
        return self.problem

    def _identity_now(self) -> list[tuple[int, int] | None]:
        """The folder, its lock and its database: inode numbers alone are soon given again."""
        return [_identity(path) for path in self._own_paths]

    async def _sample(self) -> None:
        """CPU and memory of every script's tree, kept with its execution."""
        reap_strangers({pid for runner in self._running.values() for pid in runner.children})
        runners = {r.pump.pid: r for r in self._running.values() if r.pump is not None}
        if not runners or self.problem is not None:
            return
        usages = await self._loop.run_in_executor(
            self._copying, partial(usage_of, list(runners), rest_seconds=SAMPLING_REST_SECONDS)
        )
        now, clock = datetime.now(UTC), time.monotonic()
        for pids in _batched(usages, AT_ONCE):
            samples = {
                runner.execution.id: self._samples(runner, usages[pid], now, clock)
                for pid in pids
                if (runner := runners[pid]).execution.id in self._running  # it may have ended
            }
            with suppress(Unavailable):
                await self.store.keep_samples(samples)

    def _samples(self, runner: Runner, usage: Usage, now: datetime, clock: float) -> list[Sample]:
        """What a script's tree uses, and since the last look."""
        before = self._usage.get(runner.execution.id)
        self._usage[runner.execution.id] = (clock, usage)
        runner.note_usage(usage)
        samples = [
            Sample(name="process.memory_bytes", value=usage.memory_bytes, at=now, unit="B"),
            Sample(name="process.count", value=usage.processes, at=now),
        ]
        if before is not None:
            used = usage.cpu_seconds - before[1].cpu_seconds
            percent = max(0.0, 100 * used / (clock - before[0]))
            samples.append(Sample(name="process.cpu_percent", value=percent, at=now, unit="%"))
        return samples

    # --- the rest ------------------------------------------------------------------------

    def _is_unfinished(self, execution_id: str) -> bool:
        return execution_id in self._running or execution_id in self._pending

    def _with_input(self, execution_id: str) -> Runner:
        runner = self._running.get(execution_id)
        if runner is None:
            raise Conflict(f"execution {execution_id} does not run")
        if not (runner.execution.tty or runner.execution.stdin):
            raise Conflict(f"execution {execution_id} has no input: start it with tty or stdin")
        return runner

    def _check_usable(self) -> None:
        if (problem := self._problem_now()) is not None:
            raise Unavailable(problem)
        if self._is_stopping:
            raise Unavailable("the server is stopping")

    def _check_space(self) -> None:
        status = os.statvfs(self.storage)
        free = status.f_bavail * status.f_frsize
        if free < self._rules.least_free_bytes:
            raise NoSpace(
                f"only {free >> 20} MiB are free in {self.storage}: no new execution starts below"
                f" {self._rules.least_free_bytes >> 20} MiB (STEPFLOW_MIN_FREE_BYTES)"
            )

    def _remove_files(self, execution_id: str) -> None:
        self._remove_folder(execution_id)
        self.artifacts.forget_execution(execution_id)

    def _remove_folder(self, execution_id: str) -> None:
        folder = self.folder(execution_id).path
        if not folder.is_dir():
            return
        # Not file by file: a script that knows of its folder may have made others in it.
        shutil.rmtree(folder)

    def _publish(self, execution: Execution) -> None:
        self.feed.publish(ExecutionUpdate(execution.id, execution))

    def _background(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _in_spawning(self, function: Callable[[], Result]) -> Result:
        return await self._loop.run_in_executor(self._spawning, function)


def _batched(values: Iterable[Value], size: int) -> Iterator[Sequence[Value]]:
    """As of itertools from Python 3.12 on."""
    left = iter(values)
    while batch := list(islice(left, size)):
        yield batch


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _masks(secrets: list[str]) -> Masks:
    return Masks([secret.encode() for secret in secrets]) if secrets else NO_MASKS


def _require_unmasked(request: Mapping[str, object]) -> None:
    """What a secret was taken out of can't be run again as it is. InvalidRequest."""
    for name in ("command", "environment"):
        if HIDDEN in str(request[name]):
            raise InvalidRequest(
                f"{name}: it held a secret, which was not kept: give it again", field=name
            )


def _prepare(folder: Folder, spec: Spec, masks: Masks) -> None:
    folder.create()
    create_files(folder, spec.launch.environment)
    if masks:
        masks.keep(folder.masks)
    spec.save(folder.spec)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 (it is asked before every write)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino
