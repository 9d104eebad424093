"""The files of one execution, by name. The folder is 0700 and everything in it belongs to the
server's user; which process may write which file is said in the documentation of storage."""

import os
from functools import cached_property
from pathlib import Path

STATUS_BYTES = 4096


class Folder:
    """Paths only: making one touches nothing. Each is put together once: a recovery asks for
    thousands of them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Folder({str(self.path)!r})"

    @cached_property
    def spec(self) -> Path:
        return self.path / "spec.json"

    @cached_property
    def out(self) -> Path:
        return self.path / "out"

    @cached_property
    def input(self) -> Path:
        return self.path / "in"

    @cached_property
    def log(self) -> Path:
        return self.path / "log"

    @cached_property
    def status(self) -> Path:
        return self.path / "status"

    @cached_property
    def time_index(self) -> Path:
        return self.path / "time.idx"

    @cached_property
    def line_index(self) -> Path:
        return self.path / "lines.idx"

    @cached_property
    def masks(self) -> Path:
        return self.path / "masks"

    @cached_property
    def archive(self) -> Path:
        return self.path / "log.zst"

    def create(self) -> None:
        """Make the folder and its month's; safe to repeat."""
        try:
            self.path.mkdir(mode=0o700, exist_ok=True)
        except FileNotFoundError:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.mkdir(mode=0o700, exist_ok=True)

    def open(self) -> int:
        return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
