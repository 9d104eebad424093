"""Marks that shells and tools send to terminals: OSC 133 and 633 around commands, OSC 9;4 progress.

A command is a step from its output's start (C) to its end (D). All other OSC strings are
stripped with the colours. What we ourselves print in traced scripts also says in D how long it
took (`ms`) and how many commands are still open.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import msgspec

from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import End, Marker, Progress, Start

_ESCAPE = re.compile(r"\\(\\|x[0-9A-Fa-f]{2})")
_EXIT = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_PERCENT = re.compile(r"[0-9]{1,9}", re.ASCII)
_OURS = re.compile(r"(ms|open)=([0-9]{1,12})(?=;|\Z)", re.ASCII)
_COMMAND_CHARACTERS = 4096
_LEFT_OPEN = 64

ProgressState = Literal["none", "normal", "error", "indeterminate", "paused"]
_STATES: dict[str, ProgressState] = {
    "0": "none",
    "1": "normal",
    "2": "error",
    "3": "indeterminate",
    "4": "paused",
}


class _State(msgspec.Struct, omit_defaults=True):
    """The command line that was told for the next C; how many are open."""

    command: str = ""
    open: int = 0


class OscDialect(Dialect):
    name: ClassVar[str] = "osc"
    tokens: ClassVar[tuple[bytes, ...]] = (b"\x1b]",)
    control_word: ClassVar[str] = "\x1b]"
    control_pattern: ClassVar[re.Pattern[str]] = re.compile(
        r"\x1b\](?:(9);4|(?:133|633);([A-Z]))(?:;([^\x07\x1b]*))?(?:\x07|\x1b\\)"
    )
    # A script that is silent for an hour has not ended the line in which its command began.
    leading_pattern: ClassVar[re.Pattern[bytes]] = re.compile(
        rb"\x1b\](?:9;4|(?:133|633);[A-Z])(?:;[^\x07\x1b]{0,8000})?(?:\x07|\x1b\\)"
    )

    def __init__(self) -> None:
        self._kept = _State()

    def take_out(self, match: re.Match[str], behind: str) -> tuple[Sequence[Marker], bool]:  # noqa: ARG002  (a mark has no title)
        progress, mark, rest = match.groups()
        fields = (rest or "").split(";")
        if progress is not None:
            return _progress(fields), False
        return self._marked(mark, fields), False

    def state(self) -> Any:
        return msgspec.to_builtins(self._kept) or None

    def resume(self, state: Any) -> None:
        self._kept = msgspec.convert(state, _State)

    def _marked(self, mark: str, fields: Sequence[str]) -> Sequence[Marker]:
        match mark:
            case "A":
                return self._ended([End(status="unknown", is_silent=True)])
            case "C":
                name, self._kept.command = self._kept.command, ""
                self._kept.open += 1
                return (Start(name=name, kind="command"),)
            case "D":
                return self._ended(self._ends(fields))
            case "E":
                self._kept.command = _ESCAPE.sub(_character, fields[0])[:_COMMAND_CHARACTERS]
        return ()

    def _ends(self, fields: Sequence[str]) -> Sequence[End]:
        said = dict(_OURS.findall(";".join(fields[1:])))
        milliseconds = said.get("ms")
        end = _end(fields[0], None if milliseconds is None else int(milliseconds) / 1000)
        left = max(0, self._kept.open - 1 - int(said.get("open", self._kept.open)))
        return [*[_end(fields[0], None)] * min(left, _LEFT_OPEN), end]

    def _ended(self, ends: Sequence[End]) -> Sequence[End]:
        self._kept.open = max(0, self._kept.open - len(ends))
        return ends


def _end(code: str, seconds: float | None) -> End:
    if not _EXIT.fullmatch(code):
        return End(status="unknown", is_silent=True)
    exit_code = int(code)
    status: Literal["completed", "failed"] = "failed" if exit_code else "completed"
    return End(status=status, exit_code=exit_code, duration=seconds, is_silent=True)


def _character(match: re.Match[str]) -> str:
    return "\\" if match[1] == "\\" else chr(int(match[1][1:], 16))


def _progress(fields: Sequence[str]) -> Sequence[Marker]:
    state = _STATES.get(fields[0])
    if state is None:
        return ()
    percent = fields[1] if len(fields) > 1 else ""
    if state in ("none", "indeterminate") or not _PERCENT.fullmatch(percent):
        return (Progress(state=state),)
    return (Progress(state=state, value=min(int(percent), 100) / 100),)
