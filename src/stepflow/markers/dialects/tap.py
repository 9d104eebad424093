"""Test Anything Protocol 13 and 14. It reads every line from its version line on.

Suites are steps: `# Subtest: name`, four blanks deeper its points, and the point at the parent's
level that ends it and is no test of its own.
"""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import msgspec

from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import End, Marker, Plan, Result, Start, TestDetails, TestEnd, Text

_VERSION = re.compile(r"TAP version 1[34]\s*")
_PLAN = re.compile(r"1\.\.([0-9]{1,9})\s*(?:#\s*(.*))?", re.ASCII | re.DOTALL)
_SKIP = re.compile(r"skip\S*\s*", re.IGNORECASE)
_POINT = re.compile(r"(not )?ok(?=\s|\Z)(?:\s+([0-9]{1,9})(?![^\s\-]))?(.*)", re.ASCII | re.DOTALL)
_DIRECTIVE = re.compile(r"(?<=\s)#\s*(skip|todo)\S*\s*(.*)", re.IGNORECASE | re.DOTALL)
_DASH = re.compile(r"\s*-\s")
_SUBTEST = re.compile(r"# Subtest(?::\s*(.*))?", re.DOTALL)
_BAIL_OUT = re.compile(r"\s*Bail out!\s*(.*)", re.IGNORECASE | re.DOTALL)
_PRAGMA = re.compile(r"pragma\s+[+-]\w+(?:\s*,\s*[+-]\w+)*\s*")
_ESCAPE = re.compile(r"\\([\\#])")
_DEEPEST = 32
_DETAILS_CHARACTERS = 64 * 1024

Status = Literal["passed", "failed", "skipped", "todo"]


class _Details(msgspec.Struct):
    """A YAML block that has not ended yet."""

    number: int
    indentation: int
    text: str = ""
    is_open: bool = False


class _State(msgspec.Struct):
    """`counts[0]` points of the whole so far; behind it those of the open suites."""

    is_over: bool = False
    counts: list[int] = msgspec.field(default_factory=lambda: [0])
    planned: int | None = None
    details: _Details | None = None


