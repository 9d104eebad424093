"""Reading a backup back: the database by SQLite and by its digest, each file of the archive too.

Raises StorageUnusable that names what is wrong; what it says of one file may be true of others.
"""

import hashlib
import os
import tarfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from stepflow.backup.archive import Member, content_of
from stepflow.backup.manifest import ARCHIVE, DATABASE, Manifest, entries
from stepflow.backup.shelf import Kept, Shelf
from stepflow.errors import StorageUnusable
from stepflow.store.snapshot import snapshot_of

_PIECE_BYTES = 1 << 20

Told = Callable[[str, int, int], None]


def prove(folder: Path, manifest: Manifest, told: Told) -> None:
    """Read all of a backup and compare it with what went in."""
    database, archive = folder / DATABASE, folder / ARCHIVE
    if digest_of(database) != manifest.database_sha256:
        raise StorageUnusable(f"{database} is not the file that was written")
    snapshot_of(database)
    size_bytes = archive.stat().st_size
    if size_bytes != manifest.archive_bytes:
        raise StorageUnusable(
            f"{archive} has {size_bytes:,} bytes and had {manifest.archive_bytes:,}"
        )
    descriptor = os.open(archive, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        for done, entry in enumerate(entries(folder)):
            member = Member(
                entry.at, entry.packed_bytes, entry.head_bytes, entry.size_bytes, entry.sha256
            )
            digest = hashlib.sha256()
            for piece in content_of(descriptor, member, archive):
                digest.update(piece)
            if digest.hexdigest() != entry.sha256:
                raise StorageUnusable(f"{archive} does not hold {entry.name} as it went in")
            told("check", done + 1, manifest.files + 2)
    finally:
        os.close(descriptor)


def verify(storage: Path, backup_id: str, told: Told = lambda *_: None) -> Kept:
    """Read a backup back, and write down in it what came of that. NotFound, Conflict."""
    shelf = Shelf(storage)
    with shelf.work("verify") as work:
        kept = shelf.find(backup_id)
        work.names(kept.id)

        def tell(what: str, done: int, of: int) -> None:
            work.tell(what, done, of)
            told(what, done, of)

        problem = None
        try:
            check(kept, tell)
        except StorageUnusable as error:
            problem = error.detail
        if kept.manifest is None:
            return msgspec.structs.replace(kept, problem=problem)
        verified_at = datetime.now(UTC) if problem is None else None
        msgspec.structs.replace(kept.manifest, verified_at=verified_at, problem=problem).save(
            kept.path
        )
        return shelf.find(kept.id)


def check(kept: Kept, told: Told) -> None:
    """StorageUnusable if the backup can't be relied on. One that was made by hand has nothing to
    compare with: then SQLite and the checksums in the archive must do."""
    for name in (DATABASE, ARCHIVE):
        if not (kept.path / name).is_file():
            raise StorageUnusable(f"{kept.path} has no {name}")
    if kept.manifest is not None:
        prove(kept.path, kept.manifest, told)
        return
    if kept.problem is not None:
        raise StorageUnusable(kept.problem)
    snapshot_of(kept.path / DATABASE)
    try:
        with tarfile.open(kept.path / ARCHIVE, "r:gz") as archive:
            for done, _ in enumerate(archive):
                told("check", done, done + 1)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise StorageUnusable(f"{kept.path / ARCHIVE} can't be read: {error}") from error


def digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while data := file.read(_PIECE_BYTES):
            digest.update(data)
    return digest.hexdigest()
