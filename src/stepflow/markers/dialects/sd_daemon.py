"""Levels of sd-daemon(3): `<0>` to `<7>` at the start of a line. Switched on only."""

import re
from collections.abc import Sequence
from typing import ClassVar, Literal

from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import Marker, Text

_LINE = re.compile(r"<([0-7])>(.*)", re.DOTALL)

Level = Literal["debug", "info", "notice", "warning", "error", "critical"]
_LEVELS: tuple[Level, ...] = (
    *("critical", "critical", "critical", "error"),
    *("warning", "notice", "info", "debug"),
)


class SdDaemonDialect(Dialect):
    name: ClassVar[str] = "sd-daemon"
    is_default: ClassVar[bool] = False
    log_tokens: ClassVar[tuple[bytes, ...]] = (b"<",)

    def read(self, text: str) -> Sequence[Marker] | None:
        match = _LINE.fullmatch(text)
        return None if match is None else (Text(text=match[2], level=_LEVELS[int(match[1])]),)
