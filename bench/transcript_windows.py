"""Windows and searches of a big log, raw and archived, against ripgrep on the raw file.

Usage: transcript_windows.py [--gigabytes N] [--folder DIR]; prints JSON, sizes in bytes, times in
milliseconds (windows) and seconds.
"""

import argparse
import json
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=10)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="transcript-", dir=arguments.folder))
    try:
        print(json.dumps(measured(folder, int(arguments.gigabytes * 1e9)), indent=1))
    finally:
        shutil.rmtree(folder)


def measured(folder: Path, wanted: int) -> dict[str, object]:
    log = folder / "log"
    write_log(log, wanted)
    size = log.stat().st_size
    write_times(folder / "time.idx", size)
    runs = 3 if size < 3e9 else 2
    hidden = Masks([b"a secret that is not there", b"another one"])
    none = Masks([])
    result: dict[str, object] = {"size_bytes": size}
    result["line_index_gb_per_s"] = (
        size / 1e9 / seconds(lambda: rebuild(log, folder / "lines.idx"), runs)
    )
    command = ["rg", "--no-config", "--count", "--fixed-strings", "--text", NEEDLE, str(log)]
    against = seconds(lambda: subprocess.run(command, capture_output=True, check=False), runs)
    result["ripgrep_s"] = against
    result["raw"] = windows(folder, none) | searches(folder, none, against, runs)
    result["raw_with_masks"] = windows(folder, hidden) | searches(folder, hidden, against, runs)
    began = time.perf_counter()
    archive(folder)
    taken = time.perf_counter() - began
    result["archive_mb_per_s"] = size / 1e6 / taken
    result["archive_ratio"] = size / (folder / "log.zst").stat().st_size
    drop_raw(folder)
    result["archived"] = windows(folder, none) | searches(folder, none, against, runs)
    return result


if __name__ == "__main__":
    sys.exit(main())
