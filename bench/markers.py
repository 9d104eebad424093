"""Speed of the search for markers, beside a decode and `startswith` of each line."""

import time
from collections.abc import Callable, Iterator
from functools import partial

from ground import Ground
from row import Row, at_least
from stepflow.timeline import Parser, ParserOptions

MEGABYTES = 100
FULL_MEGABYTES = 1000
CHUNK_BYTES = 1 << 20
# A list of all lines of a gigabyte would need many of them.
BASELINE_BYTES = 50_000_000
# Gigabytes per second.
GOALS = {
    ("75_byte_lines", "wheel"): 1.0,
    ("75_byte_lines", "stdlib"): 0.3,
    ("6_byte_lines", "wheel"): 0.3,
    ("6_byte_lines", "stdlib"): 0.1,
}
MARKERS = ("STEP_START:", "STEP_COMPLETE:", "STEP_ERROR:", "ARTIFACT:", "META:")


def rare_log(size: int) -> bytes:
    line = b"2026-03-01T10:00:00Z INFO app.module.worker processed item %07d in batch\n"
    lines = [line % n for n in range(size // len(line % 0))]
    lines[::100_000] = [b"STEP_START:part %d\n" % n for n in range(len(lines[::100_000]))]
    return b"".join(lines)


def short_log(size: int) -> bytes:
    return b"abcde\n" * (size // 6)


def marker_log() -> bytes:
    return b"".join(
        b"STEP_START:case %d\nSTEP_COMPLETE:case %d\nMETA:key:%d\nARTIFACT:out/%d.txt:Report\n"
        % (n % 1000, n % 1000, n, n)
        for n in range(50_000)
    )


def seconds(work: Callable[[bytes], object], log: bytes, rounds: int = 3) -> float:
    best = float("inf")
    for _ in range(rounds):
        started = time.process_time()
        work(log)
        best = min(best, time.process_time() - started)
    return best


def scan(log: bytes, *, is_accelerated: bool) -> int:
    """As a server follows a log: views of what it has read; lines and blocks are counted, too."""
    parser = Parser(ParserOptions(), is_accelerated=is_accelerated)
    view = memoryview(log)
    chunks = range(0, len(log), CHUNK_BYTES)
    return sum(len(parser.feed(view[start : start + CHUNK_BYTES])) for start in chunks)


def per_line(log: bytes) -> int:
    return sum(line.decode("utf-8", "replace").startswith(MARKERS) for line in log.split(b"\n"))


def rows(ground: Ground) -> Iterator[Row]:
    is_full = ground.sizes.log_gigabytes > 1
    usual = min(MEGABYTES, int(ground.sizes.gigabytes * 1000))
    size = (FULL_MEGABYTES if is_full else usual) * 1_000_000
    logs = {"75_byte_lines": rare_log, "6_byte_lines": short_log}
    for name, made in logs.items():
        log = made(size)
        part = log[:BASELINE_BYTES]
        baseline = len(part) / seconds(per_line, part, rounds=1) / 1e9
        for way, wheel in (("wheel", True), ("stdlib", False)):
            taken = seconds(partial(scan, is_accelerated=wheel), log)
            yield Row(
                name=f"markers.{name}_{way}",
                value=len(log) / taken / 1e9,
                unit="GB/s",
                against=baseline,
                beside="each line alone",
                goal=at_least(GOALS[name, way]),
            )
    log = marker_log()
    count = log.count(b"\n")
    taken = seconds(partial(scan, is_accelerated=True), log)
    yield Row(
        name="markers.nothing_else",
        value=count / taken,
        unit="lines/s, each a marker",
        against=count / seconds(per_line, log),
        beside="each line alone",
        goal=at_least(100_000),
    )
