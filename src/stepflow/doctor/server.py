"""The running server itself: memory and response times, against the guide's limits."""

from pathlib import Path
from typing import NamedTuple

from stepflow.doctor.finding import Finding, ok, size, warning

MOST_MEMORY_BYTES = 500_000_000
MOST_RESPONSE_MS = 50.0
MOST_FREE_SHARE = 0.25
LEAST_FREE_BYTES = 50_000_000


class Use(NamedTuple):
    """Memory of a process: its own, and mapped files, which the kernel takes back when it must."""

    own_bytes: int
    mapped_bytes: int


def use_of(pid: int) -> Use:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    said = dict(line.split(":", 1) for line in lines)
    kib = {name: int(said[name].split()[0]) for name in ("RssAnon", "RssFile", "RssShmem")}
    return Use(1024 * kib["RssAnon"], 1024 * (kib["RssFile"] + kib["RssShmem"]))


def memory(use: Use, cache_kib: int) -> Finding:
    """The guide's issue 2."""
    text = f"{size(use.own_bytes)} of its own, and {size(use.mapped_bytes)} of mapped files"
    if use.own_bytes <= MOST_MEMORY_BYTES:
        return ok("memory", text)
    cache = f"the page cache may take {size(1024 * cache_kib)} for each connection"
    return warning(
        "memory",
        f"{text}; {cache}",
        "STEPFLOW_CACHE_SIZE=5000 in .env, then stepflow restart (scripts go on); if it grows"
        " again: stepflow doctor --bundle report.tar.gz",
    )


def response_time(read_ms: float, slowest: list[str]) -> Finding:
    """The guide's issue 4."""
    text = f"a read of the database takes {read_ms:.1f} ms"
    if slowest:
        text += f"; slowest since the start: {slowest[0]}"
    if read_ms <= MOST_RESPONSE_MS:
        return ok("response time", text)
    return warning(
        "response time",
        text,
        "curl -X POST http://localhost:8080/api/health/optimize, then"
        " python3 scripts/performance_test.py; see also disk and write-ahead log",
    )


def free_pages(size_bytes: int, free_bytes: int) -> Finding:
    text = f"{size(size_bytes)}, {size(free_bytes)} of it unused"
    if free_bytes < LEAST_FREE_BYTES or free_bytes < size_bytes * MOST_FREE_SHARE:
        return ok("database size", text)
    return warning(
        "database size",
        text,
        "curl -X POST 'http://localhost:8080/api/health/optimize?vacuum=true' gives it back",
    )
