"""The storage folder: rights, file system, free space."""

import os
import pwd
import shutil
from pathlib import Path

from stepflow.doctor.finding import Finding, ok, problem, size

# Their locks and mapped memory are not those of one machine; SQLite and the pumps need both.
NETWORK = frozenset((
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone",
    "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3",
    "smbfs",
))  # fmt: skip
_MOUNTS = Path("/proc/self/mountinfo")


def storage(folder: Path) -> Finding:
    existing = _existing(folder)
    if existing != folder:
        text = f"{folder} is not there yet and will be made"
    elif not folder.is_dir():
        return problem("storage", f"{folder} is no folder", "set STEPFLOW_STORAGE_PATH")
    else:
        text = str(folder)
    if not os.access(existing, os.W_OK | os.X_OK):
        return problem(
            "storage",
            f"{existing} can't be written by user {_name(os.geteuid())}",
            f"sudo chown -R {_name(os.geteuid())} {existing}",
        )
    strangers = foreign(folder)
    if strangers:
        owner = _name(folder.stat().st_uid)
        return problem(
            "storage",
            f"{strangers[0]} belongs to {_name(strangers[0].stat().st_uid)}, the folder to {owner}:"
            " that one's server can't write it",
            f"sudo chown -R {owner} {folder}",
        )
    return ok("storage", text)


def foreign(folder: Path) -> list[Path]:
    """Files of the database that are another user's than the folder: `sudo` leaves such."""
    database = folder / "database"
    if not database.is_dir():
        return []
    owner = folder.stat().st_uid
    return [path for path in sorted(database.iterdir()) if path.lstat().st_uid != owner]


def file_system(folder: Path, mounts: Path = _MOUNTS) -> Finding:
    kind, at = mounted(_existing(folder), mounts)
    if kind in NETWORK:
        return problem(
            "file system",
            f"{folder} is on a network file system ({kind}, mounted at {at}): no WAL, no locks",
            "give the server a folder on a local disk with STEPFLOW_STORAGE_PATH",
        )
    return ok("file system", f"{kind}, mounted at {at}")


def mounted(path: Path, mounts: Path = _MOUNTS) -> tuple[str, str]:
    """The kind of file system that a path is on, and where that is mounted (`mountinfo`)."""
    best, kind = "", "unknown"
    place = str(path.resolve())
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return "unknown", "?"
    for line in lines:
        fields, _, rest = line.partition(" - ")
        at = fields.split()[4].encode().decode("unicode_escape")
        inside = place == at or place.startswith(at.rstrip("/") + "/")
        # Of two mounts at one place the later one is seen.
        if inside and len(at) >= len(best):
            best, kind = at, rest.split()[0]
    return kind, best


def disk(folder: Path, min_free_bytes: int) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free
    if free < min_free_bytes:
        return problem(
            "disk",
            f"{size(free)} free: below {size(min_free_bytes)} nothing new starts",
            "free some space (old executions: STEPFLOW_RETENTION_DAYS), or lower"
            " STEPFLOW_MIN_FREE_BYTES",
        )
    return ok("disk", f"{size(free)} free")


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
