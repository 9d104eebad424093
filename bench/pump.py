"""What the pump costs a script: its wall time under a pump alone, against `script > file`."""

import os
import resource
import select
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ground import Ground
from row import Row
from stepflow.process import Folder, Launch, find_pump, hold_output, start


def pumped(argv: list[str], folder: Folder, program: list[str]) -> None:
    folder.create()
    held = hold_output(folder)
    launch = Launch(argv=argv, working_directory="/", environment={"PATH": os.environ["PATH"]})
    with start(folder, folder.path.name, launch, program) as pump:
        select.select([pump.pidfd], [], [])
    os.close(held)


def measured(work: Path, round_number: int, name: str, argv: list[str]) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds of all children, bytes of the log."""
    path = work / str(round_number)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    if name == "file":
        path.mkdir()
        with (path / "log").open("wb") as log:
            subprocess.run(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=True)
    else:
        pumped(argv, Folder(path), find_pump(prefer_python=name == "python pump"))
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    size = (path / "log").stat().st_size
    shutil.rmtree(path)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, size


def rows(ground: Ground) -> Iterator[Row]:
    work, rounds = ground.path("pump"), ground.sizes.rounds
    scripts = {
        "flood": ground.script("flood", int(ground.sizes.gigabytes * 1e9)),
        "lines": ground.script("lines", ground.sizes.lines),
    }
    for name, script in scripts.items():
        yield from _ingested(work, rounds, name, script)
    yield from _executed(work, rounds)


def _ingested(work: Path, rounds: int, name: str, script: list[str]) -> Iterator[Row]:
    figures: dict[str, list[tuple[float, float, int]]] = {}
    for round_number in range(rounds):
        for way in ("file", "c pump", "python pump"):
            one = measured(work, round_number, way, script)
            figures.setdefault(way, []).append(one)
    base = figures.pop("file")
    for way, ones in figures.items():
        assert {size for *_, size in ones} == {base[0][2]}, "the logs differ in length"
        walls = [wall for wall, *_ in ones]
        best = min(walls) / min(wall for wall, *_ in base)
        yield Row(
            name=f"pump.{name}_{way.split()[0]}",
            value=statistics.median(walls),
            unit="s",
            against=statistics.median(wall for wall, *_ in base),
            beside="script > file",
            note=f"best {best:.2f}x, CPU of pump and script"
            f" {statistics.median(cpu for _, cpu, _ in ones):.2f} s",
        )


def _executed(work: Path, rounds: int) -> Iterator[Row]:
    rates: dict[str, list[float]] = {}
    for round_number in range(rounds):
        for way, count in (("subprocess", 200), ("c pump", 200), ("python pump", 20)):
            began = time.perf_counter()
            for n in range(count):
                if way == "subprocess":
                    subprocess.run(["/bin/true"], stdin=subprocess.DEVNULL, check=True)
                else:
                    program = find_pump(prefer_python=way == "python pump")
                    pumped(["/bin/true"], Folder(work / f"{round_number}-{way}-{n}"), program)
            rates.setdefault(way, []).append(count / (time.perf_counter() - began))
    base = statistics.median(rates.pop("subprocess"))
    for way, ones in rates.items():
        yield Row(
            name=f"pump.true_{way.split()[0]}",
            value=statistics.median(ones),
            unit="/s, one after the other",
            against=base,
            beside="subprocess of `true`",
        )
