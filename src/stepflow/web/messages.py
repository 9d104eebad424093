"""Live messages: each is serialised once, however many watchers get it, on whichever transport."""

from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
from websockets.frames import Frame, Opcode

from stepflow.model import TestCounts
from stepflow.web.clock import now
from stepflow.web.cursor import Piece, Place
from stepflow.web.json import encode
from stepflow.web.shapes import (
    AnnotationShape,
    ArtifactShape,
    ExecutionShape,
    OutputShape,
    PointShape,
    StepShape,
    SummaryShape,
    TestShape,
)


class ConnectionEstablished(msgspec.Struct, frozen=True):
    """The first message of a connection."""

    client_id: str
    server_time: datetime
    connected_clients: int
    version: str


class StepChange(msgspec.Struct, frozen=True):
    execution_id: str
    step: StepShape
    execution_progress: float


class ArtifactChange(msgspec.Struct, frozen=True):
    execution_id: str
    artifact: ArtifactShape


class Remark(msgspec.Struct, frozen=True):
    execution_id: str
    annotation: AnnotationShape


class TestChange(msgspec.Struct, frozen=True):
    """Tests that ended since the last such message, and how many there are by now."""

    __test__ = False  # pytest takes classes of this name for its own

    execution_id: str
    tests: list[TestShape]
    counts: TestCounts


class MetricPoint(PointShape, frozen=True, kw_only=True):
    name: str
    unit: str | None
    step_index: int | None


class MetricChange(msgspec.Struct, frozen=True):
    execution_id: str
    metrics: list[MetricPoint]


class SummaryChange(msgspec.Struct, frozen=True):
    execution_id: str
    summary: SummaryShape


class OutputChange(msgspec.Struct, frozen=True):
    execution_id: str
    output: OutputShape


class Deleted(msgspec.Struct, frozen=True):
    execution_id: str


class LogLines(msgspec.Struct, frozen=True):
    """New lines as `[text, arrival in Unix ms]`. The first is the rest of line `first_line` from
    `first_byte` on; the last has no newline yet if `partial`. With `lagged` there are none: the
    watcher reads from its own cursor by REST."""

    execution_id: str
    first_line: int
    first_byte: int
    lines: list[tuple[str, int | None]]
    partial: bool
    line_count: int
    size_bytes: int
    cursor: str
    lagged: bool


class LogEnd(msgspec.Struct, frozen=True):
    execution_id: str
    line_count: int
    size_bytes: int


class Lag(msgspec.Struct, frozen=True):
    """Updates were dropped for this watcher, which was too slow: it reads the state again."""


class Pong(msgspec.Struct, frozen=True):
    timestamp: datetime


class ServerStatus(msgspec.Struct, frozen=True):
    running: bool
    connected_clients: int
    timestamp: datetime
    running_executions: int
    pending_executions: int


class Refusal(msgspec.Struct, frozen=True):
    """What was wrong with a message of the client's."""

    error: str


class StreamEnd(msgspec.Struct, frozen=True):
    """The last event of an event stream: the execution as it ended."""

    execution: ExecutionShape


KINDS: dict[str, type[msgspec.Struct]] = {
    "connection_established": ConnectionEstablished,
    "execution_update": ExecutionShape,
    "step_update": StepChange,
    "artifact_update": ArtifactChange,
    "annotation": Remark,
    "test_update": TestChange,
    "metric_update": MetricChange,
    "summary_update": SummaryChange,
    "output_update": OutputChange,
    "execution_deleted": Deleted,
    "log": LogLines,
    "log_complete": LogEnd,
    "lagged": Lag,
    "pong": Pong,
    "server_status": ServerStatus,
    "error": Refusal,
}
"""Every message that a server sends over a WebSocket, and the type of its `data`."""

_NAMES = {kind: name for name, kind in KINDS.items()}


class Outgoing:
    """`data` on its way to any number of watchers; `cursor` is the place after it, for `log`."""

    def __init__(self, data: msgspec.Struct, cursor: str | None = None) -> None:
        self.data = data
        self.cursor = cursor
        self.at = now()

    @cached_property
    def frame(self) -> bytes:
        """A whole WebSocket text frame."""
        text = encode({"type": _NAMES[type(self.data)], "data": self.data, "timestamp": self.at})
        return bytes(Frame(Opcode.TEXT, text).serialize(mask=False))

    @cached_property
    def event(self) -> bytes:
        """A server-sent event."""
        return sent_event(_NAMES[type(self.data)], self.data, self.cursor)


def sent_event(name: str, data: Any, cursor: str | None = None) -> bytes:
    identity = f"id: {cursor}\n" if cursor is not None else ""
    return f"event: {name}\n{identity}data: ".encode() + encode(data) + b"\n\n"


def log_message(execution_id: str, piece: Piece) -> Outgoing:
    cursor = str(piece.end.cursor)
    return Outgoing(
        LogLines(
            execution_id,
            piece.start.cursor.line,
            piece.start.cursor.byte,
            piece.lines,
            piece.partial,
            _line_count(piece.end),
            piece.end.offset,
            cursor,
            lagged=False,
        ),
        cursor,
    )


def lagged_log(execution_id: str, head: Place) -> Outgoing:
    """The lines up to `head` are left out: the watcher reads them itself."""
    cursor = head.cursor
    return Outgoing(
        LogLines(
            execution_id,
            cursor.line,
            cursor.byte,
            [],
            cursor.byte > 0,
            _line_count(head),
            head.offset,
            str(cursor),
            lagged=True,
        )
    )


def log_end(execution_id: str, head: Place) -> Outgoing:
    return Outgoing(LogEnd(execution_id, _line_count(head), head.offset))


def _line_count(place: Place) -> int:
    return place.cursor.line + (place.cursor.byte > 0)


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping"):
    """Answered by `pong`."""


class GetStatus(msgspec.Struct, frozen=True, tag_field="type", tag="get_status"):
    """Answered by `server_status`."""


class SubscribeExecution(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe_execution"):
    """The original's: the log from its end on; no answer."""

    execution_id: str


class Subscribe(msgspec.Struct, frozen=True, tag_field="type", tag="subscribe"):
    """The log from `cursor` (`LINE:BYTE` or `end`) on: what is there, then what comes."""

    execution_id: str
    cursor: str = "end"


class Unsubscribe(msgspec.Struct, frozen=True, tag_field="type", tag="unsubscribe"):
    """No more of this log."""

    execution_id: str


Incoming = Ping | GetStatus | SubscribeExecution | Subscribe | Unsubscribe
