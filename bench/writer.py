"""The scripts that are measured: `writer.c`, or this file where no compiler is found.

A shell loop with `sleep` would measure forks: a thousand of these cost less than ten of those.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LINE = b"x" * 99 + b"\n"
BLOCK_BYTES = 65536


def program(folder: Path) -> list[str]:
    """The command that takes the modes of `writer.c`; compiled into the folder once."""
    compiler = shutil.which("cc")
    binary = folder / "writer"
    if compiler is None:
        return [sys.executable, "-I", "-S", __file__]
    if not binary.exists():
        source = Path(__file__).with_name("writer.c")
        subprocess.run([compiler, "-O2", "-Wall", "-o", str(binary), str(source)], check=True)
    return [str(binary)]


def _put(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def _flood(bytes_: str) -> None:
    size = int(bytes_)
    block = LINE * (BLOCK_BYTES // len(LINE) + 2)
    for done in range(0, size, BLOCK_BYTES):
        start = done % len(LINE)
        _put(block[start : start + min(BLOCK_BYTES, size - done)])


def _lines(count: str) -> None:
    for _ in range(int(count)):
        os.write(1, LINE)


def _tick(rate: str, end: str) -> None:
    due = time.monotonic()
    number = 0
    while number < int(rate) * 600 and not Path(end).exists():
        _put(f"tick {number} {time.time_ns()}\n".encode())
        number += 1
        due += 1 / int(rate)
        time.sleep(max(0.0, due - time.monotonic()))
    _put(f"end {number}\n".encode())


def _error() -> None:
    _put(b"STEP_START:deploy[stop_on_error=true]\n")
    time.sleep(0.1)
    _put(f"at {time.time_ns()}\nSTEP_ERROR:no route\n".encode())
    for _ in range(100_000):
        _put(f"after {time.time_ns()}\n".encode())
        time.sleep(50e-6)


MODES: dict[str, Callable[..., None]] = {
    "flood": _flood,
    "lines": _lines,
    "tick": _tick,
    "error": _error,
}

if __name__ == "__main__":
    MODES[sys.argv[1]](*sys.argv[2:])
