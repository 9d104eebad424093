"""Speed of the marker scan, each beside a per-line decode + startswith of the same run, as JSON."""

import json
import time
from collections.abc import Callable

from stepflow.timeline import Parser, ParserOptions

MEGABYTES = 100
CHUNK_BYTES = 1 << 20
MARKERS = ("STEP_START:", "STEP_COMPLETE:", "STEP_ERROR:", "ARTIFACT:", "META:")


def rare_log() -> bytes:
    line = b"2026-03-01T10:00:00Z INFO app.module.worker processed item %07d in batch\n"
    size = MEGABYTES * 1_000_000
    lines = [line % n for n in range(size // len(line % 0))]
    lines[::100_000] = [b"STEP_START:part %d\n" % n for n in range(len(lines[::100_000]))]
    return b"".join(lines)


def short_log() -> bytes:
    return b"abcde\n" * (MEGABYTES * 1_000_000 // 6)


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
    parser = Parser(ParserOptions(), is_accelerated=is_accelerated)
    chunks = range(0, len(log), CHUNK_BYTES)
    return sum(len(parser.feed(log[start : start + CHUNK_BYTES])) for start in chunks)


def per_line(log: bytes) -> int:
    return sum(line.decode("utf-8", "replace").startswith(MARKERS) for line in log.split(b"\n"))


def figure(value: float, unit: str, against: float) -> dict[str, float | str]:
    return {
        "value": round(value, 3),
        "unit": unit,
        "against": round(against, 3),
        "ratio": round(value / against, 2),
    }


def main() -> None:
    results = {}
    for name, log in (("75_byte_lines", rare_log()), ("6_byte_lines", short_log())):
        baseline = len(log) / seconds(per_line, log, rounds=1) / 1e9
        for way, wheel in (("wheel", True), ("stdlib", False)):
            taken = seconds(lambda data, w=wheel: scan(data, is_accelerated=w), log)
            results[f"marker_scan_{name}_{way}"] = figure(len(log) / taken / 1e9, "GB/s", baseline)
    log = marker_log()
    count = log.count(b"\n")
    taken = seconds(lambda data: scan(data, is_accelerated=True), log)
    results["marker_scan_all_markers"] = figure(
        count / taken, "lines/s", count / seconds(per_line, log)
    )
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
