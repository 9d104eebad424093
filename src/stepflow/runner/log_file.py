"""Opening the log of a running execution, even one that somebody deleted under it."""

import os
from pathlib import Path

from stepflow.process import Folder


def open_log(folder: Folder, holder: int | None) -> int:
    """A descriptor to read the log. Deleted while its pump (pid `holder`) has it open, it is
    reached through the pump. Raises FileNotFoundError."""
    try:
        return os.open(folder.log, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        if holder is None:
            raise
    deleted = f"{os.path.realpath(folder.path)}/log (deleted)"
    for link in Path(f"/proc/{holder}/fd").iterdir():
        if str(link.readlink()) == deleted:
            return os.open(link, os.O_RDONLY | os.O_CLOEXEC)
    raise FileNotFoundError(folder.log)


def restore_log(folder: Folder, descriptor: int) -> None:
    """Write a deleted log's bytes back under its name; nothing to do if it is there."""
    if folder.log.exists() or not folder.path.is_dir():
        return
    partial = folder.path / "log.partial"
    with partial.open("wb") as restored:
        offset = 0
        while data := os.pread(descriptor, 1 << 20, offset):
            offset += restored.write(data)
    partial.rename(folder.log)
