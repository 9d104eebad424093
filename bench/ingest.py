"""Output at full speed, and a million lines of one write each, against `script > file`.

The wall is the script's own, from its start to its exit: what a user pays for being watched. What
the server does after it (sync, settle) stands in a row of its own.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ground import Ground
from measured_server import MeasuredServer
from row import Row, at_most
from spread import in_turns, median


@dataclass
class Run:
    wall: float
    until_settled: float
    cpu: float


def rows(ground: Ground) -> Iterator[Row]:
    size = int(ground.sizes.gigabytes * 1e9)
    lines = ground.sizes.lines
    with ground.server("ingest") as server:
        flood = _measured(ground, server, ground.script("flood", size), size)
        yield from _flood_rows(ground.sizes.gigabytes, flood)
        one_by_one = _measured(ground, server, ground.script("lines", lines), lines * 100)
        yield from _line_rows(one_by_one)
        complaints = server.complaints()
    yield Row(
        name="ingest.complaints", value=len(complaints), unit="lines in the server's log",
        goal=at_most(0), note="; ".join(complaints[:3]),
    )  # fmt: skip


def _measured(
    ground: Ground, server: MeasuredServer, script: list[str], size: int
) -> dict[str, list[Run]]:
    file = ground.path("ingest-file") / "log"
    return in_turns(
        ground.sizes.rounds,
        file=lambda: _to_file(script, file),
        server=lambda: _to_server(server, script, size),
    )


def _to_file(script: list[str], file: Path) -> Run:
    began = time.perf_counter()
    with file.open("wb") as log:
        subprocess.run(script, stdin=subprocess.DEVNULL, stdout=log, check=True)
    wall = time.perf_counter() - began
    subprocess.run(["sync", "-d", str(file)], check=True)
    synced = time.perf_counter() - began
    shutil.rmtree(file.parent)
    file.parent.mkdir()
    return Run(wall, synced, 0)


def _to_server(server: MeasuredServer, script: list[str], size: int) -> Run:
    before, began = server.cpu_seconds, time.perf_counter()
    execution = server.finished(script)
    settled = time.perf_counter() - began
    cpu = server.cpu_seconds - before
    assert (execution["status"], execution["log_bytes"]) == ("completed", size), execution
    server.forget(execution["id"])
    return Run(execution["duration_seconds"], settled, cpu)


def _flood_rows(gigabytes: float, runs: dict[str, list[Run]]) -> Iterator[Row]:
    file, server = runs["file"], runs["server"]
    yield Row(
        name="ingest.flood_wall",
        value=median([run.wall for run in server]),
        unit=f"s for {gigabytes:g} GB",
        against=median([run.wall for run in file]),
        beside="script > file",
        goal=at_most(1.25, "ratio"),
        note=f"best {_best(server) / _best(file):.2f}x of {len(file)} rounds",
    )
    yield Row(
        name="ingest.flood_settled",
        value=median([run.until_settled for run in server]),
        unit="s until synced and settled",
        against=median([run.until_settled for run in file]),
        beside="script > file; sync file",
    )
    yield Row(
        name="ingest.flood_cpu",
        value=median([run.cpu for run in server]) / gigabytes,
        unit="s of server CPU per GB",
        goal=at_most(1.2),
    )


def _line_rows(runs: dict[str, list[Run]]) -> Iterator[Row]:
    file, server = runs["file"], runs["server"]
    yield Row(
        name="ingest.lines_wall",
        value=median([run.wall for run in server]),
        unit="s",
        against=median([run.wall for run in file]),
        beside="script > file",
        goal=at_most(1.0, "ratio"),
        note=f"best {_best(server) / _best(file):.2f}x of {len(file)} rounds",
    )
    yield Row(
        name="ingest.lines_cpu",
        value=median([run.cpu for run in server]),
        unit="s of server CPU",
        goal=at_most(0.3),
    )


def _best(runs: list[Run]) -> float:
    return min(run.wall for run in runs)
