"""The parser of an environment file: as that of a transcript, but its events come at the end."""

from datetime import datetime

from stepflow.events import AnyEvent
from stepflow.markers.environment_files import EnvironmentFile, read_file
from stepflow.timeline.timeline import Timeline


class FileParser:
    def __init__(self, kind: EnvironmentFile) -> None:
        self._kind = kind
        self._content = bytearray()

    def feed(self, data: bytes | memoryview, at: datetime | None = None) -> list[AnyEvent]:  # noqa: ARG002  (as a Parser)
        self._content += data
        return []

    def flush(self, at: datetime | None = None) -> list[AnyEvent]:
        events: list[AnyEvent] = []
        timeline = Timeline()
        for marker in read_file(self._kind, bytes(self._content)):
            timeline.accept("github-file", marker, 0, at, events)
        return events

    def finish(self, exit_code: int | None, at: datetime | None = None) -> list[AnyEvent]:  # noqa: ARG002  (as a Parser)
        return self.flush(at)
