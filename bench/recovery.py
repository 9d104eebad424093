"""`kill -9` of the server with a thousand scripts running, and its next start.

Attached is a script when the server has its log open again.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from eventually import eventually
from ground import Ground
from many_scripts import started
from measured_server import MeasuredServer
from row import Row, at_most


def rows(ground: Ground) -> Iterator[Row]:
    with ground.server("recovery") as server:
        server.kill()
        began = time.monotonic()
        server.start()
        empty = time.monotonic() - began
        with started(ground, server) as many:
            server.kill()
            time.sleep(2)
            began = time.monotonic()
            server.spawn()
            eventually(lambda: attached(server) >= 1, within=30)
            first = time.monotonic() - began
            eventually(lambda: attached(server) == len(many.ids), within=60)
            all_attached = time.monotonic() - began
            eventually(server.answers, within=30)
            answers = time.monotonic() - began
            written = many.end()
        complaints = server.complaints()
    yield Row(
        name="recovery.attached",
        value=all_attached,
        unit=f"s from start to {len(many.ids)} attached",
        against=empty,
        beside="s to the first answer with none",
        goal=at_most(1.0),
        note=f"the first after {first:.2f} s, an answer after {answers:.2f} s at the latest",
    )
    yield Row(
        name="recovery.lost_lines",
        value=written.lost,
        unit=f"lines of {written.lines:,}",
        goal=at_most(0),
        note="; ".join(complaints[:3]),
    )


def attached(server: MeasuredServer) -> int:
    """How many logs the server has open. (It takes the right to look: root, or its user where the
    kernel lets a process be looked at.)"""
    folder = Path(f"/proc/{server.pid}/fd")
    count = 0
    for name in os.listdir(folder):  # noqa: PTH208 (names are enough, and there are thousands)
        try:
            count += os.readlink(f"{folder}/{name}").endswith("/log")  # noqa: PTH115
        except FileNotFoundError:
            continue
    return count
