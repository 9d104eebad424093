"""A thousand scripts that tick at once: under the server, and alone on pipes."""

import os
import resource
import selectors
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

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
            said, number, *written = line.split(" ")
            if said == "end":
                continue
            self.numbers[log.execution_id].append(int(number))
            self.waits_ms.append((at_ns - int(written[0])) / 1e6)

    @property
    def gaps(self) -> int:
        """Lines between the first and the last heard of each log that were not heard."""
        return sum(ns[-1] - ns[0] + 1 - len(ns) for ns in self.numbers.values())


@dataclass
class Written:
    """Lines of all scripts, and how many are not in the transcripts once and in order."""

    lines: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Many:
    """Ticking executions of a server; they tick until `end`."""

    server: MeasuredServer
    ids: list[str]
    end_file: Path

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

    def end(self) -> Written:
        """Let the scripts end, and compare each transcript with what its script says it wrote."""
        self.end_file.touch()
        eventually(self.server.are_all_ended, within=300)
        written = Written()
        for execution_id in self.ids:
            *ticks, last = self.server.text(execution_id).split(b"\n")[:-1]
            said, count = last.split(b" ")
            assert said == b"end", last
            numbers = [int(line.split(b" ")[1]) for line in ticks]
            written.lines += int(count)
            if numbers != list(range(int(count))):
                written.lost += max(1, int(count) - len(set(numbers)))
        return written


@contextmanager
def started(ground: Ground, server: MeasuredServer) -> Iterator[Many]:
    """All scripts running. At the latest when this is left they end."""
    wanted = ground.sizes.scripts
    end_file = server.folder / "end"
    command = ground.script("tick", RATE, end_file)
    body = msgspec.json.encode({"command": command, "working_directory": str(server.folder)})
    idle = [Connection(server.port) for _ in range(8)]

    def create(_: int) -> str:
        connection = idle.pop()
        status, answer = connection.ask("POST", "/api/executions", body)
        assert status == 201, answer
        idle.append(connection)
        return str(msgspec.json.decode(answer)["id"])

    try:
        with ThreadPoolExecutor(8) as threads:
            ids = list(threads.map(create, range(wanted)))
        eventually(lambda: _running(server) == wanted, within=120)
        for connection in idle:
            connection.close()
        yield Many(server, ids, end_file)
    finally:
        end_file.touch()


def _running(server: MeasuredServer) -> int:
    active = server.client.get("/api/executions/active").json()["active_executions"]
    return sum(execution["status"] == "running" for execution in active)


@dataclass(frozen=True)
class Alone:
    """The same scripts, their pipes read by one loop: the least that watching them can cost."""

    waits_ms: Sequence[float]
    cpu_share: float


def alone(ground: Ground, seconds: float, settle: float = 2.0) -> Alone:
    command = ground.script("tick", RATE, ground.folder / "never")
    before = _children_seconds()
    pipes = [_piped(command) for _ in range(ground.sizes.scripts)]
    began = time.monotonic()
    _read(pipes, settle)  # what was written before all of them had begun
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
