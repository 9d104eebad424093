"""The folder of the original program: taken over at the start, and looked at again and again, as
the original may go on, and what it writes belongs to the same history.
"""

import asyncio
import time
from pathlib import Path

import structlog

from stepflow import migrate
from stepflow.config import Configuration
from stepflow.supervisor import Supervisor

# A row that the original writes is in no list until it is adopted, and a look costs a millisecond.
SECONDS_BETWEEN = 2.0
SECONDS_BETWEEN_WORDS = 2.0
MOST_TOLD = 200

log = structlog.get_logger(__name__)


def take_over(storage: Path, configured: Configuration) -> None:
    """Migrate, and say in the log how far it is and what came of it. Raises StepflowError for what
    keeps it from beginning; killed at any point, it is gone on with by the next start."""
    zone = configured.settings.legacy_timezone
    log.info("taking over the folder of the original program", storage=str(storage))
    report = migrate.migrate(
        storage,
        migrate.Options(
            timezone=zone,
            timezone_source=configured.sources["legacy_timezone"] if zone else "of this machine",
            told=_Words().say,
        ),
    )
    for line in report.text().splitlines():
        log.info("migration: " + " ".join(line.split()))
    if not report.is_proven:
        log.error(
            "the migration differs from its backup",
            differences=len(report.differences),
            backup=report.backup,
        )


async def adopt_for_ever(supervisor: Supervisor, configured: Configuration) -> None:
    """Take what the original wrote since the migration, at once and then every two seconds."""
    storage, zone = configured.storage, configured.settings.legacy_timezone
    while True:
        try:
            if supervisor.problem is None:
                await _adopt(supervisor, storage, zone)
        except Exception:  # The log hears of it; one bad look must not end the looking.
            log.exception("not adopted yet")
        await asyncio.sleep(SECONDS_BETWEEN)


async def _adopt(supervisor: Supervisor, storage: Path, zone: str | None) -> None:
    adopted = await asyncio.to_thread(migrate.adopt, storage, zone)
    if adopted:
        log.info("adopted what the original program wrote", executions=len(adopted))
    await supervisor.announce(adopted[-MOST_TOLD:])


class _Words:
    """Progress for a log: not every step of it."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()

    def say(self, what: str, done: int, of: int) -> None:
        if time.monotonic() - self._said_at > SECONDS_BETWEEN_WORDS:
            self._said_at = time.monotonic()
            log.info("migrating", phase=what, done=done, of=of)
