"""The folder of an execution's files, as far as the disk is concerned."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make names that were created or removed in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
