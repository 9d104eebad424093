"""WebSocket clients at the cost of a `recv` each, so that what is slow is the server.

A library's client takes longer for a frame than the server does; a thousand of them on the same
machine would measure themselves.
"""

import base64
import json
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterator

_PING, _TEXT = 9, 1


class LiveClient:
    """One connection to `/ws`. `take` reads what has come; `frames` cuts it into messages."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
            .encode()
        )  # fmt: skip
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(65536)
        head, _, rest = head.partition(b"\r\n\r\n")
        assert b" 101 " in head, head
        self.socket.setblocking(False)
        self._buffer = bytearray(rest)

    def fileno(self) -> int:
        return self.socket.fileno()

    def say(self, **message: object) -> None:
        self._send(_TEXT, json.dumps(message).encode())

    def take(self) -> bytes:
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return b""
        if not data:
            raise ConnectionError("the server hung up")
        return data

    def frames(self, data: bytes) -> Iterator[bytes]:
        """The texts that are complete with these bytes; pings are answered."""
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= 2:
            kind, length, body = buffer[start] & 15, buffer[start + 1], start + 2
            if length == 126:
                if len(buffer) < start + 4:
                    break
                (length,), body = struct.unpack_from(">H", buffer, start + 2), start + 4
            elif length == 127:
                if len(buffer) < start + 10:
                    break
                (length,), body = struct.unpack_from(">Q", buffer, start + 2), start + 10
            if len(buffer) < body + length:
                break
            start = body + length
            if kind == _PING:
                self._send(10, bytes(buffer[body:start]))
            elif kind == _TEXT:
                yield bytes(buffer[body:start])
        del buffer[:start]

    def close(self) -> None:
        self.socket.close()

    def _send(self, kind: int, body: bytes) -> None:
        length = len(body)
        assert length < 65536, "a client says little"
        size = bytes([0x80 | length]) if length < 126 else b"\xfe" + struct.pack(">H", length)
        # The mask of a client's frame may be zero.
        self.socket.setblocking(True)
        self.socket.sendall(bytes([0x80 | kind]) + size + bytes(4) + body)
        self.socket.setblocking(False)


def arrivals(clients: list[LiveClient], seconds: float) -> Iterator[tuple[LiveClient, bytes, int]]:
    """What comes to any of them for so long, each with its time in Unix nanoseconds."""
    with selectors.EpollSelector() as selector:
        for client in clients:
            selector.register(client.socket, selectors.EVENT_READ, client)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                data = key.data.take()
                if data:
                    yield key.data, data, time.time_ns()
