"""The door: what every request must pass before anything looks at it.

Host (against DNS rebinding), Origin and Sec-Fetch-Site (against foreign web pages, on WebSockets
too), then the key. A connection through the unix socket passes: the file's permission decided. It
is known by its local address, which for TCP always has a port, whatever a client sends.
"""

import ipaddress
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stepflow.errors import Forbidden, NotAuthenticated, StepflowError
from stepflow.web.auth import Access
from stepflow.web.problems import problem
from stepflow.web.site import LOCAL

HEALTH = "/api/health"
_NEEDS_KEY = ("/api/", "/metrics", "/ws")
_NEEDS_NO_KEY = (HEALTH, "/api/session")
_READING = ("GET", "HEAD")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_WANTED = frozenset(
    {
        b"host",
        b"origin",
        b"sec-fetch-site",
        b"sec-fetch-mode",
        b"sec-fetch-dest",
        b"authorization",
        b"x-api-key",
        b"cookie",
        b"x-request-id",
    }
)

Headers = Mapping[bytes, bytes]


class Guards:
    """Pure ASGI around the application. `always_needs_key`: on the port that has no page."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        allowed_hosts: tuple[str, ...],
        own_ports: tuple[int, ...],
        always_needs_key: bool = False,
    ) -> None:
        self._app = app
        self._access = access
        self._hosts = frozenset(host.lower() for host in allowed_hosts)
        self._ports = frozenset(own_ports)
        self._always_needs_key = always_needs_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        scope[LOCAL] = _is_local(scope)
        if path == HEALTH and scope["type"] == "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"] if name in _WANTED}
        identity = headers.get(b"x-request-id", b"")
        if not _REQUEST_ID.fullmatch(identity):
            identity = secrets.token_hex(8).encode()

        async def send_marked(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", identity),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"same-origin"),
                ]
            await send(message)

        if not scope[LOCAL]:
            try:
                self._check(scope, path, headers)
            except StepflowError as error:
                await problem(error)(scope, receive, send_marked)
                return
        await self._app(scope, receive, send_marked)

    def _check(self, scope: Scope, path: str, headers: Headers) -> None:
        host = headers.get(b"host", b"").decode("latin-1")
        self._check_host(host)
        self._check_origin(scope, host, headers)
        needs_key = self._always_needs_key or (
            path.startswith(_NEEDS_KEY) and path not in _NEEDS_NO_KEY
        )
        if needs_key and not self._access.admits(headers):
            raise NotAuthenticated("send the key as Authorization: Bearer … or as X-API-Key")

    def _check_host(self, host: str) -> None:
        name, _ = _name_and_port(host)
        if name == "localhost" or name in self._hosts or "*" in self._hosts or _is_address(name):
            return
        raise Forbidden(
            f"the host {name!r} is not known here: name it in STEPFLOW_ALLOWED_HOSTS", field="Host"
        )

    def _check_origin(self, scope: Scope, host: str, headers: Headers) -> None:
        """A page of this server may do everything, a foreign one may only link to us."""
        origin = headers.get(b"origin")
        if origin is not None:
            if not self._is_own(origin.decode("latin-1"), host):
                raise Forbidden(
                    f"a page of {origin.decode('latin-1')} may not use this server", field="Origin"
                )
            return
        site = headers.get(b"sec-fetch-site")
        if site in (None, b"same-origin", b"none"):
            return
        is_link = (
            scope["type"] == "http"
            and scope["method"] in _READING
            and headers.get(b"sec-fetch-mode") == b"navigate"
            and headers.get(b"sec-fetch-dest") == b"document"
        )
        if not is_link:
            raise Forbidden("a page of another site may not use this server", field="Origin")

    def _is_own(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
            port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
        except ValueError:
            return False
        if parts.scheme not in _DEFAULT_PORTS:
            return False
        name, host_port = _name_and_port(host)
        if (parts.hostname or "").lower() != name.strip("[]"):
            return False
        return (
            port in self._ports or port == host_port or (host_port is None and parts.port is None)
        )


def _is_local(scope: Scope) -> bool:
    server: Any = scope.get("server")
    return server is not None and server[1] is None


def _name_and_port(host: str) -> tuple[str, int | None]:
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        return host.lower(), None
    return name.lower(), int(port)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name[1:-1] if name.startswith("[") else name)
    except ValueError:
        return False
    return True
