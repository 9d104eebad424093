"""Makes a backup: the database first, then the files, then everything is read back.

The database is one snapshot. Files are read after it, so each is at least as far as its row says;
executions that were created later are left out. A backup gets its name when it is whole and
checked: a folder of that name never holds half of one.
"""

import errno
import os
import shutil
import socket
import tarfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from stepflow import __version__
from stepflow.backup.archive import ROOT, ArchiveWriter, Member
from stepflow.backup.contents import Item, Moment, folders, items, masked
from stepflow.backup.manifest import (
    ARCHIVE,
    DATABASE,
    FILES,
    MARK,
    Entry,
    Manifest,
    Mark,
    Origin,
    entries,
    sync,
)
from stepflow.backup.proof import digest_of, prove
from stepflow.backup.shelf import Kept, Shelf, Work
from stepflow.errors import NoSpace, StorageUnusable
from stepflow.store import original
from stepflow.store.foreign_wal import why_foreign
from stepflow.store.snapshot import Snapshot, snapshot_of

SPARE_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)

Told = Callable[[str, int, int], None]


def quiet(_what: str, _done: int, _of: int) -> None:
    """For callers that show no progress."""


def make(
    storage: Path,
    database: Path,
    *,
    origin: Origin,
    told: Told = quiet,
) -> Manifest:
    """Back a storage folder up, beside whoever works in it. Conflict, NoSpace and StorageUnusable
    leave nothing behind; `told` hears of progress: what, done, of all."""
    shelf = Shelf(storage)
    foreign = why_foreign(database, is_certain=True)
    if foreign is not None:
        raise StorageUnusable(
            f"the -wal beside {database} belongs to another database ({foreign}): start the server"
            " once, which sets it aside"
        )
    _require_space(storage, database, shelf)
    with shelf.work("create") as work:
        shelf.forget_halves()
        return _Backup(storage, database, shelf, work, told).make(origin)


def forget(storage: Path, backup_id: str) -> Kept:
    """Remove a backup; what it was. NotFound, Conflict."""
    shelf = Shelf(storage)
    with shelf.work("delete") as work:
        work.names(backup_id)
        return shelf.forget(backup_id)


class _Backup:
    def __init__(self, storage: Path, database: Path, shelf: Shelf, work: Work, told: Told) -> None:
        self._storage = storage
        self._database = database
        self._shelf = shelf
        self._work = work
        self._told = told

    def make(self, origin: Origin) -> Manifest:
        begun = time.monotonic()
        backups = self._shelf.folder
        before = self._shelf.newest_whole()
        at = datetime.now().astimezone()
        name = self._shelf.free_name(at.replace(tzinfo=None))
        self._work.names(name)
        partial = backups / f".{name}"
        try:
            partial.mkdir(mode=0o700)
            manifest = self._filled(partial, name, at, origin, before)
            manifest = msgspec.structs.replace(
                manifest,
                seconds=round(time.monotonic() - begun, 3),
                verified_at=datetime.now(UTC),
            )
            manifest.save(partial)
            partial.rename(backups / name)
            sync(backups)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            if error.errno in _FULL:
                raise NoSpace(f"{backups}: the disk is full; nothing was changed") from error
            raise StorageUnusable(
                f"{backups} can't be written: {error}; nothing was changed"
            ) from error
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        return manifest

    def _filled(
        self, partial: Path, name: str, at: datetime, origin: Origin, before: Kept | None
    ) -> Manifest:
        begun = datetime.now(UTC)
        copy = partial / DATABASE
        original.copy(self._database, copy, lambda done, of: self._tell("database", done, of))
        copy.chmod(0o600)
        snapshot = snapshot_of(copy, since=begun)
        database = _Database(f"database/{self._database.name}", copy, digest_of(copy))
        mark = None
        if snapshot.revision is not None:
            mark = Mark(backup=name, made_at=at, host=socket.gethostname(), boot_id=_boot_id())
        moment = Moment(int(begun.timestamp() * 1000), snapshot.younger)
        packed = _Packed(self._storage, snapshot, before, moment, self._tell)
        with (partial / ARCHIVE).open("xb") as archive, (partial / FILES).open("xb") as lines:
            os.fchmod(archive.fileno(), 0o600)
            os.fchmod(lines.fileno(), 0o600)
            packed.write(archive, lines, database, mark)
            for written in (archive, lines):
                written.flush()
                os.fsync(written.fileno())
        sync(copy)
        manifest = Manifest(
            id=name,
            created_at=at.astimezone(UTC),
            origin=origin,
            version=__version__,
            revision=snapshot.revision,
            host=socket.gethostname(),
            boot_id=_boot_id(),
            storage=str(self._storage.absolute()),
            executions=snapshot.rows["executions"],
            steps=snapshot.rows["steps"],
            artifacts=snapshot.rows["artifacts"],
            unfinished=len(snapshot.unfinished),
            files=packed.files,
            file_bytes=packed.file_bytes,
            database_name=self._database.name,
            database_bytes=copy.stat().st_size,
            database_sha256=database.sha256,
            archive_bytes=(partial / ARCHIVE).stat().st_size,
            new_bytes=packed.new_bytes + copy.stat().st_size,
            seconds=0.0,
        )
        if before is not None and _is_same(partial, before):
            return _linked(partial, before, manifest)
        prove(partial, manifest, self._tell)
        return manifest

    def _tell(self, what: str, done: int, of: int) -> None:
        self._work.tell(what, done, of)
        self._told(what, done, of)


