"""Putting a backup back: unpacked beside, then exchanged for what is there, which is kept.

Where the storage folder can't be renamed, being a mount of its own as in a container, its parts are
exchanged one by one; `.swapping` in it says so, and a server does not start while it is there.
"""

import ctypes
import errno
import os
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from stepflow.backup.archive import ROOT
from stepflow.backup.backup import SPARE_BYTES, Told, quiet
from stepflow.backup.manifest import ARCHIVE, DATABASE, MARK, Mark, write_durably
from stepflow.backup.proof import check
from stepflow.backup.shelf import Kept, Shelf, kept_in
from stepflow.errors import NoSpace, StorageUnusable

SWAPPING = ".swapping"
_PARTS = ("executions", "artifacts", "database")
_EXCHANGE = 2
_HERE = -100
_UNKNOWN = (errno.ENOSYS, errno.EINVAL)


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """`aside` is where the storage folder is now that was there before, None if none was."""

    backup: str
    storage: Path
    aside: Path | None
    executions: int | None


def find(shelf: Shelf, name: str) -> Kept:
    """A backup by its name, `last`, or the path of its folder. NotFound."""
    return kept_in(Path(name).absolute()) if "/" in name else shelf.find(name)


def restore(kept: Kept, storage: Path, told: Told = quiet) -> Restored:
    """Put a backup back as `storage`, which the caller owns if it is there. StorageUnusable and
    NoSpace leave everything as it was."""
    check(kept, told)
    is_mount = storage.is_dir() and os.path.ismount(storage)
    new = storage / ".restoring" if is_mount else storage.with_name(f".{storage.name}.restoring")
    try:
        if (storage / SWAPPING).exists() and new.exists():  # half of what was there is in it
            new.rename(_free(storage / f".before-{_stamp()}"))
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        _require_space(kept, new)
        _unpack(kept, new, told)
        _mark(kept, new)
        _hand_over(new, storage if storage.exists() else storage.parent)
        os.sync()
        aside = _swap_parts(new, storage) if is_mount else _swap(new, storage)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(f"{new.parent}: the disk is full; nothing was changed") from error
        raise StorageUnusable(f"{storage} can't be restored: {error}") from error
    except BaseException:
        if not (storage / SWAPPING).exists():
            shutil.rmtree(new, ignore_errors=True)
        raise
    executions = None if kept.manifest is None else kept.manifest.executions
    return Restored(backup=kept.id, storage=storage, aside=aside, executions=executions)


def _require_space(kept: Kept, new: Path) -> None:
    manifest = kept.manifest
    if manifest is None:
        with tarfile.open(kept.path / ARCHIVE, "r:gz") as archive:
            needed_bytes = sum(member.size for member in archive)
    else:
        needed_bytes = manifest.file_bytes + manifest.database_bytes
    free_bytes = shutil.disk_usage(new).free
    if free_bytes < needed_bytes + SPARE_BYTES:
        raise NoSpace(
            f"{kept.id} unpacks to {needed_bytes / 1e6:,.0f} MB and {new.parent} has"
            f" {free_bytes / 1e6:,.0f} MB free; nothing was changed"
        )


def _unpack(kept: Kept, new: Path, told: Told) -> None:
    total = kept.manifest.files if kept.manifest else 0
    try:
        with tarfile.open(kept.path / ARCHIVE, "r:gz") as archive:
            for done, member in enumerate(archive):
                first, _, below = member.name.rstrip("/").partition("/")
                if not (member.isfile() or member.isdir()) or first != ROOT or not below:
                    continue
                member.name = below
                archive.extract(member, new, filter="data")
                told("restore", done, max(total, done))
    except (tarfile.TarError, EOFError) as error:
        raise StorageUnusable(f"{kept.path / ARCHIVE} can't be unpacked: {error}") from error
    for name in _PARTS:
        (new / name).mkdir(mode=0o700, exist_ok=True)
    for name in ("stepflow.sock", "server.lock"):  # in archives that were made by hand
        (new / name).unlink(missing_ok=True)
    if not any((new / "database").glob("*.db")):
        shutil.copyfile(kept.path / DATABASE, new / "database" / DATABASE)


def _mark(kept: Kept, new: Path) -> None:
    """The archive has one, unless it was made by hand."""
    if (new / MARK).exists() or (kept.manifest is not None and kept.manifest.revision is None):
        return
    mark = Mark(backup=kept.id, made_at=kept.created_at.astimezone(UTC), host="", boot_id="")
    write_durably(new / MARK, msgspec.json.encode(mark))


def _hand_over(new: Path, like: Path) -> None:
    """Restored by root, it still is the server's user who has to write there."""
    if os.geteuid() != 0:
        return
    owner = like.stat()
    for folder, _, names in os.walk(new):
        for path in (folder, *(os.path.join(folder, name) for name in names)):  # noqa: PTH118 - many
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _swap(new: Path, storage: Path) -> Path | None:
    if not storage.exists():
        new.rename(storage)
        return None
    aside = _free(storage.with_name(f"{storage.name}.before-{_stamp()}"))
    _exchange(new, storage)
    new.rename(aside)
    return aside


def _swap_parts(new: Path, storage: Path) -> Path:
    (storage / SWAPPING).touch()
    for name in _PARTS:
        (storage / name).mkdir(mode=0o700, exist_ok=True)
        _exchange(new / name, storage / name)
    aside = _free(storage / f".before-{_stamp()}")
    new.rename(aside)
    (storage / SWAPPING).unlink()
    return aside


def _exchange(one: Path, other: Path) -> None:
    """At no moment is there nothing of that name; where the kernel can't, for a moment there is."""
    libc = ctypes.CDLL(None, use_errno=True)
    names = (os.fsencode(one), os.fsencode(other))
    if libc.renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0:
        return
    number = ctypes.get_errno()
    if number not in _UNKNOWN:
        raise OSError(number, os.strerror(number), str(other))
    between = one.with_name(f"{one.name}.old")
    other.rename(between)
    one.rename(other)
    between.rename(one)


def _stamp() -> str:
    return datetime.now().astimezone().strftime("%Y%m%d_%H%M%S")


def _free(path: Path) -> Path:
    number = 0
    free = path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}_{number}")
    return free
