"""The artifacts of all executions in one directory: `<execution id>/<artifact id>_<name>`."""

import errno
import mimetypes
import os
import re
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

from stepflow.artifacts.bundle import MISSING, Entry, entry_of
from stepflow.artifacts.copy import HashedWriter, Refused, copy_file, open_inside, pack_folder
from stepflow.errors import NotFound
from stepflow.model import Artifact, ArtifactState

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\]")
_NAME_BYTES = 150
TEXT_BYTES = 1 << 20


class Limits(msgspec.Struct, frozen=True):
    """`spare_bytes` stay free on the disk whatever a script wants kept."""

    file_bytes: int = 64 << 30
    spare_bytes: int = 1 << 30


class ArtifactFolder:
    """Keeps, finds and forgets artifacts under `root`. Its methods block: call them in a thread."""

    def __init__(self, root: Path, roots: tuple[Path, ...] = (), limits: Limits | None = None):
        self._root = root
        self._roots = tuple(Path(os.path.realpath(folder)) for folder in roots)
        self.limits = limits or Limits()

    def keep(self, artifact: Artifact, *, working_directory: Path, is_last_try: bool) -> Artifact:
        """Copy what the artifact's `source_path` names. Every result is the artifact again, with
        a state that says what became of it."""
        artifact = _described(artifact)
        source = artifact.source_path
        if _URL.match(source):
            return msgspec.structs.replace(artifact, state=ArtifactState.LINK, artifact_type="link")
        try:
            return self._copied(artifact, working_directory)
        except FileNotFoundError:
            if is_last_try:
                return _without_file(artifact, ArtifactState.MISSING, f"{source} was never there")
            return msgspec.structs.replace(artifact, problem=f"{source} is not there yet")
        except (Refused, OSError, ValueError) as error:
            # ValueError: a NUL in the path. Whatever it is, it is this artifact's trouble alone.
            problem = f"{source} was not kept: {error}"
            return _without_file(artifact, ArtifactState.REFUSED, problem)

    def text(self, source: str, *, working_directory: Path) -> tuple[str | None, bool, str | None]:
        """What a file holds and whether that was cut (at 1 MiB), or why it may not be read;
        neither of them where there is no such file."""
        try:
            data = self._first_bytes(source, working_directory)
        except FileNotFoundError:
            return None, False, None
        except (Refused, OSError, ValueError) as error:
            return None, False, f"{source} was not read: {error}"
        is_cut = len(data) > TEXT_BYTES
        return data[:TEXT_BYTES].decode("utf-8", "ignore" if is_cut else "replace"), is_cut, None

    def _first_bytes(self, source: str, working_directory: Path) -> bytes:
        roots = (Path(os.path.realpath(working_directory)), *self._roots)
        path = Path(os.path.realpath(working_directory / source))
        descriptor = open_inside(path, roots)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Refused("it is a folder")
        with os.fdopen(descriptor, "rb") as opened:
            return opened.read(TEXT_BYTES + 1)

    def path(self, artifact: Artifact) -> Path:
        """Where the kept file is; NotFound says why there is none."""
        if artifact.state is not ArtifactState.STORED:
            raise NotFound(artifact.problem or f"the artifact is a {artifact.state.value}")
        path = self._root / artifact.execution_id / Path(artifact.file_path).name
        if not path.is_file():
            raise NotFound(f"the file of artifact {artifact.id} is gone from {path.parent}")
        return path

    def entries(self, artifacts: Iterable[Artifact]) -> tuple[list[Entry], list[str]]:
        """What a zip file of these holds, and a line for each whose file is not here."""
        entries: list[Entry] = []
        missing: list[str] = []
        taken = {MISSING}
        for artifact in artifacts:
            try:
                entries.append(entry_of(artifact, self.path(artifact), taken))
            except NotFound as error:
                missing.append(f"{artifact.name}: {error.detail}")
        return entries, missing

    def target(self, artifact: Artifact) -> Path:
        """The path that an artifact's file is to have; its folder exists afterwards."""
        folder = self._root / artifact.execution_id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder / f"{artifact.id}_{_safe_name(artifact.file_name)}"

    def forget(self, artifact: Artifact) -> None:
        """Remove one artifact's file; already gone is as good."""
        if artifact.file_path:
            (self._root / artifact.execution_id / Path(artifact.file_path).name).unlink(
                missing_ok=True
            )

    def forget_execution(self, execution_id: str) -> None:
        """Remove all files of an execution."""
        folder = self._root / execution_id
        if folder.is_dir():
            shutil.rmtree(folder)

    def _copied(self, artifact: Artifact, working_directory: Path) -> Artifact:
        roots = (Path(os.path.realpath(working_directory)), *self._roots)
        source = Path(os.path.realpath(working_directory / artifact.source_path))
        descriptor = open_inside(source, roots)
        try:
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            if is_folder:
                artifact = msgspec.structs.replace(
                    artifact,
                    file_name=f"{artifact.file_name}.tar.zst",
                    mime_type="application/zstd",
                )
            elif os.fstat(descriptor).st_size > self.limits.file_bytes:
                raise Refused(f"it is larger than the limit of {self.limits.file_bytes} bytes")
            return self._written(artifact, descriptor, source if is_folder else None)
        finally:
            os.close(descriptor)

    def _written(self, artifact: Artifact, descriptor: int, folder: Path | None) -> Artifact:
        target = self.target(artifact)
        partial = target.with_name(f".{artifact.id}.partial")
        free = shutil.disk_usage(target.parent).free - self.limits.spare_bytes
        try:
            with partial.open("wb") as raw:
                writer = HashedWriter(raw, self.limits.file_bytes)
                if folder is not None:
                    pack_folder(folder, writer)
                else:
                    if os.fstat(descriptor).st_size > free:
                        raise Refused("too little disk space is free for it")
                    copy_file(descriptor, writer)
                raw.flush()
                os.fsync(raw.fileno())
            partial.rename(target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Refused("the disk is full") from error
            raise Refused(f"it can't be copied: {error.strerror}") from error
        except Refused:
            partial.unlink(missing_ok=True)
            raise
        return msgspec.structs.replace(
            artifact,
            state=ArtifactState.STORED,
            file_path=str(
                Path(self._root.parent.name, self._root.name, artifact.execution_id, target.name)
            ),
            file_size=writer.size_bytes,
            artifact_type=_artifact_type(artifact.mime_type),
            sha256=writer.sha256,
        )


def _described(artifact: Artifact) -> Artifact:
    """The artifact with what its path tells: a short name, a file name and a type."""
    base = _base_name(artifact.source_path)
    name = base if artifact.name == artifact.source_path else artifact.name
    return msgspec.structs.replace(
        artifact, name=name, file_name=base, mime_type=_mime_type(base), problem=None
    )


def _without_file(artifact: Artifact, state: ArtifactState, problem: str) -> Artifact:
    return msgspec.structs.replace(artifact, state=state, problem=problem)


def _base_name(path: str) -> str:
    trimmed = path.rstrip("/\\")
    return re.split(r"[/\\]", trimmed)[-1] or trimmed or path


def _safe_name(name: str) -> str:
    """`name` as one path component of at most 150 bytes, its ending kept."""
    safe = _UNSAFE.sub("_", name)
    encoded = safe.encode("utf-8", "replace")
    if len(encoded) > _NAME_BYTES:
        ending = Path(safe).suffix[:20]
        safe = encoded[: _NAME_BYTES - len(ending.encode())].decode("utf-8", "ignore") + ending
    return safe


def _mime_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _artifact_type(mime_type: str) -> str:
    """The original's coarse kind of a file."""
    kind, _, detail = mime_type.partition("/")
    if kind in ("image", "video", "audio"):
        return kind
    if detail in ("html", "pdf", "markdown"):
        return "report"
    if kind == "text" or detail in ("json", "xml", "csv"):
        return "text"
    if detail in ("zip", "gzip", "zstd", "x-tar", "x-bzip2", "x-xz"):
        return "archive"
    return "other"
