"""One execution from its start to its end: transcript → timeline → record → publish.

The order is the promise. Bytes are in the file before anything is said of them, and a fact is
durable before anyone hears of it, so a server that starts again goes on exactly where it was.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn, TypeVar

import msgspec
import structlog

from stepflow.errors import AlreadyPumped, Conflict, CouldNotSpawn, Gone, StaleOwner, Unavailable
from stepflow.events import Annotation, AnyEvent, Progress, StepEnd
from stepflow.feed import LogComplete
from stepflow.model import (
    Cancellation,
    CouldNotStart,
    Execution,
    Lost,
    Outcome,
    Status,
    Step,
    StoppedOnError,
)
from stepflow.process import (
    Folder,
    Launch,
    Pump,
    StatusRecords,
    Usage,
    attach,
    exit_status,
    hold_output,
    read_status,
    running_pump,
    start,
    stop_script,
    sweep,
)
from stepflow.runner.copies import Copies
from stepflow.runner.ending import error_message, exit_code_of, outcome_of, with_result
from stepflow.runner.environment_files import EnvironmentFiles
from stepflow.runner.log_reader import PIECE_BYTES, LogReader
from stepflow.runner.masking import masked
from stepflow.runner.seams import Seams
from stepflow.runner.spec import Spec
from stepflow.runner.summaries import SummaryFiles
from stepflow.runner.tail import Watched
from stepflow.runner.teller import Teller
from stepflow.runner.tidying import tidy
from stepflow.store import Settlement, Unit
from stepflow.timeline import options_of
from stepflow.transcript import Masks

TURN_BYTES = 256 << 10
TURN_SECONDS = 0.002
SAVE_BYTES = 256 << 10
MOST_STARTS = 3
SPEC_LOST = (
    "its spec.json is gone, and with it the environment and the secrets that it was to start with"
)

Result = TypeVar("Result")

log = structlog.get_logger(__name__)


class Runner:
    """Follows one execution. `ended` resolves to the settled execution, once and always; until
    then `failed` raises what keeps this runner from it, and the next one takes `ended` over.
    `published_bytes` is how much of the log anybody may read. With `is_spec_lost` the launch is
    what the row tells of it: enough to follow and to stop a script, not to start one."""

    def __init__(
        self,
        seams: Seams,
        execution: Execution,
        folder: Folder,
        launch: Launch,
        masks: Masks,
        *,
        is_spec_lost: bool = False,
        ended: asyncio.Future[Execution] | None = None,
    ) -> None:
        self._seams = seams
        self._loop = asyncio.get_running_loop()
        self.execution = execution
        self.folder = folder
        self.pump: Pump | None = None
        self.ended = self._loop.create_future() if ended is None else ended
        self.failed: asyncio.Future[NoReturn] = self._loop.create_future()
        self.published_bytes = 0
        self._is_kill_asked = False
        self._launch = launch
        self.is_spec_lost = is_spec_lost
        self._hold: int | None = None
        self._log = LogReader(folder, options_of(execution), masks)
        self._watched: Watched | None = None
        self._recorded_offset = 0
        self._recorded_at = time.monotonic()
        self._script: int | None = None
        self._recording: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        directory = Path(launch.working_directory)
        self._copies = Copies(seams, execution.id, directory, self._begun)
        self._summaries = SummaryFiles(seams, execution.id, directory, lambda: self.masks)
        self._files = EnvironmentFiles(folder, launch.environment)
        self._teller = Teller(seams.feed, execution.id, self._tell_later)
        self._last_error: str | None = None
        self._starts = 0
        self._is_abandoned = False
        self._is_settling = False

    @property
    def spec(self) -> Spec:
        """What `spec.json` holds."""
        return Spec(self._launch, [secret.decode() for secret in self.masks.secrets])

    @property
    def masks(self) -> Masks:
        """The secrets that no reader of the log may see."""
        return self._log.masks

    # --- beginning -----------------------------------------------------------------------

    async def begin(self) -> None:
        """Start the script. What keeps it from starting settles the execution."""
        if self.execution.cancellation is not None:
            await self._settle(self.execution.cancellation.outcome)
            return
        if self.is_spec_lost:
            await self._settle(CouldNotStart(SPEC_LOST))
            return
        launch = self._launch
        now = datetime.now(UTC)
        if self.execution.timeout is not None:
            deadline = self.execution.deadline or now + timedelta(seconds=self.execution.timeout)
            launch = msgspec.structs.replace(launch, deadline=deadline)
        self._launch = launch
        self._starts += 1
        try:
            self.pump = await self._seams.in_spawning(self._spawn)
        except (OSError, Unavailable) as error:
            self._blame_storage()
            reason = getattr(error, "strerror", None) or str(error)
            await self._settle(CouldNotStart(reason), at=now)
            return
        await self._is_running(self.execution.started_at or now)
        await self._follow()
        self._stop_if_asked()

    async def _is_running(self, since: datetime) -> None:
        """Record that the script runs, and until when it may."""
        identity, store, timeout = self.execution.id, self._seams.store, self.execution.timeout
        deadline = self._launch.deadline
        if deadline is None and timeout is not None:
            deadline = since + timedelta(seconds=timeout)
            self._launch = msgspec.structs.replace(self._launch, deadline=deadline)
        self.execution = await self._insist(
            lambda: store.update(
                identity, status=Status.RUNNING, started_at=since, deadline=deadline
            )
        )
        self._teller.tell(self.execution)

    def _stop_if_asked(self) -> None:
        """Pass a wish to stop on to the pump, which may hear of it twice; so it is right after a
        start too, when the wish came before there was a pump."""
        if self.pump is None or self.execution.cancellation is None:
            return
        if self._is_kill_asked:
            self.pump.kill()
        else:
            self.pump.stop()

    def _spawn(self) -> Pump:
        self._hold = self._hold if self._hold is not None else hold_output(self.folder)
        return start(self.folder, self.execution.id, self._launch, self._seams.pump_program)

    async def resume(self, hold: int | None = None) -> None:
        """Go on after a restart of the server, wherever pump and script are by now; what was
        written meanwhile is read by `catch_up`. `hold` is the output's FIFO as held by the server
        before."""
        self._hold = hold
        self._launch = msgspec.structs.replace(self._launch, deadline=self.execution.deadline)
        if not self.folder.path.is_dir():
            self._blame_storage()
            if self.execution.status is Status.PENDING:
                await self._settle(CouldNotStart("its folder is gone"))
            else:
                await self._settle_without_folder()
            return
        self.pump = await self._found_pump()
        if self.pump is None and not self._was_started():
            # A power cut may have taken the records of a script that did run.
            if self.execution.started_at is not None and self.execution.started_at < _booted_at():
                await self._settle(Lost("the machine was rebooted"))
            else:
                await self.begin()
            return
        if self.execution.status is Status.PENDING:
            await self._is_running(self._started_at())
        if hold is None and self.pump is None and not self._is_output_whole():
            # Durable at once: the next server could not tell it any more.
            identity, store = self.execution.id, self._seams.store
            self.execution = await self._insist(
                lambda: store.update(identity, tail_may_be_missing=True)
            )
        state = await self._seams.store.follow_state(self.execution.id)
        if state is not None:
            self._copies.may_wait()
            self._summaries.may_wait()
            self._log.take_up(state.state)
            self._recorded_offset = state.offset
        await self._follow()
        self._stop_if_asked()

    async def _found_pump(self) -> Pump | None:
        if self._hold is None and self.folder.out.exists():
            self._hold = hold_output(self.folder)
        try:
            return running_pump(self.folder, within=0)
        except CouldNotSpawn:  # unless it was started a moment ago and has still to say so
            return await self._seams.in_spawning(running_pump, self.folder)

    def _was_started(self) -> bool:
        records = self._records()
        return records.script is not None or records.exit is not None

    def _is_output_whole(self) -> bool:
        """With neither server nor pump alive, only the script itself kept the FIFO's content. By
        now it is held again, so a script that still runs has lost nothing."""
        records = self._records()
        if records.exit is not None and records.exit.is_complete:
            return True
        return records.script is not None and records.script.identity.is_running

    def _started_at(self) -> datetime:
        script = self._records().script
        return script.at if script is not None else datetime.now(UTC)

    # --- following -----------------------------------------------------------------------

    async def _follow(self) -> None:
        holder = self.pump.pid if self.pump is not None else None
        try:
            descriptor = self._log.open(holder)
        except FileNotFoundError:
            self._blame_storage()
            await self._settle(Lost("its log is gone"))
            return
        self.published_bytes = max(self.published_bytes, self._log.offset)
        if self._log.is_index_behind:
            await self._loop.run_in_executor(self._seams.copying, self._log.rebuild_index)
        self._watched = self._seams.tail.add(descriptor, self._drain, turn_bytes=PIECE_BYTES)
        self._watch_pump()

    async def catch_up(self) -> None:
        """Read what was written while nobody listened. Until then it can't be shown: a line of it
        may tell of a secret."""
        while self._log.descriptor is not None and self._log.offset < self._log.backlog_end:
            if self._recording is not None:
                await asyncio.wait((self._recording,))
            elif not self._read_turn():
                return
            else:
                await asyncio.sleep(0)

    def _blame_storage(self) -> None:
        """What is missing because the whole storage is may come back with it. Unavailable."""
        if (problem := self._seams.problem()) is not None:
            raise Unavailable(problem)

    def _watch_pump(self) -> None:
        if self.pump is None:
            self._loop.call_soon(self._pump_ended)
        else:
            self._loop.add_reader(self.pump.pidfd, self._pump_ended)

    def wake(self) -> None:
        """Look at the log again, now that it may be read."""
        if self._watched is not None:
            self._seams.tail.wake(self._watched)

    def _drain(self) -> int:
        """Read one turn's worth, for the tail: what goes wrong is no trouble of its other logs."""
        if self.failed.done():
            return 0
        try:
            return self._read_turn()
        except Exception as error:  # noqa: BLE001 - who sees it through hears of it
            self.failed.set_exception(error)
            return 0

    def _read_turn(self) -> int:
        if self._recording is not None or self._is_settling or self._log.descriptor is None:
            return 0
        if self._seams.problem_lately() is not None:
            return 0
        taken, began = 0, time.perf_counter()
        while taken < TURN_BYTES and time.perf_counter() - began < TURN_SECONDS:
            data, may_be_more = self._log.read()
            if not data:
                break
            taken += len(data)
            if events := self._log.parse(data):
                self._recording = self._begun(self._record(events))
                return max(taken, PIECE_BYTES)
            if not may_be_more:
                break
        if taken:
            is_all = len(data) == taken and not self._log.is_in_backlog
            self._publish_growth(data if is_all else None)
        return taken

    # --- recording -----------------------------------------------------------------------

    async def _record(self, events: list[AnyEvent]) -> None:
        """Make one chunk's events durable, then tell of them, then let the log be read on."""
        if any(isinstance(event, StepEnd) for event in events):
            events = events + await self._said_in_files(is_final=False)
        events = await self._summaries.read(events)
        unit = self._unit(events)
        stopping = self._stopping_step(events)
        if self._log.has_new_masks:
            self._log.has_new_masks = False
            await self._seams.in_copying(self.execution.id, self._log.keep_masks)
        try:
            if stopping is None:
                steps = await self._keep(unit)
            else:
                cancellation = Cancellation(StoppedOnError(stopping.name), unit.at)
                steps, _ = await asyncio.gather(self._keep(unit), self.stop(cancellation))
        except StaleOwner:
            self._abandon()
            return
        await self._tell(events, steps)
        self._copies.begin(unit.artifacts)
        self._recording = None
        self._publish_growth()
        self.wake()

    def _unit(self, events: list[AnyEvent]) -> Unit:
        now = datetime.now(UTC)
        return Unit(
            execution_id=self.execution.id,
            old_offset=self._recorded_offset,
            offset=self._log.offset,
            lines=self._log.line,
            state=self._log.state(),
            at=now,
            events=events,
            artifacts=self._copies.wanted(events, now),
        )

    async def _said_in_files(self, *, is_final: bool) -> list[AnyEvent]:
        """What the script wrote into the files that its environment names."""
        if not self._files.have_changed():
            return []
        contents = await asyncio.to_thread(self._files.contents)
        return self._log.read_files(contents, datetime.now(UTC), is_final=is_final)

    async def _keep(self, unit: Unit) -> list[Step]:
        steps = await self._insist(lambda: self._seams.store.record(unit))
        self._recorded_offset, self._recorded_at = unit.offset, time.monotonic()
        return steps

    async def _insist(self, write: Callable[[], Awaitable[Result]]) -> Result:
        return await self._seams.insist(self.execution.id, write)

    def is_save_due(self, seconds: float) -> bool:
        """Whether much was read since the last record, or anything and `seconds` have passed."""
        unsaved = self._log.offset - self._recorded_offset
        if unsaved < SAVE_BYTES and time.monotonic() - self._recorded_at < seconds:
            return False
        return unsaved > 0

    async def save(self) -> None:
        """Record how far the log was read, if that is further than the last event."""
        is_free = self._recording is None and not self._is_settling
        if is_free and self._log.offset > self._recorded_offset:
            self._recording = self._begun(self._record([]))
            await asyncio.wait((self._recording,))

    async def _tell(self, events: list[AnyEvent], steps: list[Step]) -> None:
        if not events:
            return
        self._teller.hold(steps)
        is_progress = all(isinstance(event, Progress) for event in events)
        if is_progress and not self._teller.is_time_for_progress():
            return
        self.execution = await self._recorded()
        for event in events:
            if isinstance(event, Annotation) and event.level == "error":
                self._last_error = event.message
        self._teller.tell(self.execution, events)

    def _tell_later(self) -> None:
        if not self._is_settling:
            self._begun(self._tell_progress())

    async def _tell_progress(self) -> None:
        execution = await self._recorded()
        if not self._is_settling:
            self.execution = execution
            self._teller.tell(execution)

    async def _recorded(self) -> Execution:
        identity, store = self.execution.id, self._seams.store
        return await self._insist(lambda: store.execution(identity))

    @staticmethod
    def _stopping_step(events: list[AnyEvent]) -> StepEnd | None:
        return next((e for e in events if isinstance(e, StepEnd) and e.stops), None)

    def _abandon(self) -> None:
        """Somebody else records this execution: it is theirs, and whatever we read is too."""
        log.error("another owner records this execution", execution=self.execution.id)
        self._is_abandoned = self._is_settling = True
        self.close()

    def _begun(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """A task of this runner; what goes wrong in it is what `failed` then raises."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._is_done)
        return task

    def _is_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        is_over = self.ended.done() or self.failed.done()
        if not task.cancelled() and (error := task.exception()) and not is_over:
            self.failed.set_exception(error)

    # --- stopping ------------------------------------------------------------------------

    async def stop(self, cancellation: Cancellation, *, kill: bool = False) -> None:
        """Record why, then stop the script: politely, or at once with `kill`."""
        self._is_kill_asked = self._is_kill_asked or kill
        if self.execution.cancellation is None:
            await self._intend(cancellation)
        self._stop_if_asked()

    async def _intend(self, cancellation: Cancellation) -> None:
        store = self._seams.store
        try:
            self.execution = await store.update(self.execution.id, cancellation=cancellation)
        except Conflict:
            return
        except Unavailable as error:
            # What fills the disk must be stoppable all the same; the end will record why.
            log.warning("intent not recorded", execution=self.execution.id, reason=str(error))
            self.execution = msgspec.structs.replace(self.execution, cancellation=cancellation)
        self._teller.tell(self.execution)

    # --- ending --------------------------------------------------------------------------

    def _pump_ended(self) -> None:
        if self.pump is not None:
            self._loop.remove_reader(self.pump.pidfd)
            self.pump.close()
            self.pump = None
        if not self._is_abandoned:
            self._begun(self._finish())

    async def _finish(self) -> None:
        """The pump is gone: the script has ended, or it needs another pump."""
        records = self._records()
        if records.exit is not None and records.exit.is_complete:
            await self._ended(records)
        elif records.script is None and records.exit is None:
            await self._start_again()
        elif records.script is not None and not records.script.identity.is_of_this_boot:
            if records.exit is not None and records.exit.is_known:
                await self._ended(records)
            else:
                await self._read_rest()
                await self._settle(Lost("the machine was rebooted"))
        elif self.execution.tty:
            await self._hang_up(records)
        else:
            await self._attach(records)

    async def _start_again(self) -> None:
        if self._starts >= MOST_STARTS:
            await self._settle(CouldNotStart("its pump died before the script was started"))
            return
        self._unfollow()
        await self.begin()

    async def _hang_up(self, records: StatusRecords) -> None:
        if records.script is not None:
            with suppress(Gone):
                await self._seams.in_spawning(
                    stop_script, records.script.identity, signal.SIGKILL, self.execution.id
                )
        await self._read_rest()
        await self._settle(Lost("pump lost"))

    async def _attach(self, records: StatusRecords) -> None:
        if self._script is None and records.script is not None:
            with suppress(Gone):
                self._script = records.script.identity.open()
        try:
            self.pump = await self._seams.in_spawning(
                attach,
                self.folder,
                self.execution.id,
                self._launch,
                self._seams.pump_program,
            )
        except AlreadyPumped:
            self.pump = await self._seams.in_spawning(running_pump, self.folder)
        except FileNotFoundError:
            self._blame_storage()
            await self._read_rest()
            await self._settle_without_folder()
            return
        log.info("pump attached", execution=self.execution.id)
        self._watch_pump()
        self._stop_if_asked()

    async def _ended(self, records: StatusRecords) -> None:
        exit_ = records.exit
        assert exit_ is not None
        learned = None
        if not exit_.is_known and self._script is not None and records.script is not None:
            learned = exit_status(records.script.identity, self._script)
        outcome = outcome_of(
            exit_,
            self._launch,
            cancellation=self.execution.cancellation,
            timeout=self.execution.timeout,
            max_log_bytes=self.execution.max_log_bytes,
            learned_code=learned,
        )
        await self._read_rest()
        usage = exit_.user_time + exit_.system_time
        await self._settle(
            outcome,
            at=exit_.at,
            exit_code=exit_code_of(exit_, learned),
            survivors=records.background or None,
            is_tail_missing=not exit_.is_complete,
            cpu_seconds=usage.total_seconds() or self.execution.cpu_seconds,
            memory_peak_bytes=exit_.memory_peak_bytes or self.execution.memory_peak_bytes,
        )

    async def _settle_without_folder(self) -> None:
        """Nobody could read what the script says, nor learn how it ends: it is stopped, and what
        that took is named. Its processes carry the execution's id in their environment."""
        stopped = await self._seams.in_spawning(sweep, self.execution.id)
        await self._settle(Lost("its folder is gone"), survivors=", ".join(stopped) or None)

    async def _read_rest(self) -> None:
        """Read the log to its end: nothing writes to it any more."""
        if self._log.descriptor is None:
            return
        while True:
            if self._recording is not None:
                await self._recording
            if self._is_abandoned or not self._read_turn():
                if self._recording is None:
                    return
            else:
                await asyncio.sleep(0)

    async def _settle(
        self,
        outcome: Outcome,
        *,
        at: datetime | None = None,
        exit_code: int | None = None,
        survivors: str | None = None,
        is_tail_missing: bool = False,
        cpu_seconds: float | None = None,
        memory_peak_bytes: int | None = None,
    ) -> None:
        """Hide the secrets in the log, record the end and tell of it; what is left to do to the
        files comes after."""
        if self._recording is not None:
            await self._recording
        if self._is_settling:
            return
        self._is_settling = True
        identity, store = self.execution.id, self._seams.store
        at = at or datetime.now(UTC)
        is_cancelled = not isinstance(outcome, Lost) and self.execution.cancellation is not None
        events = await self._said_in_files(is_final=True)
        events += self._log.finish(exit_code, at, cancelled=is_cancelled)
        if events or self._log.offset > self._recorded_offset:
            await self._record(events)
        await self._copies.finish()
        await self._summaries.finish()
        if not self._log.is_empty:
            await self._seams.in_copying(identity, self._log.seal)
        outcome = with_result(outcome, self.execution)
        if self.masks:
            outcome = masked(outcome, self.masks)
        last_error = await self._last_error_of_all()
        settlement = Settlement(
            outcome=outcome,
            at=at,
            exit_code=exit_code,
            error_message=error_message(outcome, last_error),
            log_bytes=self._log.offset,
            log_lines=self._log.line,
            survivors=None if survivors is None else self.masks.mask_text(survivors),
            tail_may_be_missing=(
                is_tail_missing or self.execution.tail_may_be_missing or isinstance(outcome, Lost)
            ),
            cpu_seconds=cpu_seconds,
            memory_peak_bytes=memory_peak_bytes,
        )
        self.execution, steps = await self._insist(lambda: store.settle(identity, settlement))
        self._teller.hold(steps)
        self._teller.tell(self.execution)
        self._seams.feed.publish(LogComplete(identity, settlement.log_bytes, settlement.log_lines))
        self.close()
        await self._seams.in_spawning(self._tidy)
        self.ended.set_result(self.execution)

    async def _last_error_of_all(self) -> str | None:
        """The last error that the script told of, to the server before this one too."""
        if self._last_error is None and self.execution.annotation_counts.get("error"):
            page = await self._seams.store.annotations(self.execution.id, level="error")
            self._last_error = page.annotations[-1].message if page.annotations else None
        return self._last_error

    def _tidy(self) -> None:
        if self.folder.path.is_dir():
            tidy(self.folder, log_bytes=self._log.offset)

    # --- the rest ------------------------------------------------------------------------

    @property
    def children(self) -> list[int]:
        """Processes of ours whose end somebody still has to see."""
        pids = [self.pump.pid] if self.pump is not None else []
        if self._script is not None and (script := self._records().script) is not None:
            pids.append(script.identity.pid)
        return pids

    def note_usage(self, usage: Usage) -> None:
        """Keep the peak of what the script's tree was seen to use."""
        peak = max(usage.memory_bytes, self.execution.memory_peak_bytes or 0)
        self.execution = msgspec.structs.replace(
            self.execution, cpu_seconds=usage.cpu_seconds, memory_peak_bytes=peak
        )

    def take_hold(self) -> int | None:
        """The held FIFO; from now on the caller's to close."""
        hold, self._hold = self._hold, None
        return hold

    def give_up(self) -> None:
        """Let go of it in the middle of whatever is being done: another runner will go on."""
        for task in self._tasks:
            task.cancel()
        self.close()

    def close(self) -> None:
        """Let go of every descriptor; pump and script do not notice."""
        self._unfollow()
        self._teller.close()
        if self.pump is not None:
            self._loop.remove_reader(self.pump.pidfd)
            self.pump.close()
        for descriptor in (self._hold, self._script):
            if descriptor is not None:
                os.close(descriptor)
        self._hold = self._script = None

    def _unfollow(self) -> None:
        if self._watched is not None:
            self._seams.tail.remove(self._watched)
            self._watched = None
        self._log.close()

    def _records(self) -> StatusRecords:
        try:
            return read_status(self.folder.status)
        except FileNotFoundError:
            return StatusRecords()

    def _publish_growth(self, read: memoryview | None = None) -> None:
        self.published_bytes = max(self.published_bytes, self._log.offset)
        self._teller.grow(self._log.offset, self._log.line, None if self.masks else read)


def _booted_at() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))
