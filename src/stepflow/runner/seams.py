"""What every runner works with, and how it writes through it: as often as it takes."""

import asyncio
import errno
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import structlog

from stepflow.artifacts import ArtifactFolder
from stepflow.errors import Unavailable
from stepflow.feed import Feed
from stepflow.runner.tail import Tail
from stepflow.store import Store

RETRY_SECONDS = 1.0
_FULL = (errno.ENOSPC, errno.EDQUOT)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Seams:
    """`spawning` is one thread: creating, deleting and starting happen in it one after the other;
    `copying` copies artifacts and syncs files. `problem` says why the storage can't be written
    now, or nothing; `problem_lately` is cheap, for readers."""

    store: Store
    feed: Feed
    tail: Tail
    artifacts: ArtifactFolder
    spawning: Executor
    copying: Executor
    pump_program: list[str]
    problem: Callable[[], str | None]
    problem_lately: Callable[[], str | None]

    async def insist(self, execution_id: str, write: Callable[[], Awaitable[Result]]) -> Result:
        """Write, unchanged and as often as it takes: a full disk ends some day. Nothing is
        written while the storage is not the one that it was."""
        while True:
            if self.problem() is None:
                try:
                    return await write()
                except Unavailable as error:
                    log.warning("write refused", execution=execution_id, reason=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def in_copying(self, execution_id: str, write: Callable[[], object]) -> None:
        """Write to files in a thread, again and again while the disk is full."""
        while True:
            if self.problem() is None:
                try:
                    await asyncio.get_running_loop().run_in_executor(self.copying, write)
                except OSError as error:
                    if error.errno not in _FULL:
                        raise
                    log.warning("disk full", execution=execution_id, reason=str(error))
                else:
                    return
            await asyncio.sleep(RETRY_SECONDS)

    async def in_spawning(
        self,
        function: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        return await asyncio.get_running_loop().run_in_executor(
            self.spawning, lambda: function(*arguments, **named)
        )
