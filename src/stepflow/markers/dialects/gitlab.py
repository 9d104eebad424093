"""Sections of GitLab CI: `section_start:STAMP:NAME[option=value] CR ESC[0K title` and their ends.

They are control sequences: the CR in them is no redraw. A marker that lost its end on the way
counts only where it runs to the end of the line and is not quoted.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from stepflow.markers import guards
from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import End, Marker, Scalar, Start

_OPTIONS = r"\[(\w+=\w+(?:,\w+=\w+)*)\]"
_NAME = r"[A-Za-z0-9_.\-]+"
_NO_WORD = re.compile(r"[^a-z0-9]")


class GitlabDialect(Dialect):
    name: ClassVar[str] = "gitlab"
    tokens: ClassVar[tuple[bytes, ...]] = (b"section_",)
    control_word: ClassVar[str] = "section_"
    control_pattern: ClassVar[re.Pattern[str]] = re.compile(
        rf"(?:\x1b\[0K)?section_(?:start:([0-9]{{1,19}}):({_NAME})(?:{_OPTIONS})?"
        rf"|end:([0-9]{{1,19}}):({_NAME}))(?:\r\x1b\[0K|\Z)",
        re.ASCII,
    )

    def is_control(self, match: re.Match[str]) -> bool:
        line = match.string
        return match[0].endswith("\x1b[0K") or not (
            guards.is_traced(line)
            or guards.is_quoted(line, match.start())
            or guards.is_inside_word(line, match.start())
        )

    def take_out(self, match: re.Match[str], behind: str) -> tuple[Sequence[Marker], bool]:
        stamp, name, options, end_stamp, ended = match.groups()
        if ended is not None:
            return (End(key=_key(ended), ts=int(end_stamp), is_silent=True),), False
        params: dict[str, Scalar] = {}
        for option in (options or "").split(","):
            key, equals, value = option.partition("=")
            if equals:
                params[key] = value
        collapsed = params.pop("collapsed", None)
        start = Start(
            name=behind.strip() or name,
            kind="section",
            id=name,
            key=_key(name),
            ts=int(stamp),
            collapsed=None if collapsed is None else collapsed == "true",
            params=params,
            is_once=True,
        )
        return (start,), True


def _key(name: str) -> str:
    """As GitLab compares names."""
    return _NO_WORD.sub("-", name.lower())
