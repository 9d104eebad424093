"""A large artifact: kept on its marker, and downloaded, against `cp`."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ground import Ground
from measured_server import MeasuredServer
from row import Row
from spread import in_turns, median


def rows(ground: Ground) -> Iterator[Row]:
    gigabytes = ground.sizes.artifact_gigabytes
    with ground.server("artifact") as server:
        source = server.folder / "large.bin"
        _fill(source, int(gigabytes * 1e9))
        copy = ground.path("artifact-copy") / "large.bin"
        ids: list[str] = []
        taken = in_turns(
            min(3, ground.sizes.rounds),
            cp=lambda: _copied(source, copy),
            server=lambda: _kept(server, source, ids),
        )
        path = server.client.get(f"/api/executions/{ids[-1]}/artifacts").json()
        url = path["artifacts"][0]["download_url"]
        downloads = in_turns(
            min(3, ground.sizes.rounds),
            cat=lambda: _read(source),
            server=lambda: _downloaded(server.port, url, source.stat().st_size),
        )
        memory = server.memory_bytes
    yield Row(
        name="artifact.keep",
        value=median(taken["server"]),
        unit=f"s for {gigabytes:g} GB, request to end",
        against=median(taken["cp"]),
        beside="cp and sync",
        note=f"server resident {memory / 1e6:.0f} MB after",
    )
    yield Row(
        name="artifact.download",
        value=median(downloads["server"]),
        unit="s",
        against=median(downloads["cat"]),
        beside="cat file > /dev/null",
    )


def _fill(path: Path, size: int) -> None:
    block = os.urandom(1 << 24)
    with path.open("wb") as file:
        while (left := size - file.tell()) > 0:
            file.write(block[:left])


def _copied(source: Path, copy: Path) -> float:
    began = time.perf_counter()
    subprocess.run(["cp", "--reflink=auto", str(source), str(copy)], check=True)
    subprocess.run(["sync", "-d", str(copy)], check=True)
    taken = time.perf_counter() - began
    copy.unlink()
    return taken


def _kept(server: MeasuredServer, source: Path, ids: list[str]) -> float:
    began = time.perf_counter()
    execution = server.finished(["echo", f"ARTIFACT:{source}:large:A large file"])
    taken = time.perf_counter() - began
    found = server.client.get(f"/api/executions/{execution['id']}/artifacts").json()["artifacts"]
    assert [one["file_size"] for one in found] == [source.stat().st_size], found
    for old in ids:
        server.forget(old)
    ids[:] = [execution["id"]]
    return taken


def _read(path: Path) -> float:
    began = time.perf_counter()
    with path.open("rb") as file:
        subprocess.run(["cat"], stdin=file, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _downloaded(port: int, path: str, size: int) -> float:
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode())
        buffer = memoryview(bytearray(1 << 20))
        received = 0
        while count := connection.recv_into(buffer):
            received += count
    assert received > size, (received, size)
    return time.perf_counter() - began
