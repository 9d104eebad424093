import asyncio
import json
import socket
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from served import Served

VIEWERS = 50
UNHURRIED: dict[str, Any] = {"max_queue": 1, "ping_interval": None}


def subscribe(execution_id: str) -> str:
    return json.dumps({"type": "subscribe", "execution_id": execution_id, "cursor": "0:0"})


async def log_messages(
    viewer: ClientConnection, execution_id: str, most: int | None = None
) -> list[dict[str, Any]]:
    """What is said of a log, up to its end."""
    found: list[dict[str, Any]] = []
    while most is None or len(found) < most:
        message = json.loads(await asyncio.wait_for(viewer.recv(), 30))
        if message["data"].get("execution_id") == execution_id:
            if message["type"] == "log":
                found.append(message["data"])
            if message["type"] == "log_complete":
                break
    return found


def narrow(served: Served) -> socket.socket:
    """A connection that holds little of what nobody reads."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(served.main.getsockname())
    return connection


def log_of(served: Served, execution_id: str, messages: list[dict[str, Any]]) -> bytes:
    """The whole log as a client has it that reads from its own cursor whenever it lags."""
    text, size = b"", 0
    with httpx.Client(base_url=served.url, trust_env=False) as client:
        for message in messages:
            if message["lagged"]:
                part = {"Range": f"bytes={size}-{message['size_bytes'] - 1}"}
                text += client.get(f"/api/executions/{execution_id}/log", headers=part).content
            else:
                lines = "\n".join(line for line, _ in message["lines"])
                text += (lines + "\n" * (not message["partial"])).encode()
            size = message["size_bytes"]
            assert len(text) == size
    return text


def test_fifty_viewers_of_a_log_all_get_every_line(served: Served) -> None:
    script = "head -n 1; for i in $(seq 100); do seq $i $((i + 20)); sleep 0.005; done"
    execution_id = served.start(script, stdin=True)
    path = f"/api/executions/{execution_id}"

    async def watched() -> list[list[dict[str, Any]]]:
        viewers = [await connect(served.live_url, proxy=None) for _ in range(VIEWERS)]
        for viewer in viewers:
            await viewer.send(subscribe(execution_id))
        await asyncio.to_thread(served.client.post, f"{path}/input", json={"data": "go\n"})
        found = await asyncio.gather(*(log_messages(one, execution_id) for one in viewers))
        for viewer in viewers:
            await viewer.close()
        return found

    found = asyncio.run(watched())
    whole = served.client.get(f"{path}/log").content
    assert whole.count(b"\n") == 2101
    for messages in found:
        assert log_of(served, execution_id, messages) == whole


def test_a_stalled_viewer_is_told_that_it_lags_and_misses_nothing(served: Served) -> None:
    script = "head -n 1; for i in $(seq 200); do seq -f %0200g 200; sleep 0.005; done; echo end"
    execution_id = served.start(script, stdin=True)
    path = f"/api/executions/{execution_id}"

    async def stalled() -> list[dict[str, Any]]:
        async with connect(served.live_url, sock=narrow(served), **UNHURRIED) as viewer:
            await viewer.send(subscribe(execution_id))
            await asyncio.to_thread(served.client.post, f"{path}/input", json={"data": "go\n"})
            while await asyncio.to_thread(served.status, execution_id) != "completed":
                await asyncio.sleep(0.05)
            return await log_messages(viewer, execution_id)

    messages = asyncio.run(stalled())
    assert [message for message in messages if message["lagged"]]
    whole = served.client.get(f"{path}/log").content
    assert whole.endswith(b"200\nend\n")
    assert log_of(served, execution_id, messages) == whole


def test_who_subscribes_while_there_is_no_room_misses_nothing(served: Served) -> None:
    large = [served.run("seq -f %0200g 36000")["id"] for _ in range(3)]
    small = served.run("seq 1000")["id"]

    async def crowded() -> list[dict[str, Any]]:
        async with connect(served.live_url, sock=narrow(served), **UNHURRIED) as viewer:
            for execution_id in large:
                await viewer.send(subscribe(execution_id))
            await log_messages(viewer, large[0], most=1)
            # By the answer to another request the next piece of a large log waits for room.
            await asyncio.to_thread(served.run, "true")
            await viewer.send(subscribe(small))
            return await log_messages(viewer, small)

    whole = served.client.get(f"/api/executions/{small}/log").content
    assert log_of(served, small, asyncio.run(crowded())) == whole
