"""One request to one endpoint: its path, query and body, checked before the endpoint sees them.

Queries and bodies are msgspec structs; the same structs make the OpenAPI document.
"""

import re
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

import msgspec
from starlette.requests import Request

from stepflow.errors import InvalidRequest, TooLarge, UnknownField, UnsupportedMediaType
from stepflow.web.site import LOCAL, Site

MOST_BODY_BYTES = 1 << 20
# What `stepflow run` hands over may be as large as the kernel lets a command be.
MOST_LOCAL_BODY_BYTES = 16 << 20

Query = TypeVar("Query")
Body = TypeVar("Body")
Wanted = TypeVar("Wanted")

_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`")
_PLACE = re.compile(r" - at `\$\.?([^.`\[]*)(.*)`$")


class Call(Generic[Query, Body]):
    """`query` and `body` are of the types that the route table gives the endpoint."""

    def __init__(self, site: Site, request: Request, query: Query, body: Body) -> None:
        self.site = site
        self.request = request
        self.query = query
        self.body = body

    @property
    def id(self) -> str:
        return str(self.request.path_params["id"])


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No query parameter is known here."""


def query_of(request: Request, kind: type[Wanted]) -> Wanted:
    """The query as a struct; an unknown or wrong parameter is refused by name."""
    return converted(dict(request.query_params) if request.scope["query_string"] else {}, kind)


async def body_of(request: Request, kind: type[Wanted]) -> Wanted:
    """The JSON body as a struct. Without a body: the struct's defaults, where it has them all."""
    data = await body_bytes(request)
    if not data:
        return converted({}, kind)
    if media_type(request) != "application/json":
        raise UnsupportedMediaType(
            f"the body is {media_type(request) or 'of no type'}: send it as application/json"
        )
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise refusal(error, kind) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidRequest("the body is nested too deeply") from error


async def body_bytes(request: Request) -> bytes:
    """The whole body, if it is of a sane size."""
    announced = request.headers.get("content-length", "0")
    received = bytearray()
    most_bytes = MOST_LOCAL_BODY_BYTES if request.scope[LOCAL] else MOST_BODY_BYTES
    if announced.isdigit() and int(announced) > most_bytes:
        raise _too_large(most_bytes)
    async for chunk in request.stream():
        received += chunk
        if len(received) > most_bytes:
            raise _too_large(most_bytes)
    return bytes(received)


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def converted(values: dict[str, Any], kind: type[Wanted]) -> Wanted:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise refusal(error, kind) from error


def refusal(error: msgspec.ValidationError, kind: type) -> InvalidRequest:
    """What msgspec found wrong, in our words: the field named, with the nearest if unknown."""
    message = str(error)
    if unknown := _UNKNOWN.match(message):
        name = unknown[1]
        near = get_close_matches(name, getattr(kind, "__struct_fields__", ()), 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return UnknownField(
            f"there is no field {name!r}{hint}", field=name, nearest=near[0] if near else None
        )
    place = _PLACE.search(message)
    what = message[: place.start()] if place else message
    what = what[:1].lower() + what[1:].replace("`", "")
    if place and place[1]:
        where = f"{place[1]}{place[2]}".replace("[...]", " (a value)")
        return InvalidRequest(f"{where}: {what}", field=place[1])
    return InvalidRequest(what)


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"the body is larger than {most_bytes} bytes")
