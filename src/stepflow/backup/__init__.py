"""Backups of a storage folder: made beside a running server, checked, kept in order."""

from stepflow.backup.backup import forget, make, quiet
from stepflow.backup.backups import Backups, Schedule
from stepflow.backup.manifest import ARCHIVE, DATABASE, Manifest, Origin
from stepflow.backup.proof import verify
from stepflow.backup.shelf import Kept, Progress, Shelf
from stepflow.backup.shown import BackupShape, shown

__all__ = [
    "ARCHIVE",
    "DATABASE",
    "BackupShape",
    "Backups",
    "Kept",
    "Manifest",
    "Origin",
    "Progress",
    "Schedule",
    "Shelf",
    "forget",
    "make",
    "quiet",
    "shown",
    "verify",
]
