"""Whether the store answers and the storage can be used; checked at most once a second."""

import asyncio
import os
import time

import msgspec

from stepflow.errors import StepflowError
from stepflow.supervisor import Supervisor

FRESH_SECONDS = 1.0
MOST_SECONDS = 5.0
HEALTHY, UNHEALTHY = "healthy", "unhealthy"


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """`problem` says what is wrong, None is well."""

    status: str
    problem: str | None = None
    took_ms: float | None = None


class Checkup:
    """Checks that all askers of the same second share."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._checks: dict[str, Check] = {}
        self._fresh_until = 0.0
        self._lock = asyncio.Lock()

    async def checks(self) -> dict[str, Check]:
        if time.monotonic() < self._fresh_until:
            return self._checks
        async with self._lock:
            if time.monotonic() >= self._fresh_until:
                storage = self._storage()
                self._checks = {"database": await self._database(), "storage": storage}
                self._fresh_until = time.monotonic() + FRESH_SECONDS
        return self._checks

    async def _database(self) -> Check:
        began = time.perf_counter()
        try:
            await asyncio.wait_for(self._supervisor.store.health(), MOST_SECONDS)
        except TimeoutError:
            return Check(status=UNHEALTHY, problem=f"no answer within {MOST_SECONDS:g} s")
        except StepflowError as error:
            return Check(status=UNHEALTHY, problem=error.detail)
        return Check(status=HEALTHY, took_ms=round(1000 * (time.perf_counter() - began), 3))

    def _storage(self) -> Check:
        problem = self._supervisor.live_figures().problem
        if problem is None and not os.access(self._supervisor.storage, os.W_OK | os.X_OK):
            problem = f"{self._supervisor.storage} can't be written to"
        return Check(status=UNHEALTHY if problem else HEALTHY, problem=problem)


def overall(checks: dict[str, Check]) -> str:
    return HEALTHY if all(check.status == HEALTHY for check in checks.values()) else UNHEALTHY
