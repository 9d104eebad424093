"""Windows and searches of a big log, raw and archived, against ripgrep on the raw file."""

import random
import statistics
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import zstandard

from ground import Ground
from row import Row, at_most
from stepflow.transcript import Masks, Search, Transcript, archive, drop_raw, rebuild

NEEDLE = "undefined reference to needle"
WINDOWS = 1000


def write_log(path: Path, size: int) -> None:
    """Lines like a build's, with one needle per hundred megabytes and random ids."""
    random.seed(7)
    with path.open("wb") as log:
        number = written = 0
        while written < size:
            lines = []
            for _ in range(10_000):
                number += 1
                lines.append(
                    b"2026-05-04T12:00:00 INFO worker-%d compiled src/module_%d.c in %d ms id=%x\n"
                    % (number % 16, number % 997, random.randrange(1000), random.getrandbits(64))
                )
            if number % 1_250_000 == 0:
                lines.append(f"{NEEDLE}\n".encode())
            block = b"".join(lines)
            # The same block some times over: writing is not what is measured.
            for _ in range(4):
                log.write(block)
                written += len(block)


def write_times(path: Path, size: int) -> None:
    """A record for each 100 ms at 10 MB/s."""
    with path.open("wb") as file:
        for number, offset in enumerate(range(0, size, 1_000_000)):
            file.write(struct.pack("<Qq", offset, 1_777_896_000_000 + number * 100))


def seconds(work: Callable[[], object], runs: int = 3) -> float:
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def windows(folder: Path, masks: Masks) -> dict[str, float]:
    with Transcript.open(folder, masks) as transcript:
        count = transcript.line_count
        opened = seconds(lambda: Transcript.open(folder).close()) * 1000
    taken = []
    for _ in range(WINDOWS):
        first = random.randrange(count - 100)
        began = time.perf_counter()
        with Transcript.open(folder, masks) as transcript:
            lines = transcript.lines(first, 100)
        taken.append((time.perf_counter() - began) * 1000)
        assert len(lines) == 100
    taken.sort()
    return {
        "open_ms": opened,
        "p50_ms": statistics.median(taken),
        "p99_ms": taken[WINDOWS * 99 // 100],
        "max_ms": taken[-1],
    }


def searches(folder: Path, masks: Masks, against: float, runs: int) -> dict[str, float]:
    with Transcript.open(folder, masks) as transcript:
        found = transcript.search(Search(NEEDLE)).total
        literal = seconds(lambda: transcript.search(Search(NEEDLE)), runs)
        page = seconds(lambda: transcript.search(Search("compiled"), count=False), runs)
        counted = seconds(lambda: transcript.search(Search("compiled")), runs)
    return {
        "hits": found,
        "literal_s": literal,
        "ratio": literal / against,
        "first_page_of_many_s": page,
        "many_counted_s": counted,
    }


def rows(ground: Ground) -> Iterator[Row]:
    folder = ground.path("big-log")
    log = folder / "log"
    write_log(log, int(ground.sizes.log_gigabytes * 1e9))
    size = log.stat().st_size
    write_times(folder / "time.idx", size)
    runs = 3 if size < 3e9 else 2
    hidden = Masks([b"a secret that is not there", b"another one"])
    none = Masks([])
    of = f"of {size / 1e9:.1f} GB"
    indexed = seconds(lambda: rebuild(log, folder / "lines.idx"), runs)
    count = ["wc", "-l", str(log)]
    counted = seconds(lambda: subprocess.run(count, capture_output=True, check=True), runs)
    yield Row(
        name="big_log.index", value=indexed, unit=f"s for the lines {of}",
        against=counted, beside="wc -l",
    )  # fmt: skip
    command = ["rg", "--no-config", "--count", "--fixed-strings", "--text", NEEDLE, str(log)]
    against = seconds(lambda: subprocess.run(command, capture_output=True, check=False), runs)
    for state, masks in (("raw", none), ("masked", hidden)):
        yield _window_row(state, of, windows(folder, masks))
        yield from _search_rows(state, of, searches(folder, masks, against, runs), against, 2)
    archived = seconds(lambda: archive(folder), 1)
    squeezed = seconds(lambda: _zstd(log), 1)
    yield Row(
        name="big_log.archive", value=archived, unit=f"s {of}",
        against=squeezed, beside="zstandard level 3",
        note=f"{size / (folder / 'log.zst').stat().st_size:.1f} times smaller",
    )  # fmt: skip
    drop_raw(folder)
    yield _window_row("archived", of, windows(folder, none))
    yield from _search_rows("archived", of, searches(folder, none, against, runs), against, 8)


def _window_row(state: str, of: str, taken: dict[str, float]) -> Row:
    return Row(
        name=f"big_log.{state}_window",
        value=taken["p99_ms"],
        unit=f"ms (p99) for any 100 lines {of}",
        goal=at_most(5),
        note=f"p50 {taken['p50_ms']:.2f} ms, the longest of {WINDOWS} {taken['max_ms']:.1f} ms",
    )


def _search_rows(
    state: str, of: str, taken: dict[str, float], against: float, most: float
) -> Iterator[Row]:
    yield Row(
        name=f"big_log.{state}_search",
        value=taken["literal_s"],
        unit=f"s, literal {of}",
        against=against,
        beside="ripgrep, raw",
        goal=at_most(most, "ratio"),
        note=f"{taken['hits']} hits; first page of a hit in each line"
        f" {taken['first_page_of_many_s']:.3f} s, all of them counted"
        f" {taken['many_counted_s']:.2f} s",
    )


def _zstd(log: Path) -> None:
    with log.open("rb") as source, (log.parent / "plain.zst").open("wb") as target:
        zstandard.ZstdCompressor(level=3).copy_stream(source, target)
    (log.parent / "plain.zst").unlink()