class TapDialect(Dialect):
    name: ClassVar[str] = "tap"
    tokens: ClassVar[tuple[bytes, ...]] = (b"tap version 1",)

    def __init__(self) -> None:
        self._kept = _State()
        self._is_switched_on = False

    def switch_on(self) -> None:
        self.reads_every_line = self._is_switched_on = True

    def read(self, text: str) -> Sequence[Marker] | None:
        if not self.reads_every_line:
            if not text.startswith("TAP version 1") or not _VERSION.fullmatch(text):
                return None
            self.reads_every_line = True
            self._kept = _State()
            return ()
        if self._kept.details is not None:
            read = self._read_details(self._kept.details, text)
            if read is not None:
                return read
        if bail := _BAIL_OUT.fullmatch(text):
            return self._bail_out(bail[1].strip())
        body = text.lstrip(" ")
        depth, rest = divmod(len(text) - len(body), 4)
        if rest or depth > len(self._kept.counts):
            return None
        return self._read_at(depth, body)

    def finish(self, exit_code: int) -> Sequence[Marker]:  # noqa: ARG002  (it counts anyway)
        planned, run = self._kept.planned, self._kept.counts[0]
        if not self.reads_every_line or planned is None or planned == run:
            return ()
        return (Result(status="failed", message=f"{planned} tests were planned, {run} were run"),)

    def state(self) -> Any:
        is_needed = self.reads_every_line or self._is_switched_on
        return msgspec.to_builtins(self._kept) if is_needed else None

    def resume(self, state: Any) -> None:
        self._kept = msgspec.convert(state, _State)
        self.reads_every_line = not self._kept.is_over

    def _read_at(self, depth: int, body: str) -> Sequence[Marker] | None:
        if subtest := _SUBTEST.fullmatch(body):
            return self._subtest(depth, (subtest[1] or "").strip())
        if _VERSION.fullmatch(body):
            if depth == 0:
                ended = self._end_suites(0)
                self._kept = _State()
                return ended
            return self._unnamed(depth)
        if plan := _PLAN.fullmatch(body):
            return [*self._unnamed(depth), *self._end_suites(depth), self._plan(depth, plan)]
        if point := _POINT.fullmatch(body):
            return [*self._unnamed(depth), *self._point(depth, point)]
        return () if _PRAGMA.fullmatch(body) else None

    def _subtest(self, depth: int, name: str) -> Sequence[Marker] | None:
        """At the parent's level, or (as Perl prints it) already at its own."""
        open_suites = len(self._kept.counts) - 1
        parent = min(depth, open_suites)
        if parent >= _DEEPEST:
            return None
        ended = self._end_suites(parent)
        return [*ended, self._start(name)]

    def _unnamed(self, depth: int) -> Sequence[Marker]:
        """Points of a suite whose beginning nobody announced."""
        if depth < len(self._kept.counts) or depth > _DEEPEST:
            return ()
        return (self._start(""),)

    def _start(self, name: str) -> Start:
        self._kept.counts.append(0)
        return Start(name=name, kind="suite", key=str(len(self._kept.counts) - 1))

    def _end_suites(
        self, depth: int, status: Literal["completed", "failed", "skipped"] = "completed"
    ) -> list[Marker]:
        """All deeper ones; the outermost of them with the status."""
        ended: list[Marker] = []
        while len(self._kept.counts) - 1 > depth:
            level = len(self._kept.counts) - 1
            self._kept.counts.pop()
            is_outermost = level == depth + 1
            ended.append(
                End(key=str(level), status=status if is_outermost else "completed", is_silent=True)
            )
        return ended

    def _plan(self, depth: int, plan: re.Match[str]) -> Plan:
        total = int(plan[1])
        if depth == 0:
            self._kept.planned = total
        reason = _SKIP.sub("", plan[2] or "", count=1).strip() if total == 0 else ""
        return Plan(total=total, skip=reason or None, depth=depth or None)

    def _point(self, depth: int, point: re.Match[str]) -> Sequence[Marker]:
        is_failed, number, rest = point.groups()
        counts = self._kept.counts
        is_correlated = depth < len(counts) - 1
        counts[depth] = int(number) if number and not is_correlated else counts[depth] + 1
        described, status, reason = _described(rest, is_ok=not is_failed)
        if is_correlated:
            if status in ("passed", "todo"):
                return self._end_suites(depth)
            return self._end_suites(depth, "failed" if status == "failed" else "skipped")
        self._kept.details = _Details(counts[depth], depth * 4 + 2)
        end = TestEnd(
            name=described,
            status=status,
            number=counts[depth],
            message=reason or None,
            depth=depth or None,
        )
        return (end,)

    def _read_details(self, details: _Details, text: str) -> Sequence[Marker] | None:
        """None if the line is none of the block's."""
        indentation = " " * details.indentation
        body = text[details.indentation :].rstrip()
        is_inside = text.startswith(indentation)
        if not details.is_open:
            if is_inside and body == "---":
                details.is_open = True
                return ()
            self._kept.details = None
            return None
        if is_inside and body != "...":
            room = _DETAILS_CHARACTERS - len(details.text)
            details.text += (text[details.indentation :] + "\n")[:room]
            return ()
        if not text.strip():
            details.text += "\n"
            return ()
        self._kept.details = None
        depth = (details.indentation - 2) // 4
        told = TestDetails(
            number=details.number, text=details.text.removesuffix("\n"), depth=depth or None
        )
        if is_inside:
            return (told,)
        # The block was never closed, so this line is about something else.
        return [told, *(self.read(text) or [Text(text=text)])]

    def _bail_out(self, reason: str) -> Sequence[Marker]:
        ended = self._end_suites(0, "failed")
        self.reads_every_line = False
        self._kept = _State(is_over=True)
        return [Result(status="failed", message=reason or None), *ended]


def _described(rest: str, *, is_ok: bool) -> tuple[str, Status, str]:
    """Description, status and the reason of a directive."""
    status: Status = "passed" if is_ok else "failed"
    reason = ""
    directive = _DIRECTIVE.search(rest)
    if directive is not None:
        status = "skipped" if directive[1].lower() == "skip" else "todo"
        reason = directive[2].strip()
        rest = rest[: directive.start()]
    dash = _DASH.match(rest + " ")
    text = (rest + " ")[dash.end() :] if dash else rest
    return _ESCAPE.sub(r"\1", text.strip()), status, reason
