"""Backups of a storage folder: made beside a running server, checked, kept in order."""

from stepflow.backup.adoption import adopt, may_run, newer_than_rows
from stepflow.backup.arrival import folder_of, settle_left_behind
from stepflow.backup.backup import forget, make, quiet
from stepflow.backup.backups import Backups, Schedule
from stepflow.backup.manifest import (
    ARCHIVE,
    DATABASE,
    Manifest,
    Origin,
    sync,
    write_durably,
)
from stepflow.backup.proof import verify
from stepflow.backup.restore import SWAPPING, Restored, find, restore
from stepflow.backup.shelf import Kept, Progress, Shelf
from stepflow.backup.shown import BackupShape, shown

__all__ = [
    "ARCHIVE",
    "DATABASE",
    "SWAPPING",
    "BackupShape",
    "Backups",
    "Kept",
    "Manifest",
    "Origin",
    "Progress",
    "Restored",
    "Schedule",
    "Shelf",
    "adopt",
    "find",
    "folder_of",
    "forget",
    "make",
    "may_run",
    "newer_than_rows",
    "quiet",
    "restore",
    "settle_left_behind",
    "shown",
    "sync",
    "verify",
    "write_durably",
]
