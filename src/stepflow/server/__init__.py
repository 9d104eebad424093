"""The server process: built here and only here, from a configuration."""

import os
import select
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

import structlog
import uvloop

from stepflow.config import Configuration, require_safe
from stepflow.errors import LegacyDatabase, StepflowError, StorageOwned
from stepflow.server.handover import PUBLIC_NAME, Command, received
from stepflow.server.logs import start_logging
from stepflow.server.reading import reading_of
from stepflow.server.server import Server
from stepflow.server.storage import Owner, owner_of
from stepflow.store import SqliteTuning, check_schema

__all__ = ["check", "serve"]

SECONDS_TO_BECOME_PUBLIC = 15.0

log = structlog.get_logger(__name__)


def serve(
    configured: Configuration, *, is_private: bool = False, pragmas: Mapping[str, str] | None = None
) -> int:
    """Run a server until a signal ends it; the process's exit code. `pragmas` tune its database
    where no setting does.

    Where a private server owns the folder already, that one becomes public instead, and this
    process waits for its end. Raises StepflowError for what keeps it from starting.
    """
    handover = received()
    if not is_private:
        require_safe(configured)
    reading_of(configured.settings)
    start_logging(configured.settings.log_level, configured.log_folder / "stepflow.log")
    for warning in configured.warnings:
        log.warning(warning)
    for one in configured.shown():
        log.debug("setting", name=one.name, value=one.value, source=one.source)
    if configured.settings.is_open_to_all and not is_private:
        log.warning("no key is asked for: anybody who reaches this server can run commands on it")
    owner = owner_of(configured.storage) if handover is None else None
    if owner is not None and owner.is_private and owner.is_here and not is_private:
        return _make_public(configured, owner)

    tuning = SqliteTuning.of_pragmas(pragmas or {})

    async def run() -> None:
        server = Server(configured, tuning, is_private=is_private, handover=handover)
        await server.run()

    try:
        uvloop.run(run())
    except StepflowError as error:
        log.error("not started", reason=error.detail)  # noqa: TRY400 (the reason says it all)
        raise
    return 0


def check(configured: Configuration) -> None:
    """Load what the next image of a server would: its code, configuration and schema. Raises
    StepflowError, or whatever keeps the code from loading."""
    from stepflow.server import front  # noqa: F401, PLC0415 - the part that a start loads last

    require_safe(configured)
    reading_of(configured.settings)
    with suppress(LegacyDatabase):  # it would be taken over
        check_schema(configured.storage / "database" / "stepflow.db")


def _make_public(configured: Configuration, owner: Owner) -> int:
    Command([sys.executable, *sys.orig_argv[1:]], dict(os.environ)).leave(
        configured.storage / PUBLIC_NAME
    )
    pidfd = os.pidfd_open(owner.pid)
    signal.pidfd_send_signal(pidfd, signal.SIGHUP)
    deadline = time.monotonic() + SECONDS_TO_BECOME_PUBLIC
    while (now := owner_of(configured.storage)) is None or now.pid != owner.pid or now.is_private:
        if time.monotonic() > deadline:
            raise StorageOwned(
                f"the private server (process {owner.pid}) did not become public within"
                f" {SECONDS_TO_BECOME_PUBLIC:g} s: see {configured.log_folder / 'stepflow.log'}"
            )
        time.sleep(0.02)
    log.info("a private server was here and is public now", process=owner.pid)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: signal.pidfd_send_signal(pidfd, number))
    signal.signal(
        signal.SIGHUP, lambda number, _: signal.pidfd_send_signal(pidfd, signal.Signals(number))
    )
    select.select([pidfd], [], [])
    return 0
