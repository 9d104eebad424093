"""Artifacts: list, keep by upload, download, forget.

What a browser shows of them is shown in a sandbox without an origin, without scripts, and without
a way to ask anybody for anything: an HTML artifact is as good as a picture of itself. Browsers show
no PDF in a sandbox; their viewers of it are one.
"""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import FileResponse, Response, StreamingResponse

from stepflow.artifacts import pack_zip
from stepflow.errors import RangeNotSatisfiable
from stepflow.web.call import Call, NoQuery
from stepflow.web.json import Answer
from stepflow.web.ranges import byte_range, unsatisfiable
from stepflow.web.shapes import ArtifactShape, artifact_shape
from stepflow.web.uploads import received

SANDBOX = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "frame-ancestors 'self'"
)
PDF = "application/pdf"
PDF_POLICY = (
    "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)
INLINE_TYPES = frozenset(
    {
        "application/json",
        PDF,
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/csv",
        "text/html",
        "text/markdown",
        "text/plain",
    }
)


class ArtifactsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`cursor` is `next` of the page before, and wins over `offset`."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    offset: Annotated[int, Meta(ge=0, le=1 << 62)] = 0
    cursor: str | None = None


class DownloadQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`inline` shows it in the browser where its type is harmless."""

    inline: bool = False


class Artifacts(msgspec.Struct, frozen=True):
    artifacts: list[ArtifactShape]


class ArtifactPageShape(msgspec.Struct, frozen=True):
    artifacts: list[ArtifactShape]
    limit: int
    offset: int
    count: int
    total_count: int
    has_more: bool
    next: str | None


class Kept(msgspec.Struct, frozen=True):
    id: str
    message: str
    artifact: ArtifactShape


class Upload(msgspec.Struct, frozen=True):
    """A multipart form. `file` is the file; `name` is what people call it."""

    file: bytes
    execution_id: str
    name: str | None = None
    description: str | None = None


class Forgotten(msgspec.Struct, frozen=True):
    message: str


async def of_execution(call: Call[NoQuery, None]) -> Response:
    """The artifacts of an execution"""
    await call.site.store.execution(call.id)
    found = await call.site.store.artifacts(call.id)
    return Answer(Artifacts([artifact_shape(one) for one in found]))


async def listed(call: Call[ArtifactsQuery, None]) -> Response:
    """All artifacts, newest first"""
    asked = call.query
    page = await call.site.store.artifact_page(
        limit=asked.limit, offset=asked.offset, cursor=asked.cursor
    )
    return Answer(
        ArtifactPageShape(
            [artifact_shape(one) for one in page.artifacts],
            asked.limit,
            asked.offset,
            len(page.artifacts),
            page.total_count,
            page.next is not None,
            page.next,
        )
    )


async def uploaded(call: Call[NoQuery, None]) -> Response:
    """Keep a file with an execution"""
    artifact = await received(call.site, call.request)
    body = Kept(artifact.id, f"artifact {artifact.name} is kept", artifact_shape(artifact))
    return Answer(body, 201, {"Location": f"artifacts/{artifact.id}"})


async def shown(call: Call[NoQuery, None]) -> Response:
    """One artifact"""
    return Answer(artifact_shape(await call.site.store.artifact(call.id)))


async def downloaded(call: Call[DownloadQuery, None]) -> Response:
    """The file of an artifact; it takes ranges"""
    artifact = await call.site.store.artifact(call.id)
    path = await asyncio.to_thread(call.site.supervisor.artifacts.path, artifact)
    request, status = call.request, await asyncio.to_thread(path.stat)
    try:
        part = byte_range(request.headers.get("range"), status.st_size)
    except RangeNotSatisfiable as error:
        return unsatisfiable(error, status.st_size)
    if part is None:
        # Not one range of bytes: all of it, where Starlette would refuse in its own words.
        request.scope["headers"] = [one for one in request.scope["headers"] if one[0] != b"range"]
    is_inline = call.query.inline and artifact.mime_type in INLINE_TYPES
    policy = PDF_POLICY if is_inline and artifact.mime_type == PDF else SANDBOX
    return FileResponse(
        path,
        headers={"Content-Security-Policy": policy, "Cache-Control": "private, no-cache"},
        media_type=artifact.mime_type if is_inline else "application/octet-stream",
        filename=artifact.file_name,
        stat_result=status,
        content_disposition_type="inline" if is_inline else "attachment",
    )


async def zipped(call: Call[NoQuery, None]) -> Response:
    """All artifacts of an execution as one zip file, made while it is sent"""
    await call.site.store.execution(call.id)
    found = await call.site.store.artifacts(call.id)
    entries, missing = await asyncio.to_thread(call.site.supervisor.artifacts.entries, found)
    return StreamingResponse(
        pack_zip(entries, missing),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="artifacts-{call.id}.zip"'},
    )


async def forgotten(call: Call[NoQuery, None]) -> Response:
    """Forget an artifact and its file"""
    artifact = await call.site.supervisor.forget_artifact(call.id)
    return Answer(Forgotten(f"artifact {artifact.name} is deleted"))
