"""Executions of `true` from the request to the settled end, against a subprocess of the same."""

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from ground import Ground
from http_load import Connection
from measured_server import MeasuredServer
from row import Row, at_least
from spread import in_turns, median, percentile

IN_FLIGHT = 8


def rows(ground: Ground) -> Iterator[Row]:
    count = ground.sizes.trues
    with ground.server("executions") as server:
        taken: list[float] = []
        cpu = server.cpu_seconds
        rates = in_turns(
            max(1, ground.sizes.rounds // 2),
            subprocess=lambda: _rate(count, _run_alone),
            server=lambda: _posted(server, count, taken),
        )
        cpu = server.cpu_seconds - cpu
        one = [_timed(server) for _ in range(count // 4)]
        complaints = server.complaints()
    yield Row(
        name="executions.rate",
        value=median(rates["server"]),
        unit=f"/s, {IN_FLIGHT} in flight",
        against=median(rates["subprocess"]),
        beside="subprocess of `true`",
        goal=at_least(0.25, "ratio"),
        note=f"server CPU {1000 * cpu / len(taken):.1f} ms each; {'; '.join(complaints[:3])}",
    )
    yield Row(
        name="executions.one",
        value=1000 * median(one),
        unit="ms from request to end, alone",
        note=f"p99 {1000 * percentile(one, 0.99):.1f} ms",
    )


def _rate(count: int, run: Callable[[int], object]) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(IN_FLIGHT) as threads:
        list(threads.map(run, range(count)))
    return count / (time.perf_counter() - began)


def _run_alone(_: int) -> None:
    subprocess.run(["/bin/true"], stdin=subprocess.DEVNULL, check=True)


def _posted(server: MeasuredServer, count: int, taken: list[float]) -> float:
    idle = [Connection(server.port) for _ in range(IN_FLIGHT)]

    def run(_: int) -> None:
        connection = idle.pop()
        began = time.perf_counter()
        _post(connection)
        taken.append(time.perf_counter() - began)
        idle.append(connection)

    return _rate(count, run)


def _timed(server: MeasuredServer) -> float:
    connection = Connection(server.port)
    began = time.perf_counter()
    _post(connection)
    return time.perf_counter() - began


def _post(connection: Connection) -> None:
    status, body = connection.ask(
        "POST", "/api/executions?wait=30s", b'{"command": ["/bin/true"], "working_directory": "/"}'
    )
    assert status == 201, body
    assert b'"status":"completed"' in body, body
