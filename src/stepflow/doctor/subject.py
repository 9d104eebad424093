"""Whom the doctor looks at, and everything that is looked at, in the order of the report."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from stepflow.doctor import backups, database, folder, machine, server, service
from stepflow.doctor.finding import Finding


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What only a running server knows of itself. `read_ms` is one read of its database; `slowest`
    are its slowest kinds of reads, as text."""

    pid: int
    journal_mode: str
    cache_kib: int
    size_bytes: int
    free_bytes: int
    read_ms: float
    slowest: list[str]
    newest_at: datetime | None
    last_checkpoint: dict[str, Any]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A storage folder, and its server where one answers. `pump_program` is how its pumps start."""

    storage: Path
    min_free_bytes: int
    max_running: int
    pump_program: list[str]
    measured: Measured | None = None


def examine(subject: Subject, now: datetime) -> Iterator[Finding]:
    """All findings. Reads files and asks the system; takes up to a second."""
    measured, storage = subject.measured, subject.storage
    yield machine.system()
    yield machine.clock(now, measured.newest_at if measured else None)
    yield machine.pump(subject.pump_program)
    yield machine.search()
    yield machine.open_files(subject.max_running)
    yield service.unit(measured.pid if measured else None)
    yield folder.storage(storage)
    yield folder.file_system(storage)
    yield folder.disk(storage, subject.min_free_bytes)
    path = storage / "database" / "stepflow.db"
    if not path.exists():
        return
    yield backups.backups(storage, now)
    yield database.wal_mode(path, measured.journal_mode if measured else None)
    yield database.write_ahead_log(path, measured.last_checkpoint if measured else None)
    yield from database.set_aside(path)
    yield database.locks(path, measured.pid if measured else None)
    if measured is not None:
        yield server.memory(server.use_of(measured.pid), measured.cache_kib)
        yield server.response_time(measured.read_ms, measured.slowest)
        yield server.free_pages(measured.size_bytes, measured.free_bytes)
