"""Status words of systemd at boot, as `[FAILED] Failed to start`. Switched on only."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import Marker, Text

Level = Literal["info", "notice", "warning", "error"]
_LEVELS: dict[str, Level] = {
    "[  OK  ]": "info",
    "[FAILED]": "error",
    "[DEPEND]": "warning",
    "[ WARN ]": "warning",
    "[ SKIP ]": "notice",
    "[ TIME ]": "error",
    "[ INFO ]": "info",
}


class SystemdDialect(Dialect):
    name: ClassVar[str] = "systemd"
    is_default: ClassVar[bool] = False
    log_tokens: ClassVar[tuple[bytes, ...]] = (b"[",)

    def read(self, text: str) -> Sequence[Marker] | None:
        level = _LEVELS.get(text[:8])
        return None if level is None else (Text(text=text, level=level),)
