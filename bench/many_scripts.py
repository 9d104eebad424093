"""A thousand scripts that tick at once: under the server, and alone on pipes."""

import os
import resource
import selectors
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import msgspec

from eventually import eventually
from ground import Ground
from http_load import Connection
from live_client import LiveClient, arrivals
from measured_server import MeasuredServer

RATE = 10
LOGS_PER_CLIENT = 200


class _LogLines(msgspec.Struct):
    execution_id: str = ""
    lines: list[tuple[str, int | None]] = []
    lagged: bool = False


class _Message(msgspec.Struct):
    type: str
    data: msgspec.Raw


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_lines = msgspec.json.Decoder(_LogLines).decode


@dataclass
class Heard:
    """What clients heard of ticking logs: from write to arrival, and the numbers of each log."""

    waits_ms: list[float] = field(default_factory=list)
    numbers: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    lagged: int = 0

    def hear(self, text: bytes, at_ns: int) -> None:
        message = _decode_message(text)
        if message.type != "log":
            return
        log = _decode_lines(message.data)
        self.lagged += log.lagged
        for line, _ in log.lines:
            _, number, written = line.split(" ")
            self.numbers[log.execution_id].append(int(number))
            self.waits_ms.append((at_ns - int(written)) / 1e6)

    @property
    def gaps(self) -> int:
        """Lines between the first and the last heard of each log that were not heard."""
        return sum(ns[-1] - ns[0] + 1 - len(ns) for ns in self.numbers.values())


@dataclass(frozen=True)
class Many:
    """Ticking executions of a server: `count` lines each."""

    server: MeasuredServer
    ids: list[str]
    count: int

    def listen(self, seconds: float, settle: float = 2.0) -> Heard:
        """Follow all logs for so long, after a time that the subscriptions take."""
        clients = []
        for start in range(0, len(self.ids), LOGS_PER_CLIENT):
            client = LiveClient(self.server.port)
            for execution_id in self.ids[start : start + LOGS_PER_CLIENT]:
                client.say(type="subscribe", execution_id=execution_id)
            clients.append(client)
        for client, data, _ in arrivals(clients, settle):
            list(client.frames(data))
        heard = Heard()
        for client, data, at_ns in arrivals(clients, seconds):
            for text in client.frames(data):
                heard.hear(text, at_ns)
        for client in clients:
            client.close()
        return heard

    def lost_lines(self) -> int:
        """After their end: lines that are not in the transcripts exactly once and in order."""
        eventually(self.server.are_all_ended, within=300)
        expected = list(range(self.count))
        lost = 0
        for execution_id in self.ids:
            text = self.server.text(execution_id).splitlines()
            numbers = [int(line.split(b" ")[1]) for line in text]
            if numbers != expected:
                lost += max(1, len(set(expected) - set(numbers)))
        return lost


def started(ground: Ground, server: MeasuredServer, seconds: float) -> Many:
    """Start the scripts, which tick for so long after the last of them began."""
    wanted = ground.sizes.scripts
    count = int(RATE * (seconds + wanted / 40))
    command = ground.script("tick", RATE, count)
    body = msgspec.json.encode({"command": command, "working_directory": str(server.folder)})
    idle = [Connection(server.port) for _ in range(8)]

    def create(_: int) -> str:
        connection = idle.pop()
        status, answer = connection.ask("POST", "/api/executions", body)
        assert status == 201, answer
        idle.append(connection)
        return str(msgspec.json.decode(answer)["id"])

    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(create, range(wanted)))
    eventually(lambda: _running(server) == wanted, within=120)
    for connection in idle:
        connection.close()
    return Many(server, ids, count)


def _running(server: MeasuredServer) -> int:
    active = server.client.get("/api/executions/active").json()["active_executions"]
    return sum(execution["status"] == "running" for execution in active)


@dataclass(frozen=True)
class Alone:
    """The same scripts, their pipes read by one loop: the least that watching them can cost."""

    waits_ms: Sequence[float]
    cpu_share: float


def alone(ground: Ground, seconds: float) -> Alone:
    command = ground.script("tick", RATE, int(RATE * (seconds + 60)))
    before = _children_seconds()
    pipes = [_piped(command) for _ in range(ground.sizes.scripts)]
    began = time.monotonic()
    waits = _read(pipes, seconds)
    lasted = time.monotonic() - began
    for process in pipes:
        process.send_signal(signal.SIGKILL)
    for process in pipes:
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    return Alone(waits, (_children_seconds() - before) / lasted)


def _piped(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, bufsize=0)


def _read(pipes: Iterable[subprocess.Popen[bytes]], seconds: float) -> list[float]:
    waits = []
    with selectors.EpollSelector() as selector:
        for process in pipes:
            assert process.stdout is not None
            selector.register(process.stdout.fileno(), selectors.EVENT_READ)
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                data, now = os.read(key.fd, 65536), time.time_ns()
                waits += [(now - int(line.split(b" ")[2])) / 1e6 for line in data.splitlines()]
    return waits


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
