"""Plain progress of BuildKit (`docker build --progress=plain`): `#N` steps that run side by side.

Switched on only, since `#1 text` is common. A step's header comes again when its output goes on.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import End, Marker, Start, Text

_LINE = re.compile(r"(#[0-9]{1,9}) (.*)", re.ASCII | re.DOTALL)
_DONE = re.compile(r"DONE(?: ([0-9]{1,9}(?:\.[0-9]{1,9})?)s)?", re.ASCII)
_OUTPUT = re.compile(r"[0-9]{1,9}\.[0-9]{1,9} (.*)", re.ASCII | re.DOTALL)
_STEPS_KEPT = 10_000


class BuildkitDialect(Dialect):
    name: ClassVar[str] = "buildkit"
    is_default: ClassVar[bool] = False
    tokens: ClassVar[tuple[bytes, ...]] = (b"#",)

    def __init__(self) -> None:
        self._headers: dict[str, str] = {}

    def read(self, text: str) -> Sequence[Marker] | None:
        match = _LINE.fullmatch(text)
        if match is None:
            return None
        step, said = match.groups()
        if step in self._headers:
            return _said_by(step, said, self._headers[step])
        if _is_of_a_known_step(said) or len(self._headers) >= _STEPS_KEPT:
            return None
        self._headers[step] = said
        return (Start(name=said, kind="command", id=step, is_parallel=True),)

    def state(self) -> Any:
        return self._headers or None

    def resume(self, state: Any) -> None:
        self._headers = dict(state)


def _is_of_a_known_step(said: str) -> bool:
    return (
        said in ("...", "CACHED", "CANCELED")
        or said.startswith("ERROR: ")
        or _DONE.fullmatch(said) is not None
        or _OUTPUT.fullmatch(said) is not None
    )


def _said_by(step: str, said: str, header: str) -> Sequence[Marker]:
    if said in ("...", header):
        return ()
    if done := _DONE.fullmatch(said):
        seconds = None if done[1] is None else float(done[1])
        return (End(id=step, duration=seconds, is_silent=True),)
    if said == "CACHED":
        return (End(id=step, reason="cached", is_silent=True),)
    if said == "CANCELED":
        return (End(id=step, status="cancelled", is_silent=True),)
    if said.startswith("ERROR: "):
        return (End(id=step, status="failed", message=said[7:], is_silent=True),)
    output = _OUTPUT.fullmatch(said)
    return (Text(text=output[1] if output else said, step=step),)
