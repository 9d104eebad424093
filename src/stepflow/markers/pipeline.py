"""The pipeline of one line: control sequences out, redraws apart, colours off, dialects in order.

It is only asked about lines that may hold a marker (and about all lines in a replay); the answer is
the same for a line whichever way it came here.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from stepflow.markers import ansi, redraw
from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import Marker, Resume, Stop, Text

MARKER_BYTES = 64 * 1024
OWN = "stepflow"

# Gives a marker to the timeline; False means that it was refused, so its line is an ordinary one.
Accept = Callable[[str, Marker], bool]


class Stopped(msgspec.Struct, frozen=True):
    dialect: str
    token: str


class Pipeline:
    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._dialects = dialects
        self._controls = [d for d in dialects if d.control_pattern is not None]
        self._control_words = [d.control_word for d in self._controls]
        self._leading = [d for d in dialects if d.leading_pattern is not None]
        self._redrawn = [d for d in dialects if type(d).redrawn is not Dialect.redrawn]
        self._wrappers = [d for d in dialects if type(d).inner is not Dialect.inner]
        self._readers = [d for d in dialects if type(d).read is not Dialect.read]
        self._own = [d for d in dialects if d.name == OWN]
        self.stopped: Stopped | None = None
        self.reads_every_line = self._reads_every_line()

    def read(self, raw: bytes, accept: Accept) -> None:
        """Give what one line (without its LF) says to `accept`, in order: markers, and the log
        lines that are left of it as `Text`."""
        if raw.startswith(b"\x1b]") and (led := self.read_leading(raw, accept)):
            raw = raw[led:]
            if not ansi.plain(marker_text(raw)).strip():
                return
        line = marker_text(raw)
        has_controls = False
        for word in self._control_words:
            has_controls = has_controls or word in line
        if "\x1b" not in line and "\r" not in line and not has_controls:
            if not self._is_consumed(line, accept):
                accept("", Text(text=log_text(raw)))
            return
        parts = list(self._parts(line)) if has_controls else [(line, None)]
        for text, control in parts:
            if control is not None:
                dialect, markers = control
                taken = [self._take(dialect, marker, accept) for marker in markers]
                if text and not all(taken):
                    accept("", Text(text=text))
            elif len(parts) == 1:
                self._read_states(text, accept, whole=raw)
            elif ansi.plain(text).strip():
                self._read_states(text, accept)

    def read_leading(self, raw: bytes, accept: Accept) -> int:
        """Give the marks with which a line begins to `accept`; it may still be unfinished. How many
        bytes they are."""
        position = 0
        while raw.startswith(b"\x1b]", position):
            found = self._leading_mark(raw, position)
            if found is None:
                break
            dialect, mark, position = found
            for marker in dialect.take_out(mark, "")[0]:
                self._take(dialect, marker, accept)
        return position

    def _leading_mark(self, raw: bytes, start: int) -> tuple[Dialect, re.Match[str], int] | None:
        for dialect in self._leading:
            assert dialect.leading_pattern is not None
            assert dialect.control_pattern is not None
            found = dialect.leading_pattern.match(raw, start)
            if found is not None:
                mark = dialect.control_pattern.fullmatch(found[0].decode("utf-8", "replace"))
                if mark is not None:
                    return dialect, mark, found.end()
        return None

    def finish(self, exit_code: int, accept: Accept) -> None:
        for dialect in self._dialects:
            for marker in dialect.finish(exit_code):
                self._take(dialect, marker, accept)

    def state(self) -> dict[str, Any]:
        return {d.name: s for d in self._dialects if (s := d.state()) is not None}

    def resume(self, state: dict[str, Any]) -> None:
        for dialect in self._dialects:
            if dialect.name in state:
                dialect.resume(state[dialect.name])
        self.reads_every_line = self._reads_every_line()

    def _reads_every_line(self) -> bool:
        return any(d.reads_every_line for d in self._dialects)

    def _parts(self, line: str) -> Iterator[tuple[str, tuple[Dialect, Sequence[Marker]] | None]]:
        """Texts, and the markers of control sequences, each with the title that they took."""
        found = sorted(
            (
                (match.start(), match, dialect)
                for dialect in self._controls
                if dialect.control_pattern is not None
                for match in dialect.control_pattern.finditer(line)
                if dialect.is_control(match)
            ),
            key=lambda item: item[0],
        )
        start = 0
        for position, (at, match, dialect) in enumerate(found):
            if at < start:
                continue
            if at > start:
                yield line[start:at], None
            following = found[position + 1][0] if position + 1 < len(found) else len(line)
            behind = line[match.end() : following]
            title = _last_state(behind)
            markers, took_title = dialect.take_out(match, title)
            yield title if took_title else "", (dialect, markers)
            start = following if took_title else match.end()
        if start < len(line) or not found:
            yield line[start:], None

    def _read_states(self, text: str, accept: Accept, whole: bytes | None = None) -> None:
        states = [ansi.plain(s) for s in redraw.segments(ansi.without_strings(text))]
        shown = redraw.shown(states)
        if len(states) > 1:
            for dialect in self._redrawn:
                for marker in dialect.redrawn(states):
                    self._take(dialect, marker, accept)
        for position, state in enumerate(states):
            # A line of thousands of CRs has nothing to say, and should say it fast.
            if not state and position != shown:
                continue
            if not self._is_consumed(state, accept) and position == shown:
                accept("", Text(text=state if whole is None else log_text(whole)))

    def _is_consumed(self, text: str, accept: Accept) -> bool:
        if self.stopped is not None:
            return self._is_resume(text, accept)
        for wrapper in self._wrappers:
            inside = wrapper.inner(text)
            if inside is not None and self._offer(self._own, inside, accept):
                return True
        return self._offer(self._readers, text, accept)

    def _offer(self, dialects: Sequence[Dialect], text: str, accept: Accept) -> bool:
        """Does a dialect know the text, and was it heard?"""
        for dialect in dialects:
            markers = dialect.read(text)
            if markers is not None:
                if dialect.reads_every_line is not self.reads_every_line:
                    self.reads_every_line = self._reads_every_line()
                is_heard = True
                for marker in markers:
                    is_heard = self._take(dialect, marker, accept) and is_heard
                return is_heard
        return False

    def _take(self, dialect: Dialect, marker: Marker, accept: Accept) -> bool:
        if isinstance(marker, Stop):
            self.stopped = Stopped(dialect.name, marker.token)
        return accept(dialect.name, marker)

    def _is_resume(self, text: str, accept: Accept) -> bool:
        stopped = self.stopped
        inner = [inside for w in self._wrappers if (inside := w.inner(text)) is not None]
        for dialect in self._dialects:
            if (
                stopped is not None
                and dialect.name == stopped.dialect
                and any(dialect.is_resumed_by(said, stopped.token) for said in (*inner, text))
            ):
                self.stopped = None
                accept(dialect.name, Resume())
                return True
        return False


def marker_text(raw: bytes) -> str:
    """The part of a line in which markers are looked for, decoded, without the CRs of its end."""
    if len(raw) <= MARKER_BYTES:
        return raw.rstrip(b"\r").decode("utf-8", "replace")
    return whole_characters(raw[:MARKER_BYTES]).decode("utf-8", "replace")


def log_text(raw: bytes) -> str:
    """An ordinary line as it is shown, without control sequences and earlier redraws."""
    text = raw.rstrip(b"\r").decode("utf-8", "replace")
    if "\x1b" not in text and "\r" not in text:
        return text
    states = [ansi.plain(s) for s in redraw.segments(ansi.without_strings(text))]
    return states[redraw.shown(states)]


def _last_state(text: str) -> str:
    states = [ansi.plain(s) for s in redraw.segments(ansi.without_strings(text))]
    return states[redraw.shown(states)]


def whole_characters(raw: bytes) -> bytes:
    """`raw` without the beginning of a character that was cut at its end."""
    for back in range(1, min(4, len(raw)) + 1):
        byte = raw[-back]
        if byte & 0xC0 != 0x80:
            needed = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return raw[:-back] if needed > back else raw
    return raw
