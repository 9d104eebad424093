"""What of a storage folder belongs into a backup, in the order of names.

Left out: pipes and sockets, what is half written, and where secrets lie (`spec.json`, `masks`).
The log of an execution that has not ended holds its secrets still: it is masked as it is read.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from stepflow.events import Mask
from stepflow.model import is_id, milliseconds_of
from stepflow.process import Folder
from stepflow.runner import FILE_NAMES, Spec
from stepflow.store.snapshot import Followed
from stepflow.timeline import Parser, ParserOptions, options_of
from stepflow.transcript import Masks

PARTS = ("artifacts", "executions")
_SECRET = frozenset({"spec.json", "spec.partial", "masks", "masks.new"}) | FILE_NAMES
_HALF = frozenset({"log.new", "log.zst.new", "log.partial", "time.idx.new", "lines.idx.new"})
_PIECE_BYTES = 1 << 20


class Item(NamedTuple):
    """A file; `is_live` if it belongs to an execution whose secrets may still be in it."""

    name: str
    path: Path
    status: os.stat_result
    is_live: bool

    @property
    def order(self) -> list[str]:
        return self.name.split("/")


class Moment(NamedTuple):
    """When the copy of the database was begun, and the executions in it that are younger."""

    ms: int
    younger: frozenset[str]

    def has(self, name: str) -> bool:
        """Whether a folder of that name is of the copy: not if it is an execution's of later."""
        made_ms = milliseconds_of(name) if is_id(name) else None
        return made_ms is None or made_ms <= self.ms or name in self.younger


def items(storage: Path, moment: Moment | None = None) -> Iterator[Item]:
    """All files that belong in, or that do at a moment."""
    for part in PARTS:
        yield from _below(storage / part, part, moment, is_live=False)


def folders(storage: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The folders of executions and artifacts, each after the one that it lies in."""
    yield "", storage.stat()
    yield "database", (storage / "database").stat()
    for part in PARTS:
        for path, names, _ in os.walk(storage / part):
            names.sort()
            with suppress(FileNotFoundError):  # deleted meanwhile
                yield str(Path(path).relative_to(storage)), Path(path).stat()


def _below(folder: Path, name: str, moment: Moment | None, *, is_live: bool) -> Iterator[Item]:
    try:
        with os.scandir(folder) as scanned:
            found = sorted(scanned, key=lambda one: one.name)
    except (FileNotFoundError, NotADirectoryError):
        return  # deleted meanwhile, with its row
    is_live = is_live or any(one.name in ("spec.json", "masks") for one in found)
    for one in found:
        below = f"{name}/{one.name}"
        if one.is_dir(follow_symlinks=False):
            if moment is None or moment.has(one.name):
                yield from _below(folder / one.name, below, moment, is_live=is_live)
        elif _belongs(name, one.name):
            try:
                status = one.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield Item(below, folder / one.name, status, is_live)


def _belongs(folder: str, name: str) -> bool:
    if folder.startswith("artifacts"):
        return not name.startswith(".")
    return name not in _SECRET and name not in _HALF


def masked(item: Item, followed: Followed | None) -> Iterator[bytes]:
    """The log of an execution that has not ended, as long as `item` says, without its secrets: the
    known ones, and those of which the part that the server did not get to yet tells."""
    masks = _masks(item, followed)
    size_bytes = item.status.st_size
    with item.path.open("rb", buffering=0) as log:
        before, position = b"", 0
        piece = log.read(_PIECE_BYTES)
        while piece and position < size_bytes:
            following = log.read(_PIECE_BYTES)
            position += len(piece)
            is_last = not following or position >= size_bytes
            yield masks.apply(piece, before, following, at_end=is_last)
            before = (before + piece)[-max(1, masks.carry) :]
            piece = following


def _masks(item: Item, followed: Followed | None) -> Masks:
    folder = Folder(item.path.parent)
    secrets = list(Masks.of_file(folder.masks).secrets)
    # Without it the execution ended meanwhile, and its log was masked before.
    with suppress(FileNotFoundError, msgspec.DecodeError):
        secrets += [secret.encode() for secret in Spec.load(folder.spec).secrets]
    return Masks([*secrets, *_told_of(item, followed)])


def _told_of(item: Item, followed: Followed | None) -> Iterator[bytes]:
    execution = followed.execution if followed else None
    options = ParserOptions() if execution is None else options_of(execution)
    parser = Parser(options, state=followed.state if followed else None)
    with item.path.open("rb", buffering=0) as log:
        log.seek(parser.offset)
        left = item.status.st_size - parser.offset
        while left > 0 and (data := log.read(min(left, _PIECE_BYTES))):
            left -= len(data)
            for event in parser.feed(data):
                if isinstance(event, Mask):
                    yield from (value.encode() for value in event.values)
