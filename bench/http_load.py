"""Clients that cost little beside what they measure: one connection, and many with `wrk`."""

import re
import shutil
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

from spread import percentile


class Connection:
    """A keep-alive connection to a local port; asks one thing after the other."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._port = port

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body."""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._socket.sendall(head.encode() + b"\r\n" + body)
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        answer, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
        length = int(found[1]) if found else 0
        while len(self._buffer) < length:
            self._receive()
        content, self._buffer = self._buffer[:length], self._buffer[length:]
        return int(answer.split(b" ", 2)[1]), content

    def close(self) -> None:
        self._socket.close()

    def _receive(self) -> None:
        data = self._socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the server hung up")
        self._buffer += data


@dataclass
class Load:
    """What a load made of a server."""

    per_second: float
    p50_ms: float
    p99_ms: float


def load(port: int, path: str, *, clients: int, seconds: float) -> Load:
    """GET a path over so many connections at once. Every answer has to be 200."""
    if shutil.which("wrk") and clients > 1:
        return _wrk(port, path, clients, seconds)
    taken: list[list[float]] = [[] for _ in range(clients)]
    until = time.perf_counter() + seconds
    threads = [threading.Thread(target=_client, args=(port, path, until, one)) for one in taken]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lasted = time.perf_counter() - began
    times = [1000 * one for ones in taken for one in ones]
    return Load(len(times) / lasted, percentile(times, 0.5), percentile(times, 0.99))


def _client(port: int, path: str, until: float, taken: list[float]) -> None:
    connection = Connection(port)
    while (began := time.perf_counter()) < until:
        status, body = connection.ask("GET", path)
        assert status == 200, body
        taken.append(time.perf_counter() - began)
    connection.close()


_UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


def _wrk(port: int, path: str, clients: int, seconds: float) -> Load:
    duration = f"{max(1, round(seconds))}s"
    said = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{duration}", "--latency", f"http://127.0.0.1:{port}{path}"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "Non-2xx" not in said, said
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    shares = {
        share: float(number) * _UNITS_MS[unit]
        for share, number, unit in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)\b", said)
    }
    assert rate is not None, said
    return Load(float(rate[1]), shares["50"], shares["99"])
