"""Errors on the wire: RFC 9457 problem documents, with `error` for the original's clients.

The status of each error stands at its class; this is the one place where it becomes a response.
"""

from http import HTTPStatus
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from stepflow.errors import NotAuthenticated, StepflowError, Unavailable, UnknownField
from stepflow.web.json import encode

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger(__name__)


def problem(error: StepflowError) -> Response:
    """The response that tells a client of an error."""
    more: dict[str, Any] = {}
    if error.field is not None:
        more["field"] = error.field
    if isinstance(error, UnknownField) and error.nearest:
        more["nearest"] = error.nearest
    headers = {}
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(error, Unavailable):
        headers["Retry-After"] = "2"
    return _document(error.status, error.title, error.detail, headers, more)


async def refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, StepflowError)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request failed", error=error.detail)
    return problem(error)


async def unroutable(request: Request, error: Exception) -> Response:
    """Starlette's own refusals: no such path, or not this method."""
    assert isinstance(error, HTTPException)
    detail = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"there is nothing at {request.url.path}"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not possible at {request.url.path}"
    title = HTTPStatus(error.status_code).phrase
    return _document(error.status_code, title, detail, dict(error.headers or {}), {})


async def broken_off(_: Request, __: Exception) -> Response:
    """The client went away in the middle of its request: nobody reads this."""
    return _document(400, "The request broke off", "the request broke off", {}, {})


async def unexpected(_: Request, __: Exception) -> Response:
    """A bug. The traceback goes to the log, not to the client: Starlette raises it on."""
    return _document(500, "Something went wrong", "the server's log says what", {}, {})


def _document(
    status: int, title: str, detail: str, headers: dict[str, str], more: dict[str, Any]
) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return Response(
        encode({**body, "error": detail, **more}), status, headers, media_type=MEDIA_TYPE
    )
