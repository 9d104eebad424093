"""A thousand viewers of one log at 200 lines a second, then one more that does not read.

Beside it: one viewer alone. What each was sent is compared line by line at the end.
"""

import time
from collections import defaultdict
from collections.abc import Iterator

from eventually import eventually
from ground import Ground
from live_client import LiveClient, arrivals
from many_scripts import Heard
from measured_server import MeasuredServer
from row import Row, at_most
from spread import percentile

RATE = 200
LARGE_BYTES = 7 << 20
SETTLE_SECONDS = 3


class Watched:
    """What viewers get in so many seconds. It is looked at afterwards: that takes longer than to
    receive it."""

    def __init__(self, server: MeasuredServer, viewers: list[LiveClient], seconds: float) -> None:
        # What waited in the sockets while nobody read them is none of what is measured.
        _drain(viewers, SETTLE_SECONDS)
        chunks: dict[LiveClient, list[tuple[bytes, int]]] = defaultdict(list)
        before, began = server.cpu_seconds, time.monotonic()
        for viewer, data, at_ns in arrivals(viewers, seconds):
            chunks[viewer].append((data, at_ns))
        self.cpu_share = (server.cpu_seconds - before) / (time.monotonic() - began)
        self.waits_ms: list[float] = []
        self.gaps = self.lagged = 0
        self.least_lines = 1 << 60
        for viewer in viewers:
            heard = Heard()
            for data, at_ns in chunks[viewer]:
                for text in viewer.frames(data):
                    heard.hear(text, at_ns)
            self.waits_ms += heard.waits_ms
            self.gaps += heard.gaps
            self.lagged += heard.lagged
            self.least_lines = min(self.least_lines, len(heard.waits_ms))


def rows(ground: Ground) -> Iterator[Row]:
    seconds = max(3, ground.sizes.script_seconds // 2)
    with ground.server("viewers") as server:
        large = server.finished(ground.script("flood", LARGE_BYTES))["id"]
        ticking = server.create(ground.script("tick", RATE, server.folder / "end"))
        eventually(lambda: server.text(ticking), within=30)
        one = Watched(server, _viewers(server, ticking, 1), seconds)
        viewers = _viewers(server, ticking, ground.sizes.viewers)
        many = Watched(server, viewers, seconds)
        stalled = LiveClient(server.port)
        stalled.say(type="subscribe", execution_id=large, cursor="0:0")
        stalled.say(type="subscribe", execution_id=ticking, cursor="0:0")
        with_stalled = Watched(server, viewers, seconds)
        stalled.close()
        memory = server.memory_bytes
        (server.folder / "end").touch()
        complaints = server.complaints()
    yield Row(
        name="viewers.p99",
        value=percentile(with_stalled.waits_ms, 0.99),
        unit=f"ms to {len(viewers)} viewers, one more stalled",
        against=percentile(one.waits_ms, 0.99),
        beside="ms to one viewer",
        goal=at_most(150),
        note=f"p50 {percentile(with_stalled.waits_ms, 0.5):.1f} ms; server {memory / 1e6:.0f} MB",
    )
    yield Row(
        name="viewers.missing_lines",
        value=many.gaps + with_stalled.gaps,
        unit="lines not sent to somebody",
        goal=at_most(0),
        note=f"lagged {many.lagged + with_stalled.lagged} times, the least that a viewer got:"
        f" {with_stalled.least_lines} lines in {seconds} s; {'; '.join(complaints[:3])}",
    )
    yield Row(
        name="viewers.stalled_p99",
        value=percentile(with_stalled.waits_ms, 0.99),
        unit="ms with a stalled viewer",
        against=percentile(many.waits_ms, 0.99),
        beside="ms without",
        goal=at_most(1.25, "ratio"),
    )
    yield Row(
        name="viewers.cpu",
        value=100 * with_stalled.cpu_share,
        unit="% of a core with a stalled viewer",
        against=100 * many.cpu_share,
        beside="% without",
    )


def _viewers(server: MeasuredServer, execution_id: str, count: int) -> list[LiveClient]:
    viewers = [LiveClient(server.port) for _ in range(count)]
    for viewer in viewers:
        viewer.say(type="subscribe", execution_id=execution_id)
    return viewers


def _drain(viewers: list[LiveClient], seconds: float) -> None:
    for viewer, data, _ in arrivals(viewers, seconds):
        list(viewer.frames(data))
