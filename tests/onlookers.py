"""Clients of a server that is being replaced: they ask at a steady rate and watch logs, and note
every request that got no answer, the longest that one waited, and each line that they saw."""

import asyncio
import select
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

ASKED = ("/api/executions?limit=5", "/api/health", "/api/executions/active")


@dataclass
class Seen:
    """`texts` are the whole logs, as each watcher put them together."""

    answers: int = 0
    failures: list[str] = field(default_factory=list)
    longest_wait: float = 0.0
    reconnects: int = 0
    texts: list[tuple[str, str]] = field(default_factory=list)


class Onlookers(threading.Thread):
    """`rate` requests a second, every second one on a new connection, and a watcher for each of
    `watched`. `stop` waits until the watchers have seen the ends of their logs."""

    def __init__(self, port: int, rate: float, watched: list[str]) -> None:
        super().__init__()
        self.seen = Seen()
        self._port = port
        self._rate = rate
        self._watched = watched
        self._is_over = threading.Event()
        self._kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    def run(self) -> None:
        asyncio.run(self._look_on())

    def stop(self) -> Seen:
        self._is_over.set()
        self.join()
        return self.seen

    async def _look_on(self) -> None:
        watching = [asyncio.create_task(self._watch(one)) for one in self._watched]
        asking: set[asyncio.Task[None]] = set()
        began, count = time.monotonic(), 0
        while not self._is_over.is_set():
            await asyncio.sleep(max(0.0, began + count / self._rate - time.monotonic()))
            asking.add(asyncio.create_task(self._ask(count)))
            count += 1
            asking = {task for task in asking if not task.done()}
        await asyncio.gather(*asking, *watching)
        for _, writer in self._kept:
            writer.close()

    async def _ask(self, number: int) -> None:
        began = time.monotonic()
        try:
            status = await asyncio.wait_for(self._answer(number), 30)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.seen.failures.append(repr(error))
        else:
            if status == 200:
                self.seen.answers += 1
            else:
                self.seen.failures.append(str(status))
        self.seen.longest_wait = max(self.seen.longest_wait, time.monotonic() - began)

    async def _answer(self, number: int) -> int:
        keeps = number % 2 == 0
        if keeps and self._kept:
            reader, writer = self._kept.pop()
            if _is_closed(writer):
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        path = ASKED[number % len(ASKED)]
        close = "" if keeps else "Connection: close\r\n"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{close}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        await reader.readexactly(length)
        if keeps and b"connection: close" not in head:
            self._kept.append((reader, writer))
        else:
            writer.close()
        return int(head.split()[1])

    async def _watch(self, execution_id: str) -> None:
        text, cursor = "", "0:0"
        while True:
            try:
                async with connect(f"ws://127.0.0.1:{self._port}/ws", open_timeout=30) as socket:
                    wanted = {"type": "subscribe", "execution_id": execution_id, "cursor": cursor}
                    await socket.send(msgspec.json.encode(wanted).decode())
                    async for message in socket:
                        told = msgspec.json.decode(message)
                        if told["type"] == "log":
                            text += _text(told["data"])
                            cursor = told["data"]["cursor"]
                        elif told["type"] == "log_complete":
                            self.seen.texts.append((execution_id, text))
                            return
            except ConnectionClosed:
                self.seen.reconnects += 1
            except (OSError, TimeoutError) as error:
                self.seen.failures.append(f"WebSocket: {error!r}")
                return


def _is_closed(writer: asyncio.StreamWriter) -> bool:
    """Whether the server has hung up, by the kernel's word: a busy loop may not know it yet. What a
    client sends then is lost, so each looks before it uses an idle connection again."""
    return bool(select.select([writer.get_extra_info("socket")], [], [], 0)[0])


def _text(log: dict[str, Any]) -> str:
    assert not log["lagged"], "a log of these scripts is small"
    lines = [line for line, _ in log["lines"]]
    return "\n".join(lines) + ("" if log["partial"] or not lines else "\n")
