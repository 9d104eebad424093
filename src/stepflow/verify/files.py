"""The files of a storage folder against its rows. Only looks."""

import os
import re
from array import array
from collections.abc import Iterator
from pathlib import Path

from stepflow.backup import folder_of
from stepflow.errors import Unavailable
from stepflow.model import ArtifactState, Execution, is_id, milliseconds_of
from stepflow.process import Folder
from stepflow.store.soundness import Database, Told
from stepflow.transcript import ArchivedLog, misplaced_record
from stepflow.verify.digests import sha256_of
from stepflow.verify.finding import Finding

_BLOCK_BYTES = 65536
_HALF = re.compile(r"(log|log\.zst|time\.idx|lines\.idx|masks|in)\.new|log\.partial|spec\.partial")
_OF_RUNNING = ("spec.json", "masks", "out", "in")


def logs(storage: Path, database: Database, told: Told, total: int) -> Iterator[Finding]:
    """Of every execution that has ended."""
    for done, execution in enumerate(database.executions()):
        told("logs", done + 1, total)
        if execution.is_finished:
            yield from _log(execution, folder_of(storage, execution.id))


def _log(execution: Execution, folder: Folder) -> Iterator[Finding]:
    where = str(folder.path)
    for name in sorted(_names(folder.path)):
        if _HALF.fullmatch(name):
            yield Finding(
                what="half a file",
                where=f"{where}/{name}",
                said="a crash left it",
                repair="leftover",
            )
        elif name in _OF_RUNNING:
            yield Finding(
                what="file of a running execution",
                where=f"{where}/{name}",
                said="its execution has ended",
                repair="secrets",
            )
    try:
        size_bytes = folder.log.stat().st_size
    except FileNotFoundError:
        yield from _archive(execution, folder)
        return
    if size_bytes < execution.log_bytes:
        yield Finding(
            what="log cut short",
            where=str(folder.log),
            said=f"it has {size_bytes:,} bytes of {execution.log_bytes:,}",
        )
    if folder.line_index.exists() and not _is_line_index_right(folder):
        yield Finding(
            what="line index",
            where=str(folder.line_index),
            said="it does not count the lines of its log",
            repair="line index",
        )
    yield from _times(folder, size_bytes)


def _times(folder: Folder, size_bytes: int) -> Iterator[Finding]:
    try:
        data = folder.time_index.read_bytes()
    except FileNotFoundError:
        data = b""
    if size_bytes and not data:
        said = "no line of its log has a time"
    else:
        place = misplaced_record(data, size_bytes)
        if place is None:
            return
        said = f"record {place + 1:,} is out of order or beyond the log: times from there are wrong"
    yield Finding(what="time index", where=str(folder.time_index), said=said)


def _archive(execution: Execution, folder: Folder) -> Iterator[Finding]:
    if not folder.archive.exists():
        if execution.log_bytes:
            yield Finding(
                what="log missing",
                where=str(folder.path),
                said=f"{execution.name!r} wrote {execution.log_bytes:,} bytes",
            )
        return
    try:
        archived = ArchivedLog(folder.archive)
        try:
            archived.verify()
            size_bytes = archived.size_bytes
        finally:
            archived.close()
    except (Unavailable, OSError) as error:
        yield Finding(what="archive damaged", where=str(folder.archive), said=str(error))
        return
    if size_bytes != execution.log_bytes:
        yield Finding(
            what="archive of another log",
            where=str(folder.archive),
            said=f"it holds {size_bytes:,} bytes of {execution.log_bytes:,}",
        )


def _is_line_index_right(folder: Folder) -> bool:
    kept = array("Q")
    data = folder.line_index.read_bytes()
    kept.frombytes(data[: len(data) // 8 * 8])
    newlines = 0
    with folder.log.open("rb", buffering=0) as log:
        for entry in kept:
            block = log.read(_BLOCK_BYTES)
            newlines += block.count(b"\n")
            if len(block) < _BLOCK_BYTES or newlines != entry:
                return False
    return True


def artifacts(storage: Path, database: Database, told: Told, total: int) -> Iterator[Finding]:
    known: set[str] = set()
    for done, artifact in enumerate(database.artifacts()):
        told("artifacts", done + 1, total)
        if artifact.state is not ArtifactState.STORED:
            continue
        name = Path(artifact.file_path).name
        path = storage / "artifacts" / artifact.execution_id / name
        known.add(f"{artifact.execution_id}/{name}")
        if not path.is_file():
            yield Finding(what="artifact missing", where=str(path), said=f"of {artifact.name!r}")
        elif path.stat().st_size != artifact.file_size:
            said = f"it has {path.stat().st_size:,} bytes of {artifact.file_size:,}"
            yield Finding(what="artifact changed", where=str(path), said=said)
        elif artifact.sha256 is not None and sha256_of(path) != artifact.sha256:
            said = "its content is not what was kept"
            yield Finding(what="artifact changed", where=str(path), said=said)
    for folder in _folders(storage / "artifacts"):
        for name in sorted(_names(folder)):
            if f"{folder.name}/{name}" in known:
                continue
            if name.startswith("."):
                yield Finding(
                    what="half an artifact",
                    where=f"{folder}/{name}",
                    said="a crash left it, or it is being written",
                    repair="leftover",
                )
            else:
                yield Finding(
                    what="file without a row", where=f"{folder}/{name}", said="no artifact names it"
                )


def strays(storage: Path, database: Database) -> Iterator[Finding]:
    """Folders of executions that no row tells of."""
    for month in _folders(storage / "executions"):
        for folder in _folders(month):
            name = folder.name
            if not is_id(name) or milliseconds_of(name) is None or database.is_known(name):
                continue
            yield Finding(
                what="execution without a row",
                where=str(folder),
                said="its row was lost, or it is being deleted",
                repair="adopt",
            )


def leftovers(storage: Path) -> Iterator[Finding]:
    found = [
        *(storage / "artifacts").glob(".upload-*"),
        *storage.glob(".self-test-*"),
        *storage.parent.glob(f".{storage.name}.restoring"),
        *storage.glob(".restoring"),
    ]
    for path in found:
        yield Finding(
            what="left over", where=str(path), said="whoever made it was killed", repair="leftover"
        )


def _folders(path: Path) -> list[Path]:
    return sorted(one for one in path.iterdir() if one.is_dir()) if path.is_dir() else []


def _names(path: Path) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 - many, and only their names
    except (FileNotFoundError, NotADirectoryError):
        return []
