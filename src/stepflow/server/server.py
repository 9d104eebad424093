"""The composition root: builds everything from a configuration, runs it, takes it down.

SIGTERM ends the server and not the scripts (in a container both); SIGHUP replaces it by a new
image of itself without one refused connection.
"""

import asyncio
import gc
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import msgspec
import structlog

from stepflow import __version__
from stepflow.artifacts import ArtifactFolder, Limits
from stepflow.backup import (
    Backups,
    Schedule,
    adopt,
    may_run,
    newer_than_rows,
    settle_left_behind,
)
from stepflow.config import Configuration
from stepflow.doctor import unit
from stepflow.errors import LegacyDatabase, StepflowError, StorageUnusable
from stepflow.feed import ExecutionUpdate, Feed
from stepflow.process import (
    Folder,
    become_subreaper,
    find_pump,
    keep_freed_memory,
    make_undumpable,
    raise_open_files,
)
from stepflow.retention import Forgetting, Retention, tag_rules
from stepflow.retention import Rules as RetentionRules
from stepflow.server import takeover
from stepflow.server.handover import PUBLIC_NAME, Command, Handover
from stepflow.server.reading import reading_of
from stepflow.server.sockets import Sockets
from stepflow.server.storage import SOCKET_NAME, StorageFolder
from stepflow.server.surroundings import is_container
from stepflow.store import SqliteTuning, Store, open_sqlite
from stepflow.supervisor import Rules, Supervisor

IDLE_SECONDS = 10.0
PERFORMANCE_SECONDS = 60.0
DESCRIPTORS_PER_EXECUTION = 6
SPARE_DESCRIPTORS = 512
COLLECTOR_THRESHOLDS = (10_000, 20, 20)

log = structlog.get_logger(__name__)


