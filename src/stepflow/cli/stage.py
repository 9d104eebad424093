"""The drawn screen of `run` on a terminal: finished steps folded to one row each, open ones with a
spinner and their last lines, output outside any step as it comes, the failure's context at the end.
"""

import re
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from stepflow.cli import drawing
from stepflow.cli.client import Json
from stepflow.cli.console import ScriptConsole
from stepflow.cli.screen import harmless, write
from stepflow.cli.view import View, is_finished
from stepflow.cli.words import clock

_CONTEXT_LINES = 20
_SPLIT_BYTES = 1 << 16
_MOST_HELD = 3
_FLOOD_LINES = 500
_META = re.compile(rb"META:[^\s:]+:")


class Stage:
    tick_seconds = 1 / drawing.FRAMES_PER_SECOND
    wants_output = True

    def __init__(
        self, last_lines: Callable[[Json, int], list[str]], console: Console | None = None
    ):
        """`last_lines(step, count)` reads a failed step's end from the server."""
        self._last_lines = last_lines
        self._console = console or ScriptConsole()
        self._live: Live | None = None
        self._view = View()
        self._line = 0
        self._unfinished = b""
        self._fresh: list[bytes] = []
        self._settled: list[bytes] = []
        self._tail: deque[Text] = deque(maxlen=drawing.TAIL_LINES)
        self._tail_of: int | None = None
        self._printed: set[int] = set()
        self._frame = 0
        self._heard_at = time.monotonic()
        self._note: str | None = None

    def begin(self, view: View) -> None:
        self._view = view
        self._console.print(drawing.header(view.execution))
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()

    def event(self, name: str, data: Any) -> None:
        pass

    def output(self, data: bytes) -> None:
        self._heard_at = time.monotonic()
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        if len(self._unfinished) > _SPLIT_BYTES:
            # Only the end of a line without end can be seen, so only that is kept.
            self._unfinished = self._unfinished[-_SPLIT_BYTES:]
        self._fresh += lines

    def tick(self, absent_seconds: float | None) -> None:
        # A line waits for one tick: the step that it belongs to may be told just after it.
        self._place(self._settled)
        self._settled, self._fresh = self._fresh, []
        self._frame += 1
        self._draw(absent_seconds)

    def say(self, note: str) -> None:
        self._note = note
        self._draw(None)

    def pause(self) -> None:
        if self._live is not None:
            self._live.stop()

    def resume(self) -> None:
        if self._live is not None:
            self._live.start()

    def end(self, view: View) -> None:
        self._place(self._settled + self._fresh)
        if self._unfinished:
            self._place([self._unfinished])
        self.pause()
        self._print_rows(None)
        self._print(self._context(view))
        advice = drawing.advice(view)
        self._print([drawing.ending(view), *([advice] if advice else [])])
        for diagnostic in view.execution.get("diagnostics") or []:
            self._print([Text(f"  ▲ {diagnostic}", "yellow")])
        if view.execution.get("tail_may_be_missing"):
            self._print([Text("  ▲ the last lines may be missing", "yellow")])

    def _context(self, view: View) -> list[Text]:
        step = view.failed()
        if view.status == "completed" or step is None:
            return []
        lines = [drawing.clean(line) for line in self._last_lines(step, _CONTEXT_LINES)]
        return drawing.context(str(step["name"]), lines) if lines else []

    def _place(self, lines: list[bytes]) -> None:
        if len(lines) > _FLOOD_LINES and not self._view.steps and not self._view.artifacts:
            self._pour(lines)
            return
        outside: list[Text] = []
        for line in lines:
            step = self._view.owner(self._line)
            if step is None:
                if self._rows_due(self._line):
                    self._print(outside)
                    outside = []
                    self._print_rows(self._line)
                outside += self._drawn(line)
            elif not self._view.is_marker(step, self._line):
                if step["index"] != self._tail_of:
                    self._tail.clear()
                    self._tail_of = step["index"]
                self._tail.extend(self._drawn(line))
            self._line += 1
        self._print(outside)
        due = self._rows_due(self._line)
        self._print_rows(self._line, held=len(self._held(due)))

    def _pour(self, lines: list[bytes]) -> None:
        """A flood goes to the terminal as it is, past the drawing, 30 times as fast."""
        self.pause()
        self._console.file.flush()
        write(harmless(lines))
        self._line += len(lines)
        self.resume()

    def _drawn(self, line: bytes) -> list[Text]:
        """A line as it is shown: an artifact's marker as the artifact, other markers not at all."""
        artifact = self._view.artifact_at(self._line)
        if artifact is not None:
            return [drawing.artifact_row(artifact)]
        return [] if _META.match(line) else [drawing.clean(line)]

    def _rows_due(self, before_line: int | None) -> list[Json]:
        """Finished top-level steps all of whose lines were seen."""
        return [
            step
            for step in self._view.children(None)
            if step["index"] not in self._printed
            and (before_line is None or (is_finished(step) and _is_past(step, before_line)))
        ]

    def _held(self, due: list[Json]) -> list[Json]:
        """The last of them that wait, since an earlier one may prove to be around them."""
        first = next((n for n, step in enumerate(due) if self._view.is_provisional(step)), len(due))
        return due[max(first, len(due) - _MOST_HELD) :]

    def _print_rows(self, before_line: int | None, *, held: int = 0) -> None:
        due = self._rows_due(before_line)
        for step in due[: len(due) - held]:
            self._printed.add(step["index"])
            self._print(drawing.folded(self._view, step, clock(), width=self._console.width - 1))

    def _print(self, rows: list[Text]) -> None:
        if rows:
            self._console.print(Text("\n").join(rows), soft_wrap=True)

    def _draw(self, absent_seconds: float | None) -> None:
        if self._live is None or not self._view.execution:
            return
        tail = list(self._tail)
        if self._unfinished:
            tail.append(drawing.clean(self._unfinished[-4096:]))
        if not any(not is_finished(step) for step in self._view.steps.values()):
            tail = tail[-1:] if self._unfinished else []
        rows = drawing.live(
            self._view,
            tail,
            clock(),
            width=self._console.width,
            height=self._console.height,
            frame=self._frame,
            held=self._held(self._rows_due(self._line)),
            silent_seconds=time.monotonic() - self._heard_at,
            absent_seconds=absent_seconds,
            note=self._note,
        )
        self._live.update(Group(*rows), refresh=True)


def _is_past(step: Json, line: int) -> bool:
    last = step.get("last_line")
    return last is None or last < line
