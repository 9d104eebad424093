"""The screens that are no drawing: exact bytes for pipes and files, JSON lines for programs, and
the raw terminal that `run -t` hands to the script."""

import json
import os
import re
import sys
from typing import Any

from stepflow.cli import words
from stepflow.cli.view import View


class Silent:
    """Shows nothing: for `wait`, and the ground of the others."""

    tick_seconds = 0.5
    wants_output = False

    def begin(self, view: View) -> None:
        pass

    def event(self, name: str, data: Any) -> None:
        pass

    def output(self, data: bytes) -> None:
        pass

    def tick(self, absent_seconds: float | None) -> None:
        pass

    def say(self, note: str) -> None:
        sys.stderr.write(f"stepflow: {note}\n")

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def end(self, view: View) -> None:
        pass


class Bytes(Silent):
    """The script's output exactly; on stderr only what its exit code can't say."""

    wants_output = True
    _SAID_BY_THE_EXIT_CODE = ("succeeded", "failed")

    def __init__(self) -> None:
        self._said_absent = False

    def output(self, data: bytes) -> None:
        write(data)

    def tick(self, absent_seconds: float | None) -> None:
        if absent_seconds is None:
            self._said_absent = False
        elif absent_seconds > 5 and not self._said_absent:
            self._said_absent = True
            self.say("the server is away; the script goes on, waiting for a server")

    def end(self, view: View) -> None:
        outcome = view.execution.get("outcome") or {}
        if outcome.get("kind") not in self._SAID_BY_THE_EXIT_CODE:
            self.say(f"{view.execution.get('outcome_text') or view.status}")
        if view.execution.get("tail_may_be_missing"):
            self.say("the last lines may be missing")


class JsonLines(Silent):
    """Each event as one line of JSON, and so each line of output, none left out."""

    wants_output = True

    def __init__(self) -> None:
        self._unfinished = b""
        self._line = 0

    def event(self, name: str, data: Any) -> None:
        if name == "end":
            return  # told by `end`, behind the last line of output
        if name != "log":
            self._put(name, data)

    def output(self, data: bytes) -> None:
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._put_line(line)

    def end(self, view: View) -> None:
        if self._unfinished:
            self._put_line(self._unfinished)
        self._put("end", {"execution": view.execution})

    def _put_line(self, line: bytes) -> None:
        self._put("log", {"line": self._line, "text": line.decode(errors="replace")})
        self._line += 1

    def _put(self, name: str, data: Any) -> None:
        sys.stdout.write(json.dumps({"event": name, "data": data}, ensure_ascii=False) + "\n")
        sys.stdout.flush()


class RawTerminal(Silent):
    """The script's terminal is ours: bytes go through both ways, keys are not ours to read."""

    tick_seconds = 0.2
    wants_output = True

    def __init__(self) -> None:
        self._before: list[Any] | None = None
        self._said_absent = False

    def begin(self, _view: View) -> None:
        self.resume()

    def resume(self) -> None:
        if os.isatty(0):
            import termios
            import tty

            self._before = self._before or termios.tcgetattr(0)
            tty.setraw(0)
            # The script's terminal ends lines by a newline alone, as logs do.
            mode = termios.tcgetattr(0)
            mode[1] |= termios.OPOST | termios.ONLCR
            termios.tcsetattr(0, termios.TCSADRAIN, mode)

    def pause(self) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, self._before)

    def output(self, data: bytes) -> None:
        write(data)

    def tick(self, absent_seconds: float | None) -> None:
        if absent_seconds is None:
            self._said_absent = False
        elif absent_seconds > 2 and not self._said_absent:
            self._said_absent = True
            self.say("the server is away; waiting for it, Ctrl-C leaves")

    def say(self, note: str) -> None:
        sys.stderr.write(f"\nstepflow: {note}\n")

    def end(self, view: View) -> None:
        self.pause()
        outcome = view.execution.get("outcome") or {}
        if outcome.get("kind") not in ("succeeded", "failed"):
            seconds = words.duration(view.execution.get("duration_seconds"))
            sys.stderr.write(f"stepflow: {view.execution.get('outcome_text')} ({seconds})\n")


def write(data: bytes) -> None:
    """All of it to stdout, past Python's buffers."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


_STRINGS = re.compile(rb"\x1b[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)?")
_MOVEMENTS = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-ln-~]|\x1b[^\[]|\x1b$")
_CONTROLS = re.compile(rb"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]")


def harmless(lines: list[bytes]) -> bytes:
    """Lines for a terminal: colours stay; titles, clipboards and cursor movements go."""
    data = b"".join(line + b"\n" for line in lines)
    if b"\x1b" not in data and not _CONTROLS.search(data):
        return data
    return b"".join(_harmless(line) + b"\n" for line in lines)


def _harmless(line: bytes) -> bytes:
    text = _STRINGS.sub(b"", line.rstrip(b"\r")).rpartition(b"\r")[2]
    text = _CONTROLS.sub(b"", _MOVEMENTS.sub(b"", text))
    return text + b"\x1b[0m" if b"\x1b" in text else text
