"""JSON log lines: the level of an object with a level and a message. The line itself stays.

They are asked first, since a message may hold the text of any marker. Only an own marker at the
beginning of the message counts.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import msgspec

from stepflow.markers.dialect import Dialect
from stepflow.markers.dialects.stepflow import begins_with_marker
from stepflow.markers.marker import Marker, Text

_LEVEL_KEYS = ("level", "severity", "lvl", "log.level", "levelname", "@level")
_MESSAGE_KEYS = ("msg", "message", "event", "@message")

Level = Literal["debug", "info", "notice", "warning", "error", "critical"]
_LEVELS: dict[str, Level] = {
    **dict.fromkeys(("trace", "debug", "verbose", "fine", "10", "20"), "debug"),
    **dict.fromkeys(("info", "information", "informational", "default", "30"), "info"),
    "notice": "notice",
    **dict.fromkeys(("warn", "warning", "40"), "warning"),
    **dict.fromkeys(("err", "error", "severe", "50"), "error"),
    **dict.fromkeys(
        ("crit", "critical", "fatal", "alert", "panic", "dpanic", "emerg", "emergency", "60"),
        "critical",
    ),
}


class JsonDialect(Dialect):
    name: ClassVar[str] = "json"
    # A line that only has a level says nothing to the timeline; one with a marker has its token.
    log_tokens: ClassVar[tuple[bytes, ...]] = (b"{",)

    def read(self, text: str) -> Sequence[Marker] | None:
        found = _level_and_message(text)
        return None if found is None else (Text(text=text, level=found[0], message=found[1]),)

    def inner(self, text: str) -> str | None:
        found = _level_and_message(text)
        return found[1] if found is not None and begins_with_marker(found[1]) else None


def _level_and_message(text: str) -> tuple[Level, str] | None:
    if "{" not in text:
        return None
    bare = text.strip()
    if not bare.startswith("{") or not bare.endswith("}"):
        return None
    try:
        said = msgspec.json.decode(bare.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return None
    level = _level(said)
    message = next((m for key in _MESSAGE_KEYS if isinstance(m := said.get(key), str)), None)
    return None if level is None or message is None else (level, message)


def _level(said: dict[str, Any]) -> Level | None:
    values = [said.get(key) for key in _LEVEL_KEYS]
    nested = said.get("log")
    if isinstance(nested, dict):
        values.append(nested.get("level"))
    value = next((v for v in values if isinstance(v, str | int | float)), None)
    return None if value is None else _LEVELS.get(str(value).lower())
