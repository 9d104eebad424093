"""Taking a folder over again that was rolled back to the original: every row that it left alone
becomes exactly what it was."""

import shutil
from collections.abc import Callable
from pathlib import Path

from stepflow.backup import make
from stepflow.backup.arrival import folder_of
from stepflow.migrate.clock import LocalClock
from stepflow.model import is_id, month_of
from stepflow.store import original, rollback

Told = Callable[[str, int, int], None]


def is_rolled_back(database: Path) -> bool:
    with original.look(database) as connection:
        return rollback.rolled_back(connection) is not None


def roll_forward(storage: Path, database: Path, timezone: str | None, told: Told) -> bool:
    """Take a folder over again that was rolled back; False if it was not. What the original wrote
    meanwhile is for the migration to take."""
    if not is_rolled_back(database):
        return False
    make(storage, database, origin="migration", told=told)
    clock = LocalClock(timezone)
    for gone in rollback.roll_forward(database, lambda text: str(clock.utc(text))):
        if is_id(gone):
            shutil.rmtree(folder_of(storage, gone).path, ignore_errors=True)
            shutil.rmtree(storage / "artifacts" / gone, ignore_errors=True)
    for folder in (storage / "executions").iterdir():
        # Ours are in the folders of months: what lies here of them was written for the original.
        if is_id(folder.name) and month_of(folder.name) is not None:
            shutil.rmtree(folder)
    return True
