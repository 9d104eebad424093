"""Uploads: a multipart form whose file is written as it comes, beside where it is to lie.

They keep the limits of all artifacts: the largest file, and the space that stays free.
"""

import asyncio
import hashlib
import mimetypes
import os
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from stepflow.artifacts import Limits
from stepflow.errors import InvalidRequest, NoSpace, TooLarge, UnsupportedMediaType
from stepflow.model import Artifact, ArtifactState
from stepflow.web.call import media_type
from stepflow.web.clock import now
from stepflow.web.site import Site

MOST_FIELD_BYTES = 64 << 10
# What a form may have around its file.
MOST_FORM_BYTES = 1 << 20
_PARTIAL = ".upload-"
_FIELDS = ("file", "execution_id", "name", "description")


async def received(site: Site, request: Request) -> Artifact:
    """Read the form, keep its file, record the artifact. Nothing is left behind by a refusal."""
    if media_type(request) != "multipart/form-data":
        raise UnsupportedMediaType(
            f"an upload is multipart/form-data, not {media_type(request) or 'without a type'}"
        )
    partial = _folder(site.supervisor.storage) / f"{_PARTIAL}{uuid.uuid4()}"
    try:
        form = await _written(request, partial, site.supervisor.artifacts.limits)
        return await _kept(site, form, partial)
    except OSError as error:
        raise NoSpace(f"the upload could not be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def forget_partial(storage: Path) -> None:
    """Remove what a killed server left of uploads. The caller holds the storage folder's lock."""
    for left in _folder(storage).glob(f"{_PARTIAL}*"):
        left.unlink(missing_ok=True)


def _folder(storage: Path) -> Path:
    return storage / "artifacts"


@dataclass
class _Form:
    """The parts of a form as they come; the file goes to `file`."""

    file: BinaryIO
    limits: Limits
    fields: dict[str, bytes] = field(default_factory=dict)
    file_name: str = ""
    size_bytes: int = 0
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _header_name: bytes = b""
    _header_value: bytes = b""
    _part: str = ""
    has_file: bool = False
    is_whole: bool = False

    def parser(self, boundary: bytes) -> MultipartParser:
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_end": self._on_end,
            },
        )

    def text(self, name: str) -> str | None:
        try:
            text = self.fields.get(name, b"").decode().strip()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"{name}: it is not UTF-8", field=name) from error
        if "\0" in text:
            raise InvalidRequest(f"{name}: it contains a NUL character", field=name)
        return text or None

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        self._part = options.get(b"name", b"").decode("utf-8", "replace")
        if self._part not in _FIELDS:
            raise InvalidRequest(f"there is no field {self._part!r}", field=self._part)
        if self._part == "file":
            if self.has_file:
                raise InvalidRequest("file: send one file at a time", field="file")
            self.has_file = True
            self.file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        else:
            self.fields[self._part] = b""

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        piece = data[start:end]
        if self._part == "file":
            self.size_bytes += len(piece)
            if self.size_bytes > self.limits.file_bytes:
                raise _too_large(self.limits)
            self.file.write(piece)
            self.sha256.update(piece)
            return
        self.fields[self._part] += piece
        if len(self.fields[self._part]) > MOST_FIELD_BYTES:
            raise TooLarge(f"{self._part}: it is longer than {MOST_FIELD_BYTES} bytes")

    def _on_end(self) -> None:
        self.is_whole = True


async def _written(request: Request, partial: Path, limits: Limits) -> _Form:
    _, options = parse_options_header(request.headers["content-type"])
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidRequest("the form has no boundary")
    announced = request.headers.get("content-length", "")
    partial.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_space(partial.parent, limits, int(announced) if announced.isdecimal() else 0)
    with partial.open("xb") as file:
        form = _Form(file, limits)
        parser = form.parser(boundary)
        try:
            async for chunk in request.stream():
                _check_space(partial.parent, limits, len(chunk))
                await asyncio.to_thread(parser.write, chunk)
        except FormParserError as error:
            raise InvalidRequest(f"the form is broken: {error}") from error
        await asyncio.to_thread(_sync, file)
    if not form.is_whole:
        raise InvalidRequest("the form ends too early")
    return form


def _check_space(folder: Path, limits: Limits, coming_bytes: int) -> None:
    if coming_bytes > limits.file_bytes + MOST_FORM_BYTES:
        raise _too_large(limits)
    free = shutil.disk_usage(folder).free
    if free - coming_bytes < limits.spare_bytes:
        raise NoSpace(
            f"file: only {free >> 20} MiB are free, of which {limits.spare_bytes >> 20} MiB stay so"
            " (STEPFLOW_MIN_FREE_BYTES)",
            field="file",
        )


def _too_large(limits: Limits) -> TooLarge:
    return TooLarge(f"file: it is larger than the limit of {limits.file_bytes} bytes", field="file")


async def _kept(site: Site, form: _Form, partial: Path) -> Artifact:
    if not form.has_file:
        raise InvalidRequest("file: it is missing", field="file")
    execution_id = form.text("execution_id")
    if execution_id is None:
        raise InvalidRequest("execution_id: it is missing", field="execution_id")
    execution = await site.store.execution(execution_id)
    file_name = Path(form.file_name.replace("\\", "/")).name.replace("\0", "") or "upload"
    artifact = Artifact(
        id=str(uuid.uuid4()),
        execution_id=execution.id,
        name=form.text("name") or file_name,
        description=form.text("description"),
        created_at=now(),
        file_name=file_name,
        file_size=form.size_bytes,
        mime_type=mimetypes.guess_type(file_name)[0] or "application/octet-stream",
        state=ArtifactState.STORED,
        sha256=form.sha256.hexdigest(),
    )
    target = await asyncio.to_thread(site.supervisor.artifacts.target, artifact)
    place = Path(site.supervisor.storage.name, "artifacts", execution.id, target.name)
    artifact = msgspec.structs.replace(artifact, file_path=str(place))
    await asyncio.to_thread(partial.rename, target)
    try:
        return await site.store.keep_artifact(artifact)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
