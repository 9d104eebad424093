"""What the pump costs a script: its wall time under a pump against `script > file`.

Interleaved, medians and best; `python bench/pump_ingest.py [rounds] [folder]`.
"""

import os
import resource
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stepflow.process import Folder, Launch, find_pump, hold_output, start

SCRIPTS = {
    "1 GB in 64 KiB writes": (
        "import os\nb = (b'x' * 99 + b'\\n') * 656\nfor _ in range(16384): os.write(1, b[:65536])"
    ),
    "1 M lines, a write each": (
        "import os\nb = b'x' * 99 + b'\\n'\nfor _ in range(1_000_000): os.write(1, b)"
    ),
}


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


def ingest(work: Path, rounds: int) -> None:
    for title, code in SCRIPTS.items():
        figures: dict[str, list[tuple[float, float, int]]] = {}
        for round_number in range(rounds):
            for name in ("file", "c pump", "python pump"):
                one = measured(work, round_number, name, [sys.executable, "-I", "-S", "-c", code])
                figures.setdefault(name, []).append(one)
        base = figures["file"]
        print(title)
        for name, ones in figures.items():
            assert {size for *_, size in ones} == {base[0][2]}, "the logs differ in length"
            walls = [wall for wall, *_ in ones]
            ratio = statistics.median(walls) / statistics.median(wall for wall, *_ in base)
            best = min(walls) / min(wall for wall, *_ in base)
            cpu = statistics.median(cpu for _, cpu, _ in ones)
            print(
                f"  {name:12} median {statistics.median(walls):.3f} s = {ratio:.2f}x,"
                f" best {best:.2f}x, cpu {cpu:.2f} s"
            )


def executions(work: Path, rounds: int) -> None:
    print("/bin/true, one after the other, per second")
    rates: dict[str, list[float]] = {}
    for round_number in range(rounds):
        for name, count in (("subprocess", 200), ("c pump", 200), ("python pump", 20)):
            began = time.perf_counter()
            for n in range(count):
                if name == "subprocess":
                    subprocess.run(["/bin/true"], stdin=subprocess.DEVNULL, check=True)
                else:
                    program = find_pump(prefer_python=name == "python pump")
                    pumped(["/bin/true"], Folder(work / f"{round_number}-{name}-{n}"), program)
            rates.setdefault(name, []).append(count / (time.perf_counter() - began))
    for name, ones in rates.items():
        print(f"  {name:12} median {statistics.median(ones):.0f}, best {max(ones):.0f}")


if __name__ == "__main__":
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    parent = sys.argv[2] if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(dir=parent) as work:
        ingest(Path(work), rounds)
        executions(Path(work), rounds)
