"""Headers of Buildkite: `--- title`, `+++ title`, `~~~ title`, `^^^ +++`.

Switched on only: YAML, diffs and rulers look the same. A header's group lasts until the next one.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import End, Marker, Start, Update

_HEADER = re.compile(r"(---|\+\+\+|~~~)\s+(.*)", re.DOTALL)
_OPEN = re.compile(r"\^\^\^\s+\+\+\+\s*")
_DIFF = re.compile(r"[ab]/|/dev/null|.*\t", re.DOTALL)
_GO_TEST = re.compile(r"(?:PASS|FAIL|SKIP|BENCH): ")


class BuildkiteDialect(Dialect):
    name: ClassVar[str] = "buildkite"
    is_default: ClassVar[bool] = False
    tokens: ClassVar[tuple[bytes, ...]] = (b"---", b"+++", b"~~~")

    def read(self, text: str) -> Sequence[Marker] | None:
        if _OPEN.fullmatch(text):
            return (Update(collapsed=False),)
        header = _HEADER.fullmatch(text)
        if header is None or _DIFF.match(header[2]) or _GO_TEST.match(header[2]):
            return None
        before = End(reason="next_header", is_silent=True)
        title = header[2].strip()
        if not title:
            return (before,)
        start = Start(
            name=title,
            kind="group",
            collapsed=header[1] != "+++",
            muted=True if header[1] == "~~~" else None,
        )
        return before, start
