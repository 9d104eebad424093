"""The WebSocket protocol that the server must be run with: `uvicorn.Config(ws=SocketProtocol)`.

It takes the deployment guide's curl line, whose key is not of 16 bytes, and lets ready frames
through to the transport: framed once for all clients, half the cost of a send per client.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.utils import accept_key

EXTENSION = "stepflow.frames"
_KEY = "Sec-WebSocket-Key"
_STANDARD_KEY = base64.b64encode(bytes(16)).decode()


class _LenientHandshake(ServerProtocol):
    def process_request(self, request: Request) -> tuple[str, str | None, Any]:
        keys = request.headers.get_all(_KEY)
        if len(keys) != 1 or not _is_base64(keys[0]):
            return super().process_request(request)
        headers = Headers(request.headers.raw_items())
        del headers[_KEY]
        headers[_KEY] = _STANDARD_KEY
        _, extensions, subprotocol = super().process_request(Request(request.path, headers))
        return accept_key(keys[0]), extensions, subprotocol


class SocketProtocol(WebSocketsSansIOProtocol):
    """The application finds it in the scope, as the extension `stepflow.frames`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn = _LenientHandshake(
            extensions=self.conn.available_extensions,
            max_size=self.config.ws_max_size,
            logger=self.logger,
        )
        self.on_writable: Callable[[], None] | None = None

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope["extensions"][EXTENSION] = self  # type: ignore[assignment]

    @property
    def is_open(self) -> bool:
        return (
            self.handshake_complete
            and not self.close_sent
            and not self.disconnected
            and not self.transport.is_closing()
        )

    @property
    def has_room(self) -> bool:
        return self.writable.is_set()

    def write_frames(self, frames: bytes) -> None:
        if self.is_open:
            self.transport.write(frames)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.on_writable is not None:
            self.on_writable()


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
