"""Commands of GitHub Actions: `::name key=value,key=value::data` at the start of a line.

Names outside of the list are no commands, which keeps `::1` and `std::vector` out. The older
spelling `##[name key=value;key=value]data` counts at the start of a line, too.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, NamedTuple

from stepflow.markers.commands import properties, unescaped, whole
from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import End, Marker, Note, Output, Remark, Start, Stop, Text
from stepflow.markers.secrets import mask_of

_DATA = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_PROPERTY = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
_BRACKET = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%"))


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    data: str


class GithubDialect(Dialect):
    name: ClassVar[str] = "github"
    # One search for all languages that begin with it.
    tokens: ClassVar[tuple[bytes, ...]] = (b"##",)
    # Anywhere in a line they are C++.
    line_tokens: ClassVar[tuple[bytes, ...]] = (b"::",)

    def read(self, text: str) -> Sequence[Marker] | None:
        if "::" not in text and "##" not in text:
            return None
        command = _colons(text) or bracket(text)
        if command is not None:
            return _READERS[command.name](command)
        if text.strip(" \t").lower() == "::endgroup":
            # Seen in the wild; the runner shows it as a line and leaves the group open.
            return End(is_bracket=True), Remark(code="malformed", command="endgroup")
        return None

    def is_resumed_by(self, text: str, token: str) -> bool:
        bare = text.strip(" \t").lower()
        wanted = token.lower()
        if bare.startswith("##["):
            return bare[3:].partition("]")[0] == wanted
        head, colons, _ = bare[2:].partition("::")
        return bare.startswith("::") and bool(colons) and wanted in (head, head.partition(" ")[0])


def _colons(text: str) -> Command | None:
    bare = text.lstrip(" \t")
    if not bare.startswith("::"):
        return None
    head, colons, data = bare[2:].partition("::")
    name, _, rest = head.partition(" ")
    if not colons or name.lower() not in _READERS:
        return None
    return Command(name.lower(), properties(rest, ",", _PROPERTY), unescaped(data, _DATA))


def bracket(text: str) -> Command | None:
    bare = text.lstrip()
    if not bare.startswith("##["):
        return None
    head, closing, data = bare[3:].partition("]")
    name, _, rest = head.partition(" ")
    if not closing or name.lower() not in _READERS:
        return None
    return Command(name.lower(), properties(rest, ";", _BRACKET), unescaped(data, _BRACKET))


def read_bracket(text: str, names: frozenset[str]) -> Sequence[Marker] | None:
    """For who shares this spelling."""
    command = bracket(text)
    return None if command is None or command.name not in names else _READERS[command.name](command)


def _group(command: Command) -> Sequence[Marker]:
    return (Start(name=command.data, kind="group"),)


def _end_group(_command: Command) -> Sequence[Marker]:
    return (End(is_bracket=True),)


def _note(level: Literal["error", "warning", "notice"]) -> Callable[[Command], Sequence[Marker]]:
    def read(command: Command) -> Sequence[Marker]:
        said = command.properties
        line, end_line, col, end_col = _place(
            whole(said.get("line")),
            whole(said.get("endline")),
            whole(said.get("col")),
            whole(said.get("endcolumn")),
        )
        note = Note(
            level=level,
            message=command.data,
            file=said.get("file"),
            line=line,
            end_line=end_line,
            col=col,
            end_col=end_col,
            title=said.get("title"),
        )
        return (note,)

    return read


def _place(
    line: int | None, end_line: int | None, col: int | None, end_col: int | None
) -> tuple[int | None, int | None, int | None, int | None]:
    """Repaired as the runner does, in its order."""
    line = end_line if line is None else line
    col = end_col if col is None else col
    if line is None or (end_line is not None and end_line != line):
        col = end_col = None
    if line is not None and end_line is not None and end_line < line:
        line = end_line = None
    if col is not None and end_col is not None and end_col < col:
        col = end_col = None
    return line, end_line, col, end_col


def _debug(command: Command) -> Sequence[Marker]:
    return (Text(text=command.data, level="debug"),)


def _mask(command: Command) -> Sequence[Marker]:
    return (mask_of(command.data, "add-mask"),)


def _output(command: Command) -> Sequence[Marker]:
    name = command.properties.get("name", "").strip()
    if not name:
        return (Remark(code="malformed", command=command.name, message="name is required"),)
    return (Output(name=name, value=command.data),)


def _stop(command: Command) -> Sequence[Marker]:
    token = command.data.strip()
    if not token or token.lower() in _READERS or token.lower() == "pause-logging":
        return (Remark(code="bad_stop_token", command=command.name, message=token or None),)
    return (Stop(token=token),)


def _nothing(_command: Command) -> Sequence[Marker]:
    return ()


def _unsupported(command: Command) -> Sequence[Marker]:
    return (Remark(code="unsupported_command", command=command.name),)


_READERS: dict[str, Callable[[Command], Sequence[Marker]]] = {
    "group": _group,
    "endgroup": _end_group,
    "error": _note("error"),
    "warning": _note("warning"),
    "notice": _note("notice"),
    "debug": _debug,
    "add-mask": _mask,
    "set-output": _output,
    "stop-commands": _stop,
    "echo": _nothing,
    "save-state": _unsupported,
    "set-env": _unsupported,
    "add-path": _unsupported,
    "add-matcher": _unsupported,
    "remove-matcher": _unsupported,
}
