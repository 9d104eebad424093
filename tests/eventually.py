"""Wait for something real to become true, without a fixed sleep in any test."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def eventually(predicate: Callable[[], Value], within: float = 10.0) -> Value:
    """Call `predicate` until it returns something true; fail after `within` seconds."""
    deadline = time.monotonic() + within
    pause = 0.002
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still {value!r} after {within} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
