"""The backup before a migration: `backups/<YYYYmmdd_HHMMSS>/stepflow.db`, complete and checked, and
`storage_backup.tar.gz`, which unpacks to the storage folder as it was. Both are read back.

It gets its name when it is whole, so that a folder of that name never holds half a backup. Hard
links would cost no space, but a backup must outlive what happens to the files themselves.
"""

import errno
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from stepflow.errors import NoSpace, StorageUnusable
from stepflow.store import original

DATABASE = "stepflow.db"
FILES = "storage_backup.tar.gz"
SPARE_BYTES = 64 << 20

Told = Callable[[str, int, int], None]


class Copied(msgspec.Struct, frozen=True):
    folder: Path
    rows: dict[str, int]
    files: int
    file_bytes: int


def copy(storage: Path, database: Path, at: datetime, told: Told) -> Copied:
    """Back everything up. NoSpace and StorageUnusable leave nothing behind; `told` hears of
    progress: what, done, of all."""
    backups = storage.parent / "backups"
    files = list(_files(storage))
    size_bytes = sum(file.stat().st_size for file in files)
    _require_space(backups, 2 * _size(database) + size_bytes)
    folder = _free_name(backups, at)
    partial = backups / f".{folder.name}"
    try:
        partial.mkdir(mode=0o700, parents=True)
        original.copy(database, partial / DATABASE, lambda n, of: told("database", n, of))
        rows = _checked(partial / DATABASE)
        digests = _pack(storage, database, partial, files, told)
        _read_back(partial / FILES, digests, told)
        for name in (DATABASE, FILES):
            _sync(partial / name)
        partial.rename(folder)
        _sync(backups)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(f"{backups}: the disk is full; nothing was changed") from error
        raise StorageUnusable(f"{backups} can't be written: {error}; nothing changed") from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Copied(folder, rows, len(files), size_bytes)


def forget_halves(backups: Path) -> None:
    """What a migration that was killed in the middle of its backup left there."""
    for left in backups.glob(".[0-9]*_[0-9]*"):
        shutil.rmtree(left)


def _require_space(backups: Path, needed_bytes: int) -> None:
    there = backups
    while not there.exists():
        there = there.parent
    free_bytes = shutil.disk_usage(there).free
    if free_bytes < needed_bytes + SPARE_BYTES:
        raise NoSpace(
            f"the backup may need {_mb(needed_bytes)} MB and {there} has {_mb(free_bytes)} MB free:"
            " free some space, or move what is not needed out of the storage folder;"
            " nothing was changed"
        )


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f}"


def _size(database: Path) -> int:
    beside = (database, database.with_name(database.name + "-wal"))
    return sum(one.stat().st_size for one in beside if one.exists())


def _free_name(backups: Path, at: datetime) -> Path:
    name = at.strftime("%Y%m%d_%H%M%S")
    taken = 0
    while (folder := backups / (f"{name}_{taken}" if taken else name)).exists():
        taken += 1
    return folder


def _checked(database: Path) -> dict[str, int]:
    with original.look(database) as connection:
        found = original.damage(connection)
        if found is not None:
            raise StorageUnusable(f"the copy of the database is damaged: {found}")
        return original.counts(connection)


def _files(storage: Path) -> Iterator[Path]:
    """All that the original keeps beside its database; sockets and pipes are nobody's data."""
    for part in ("executions", "artifacts"):
        for folder, _, names in os.walk(storage / part):
            for name in sorted(names):
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink():
                    yield path


def _pack(
    storage: Path, database: Path, partial: Path, files: list[Path], told: Told
) -> dict[str, str]:
    """Write the archive; the digests of what went in, by name."""
    digests = {}
    with tarfile.open(partial / FILES, "w:gz", compresslevel=1) as archive:
        members = [(partial / DATABASE, Path("database") / database.name)]
        members += [(file, file.relative_to(storage)) for file in files]
        for done, (source, name) in enumerate(members):
            with source.open("rb") as opened:
                member = archive.gettarinfo(arcname=str(storage.name / name), fileobj=opened)
                hashed = _Hashed(opened, member.size)
                archive.addfile(member, hashed)
            digests[member.name] = hashed.digest.hexdigest()
            told("files", done + 1, len(members))
    return digests


class _Hashed(io.RawIOBase):
    """A file that is hashed as it is read: what went in, even if it changes afterwards. One that
    shrinks under us is filled with zeros by nobody: the read back finds it."""

    def __init__(self, file: io.BufferedReader, size_bytes: int) -> None:
        self._file = file
        self._left = size_bytes
        self.digest = hashlib.blake2b()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        self.digest.update(data)
        return data


def _read_back(archive: Path, digests: dict[str, str], told: Told) -> None:
    found = {}
    try:
        with tarfile.open(archive, "r:gz") as opened:
            for member in opened:
                content = opened.extractfile(member)
                assert content is not None  # only files went in
                digest = hashlib.blake2b()
                while data := content.read(1 << 20):
                    digest.update(data)
                found[member.name] = digest.hexdigest()
                told("check", len(found), len(digests))
    except (tarfile.TarError, EOFError) as error:
        raise StorageUnusable(f"{archive} can't be read back: {error}") from error
    if found != digests:
        name = next(iter(set(found.items()) ^ set(digests.items())))[0]
        raise StorageUnusable(f"{archive} does not hold what was put into it ({name})")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
