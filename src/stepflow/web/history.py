"""How the server was during the last hours: a small ring of figures, taken every ten seconds.

It is in memory only, so it begins with the server. A sample that could not be taken is a gap.
"""

import asyncio
import shutil
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import msgspec
import psutil

from stepflow.errors import StepflowError
from stepflow.supervisor import Supervisor
from stepflow.web.clock import now

EVERY_SECONDS = 10.0
KEPT = 1080


class HealthSample(msgspec.Struct, frozen=True, kw_only=True):
    """`cpu_percent` and `memory_bytes` are the server's own; `commits` counts from its start."""

    at: datetime
    database_bytes: int
    wal_bytes: int
    disk_free_bytes: int
    memory_bytes: int
    cpu_percent: float
    commits: int
    running: int
    pending: int
    clients: int


class History:
    """Filled by a task of the loop in which it is made, until `closing` is set."""

    def __init__(
        self, supervisor: Supervisor, clients: Callable[[], int], closing: asyncio.Event
    ) -> None:
        self._supervisor = supervisor
        self._clients = clients
        self._process = psutil.Process()
        self._samples: deque[HealthSample] = deque(maxlen=KEPT)
        self._filling = asyncio.create_task(self._fill(closing))

    def samples(self, since: datetime | None) -> list[HealthSample]:
        return [sample for sample in self._samples if since is None or sample.at > since]

    async def _fill(self, closing: asyncio.Event) -> None:
        while not closing.is_set():
            # The checks of /api/health say what is wrong with the store; here it is a gap.
            with suppress(StepflowError, OSError):
                self._samples.append(await self._sample())
            with suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), EVERY_SECONDS)

    async def _sample(self) -> HealthSample:
        measured = await self._supervisor.store.health()
        figures = self._supervisor.live_figures()
        return HealthSample(
            at=now(),
            database_bytes=measured.size_bytes,
            wal_bytes=measured.wal_bytes,
            disk_free_bytes=shutil.disk_usage(self._supervisor.storage).free,
            memory_bytes=self._process.memory_info().rss,
            cpu_percent=self._process.cpu_percent(),
            commits=measured.commits,
            running=figures.running,
            pending=figures.pending,
            clients=self._clients(),
        )
