"""Service messages of TeamCity: `##teamcity[name key='value']`, anywhere in a line, several a line.

What does not parse is shown as it is, with a diagnostic; an unknown name is an ordinary line. A
test is told when it ends, so what is known of a running one is kept, one for each flow.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import msgspec

from stepflow.markers import guards
from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import (
    Artifact,
    End,
    Marker,
    Meta,
    Metric,
    Note,
    Progress,
    Remark,
    Result,
    Start,
    Stop,
    TestEnd,
    TestStart,
    Text,
)
from stepflow.markers.payload import number

_PREFIX = "##teamcity["
_VALUE = r"'[^'|]*(?:\|.[^'|]*)*'"
_ATTRIBUTE = re.compile(rf"\s+([\w.\-]+)\s*=\s*({_VALUE})")
_MESSAGE = re.compile(
    rf"\#\#teamcity\[\s*([A-Za-z_][\w.\-]*)(?:\s+({_VALUE})|((?:\s+[\w.\-]+\s*=\s*{_VALUE})*))\s*\]"
)
_ESCAPE = re.compile(r"\|(0x[0-9A-Fa-f]{4}|.)")
_ESCAPED = {"n": "\n", "r": "\r", "x": "\u0085", "l": "\u2028", "p": "\u2029"}
_RULES = re.compile(r"[,\n]")
_FLOWS_KEPT = 1_000

Status = Literal["passed", "failed", "skipped", "todo"]


class Message(NamedTuple):
    name: str
    value: str
    said: dict[str, str]

    @property
    def flow(self) -> str | None:
        return self.said.get("flowId") or None


class _Running(msgspec.Struct):
    """A test that has started, and what is known of it by now."""

    name: str
    status: Status = "passed"
    message: str | None = None
    details: str | None = None
    expected: str | None = None
    actual: str | None = None


class _State(msgspec.Struct):
    tests: dict[str, _Running] = {}
    flows: dict[str, str] = {}


class TeamcityDialect(Dialect):
    name: ClassVar[str] = "teamcity"
    tokens: ClassVar[tuple[bytes, ...]] = (b"##",)

    def __init__(self) -> None:
        self._kept = _State()

    def read(self, text: str) -> Sequence[Marker] | None:
        if _PREFIX not in text or guards.is_traced(text):
            return None
        bare = guards.unquoted(text)
        position = bare.find(_PREFIX)
        if position < 0 or guards.is_quoted(bare, position):
            return None
        markers: list[Marker] = []
        shown: list[str] = []
        is_known = False
        for piece in _pieces(bare):
            if isinstance(piece, str):
                shown.append(piece)
                continue
            match, message = piece
            said = self._said(message) if message is not None else None
            if said is None:
                shown.append(match)
            else:
                is_known = True
                markers += _text_of(shown)
                markers += said
            if message is None:
                is_known = True
                markers += _text_of(shown)
                markers.append(Remark(code="malformed"))
        if not is_known:
            return None
        return [*markers, *_text_of(shown)]

    def is_resumed_by(self, text: str, token: str) -> bool:  # noqa: ARG002  (there is none)
        return not guards.is_traced(text) and any(
            not isinstance(piece, str)
            and piece[1] is not None
            and piece[1].name == "enableServiceMessages"
            for piece in _pieces(text)
        )

    def finish(self, exit_code: int) -> Sequence[Marker]:
        ended = []
        for flow, test in self._kept.tests.items():
            if test.status == "passed" and exit_code:
                test.status, test.message = "failed", "did not finish"
            ended.append(_ended(test, flow))
        self._kept.tests.clear()
        return ended

    def state(self) -> Any:
        is_empty = not self._kept.tests and not self._kept.flows
        return None if is_empty else msgspec.to_builtins(self._kept)

    def resume(self, state: Any) -> None:
        self._kept = msgspec.convert(state, _State)

    def _said(self, message: Message) -> Sequence[Marker] | None:
        reader = _READERS.get(message.name)
        if reader is None:
            return None
        try:
            markers = reader(self, message)
        except KeyError as missing:
            missed = f"{missing.args[0]} is required"
            return (Remark(code="malformed", command=message.name, message=missed),)
        return markers

    def _start(self, message: Message, name: str, kind: Literal["group", "suite"]) -> Start:
        return Start(
            name=name,
            kind=kind,
            description=message.said.get("description") or None,
            flow=message.flow,
            outer_flows=self._outer_flows(message.flow),
        )

    def _outer_flows(self, flow: str | None) -> tuple[str | None, ...]:
        if flow not in self._kept.flows:
            return ()
        outer: list[str | None] = []
        while flow and flow in self._kept.flows and len(outer) < 64:
            flow = self._kept.flows[flow] or None
            outer.append(flow)
        return tuple(outer)

    def _block(self, message: Message) -> Sequence[Marker]:
        return (self._start(message, message.said["name"], "group"),)

    def _block_end(self, message: Message) -> Sequence[Marker]:
        return (End(name=message.said["name"], flow=message.flow),)

    def _compilation(self, message: Message) -> Sequence[Marker]:
        return (self._start(message, message.said["compiler"], "group"),)

    def _compilation_end(self, message: Message) -> Sequence[Marker]:
        return (End(name=message.said["compiler"], flow=message.flow),)

    def _message(self, message: Message) -> Sequence[Marker]:
        text = message.said["text"]
        match message.said.get("status", "NORMAL").upper():
            case "WARNING":
                return (Note(level="warning", message=text),)
            case "FAILURE" | "ERROR":
                details = message.said.get("errorDetails") or None
                return (Note(level="error", message=text, details=details),)
            case _:
                return (Text(text=text),)

    def _progress(self, message: Message) -> Sequence[Marker]:
        return (Progress(message=_only_value(message, "message")),)

    def _progress_end(self, _message: Message) -> Sequence[Marker]:
        return (Progress(message=""),)

    def _suite(self, message: Message) -> Sequence[Marker]:
        return (self._start(message, message.said["name"], "suite"),)

    def _suite_end(self, message: Message) -> Sequence[Marker]:
        name = message.said["name"]
        return *self._end_running(message.flow), End(name=name, flow=message.flow)

    def _test(self, message: Message) -> Sequence[Marker]:
        name = message.said["name"]
        ended = self._end_running(message.flow)
        self._run(message.flow, _Running(name))
        return *ended, TestStart(name=name, flow=message.flow)

    def _run(self, flow: str | None, test: _Running) -> None:
        if len(self._kept.tests) < _FLOWS_KEPT:
            self._kept.tests[flow or ""] = test

    def _running(self, message: Message) -> _Running | None:
        test = self._kept.tests.get(message.flow or "")
        return test if test is not None and test.name == message.said["name"] else None

    def _end_running(self, flow: str | None) -> Sequence[Marker]:
        """Within a flow a new test ends the one that runs."""
        test = self._kept.tests.pop(flow or "", None)
        return () if test is None else (_ended(test, flow),)

    def _test_failed(self, message: Message) -> Sequence[Marker]:
        test = self._running(message)
        said = message.said
        failed = test or _Running(said["name"])
        failed.status = "failed"
        failed.message = said.get("message") or None
        failed.details = said.get("details") or None
        failed.expected = said.get("expected")
        failed.actual = said.get("actual")
        return (_ended(failed, message.flow),) if test is None else ()

    def _test_ignored(self, message: Message) -> Sequence[Marker]:
        test = self._running(message)
        ignored = test or _Running(message.said["name"])
        ignored.status = "skipped"
        ignored.message = message.said.get("message") or None
        return (_ended(ignored, message.flow),) if test is None else ()

    def _test_end(self, message: Message) -> Sequence[Marker]:
        test = self._running(message)
        if test is None:
            return (Remark(code="unmatched_end", command=message.said["name"]),)
        del self._kept.tests[message.flow or ""]
        milliseconds = number(message.said.get("duration", ""), "")
        seconds = None if isinstance(milliseconds, str) else max(milliseconds, 0) / 1000
        return (_ended(test, message.flow, seconds),)

    def _test_output(self, message: Message) -> Sequence[Marker]:
        stream = "stdout" if message.name == "testStdOut" else "stderr"
        lines = message.said["out"].removesuffix("\n").split("\n")
        return [Text(text=line.removesuffix("\r"), stream=stream) for line in lines]

    def _problem(self, message: Message) -> Sequence[Marker]:
        return (Result(status="failed", message=message.said["description"]),)

    def _status(self, message: Message) -> Sequence[Marker]:
        text = message.said.get("text") or None
        match message.said.get("status", "").upper():
            case "FAILURE" | "ERROR":
                return (Result(status="failed", message=text),)
            case "SUCCESS":
                return (Result(status="completed", message=text),)
            case _:
                return (Meta(key="build_status", value=message.said["text"]),)

    def _statistic(self, message: Message) -> Sequence[Marker]:
        key, value = message.said["key"], number(message.said["value"].strip(), "")
        if isinstance(value, str) or not key:
            wrong = f"{message.said['value']} is no number"
            return (Remark(code="malformed", command=message.name, message=wrong),)
        return (Metric(name=key, value=value),)

    def _artifacts(self, message: Message) -> Sequence[Marker]:
        return list(_rules(_only_value(message, "path")))

    def _parameter(self, message: Message) -> Sequence[Marker]:
        return (Meta(key=message.said["name"], value=message.said["value"]),)

    def _number(self, message: Message) -> Sequence[Marker]:
        return (Meta(key="build_number", value=_only_value(message, "value")),)

    def _flow(self, message: Message) -> Sequence[Marker]:
        flow = message.said["flowId"]
        if len(self._kept.flows) < _FLOWS_KEPT:
            self._kept.flows[flow] = message.said.get("parent", "")
        return ()

    def _flow_end(self, message: Message) -> Sequence[Marker]:
        self._kept.flows.pop(message.said["flowId"], None)
        return self._end_running(message.flow)

    def _stop(self, _message: Message) -> Sequence[Marker]:
        return (Stop(token="enableServiceMessages"),)  # noqa: S106  (no secret)

    def _nothing(self, _message: Message) -> Sequence[Marker]:
        return ()

    def _unsupported(self, message: Message) -> Sequence[Marker]:
        return (Remark(code="unsupported_command", command=message.name),)


def _pieces(text: str) -> Iterator[str | tuple[str, Message | None]]:
    """Texts, and messages with their source; None for what does not parse."""
    start = 0
    while (position := text.find(_PREFIX, start)) >= 0:
        yield text[start:position]
        match = _MESSAGE.match(text, position)
        if match is None:
            following = text.find(_PREFIX, position + len(_PREFIX))
            start = len(text) if following < 0 else following
            yield text[position:start], None
            continue
        name, value, attributes = match.groups()
        said = {key: _unescaped(quoted) for key, quoted in _ATTRIBUTE.findall(attributes or "")}
        yield match[0], Message(name, _unescaped(value) if value else "", said)
        start = match.end()
    yield text[start:]


def _text_of(shown: list[str]) -> list[Marker]:
    """The ordinary text that was gathered, as a line of its own."""
    text = "".join(shown).strip()
    shown.clear()
    return [Text(text=text)] if text else []


def _unescaped(quoted: str) -> str:
    inside = quoted[1:-1]
    if "|" not in inside:
        return inside
    units = _ESCAPE.sub(_character, inside)
    # A character outside of the first plane came as two escapes.
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(match: re.Match[str]) -> str:
    escape = match[1]
    return chr(int(escape, 16)) if len(escape) > 1 else _ESCAPED.get(escape, escape)


def _only_value(message: Message, key: str) -> str:
    """`name 'value'`, or the same with a key."""
    return message.said.get(key, message.value)


def _rules(text: str) -> Iterator[Marker]:
    for rule in _RULES.split(text):
        path, _, target = (part.strip() for part in rule.partition("=>"))
        if path and not path.startswith("-:"):
            yield Artifact(path=path.removeprefix("+:"), target=target or None)


def _ended(test: _Running, flow: str | None, seconds: float | None = None) -> TestEnd:
    return TestEnd(
        name=test.name,
        status=test.status,
        duration=seconds,
        message=test.message,
        details=test.details,
        expected=test.expected,
        actual=test.actual,
        flow=flow or None,
    )


_READERS: dict[str, Callable[[TeamcityDialect, Message], Sequence[Marker]]] = {
    "blockOpened": TeamcityDialect._block,
    "blockClosed": TeamcityDialect._block_end,
    "compilationStarted": TeamcityDialect._compilation,
    "compilationFinished": TeamcityDialect._compilation_end,
    "message": TeamcityDialect._message,
    "progressMessage": TeamcityDialect._progress,
    "progressStart": TeamcityDialect._progress,
    "progressFinish": TeamcityDialect._progress_end,
    "testSuiteStarted": TeamcityDialect._suite,
    "testSuiteFinished": TeamcityDialect._suite_end,
    "testStarted": TeamcityDialect._test,
    "testFailed": TeamcityDialect._test_failed,
    "testIgnored": TeamcityDialect._test_ignored,
    "testFinished": TeamcityDialect._test_end,
    "testStdOut": TeamcityDialect._test_output,
    "testStdErr": TeamcityDialect._test_output,
    "buildProblem": TeamcityDialect._problem,
    "buildStatus": TeamcityDialect._status,
    "buildStatisticValue": TeamcityDialect._statistic,
    "publishArtifacts": TeamcityDialect._artifacts,
    "setParameter": TeamcityDialect._parameter,
    "buildNumber": TeamcityDialect._number,
    "flowStarted": TeamcityDialect._flow,
    "flowFinished": TeamcityDialect._flow_end,
    "disableServiceMessages": TeamcityDialect._stop,
    "enableServiceMessages": TeamcityDialect._nothing,
    "importData": TeamcityDialect._unsupported,
}