def _require_space(storage: Path, database: Path, shelf: Shelf) -> None:
    files_bytes = sum(item.status.st_size for item in items(storage))
    packed_bytes = files_bytes
    before = shelf.newest_whole()
    if before is not None and before.manifest is not None:
        # What is new does at worst not get smaller; the rest is as large as it was.
        grown = max(0, files_bytes - before.manifest.file_bytes)
        packed_bytes = min(files_bytes, before.manifest.archive_bytes + grown)
    needed_bytes = 2 * _size(database) + packed_bytes
    there = shelf.folder
    while not there.exists():
        there = there.parent
    free_bytes = shutil.disk_usage(there).free
    if free_bytes < needed_bytes + SPARE_BYTES:
        raise NoSpace(
            f"the backup may need {_mb(needed_bytes)} MB and {there} has {_mb(free_bytes)} MB free:"
            " free some space, for example by `stepflow backup delete`; nothing was changed"
        )


class _Database(NamedTuple):
    """The copy that was made, and the name that it has in the archive."""

    name: str
    copy: Path
    sha256: str


class _Packed:
    """The archive and the list of its files, written in one pass."""

    def __init__(
        self,
        storage: Path,
        snapshot: Snapshot,
        before: Kept | None,
        moment: Moment,
        told: Told,
    ) -> None:
        self._storage = storage
        self._snapshot = snapshot
        self._before = before
        self._moment = moment
        self._told = told
        self.files = 0
        self.file_bytes = 0
        self.new_bytes = 0

    def write(
        self, archive: BinaryIO, lines: BinaryIO, database: "_Database", mark: Mark | None
    ) -> None:
        writer = ArchiveWriter(archive)
        for name, status in folders(self._storage):
            info = _info(name, 0, status)
            info.type = tarfile.DIRTYPE
            writer.add(info, [])
        total = sum(1 for _ in items(self._storage, self._moment))
        with _opened(self._before) as source:
            earlier = _Earlier(self._before)
            for item in items(self._storage, self._moment):
                lines.write(self._entry(writer, item, earlier.named(item.order), source).line)
                self._told("files", self.files, total)
            for entry in self._database(
                writer, database, mark, earlier.last_named(database.name), source
            ):
                lines.write(entry.line)
            writer.finish()
        self.new_bytes = writer.new_bytes

    def _database(
        self,
        writer: ArchiveWriter,
        database: "_Database",
        mark: Mark | None,
        known: Entry | None,
        source: int,
    ) -> Iterator[Entry]:
        """After the files: theirs are the larger part and the one that stays."""
        if mark is not None:
            text = msgspec.json.encode(mark)
            info = _info(MARK, len(text), database.copy.stat())
            yield _entry(MARK, writer.add(info, [text]))
        if known is not None and known.sha256 == database.sha256:
            at = writer.take(source, known.at, known.packed_bytes)
            yield msgspec.structs.replace(known, at=at)
            return
        status = database.copy.stat()
        info = _info(database.name, status.st_size, status)
        yield _entry(database.name, writer.add(info, _pieces(database.copy)))

    def _entry(self, writer: ArchiveWriter, item: Item, known: Entry | None, source: int) -> Entry:
        self.files += 1
        self.file_bytes += item.status.st_size
        if known is not None and _is_unchanged(item, known):
            at = writer.take(source, known.at, known.packed_bytes)
            return msgspec.structs.replace(known, at=at)
        info = _info(item.name, item.status.st_size, item.status)
        if item.is_live and item.path.name == "log":
            followed = self._snapshot.unfinished.get(item.path.parent.name)
            return _entry(item.name, writer.add(info, masked(item, followed)))
        member = writer.add(info, _pieces(item.path))
        if item.is_live or _state(item.path) != _state_of(item.status):
            return _entry(item.name, member)  # it changed while it was read: once more next time
        return _entry(item.name, member, item.status)