class Server:
    """One server of one storage folder. `is_private`: only the unix socket, for `stepflow run`;
    it leaves when nothing has run for a while."""

    def __init__(
        self,
        configured: Configuration,
        tuning: SqliteTuning,
        *,
        is_private: bool,
        handover: Handover | None,
    ) -> None:
        self._configured = configured
        self._tuning = tuning
        self._settings = configured.settings
        self._is_private = is_private
        self._left_to_us = handover or Handover(-1)
        self._next: Command | None = None
        self._is_ending = asyncio.Event()
        self._restarting: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Serve until a signal; then take everything down, and start the next image if asked.
        Raises StepflowError for what keeps it from serving."""
        become_subreaper()
        make_undumpable()
        keep_freed_memory()
        original_open_files = raise_open_files()
        lock = self._left_to_us.lock if self._left_to_us.lock >= 0 else None
        path = self._configured.storage
        storage = StorageFolder.take(path, is_private=self._is_private, lock=lock)
        sockets = Sockets.open(
            storage.path,
            self._settings,
            self._left_to_us.sockets,
            is_private=self._is_private,
        )
        store = await self._opened_store()
        supervisor = self._supervisor(store, original_open_files)
        self._heed_signals()
        await settle_left_behind(path, store)
        strays = await newer_than_rows(path, store)
        running = [stray for stray in strays if may_run(stray)]
        for stray in running:
            await adopt(stray, store, path / "artifacts")
        # Before the first answer: until then nobody knows what runs, nor which secrets it has.
        recovered = await supervisor.recover(self._left_to_us.holds)
        backups = Backups(path, self._schedule())
        retention = Retention(path, store, self._rules(), _forgetting(supervisor))
        from stepflow.server.front import Front  # noqa: PLC0415 - it says why

        front = Front(supervisor, backups, retention, self._configured, sockets)
        _collect_seldom()
        log.info("serving", version=__version__, recovered=recovered, **sockets.addresses)
        watching = self._watch(supervisor, backups, retention)
        watching.append(
            asyncio.ensure_future(
                self._adopt_ended(supervisor, [one for one in strays if one not in running])
            )
        )
        await self._is_ending.wait()
        for task in watching:
            task.cancel()
        await front.stop()
        scripts_too = self._next is None and self._stops_scripts()
        holds = await supervisor.stop(scripts_too=scripts_too)
        if supervisor.problem is not None:
            _leave_the_ghost(supervisor.problem)
        await store.close()
        if self._next is not None:
            log.info("restarting in place", executions=len(holds))
            Handover(storage.lock, sockets.descriptors, holds).become(self._next)
        (storage.path / SOCKET_NAME).unlink(missing_ok=True)
        storage.release()
        log.info("stopped", scripts="stopped too" if scripts_too else "go on")

    async def _opened_store(self) -> Store:
        """The store; of a folder of the original program once that is taken over."""
        path = self._configured.storage
        database, tuned = path / "database" / "stepflow.db", self._tuned()
        try:
            return await open_sqlite(database, tuned)
        except LegacyDatabase:
            await asyncio.to_thread(takeover.take_over, path, self._configured)
            return await open_sqlite(database, tuned)

    # --- what it is built of -------------------------------------------------------------

    def _supervisor(self, store: Store, open_files: int) -> Supervisor:
        settings, path = self._settings, self._configured.storage
        roots = tuple(Path(root) for root in settings.artifact_roots)
        limits = Limits(spare_bytes=settings.min_free_bytes)
        rules = Rules(
            pump_program=find_pump(prefer_python=os.environ.get("STEPFLOW_PUMP") == "python"),
            environment=dict(os.environ),
            environment_mode=settings.script_environment,
            max_running=self._most_running(),
            least_free_bytes=settings.min_free_bytes,
            open_files=open_files,
            reading=reading_of(settings),
        )
        return Supervisor(
            path, store, Feed(), ArtifactFolder(path / "artifacts", roots, limits), rules
        )

    def _tuned(self) -> SqliteTuning:
        """The given tuning, and what the settings say otherwise."""
        fields = {
            "cache_size": "cache_kib",
            "wal_autocheckpoint": "wal_autocheckpoint",
            "buffer_size": "group_limit",
        }
        said = {
            field: getattr(self._settings, setting)
            for setting, field in fields.items()
            if self._configured.sources[setting] != "default"
        }
        return msgspec.structs.replace(self._tuning, **said)

    def _schedule(self) -> Schedule:
        """A private server makes no backup by itself: it is not there when it is time."""
        cron = None if self._is_private else self._settings.backup_schedule
        return Schedule(cron, self._settings.backup_keep)

    def _rules(self) -> RetentionRules:
        settings = self._settings
        return RetentionRules(
            days=settings.retention_days,
            count=settings.retention_count,
            size_bytes=settings.retention_bytes,
            tags=tag_rules(settings.retention_tags),
        )

    def _most_running(self) -> int:
        """As many as wanted, if the descriptors of this process suffice for them."""
        wanted = self._settings.max_running
        descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        fitting = max(1, (descriptors - SPARE_DESCRIPTORS) // DESCRIPTORS_PER_EXECUTION)
        if fitting < wanted:
            log.warning("fewer executions at once", wanted=wanted, open_files_allow=fitting)
        return min(wanted, fitting)

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._is_ending.set)
        loop.add_signal_handler(signal.SIGINT, self._is_ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._restart_soon)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    # --- ending --------------------------------------------------------------------------

    def _stops_scripts(self) -> bool:
        if self._settings.on_stop == "auto":
            return is_container()
        return self._settings.on_stop == "stop"

    def _restart_soon(self) -> None:
        if self._restarting is None or self._restarting.done():
            self._restarting = asyncio.get_running_loop().create_task(self._restart())

    async def _restart(self) -> None:
        """Replace this image, if the new code, configuration and schema load; else say why not."""
        command = self._wanted_command()
        checked = await asyncio.to_thread(
            subprocess.run,
            [*command.argv, "--check"],
            env=command.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if checked.returncode != 0:
            reason = (checked.stderr.strip() or "no reason given").splitlines()[-1]
            log.error("restart refused, this server goes on", reason=reason)
            return
        self._next = command
        self._is_ending.set()

    def _wanted_command(self) -> Command:
        """This image's own command, or what `serve` left for a private server to become."""
        left = self._configured.storage / PUBLIC_NAME
        if self._is_private and left.exists():
            return Command.take(left)
        return Command([sys.executable, *sys.orig_argv[1:]], dict(os.environ))

    # --- watching ------------------------------------------------------------------------

    def _watch(
        self, supervisor: Supervisor, backups: Backups, retention: Retention
    ) -> list[asyncio.Task[None]]:
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(self._log_performance(supervisor)),
            loop.create_task(backups.keep_to_schedule()),
            loop.create_task(self._warn_of_the_unit()),
            loop.create_task(takeover.adopt_for_ever(supervisor, self._configured)),
        ]
        if not self._is_private:
            tasks.append(loop.create_task(retention.keep_to_rules()))
        else:
            tasks.append(loop.create_task(self._leave_when_idle(supervisor)))
        return tasks

    async def _adopt_ended(self, supervisor: Supervisor, strays: list[Folder]) -> None:
        """Nobody waits for these: their logs are read again from the beginning."""
        for stray in strays:
            try:
                adopted = await adopt(stray, supervisor.store, supervisor.storage / "artifacts")
            except StepflowError as error:
                log.warning("folder not adopted", folder=str(stray.path), reason=error.detail)
            else:
                supervisor.feed.publish(ExecutionUpdate(adopted.id, adopted))

    async def _warn_of_the_unit(self) -> None:
        """A unit such as the deployment guide's would end the scripts with the server."""
        found = await asyncio.to_thread(unit, os.getpid())
        if found.fix is not None:
            log.warning(found.text, fix=found.fix)

    async def _leave_when_idle(self, supervisor: Supervisor) -> None:
        seconds = float(os.environ.get("_STEPFLOW_IDLE_SECONDS", IDLE_SECONDS))
        busy_until = time.monotonic()
        while time.monotonic() - busy_until < seconds:
            await asyncio.sleep(seconds / 20)
            if supervisor.active():
                busy_until = time.monotonic()
        self._is_ending.set()

    async def _log_performance(self, supervisor: Supervisor) -> None:
        """At the start and once a minute: what a read of the store takes, the number last for who
        greps it."""
        while True:
            began = time.perf_counter()
            try:
                await supervisor.store.unfinished()
            except StepflowError as error:
                log.warning("performance not measured", reason=error.detail)
            else:
                took = (time.perf_counter() - began) * 1000
                log.info(f"performance of a database read in ms {took:.2f}")
            await asyncio.sleep(PERFORMANCE_SECONDS)


def _forgetting(supervisor: Supervisor) -> Forgetting:
    return Forgetting(supervisor.forget_unpinned, supervisor.forget_artifact)


def _collect_seldom() -> None:
    """What was loaded and recovered stays; what comes is mostly freed by its count."""
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    gc.enable()


def _leave_the_ghost(problem: str) -> NoReturn:
    """End at once. Closing would remove a write-ahead log and a socket by name, and both may be
    another server's by now."""
    log.error("stopped", reason=problem)
    logging.shutdown()
    os._exit(StorageUnusable.exit_code)
