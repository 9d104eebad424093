"""Folds and times of Travis: `travis_fold:start:NAME`, `travis_time:end:ID:…,duration=NS`.

Many helpers print them with a plain echo, so the CR and ESC behind may be missing; then the marker
must be a word of its own and not quoted.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from stepflow.markers import guards
from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import End, Marker, Start, Update

_STAMP = re.compile(r"(start|finish|duration)=(-?[0-9]{1,19})", re.ASCII)


class TravisDialect(Dialect):
    name: ClassVar[str] = "travis"
    tokens: ClassVar[tuple[bytes, ...]] = (b"travis_",)
    control_word: ClassVar[str] = "travis_"
    control_pattern: ClassVar[re.Pattern[str]] = re.compile(
        r"travis_(?:fold:(start|end):([\w.\-]+)|time:(?:start:\w+|end:\w+:([\w=,.\-]+)))"
        r"(?:\r?\x1b\[0?K ?|(?=\s|\Z))",
        re.ASCII,
    )

    def is_control(self, match: re.Match[str]) -> bool:
        line = match.string
        return match[0].rstrip(" ").endswith("K") or not (
            guards.is_traced(line)
            or guards.is_quoted(line, match.start())
            or guards.is_inside_word(line, match.start())
        )

    def take_out(self, match: re.Match[str], behind: str) -> tuple[Sequence[Marker], bool]:
        action, name, stamps = match.groups()
        if action == "start":
            start = Start(name=behind.strip() or name, kind="group", id=name, key=name)
            return (start,), True
        if action == "end":
            return (End(id=name, key=name),), False
        seconds = None if stamps is None else _seconds(stamps)
        return (() if seconds is None else (Update(duration=seconds),)), False


def _seconds(stamps: str) -> float | None:
    said = {key: int(value) for key, value in _STAMP.findall(stamps)}
    nanoseconds = said.get("duration")
    if nanoseconds is None and "start" in said and "finish" in said:
        nanoseconds = said["finish"] - said["start"]
    return None if nanoseconds is None else max(nanoseconds, 0) / 1e9
