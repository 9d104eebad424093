"""Azure Pipelines: `##vso[area.action key=value;]data` anywhere in a line, `##[name]` at its start.

What does not parse is shown as it is, with a diagnostic. A known command with a wrong value is only
the diagnostic, as on the agent.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from stepflow.markers import guards
from stepflow.markers.commands import decimal, properties, unescaped, whole
from stepflow.markers.dialect import Dialect
from stepflow.markers.dialects.github import read_bracket
from stepflow.markers.marker import (
    Artifact,
    End,
    Env,
    Marker,
    Meta,
    Note,
    Output,
    Progress,
    Remark,
    Result,
    Start,
    Summary,
    Text,
)
from stepflow.markers.secrets import mask_of

_PREFIX = "##vso["
_ESCAPES = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%"))
_FORMATS = frozenset({"group", "endgroup", "warning", "error", "debug"})
_RECORDS_KEPT = 1_000

ResultStatus = Literal["completed", "completed_with_issues", "failed", "cancelled", "skipped"]
_RESULTS: dict[str, ResultStatus] = {
    "succeeded": "completed",
    "succeededwithissues": "completed_with_issues",
    "failed": "failed",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    "skipped": "skipped",
}
EndStatus = Literal["completed", "failed", "skipped", "cancelled", "unknown"]
_ENDS: dict[str, EndStatus] = {
    "succeeded": "completed",
    "succeededwithissues": "completed",
    "failed": "failed",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    "abandoned": "cancelled",
    "skipped": "skipped",
}
_LEVELS: dict[str, Literal["error", "warning"]] = {"error": "error", "warning": "warning"}


class _Wrong(Exception):
    """What the command lacks."""


class Command(NamedTuple):
    name: str
    properties: dict[str, str]
    data: str


class AzureDialect(Dialect):
    name: ClassVar[str] = "azure"
    tokens: ClassVar[tuple[bytes, ...]] = (b"##",)

    def __init__(self) -> None:
        self._records: list[str] = []

    def read(self, text: str) -> Sequence[Marker] | None:
        if "##" not in text:
            return None
        if _PREFIX in text:
            return self._vso(text)
        return _section_or_command(text) or read_bracket(text, _FORMATS)

    def state(self) -> Any:
        return self._records or None

    def resume(self, state: Any) -> None:
        self._records = list(state)

    def _vso(self, text: str) -> Sequence[Marker] | None:
        if guards.is_traced(text):
            return None
        bare = guards.unquoted(text)
        position = bare.find(_PREFIX)
        if position < 0 or guards.is_quoted(bare, position):
            return None
        command = _command(bare[position + len(_PREFIX) :])
        if command is None:
            return Text(text=text), Remark(code="malformed")
        try:
            if command.name == "task.logdetail":
                return self._record(command)
            reader = _READERS.get(command.name)
            if reader is None:
                return Text(text=text), Remark(code="unknown_command", command=command.name)
            return reader(command)
        except _Wrong as wrong:
            return (Remark(code="malformed", command=command.name, message=str(wrong)),)

    def _record(self, command: Command) -> Sequence[Marker]:
        """A timeline record: a step with an id, so truly nested and parallel."""
        said = command.properties
        record = _needed(command, "id")
        progress = said.get("progress")
        share = _share(progress) if progress is not None else None
        result = said.get("result")
        status = _ENDS.get(result.lower()) if result is not None else "completed"
        if status is None:
            raise _Wrong(f"result={result}")
        markers: list[Marker] = []
        if record not in self._records:
            markers.append(self._new_record(command, record))
            if share is not None:
                markers.append(Progress(id=record, value=share))
        elif share is not None or command.data.strip():
            markers.append(Progress(id=record, value=share, message=command.data or None))
        if said.get("state", "").lower() == "completed":
            self._records.remove(record)
            markers.append(End(id=record, status=status))
        return markers

    def _new_record(self, command: Command, record: str) -> Start:
        name = _needed(command, "name")
        _needed(command, "type")
        parent = command.properties.get("parentid")
        if parent is not None and parent not in self._records:
            raise _Wrong(f"parentid={parent}")
        self._records.append(record)
        del self._records[:-_RECORDS_KEPT]
        return Start(name=name, id=record, parent=parent, is_parallel=True)


def _command(text: str) -> Command | None:
    head, closing, data = text.partition("]")
    name, _, rest = head.strip().partition(" ")
    area, _, action = name.partition(".")
    if not closing or not area or not action or "." in action:
        return None
    return Command(name.lower(), properties(rest, ";", _ESCAPES), unescaped(data, _ESCAPES))


def _section_or_command(text: str) -> Sequence[Marker] | None:
    bare = text.lstrip()
    lowered = bare[:11].lower()
    if lowered.startswith("##[section]"):
        return (Text(text=bare[11:], level="section"),)
    if lowered.startswith("##[command]"):
        return (Text(text=bare[11:], level="command"),)
    return None


def _needed(command: Command, key: str) -> str:
    value = command.properties.get(key, "").strip()
    if not value:
        raise _Wrong(f"{key} is required")
    return value


def _data(command: Command) -> str:
    value = command.data.strip()
    if not value:
        raise _Wrong("no value behind the bracket")
    return value


def _share(percent: str) -> float:
    value = decimal(percent)
    if value is None:
        raise _Wrong(f"{percent} is no percentage")
    return min(max(value, 0.0), 100.0) / 100


def _issue(command: Command) -> Sequence[Marker]:
    level = _LEVELS.get(_needed(command, "type").lower())
    if level is None:
        raise _Wrong("type is error or warning")
    said = command.properties
    note = Note(
        level=level,
        message=command.data,
        file=said.get("sourcepath"),
        line=whole(said.get("linenumber")),
        col=whole(said.get("columnnumber")),
        code=said.get("code"),
    )
    return (note,)


def _progress(command: Command) -> Sequence[Marker]:
    return (Progress(value=_share(_needed(command, "value")), message=command.data or None),)


def _complete(command: Command) -> Sequence[Marker]:
    status = _RESULTS.get(_needed(command, "result").lower())
    if status is None:
        raise _Wrong(f"result={command.properties['result']}")
    return (Result(status=status, message=command.data or None),)


def _summary(command: Command) -> Sequence[Marker]:
    return (Summary(path=_data(command)),)


def _log_file(command: Command) -> Sequence[Marker]:
    return (Artifact(path=_data(command), kind="log"),)


def _attachment(command: Command) -> Sequence[Marker]:
    said = command.properties
    return (Artifact(path=_data(command), name=said.get("name"), type=said.get("type")),)


def _artifact(command: Command) -> Sequence[Marker]:
    said = command.properties
    artifact = Artifact(
        path=_data(command),
        name=said.get("artifactname"),
        type=said.get("type"),
        target=said.get("containerfolder"),
    )
    return (artifact,)


def _secret(command: Command) -> Sequence[Marker]:
    return (mask_of(command.data, command.name),)


def _variable(command: Command) -> Sequence[Marker]:
    name = _needed(command, "variable")
    if command.properties.get("issecret", "").strip().lower() != "true":
        return (Output(name=name, value=command.data),)
    return mask_of(command.data, command.name), Output(name=name, value="***", secret=True)


def _debug(command: Command) -> Sequence[Marker]:
    return (Text(text=command.data, level="debug"),)


def _path(command: Command) -> Sequence[Marker]:
    return (Env(name="PATH", prepend=_data(command)),)


def _meta(key: str) -> Callable[[Command], Sequence[Marker]]:
    return lambda command: (Meta(key=key, value=_data(command)),)


_READERS: dict[str, Callable[[Command], Sequence[Marker]]] = {
    "task.logissue": _issue,
    "task.issue": _issue,
    "task.setprogress": _progress,
    "task.complete": _complete,
    "task.uploadsummary": _summary,
    "build.uploadsummary": _summary,
    "task.uploadfile": _log_file,
    "build.uploadlog": _log_file,
    "task.addattachment": _attachment,
    "artifact.upload": _artifact,
    "artifact.associate": _artifact,
    "task.setsecret": _secret,
    "task.setvariable": _variable,
    "task.settaskvariable": _variable,
    "task.debug": _debug,
    "task.prependpath": _path,
    "build.addbuildtag": _meta("build_tag"),
    "build.updatebuildnumber": _meta("build_number"),
}
