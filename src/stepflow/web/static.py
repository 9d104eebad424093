"""The page: files of the UI's build, and its index for every route that the browser handles.

The index is served from several depths, so its `<base>` says where the root is, relatively: it
works behind any path prefix of a proxy.
"""

import gzip
import mimetypes
from asyncio import to_thread
from collections.abc import Awaitable, Callable, Iterator
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from stepflow.errors import NotFound

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self' blob:; frame-src 'self'; "
    "manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
# The routes, and the component of the UI that each of them shows.
ROUTES = {
    "/": "OverviewPage",
    "/new": "NewExecutionPage",
    "/system": "SystemPage",
    "/compare": "ComparePage",
    "/trends": "TrendsPage",
    "/executions": "ExecutionsPage",
    "/executions/{id}": "ExecutionPage",
}
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_TEXT = ("text/", "image/svg", "application/json", "application/manifest")
_BASE = '<base href="./" />'
_NOT_BUILT = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>StepFlow Monitor</title>"
    "<h1>StepFlow Monitor</h1><p>The page was not built into this installation. The API works: "
    '<a href="api/docs">api/docs</a>.</p></html>'
)


class Pages:
    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def index(self, component: str) -> Callable[[Request], Awaitable[Response]]:
        async def answered(request: Request) -> Response:
            return self._page(request, 200, component)

        return answered

    def _page(self, request: Request, status: int, component: str | None = None) -> Response:
        file = self._folder / "index.html"
        if not file.is_file():
            return HTMLResponse(_NOT_BUILT, 503, _HEADERS)
        depth = request.url.path.removeprefix(request.scope.get("root_path", "")).count("/") - 1
        text = file.read_text(encoding="utf-8")
        root = "../" * depth or "./"
        text = text.replace(_BASE, f'<base href="{root}" />')
        headers = {**_HEADERS, "Cache-Control": "no-cache"}
        if component and (early := ", ".join(self._early(component, root))):
            headers["Link"] = early
        return HTMLResponse(text, status, headers)

    def _early(self, component: str, root: str) -> Iterator[str]:
        """The files of a component, of which the browser else learns from code that it has read."""
        for kind, how in (("js", "modulepreload"), ("css", "preload; as=style; crossorigin")):
            for file in (self._folder / "assets").glob(f"{component}-*.{kind}"):
                yield f"<{root}assets/{file.name}>; rel={how}"

    async def file(self, request: Request) -> Response:
        """A file of the build. Those in `assets/` have their content's hash in their name."""
        wanted = request.path_params["path"]
        path = (self._folder / wanted).resolve() if "\0" not in wanted else self._folder
        if not path.is_relative_to(self._folder) or not path.is_file():
            # People see the page that says so, with the way back; programs the problem document.
            if "text/html" in request.headers.get("accept", ""):
                return self._page(request, 404)
            raise NotFound(f"there is nothing at {request.url.path}")
        is_hashed = wanted.startswith("assets/")
        caching = "public, max-age=31536000, immutable" if is_hashed else "no-cache"
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {**_HEADERS, "Cache-Control": caching, "Vary": "Accept-Encoding"}
        if media_type.startswith(_TEXT) and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            data = await to_thread(_compressed, path, path.stat().st_mtime_ns)
            return Response(data, headers=headers, media_type=media_type)
        return FileResponse(path, headers=headers, media_type=media_type)


@lru_cache(maxsize=128)
def _compressed(path: Path, version: int) -> bytes:  # noqa: ARG001 (a file that changed is another)
    return gzip.compress(path.read_bytes(), 9, mtime=0)
