"""Repeated measurements: taken in turns, since the machine is not the same a minute later."""

import statistics
from collections.abc import Callable, Sequence
from typing import TypeVar

Measured = TypeVar("Measured")


def in_turns(rounds: int, **works: Callable[[], Measured]) -> dict[str, list[Measured]]:
    """Every work once, then every work again, and so on."""
    results: dict[str, list[Measured]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            results[name].append(work())
    return results


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share (0 to 1) of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
