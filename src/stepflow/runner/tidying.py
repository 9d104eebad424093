"""What becomes of an execution's folder when it has ended: its log stays."""

import os

from stepflow.process import Folder
from stepflow.runner.environment_files import FILE_NAMES, remove_files
from stepflow.runner.log_reader import BLOCK_BYTES
from stepflow.transcript import Masks, write_masks


def tidy(folder: Folder, *, log_bytes: int) -> None:
    """Remove what only a running execution needs, its secrets among them."""
    gone = [folder.spec, folder.out, folder.input, folder.status, folder.masks]
    if log_bytes < BLOCK_BYTES:
        gone.append(folder.line_index)
    there = frozenset(os.listdir(folder.path))  # noqa: PTH208 - to look at once costs less than to miss
    for path in gone:
        if path.name in there:
            path.unlink(missing_ok=True)
    remove_files(folder, FILE_NAMES & there)


def tidy_after_crash(folder: Folder) -> None:
    """Do for an ended execution what came after the record of its end; safe to repeat."""
    masks = Masks.of_file(folder.masks)
    size = folder.log.stat().st_size if folder.log.exists() else 0
    if size:
        write_masks(folder.log, masks)
    tidy(folder, log_bytes=size)