class _Earlier:
    """The list of the backup before, walked along with the files of this one."""

    def __init__(self, before: Kept | None) -> None:
        self._entries = iter(()) if before is None else entries(before.path)
        self._next = next(self._entries, None)
        self._others: dict[str, Entry] = {}

    def named(self, order: list[str]) -> Entry | None:
        while self._next is not None and (
            self._next.order < order or self._next.order[0] == "database"
        ):
            self._skip(self._next)
        if self._next is not None and self._next.order == order:
            return self._next
        return None

    def last_named(self, name: str) -> Entry | None:
        while self._next is not None:
            self._skip(self._next)
        return self._others.get(name)

    def _skip(self, entry: Entry) -> None:
        if entry.order[0] == "database":
            self._others[entry.name] = entry
        self._next = next(self._entries, None)


class _opened:  # noqa: N801 - a context manager
    """The archive of the backup before, as a descriptor; -1 without one."""

    def __init__(self, before: Kept | None) -> None:
        self._before = before
        self._descriptor = -1

    def __enter__(self) -> int:
        if self._before is not None:
            self._descriptor = os.open(self._before.path / ARCHIVE, os.O_RDONLY | os.O_CLOEXEC)
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def _is_unchanged(item: Item, known: Entry) -> bool:
    return (
        known.inode != 0
        and not item.is_live
        and _state_of(item.status)
        == (
            known.size_bytes,
            known.mtime_ns,
            known.ctime_ns,
            known.inode,
        )
    )


def _state_of(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _state(path: Path) -> tuple[int, int, int, int] | None:
    try:
        return _state_of(path.stat())
    except FileNotFoundError:
        return None


def _entry(name: str, member: Member, status: os.stat_result | None = None) -> Entry:
    return Entry(
        name=name,
        size_bytes=member.size_bytes,
        sha256=member.sha256,
        mtime_ns=status.st_mtime_ns if status else 0,
        ctime_ns=status.st_ctime_ns if status else 0,
        inode=status.st_ino if status else 0,
        at=member.at,
        packed_bytes=member.packed_bytes,
        head_bytes=member.head_bytes,
    )


def _info(name: str, size_bytes: int, status: os.stat_result) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"{ROOT}/{name}" if name else ROOT)
    info.size = size_bytes
    info.mode = status.st_mode & 0o777
    info.uid, info.gid = status.st_uid, status.st_gid
    info.mtime = int(status.st_mtime)
    return info


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        yield from iter(lambda: file.read(_PIECE_BYTES), b"")


def _is_same(partial: Path, before: Kept) -> bool:
    """Whether nothing at all changed since the backup before, the mark in it apart."""
    known = before.manifest
    assert known is not None
    new = (entry for entry in entries(partial) if entry.name != MARK)
    old = (entry for entry in entries(before.path) if entry.name != MARK)
    return all(
        (one.name, one.sha256, one.inode) == (other.name, other.sha256, other.inode)
        for one, other in _pairs(new, old)
    )


def _pairs(new: Iterator[Entry], old: Iterator[Entry]) -> Iterator[tuple[Entry, Entry]]:
    nothing = Entry("", 0, "", 0, 0, 0, 0, 0, 0)
    while True:
        one, other = next(new, nothing), next(old, nothing)
        if one is nothing and other is nothing:
            return
        yield one, other


def _linked(partial: Path, before: Kept, manifest: Manifest) -> Manifest:
    """The same files as the backup before, under another name: they take no room twice."""
    for name in (DATABASE, ARCHIVE, FILES):
        (partial / name).unlink()
        os.link(before.path / name, partial / name)
    archive_bytes = (partial / ARCHIVE).stat().st_size
    return msgspec.structs.replace(manifest, new_bytes=0, archive_bytes=archive_bytes)


def _size(database: Path) -> int:
    beside = (database, database.with_name(database.name + "-wal"))
    return sum(one.stat().st_size for one in beside if one.exists())


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f}"


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
