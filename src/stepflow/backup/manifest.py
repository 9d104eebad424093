"""What a backup says of itself: `manifest.json` for the whole, `files.jsonl` for every file.

The files are in the order of their names, which is that of the archive, so that two backups are
compared line by line and neither has to fit into memory.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from stepflow.errors import StorageUnusable

DATABASE = "stepflow.db"
ARCHIVE = "storage_backup.tar.gz"
MANIFEST = "manifest.json"
FILES = "files.jsonl"
MARK = "database/restored.json"

Origin = Literal["asked", "schedule", "migration", "rollback"]

_encoder = msgspec.json.Encoder()


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Lies in the archive beside the database: whoever opens a folder that holds it knows that it
    was unpacked, and that what ran when the backup was made does not run here."""

    backup: str
    made_at: datetime
    host: str
    boot_id: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """`revision` is None for a backup of the original's folder. `new_bytes` were read and written
    anew, the others taken over from the backup before. `problem` is what verifying it found."""

    id: str
    created_at: datetime
    origin: Origin
    version: str
    revision: str | None
    host: str
    boot_id: str
    storage: str
    executions: int
    steps: int
    artifacts: int
    unfinished: int
    files: int
    file_bytes: int
    database_name: str
    database_bytes: int
    database_sha256: str
    archive_bytes: int
    new_bytes: int
    seconds: float
    verified_at: datetime | None = None
    problem: str | None = None

    def save(self, folder: Path) -> None:
        write_durably(folder / MANIFEST, msgspec.json.format(_encoder.encode(self), indent=2))

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """FileNotFoundError where there is none; StorageUnusable where it is damaged."""
        text = (folder / MANIFEST).read_bytes()
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StorageUnusable(f"{folder / MANIFEST} is damaged: {error}") from error


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A file in the archive. `mtime_ns`, `ctime_ns` and `inode` are those of the source when it was
    read, all 0 if it must be read again; `at` and `packed_bytes` are its place in the archive,
    `head_bytes` the tar header that its content follows there."""

    name: str
    size_bytes: int
    sha256: str
    mtime_ns: int
    ctime_ns: int
    inode: int
    at: int
    packed_bytes: int
    head_bytes: int

    @property
    def line(self) -> bytes:
        return _encoder.encode(self) + b"\n"

    @property
    def order(self) -> list[str]:
        return self.name.split("/")


def entries(folder: Path) -> Iterator[Entry]:
    """All files of a backup in their order. StorageUnusable where the list is damaged."""
    decode = msgspec.json.Decoder(Entry).decode
    with (folder / FILES).open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise StorageUnusable(f"{folder / FILES}:{number} is damaged: {error}") from error


def write_durably(path: Path, text: bytes) -> None:
    partial = path.with_name(f"{path.name}.new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text)
    sync(partial)
    partial.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
