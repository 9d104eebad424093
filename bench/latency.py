"""A thousand scripts at ten lines a second each: from write to WebSocket client, and the cost."""

import time
from collections.abc import Iterator

from ground import Ground
from many_scripts import RATE, alone, started
from row import Row, at_most
from spread import percentile


def rows(ground: Ground) -> Iterator[Row]:
    seconds = ground.sizes.script_seconds
    beside = alone(ground, seconds)
    with ground.server("latency") as server, started(ground, server) as many:
        began, cpu = time.monotonic(), server.cpu_seconds
        time.sleep(3)
        unwatched = (server.cpu_seconds - cpu) / (time.monotonic() - began)
        began, cpu = time.monotonic(), server.cpu_seconds
        heard = many.listen(seconds)
        watched = (server.cpu_seconds - cpu) / (time.monotonic() - began)
        memory = server.memory_bytes
        written = many.end()
        complaints = server.complaints()
    waits = heard.waits_ms
    expected = RATE * seconds * len(many.ids)
    yield Row(
        name="latency.p50",
        value=percentile(waits, 0.50),
        unit="ms from write to client",
        against=percentile(beside.waits_ms, 0.50),
        beside="a reader of their pipes",
        goal=at_most(30),
        note=f"{len(waits)} lines heard of about {expected}, {heard.gaps} not live,"
        f" lagged {heard.lagged} times",
    )
    yield Row(
        name="latency.p99",
        value=percentile(waits, 0.99),
        unit="ms from write to client",
        against=percentile(beside.waits_ms, 0.99),
        beside="a reader of their pipes",
        goal=at_most(120),
    )
    yield Row(
        name="latency.lost_lines",
        value=written.lost,
        unit=f"lines of {written.lines:,}",
        goal=at_most(0),
        note="; ".join(complaints[:3]),
    )
    yield Row(
        name="latency.cpu",
        value=100 * watched,
        unit="% of a core, all watched",
        against=100 * beside.cpu_share,
        beside="% of the scripts alone",
        goal=at_most(60),
        note=f"{100 * unwatched:.0f} % with nobody watching",
    )
    yield Row(
        name="latency.memory",
        value=memory / 1e6,
        unit="MB resident",
        goal=at_most(200),
    )
