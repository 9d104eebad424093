"""Progress of lines that are redrawn: `N%`, else `a/b`. On an ordinary line they are none."""

import re
from collections.abc import Sequence
from typing import ClassVar

from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import Marker, Progress

_PERCENT = re.compile(r"(?<![\w.])([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%", re.ASCII)
_FIGURE = r"([0-9]{1,15}(?:\.[0-9]{1,6})?)"
_SHARE = re.compile(rf"(?<![\w./]){_FIGURE} ?/ ?{_FIGURE}(?![\w./]*/)", re.ASCII)
# All redraws of a line arrive together, so more of them would tell nobody anything.
_TOLD_PER_LINE = 200
_CHARACTERS_LOOKED_AT = 1_000


class ProgressDialect(Dialect):
    name: ClassVar[str] = "progress"
    token_pattern = (
        b"\r",
        re.compile(rb"\r(?![\r\n])"),
    )

    def redrawn(self, states: Sequence[str]) -> Sequence[Marker]:
        told: list[Progress] = []
        for state in states:
            progress = _progress(state[:_CHARACTERS_LOOKED_AT])
            if progress is not None and (not told or told[-1] != progress):
                told.append(progress)
        if len(told) <= _TOLD_PER_LINE:
            return told
        last = len(told) - 1
        return [told[n * last // (_TOLD_PER_LINE - 1)] for n in range(_TOLD_PER_LINE)]


def _progress(state: str) -> Progress | None:
    percent = _PERCENT.search(state)
    if percent is not None and float(percent[1]) <= 100:
        return Progress(value=float(percent[1]) / 100)
    share = _SHARE.search(state)
    if share is None:
        return None
    current, total = float(share[1]), float(share[2])
    if total == 0 or current > total:
        return None
    return Progress(value=current / total, current=current, total=total)
