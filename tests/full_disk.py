"""A disk without one free block."""

import os
from pathlib import Path


def fill(disk: Path) -> Path:
    """Write a file that takes all the room there is; removing it gives it back."""
    ballast = disk / "ballast"
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    os.write(descriptor, bytes(size))
            except OSError:
                continue
    finally:
        os.close(descriptor)
    return ballast
