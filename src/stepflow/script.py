"""For scripts in Python: steps, figures and files told to whoever watches, as markers on stdout.

One file of the standard library, from Python 3.8 on: import it, or copy it beside a script. A
marker is a line that people can read, too; where a value would not survive that, it is JSON.
"""

from __future__ import annotations

import contextvars
import functools
import json
import math
import os
import sys
import threading
from types import TracebackType
from typing import Any, Callable, TypeVar, Union

__all__ = [
    "artifact",
    "error",
    "mask",
    "meta",
    "metric",
    "notice",
    "output",
    "progress",
    "skip",
    "step",
    "summary",
    "warning",
]

Param = Union[str, int, float, bool]
Function = TypeVar("Function", bound=Callable[..., Any])

WATCHED = "STEPFLOW_EXECUTION_ID"
# The step of `stepflow step` that runs us: ours lie inside of it.
OUTER = "STEPFLOW_STEP"
_MESSAGE_CHARACTERS = 16_000


class step:  # noqa: N801  (it is called, never subclassed)
    """A step: `with step("Build"):` around some work, or `@step("Build")` on a function.

    An exception ends it as failed and goes on. A step within a step of the same thread or task
    lies inside of it; `parent` names another one (a step, its id or name). Steps that run side by
    side get an `id`, unless they bring one. `params` are kept with it; `stop_on_error=True`
    stops the script when it fails.
    """

    def __init__(
        self,
        name: str,
        *,
        id: str | None = None,  # noqa: A002  (as the marker calls it)
        parent: step | str | None = None,
        description: str | None = None,
        **params: Param,
    ) -> None:
        self.name = name
        self.id = id
        self.parent = parent
        self._given_id = id
        self._description = description
        self._params = params
        self._outer: step | None = None
        self._pid = 0

    def __enter__(self) -> step:
        return self.begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if failure is None or (isinstance(failure, SystemExit) and not failure.code):
            self.complete()
        elif type(failure).__name__ == "CancelledError":
            self.cancel()
        else:
            self.fail(_in_words(failure))

    @property
    def reference(self) -> str:
        """What a step inside of it calls it."""
        return self.id or self.name

    def begin(self) -> step:
        """Where `with` does not fit; to be ended by `complete`, `fail` or `cancel`."""
        with _lock:
            self._outer = _current.get()
            self._pid = os.getpid()
            self.id = self._given_id or _needed_id(self.name, self._outer)
            params = {"description": self._description, **self._params}
            parent = self._inside()
            _open.append(self)
            _current.set(self)
            _say(
                _line("STEP_START", self.name, {"id": self.id, "parent": parent, **params}),
                event="step_start",
                name=self.name,
                id=self.id,
                parent=parent,
                params=params,
            )
        return self

    def complete(self) -> None:
        line = _line("STEP_COMPLETE", self.name, {"id": self.id})
        self._end(line, event="step_end", name=self.name, id=self.id)

    def fail(self, message: str) -> None:
        # Without an id it is the innermost one that fails, and that is this one.
        self._end(
            _line("STEP_ERROR", message, {"id": self.id}),
            event="annotation",
            level="error",
            message=message,
            id=self.id,
            ends_step=True,
        )

    def cancel(self) -> None:
        self._end(None, event="step_end", name=self.name, id=self.id, status="cancelled")

    def _end(self, line: str | None, **event: object) -> None:
        _current.set(self._outer)
        if self._pid != os.getpid():
            return  # a fork: the step is our parent's
        with _lock:
            if self in _open:
                _open.remove(self)
            # Behind a blank it is a marker even where the last line was left unfinished.
            _write(f" {_as_marker(line, event)}")

    def __call__(self, function: Function) -> Function:
        def again() -> step:
            return step(
                self.name,
                id=self._given_id,
                parent=self.parent,
                description=self._description,
                **self._params,
            )

        from inspect import iscoroutinefunction  # noqa: PLC0415  (half the time of importing us)

        if iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with again():
                    return await function(*args, **kwargs)

            return awaited  # type: ignore[return-value]

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            with again():
                return function(*args, **kwargs)

        return called  # type: ignore[return-value]

    def _inside(self) -> str | None:
        parent = self._outer if self.parent is None else self.parent
        if isinstance(parent, step):
            return parent.reference
        told = parent or os.environ.get(OUTER)
        if told or self.id is None or not _is_in_main_thread():
            return told
        # Else it would lie inside of a step of a task beside it.
        return "" if _open else None


def skip(name: str, reason: str | None = None) -> None:
    """A step that was not needed."""
    with _lock:
        outer = _current.get()
        own_id = _needed_id(name, outer)
        parent = outer.reference if outer is not None else os.environ.get(OUTER)
        line = _line("STEP_SKIP", name, {"id": own_id, "parent": parent, "reason": reason})
        if line is not None and _can_be_written(line):
            _write(line)
            return
        own_id = own_id or _new_id()
        _say(None, event="step_start", name=name, id=own_id, parent=parent)
        _say(None, event="step_end", name=name, id=own_id, status="skipped", reason=reason)


def progress(done: float, total: float = 1, message: str = "") -> None:
    """How far the current step is: `progress(0.42)`, `progress(3, 10)`."""
    if not (math.isfinite(done) and math.isfinite(total)) or total <= 0:
        return
    inside = _current.get()
    own_id = inside.id if inside is not None else None
    share = min(max(done / total, 0.0), 1.0)
    text = f"{_figure(100 * share)}%"
    counted = {}
    if total != 1:
        text = f"{_figure(max(done, 0))}/{_figure(total)}"
        counted = {"current": done, "total": total}
    said = f"{text} {message}" if message else text
    _say(
        _line("STEP_PROGRESS", said, {"id": own_id}),
        event="progress",
        value=share,
        message=message or None,
        id=own_id,
        **counted,
    )


def metric(name: str, value: float, unit: str | None = None, step: int | None = None) -> None:
    """A figure; with `step` (an epoch, a round) one point of a series."""
    number = value if isinstance(value, int) else float(value)
    line = _line("STEP_METRIC", f"{name}:{number!r}", {"unit": unit, "step": step})
    if line is None and not math.isfinite(number):
        return  # JSON has no word for it
    _say(line, event="metric", name=name, value=number, unit=unit, step=step)


def artifact(path: str | os.PathLike[str], description: str = "", name: str | None = None) -> None:
    """A file or folder to keep (or an address to show)."""
    where = os.fspath(path)
    if "://" not in where and _here() != _folder:
        where = os.path.abspath(where)  # the watcher looks from where the script began
    is_simple = ":" not in where and where[:1] not in "\"'"
    told = f"{where}:{description}" if description else where
    _say(
        _line("ARTIFACT", told, {"name": name}) if is_simple else None,
        event="artifact",
        path=where,
        description=description or None,
        name=name,
    )


def summary(markdown: str) -> None:
    """Text for the execution's page; what is said again is put below."""
    lines = markdown.split("\n")
    if all(line == line.rstrip() and line.isprintable() for line in lines):
        _say(
            "\n".join(f"STEP_SUMMARY: {line}" for line in lines), event="summary", markdown=markdown
        )
    else:
        _say(None, event="summary", markdown=markdown)


def notice(message: str, **place: Param) -> None:
    """A remark; `file`, `line`, `col`, `end_line`, `end_col`, `title` say where and about what."""
    _annotate("notice", message, place)


def warning(message: str, **place: Param) -> None:
    """As `notice`, and more urgent."""
    _annotate("warning", message, place)


def error(message: str, **place: Param) -> None:
    """As `notice`, about an error. The step goes on: to end it, raise."""
    _annotate("error", message, place)


def output(name: str, value: object) -> None:
    """A value for whoever runs this script."""
    text = str(value)
    line = (
        _line("STEP_OUTPUT", f"{name}:{text}") if ":" not in name and text.strip() == text else None
    )
    _say(line, event="output", name=name, value=text)


def meta(key: str, value: object) -> None:
    """A fact about the step, else about the execution."""
    text = str(value)
    line = _line("META", f"{key}:{text}") if ":" not in key and text.strip() == text else None
    _say(line, event="meta", key=key, value=text)


def mask(value: str) -> None:
    """A secret that is to be shown as stars from here on. Where nobody watches nothing is
    printed, since nobody would hide it."""
    if WATCHED in os.environ:
        for line in value.splitlines():
            if line.strip():
                _say(
                    f"STEP_MASK:{line}" if line.isprintable() else None, event="mask", values=[line]
                )


_lock = threading.RLock()
_current: contextvars.ContextVar[step | None] = contextvars.ContextVar("step", default=None)
_open: list[step] = []
_ids_given = 0
_is_forked = False


def _here() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


_folder = _here()


def _in_child() -> None:
    global _lock, _is_forked  # noqa: PLW0603  (a fork may happen while another thread holds it)
    _lock = threading.RLock()
    _is_forked = True
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _needed_id(name: str, outer: step | None) -> str | None:
    """An id where others could be meant by the name, or would be ended by a start without one."""
    inside, ours = outer, set()
    while inside is not None:
        ours.add(inside)
        inside = inside._outer
    is_alone = _is_in_main_thread() and not _is_worker() and all(other in ours for other in _open)
    is_unique = all(other.name != name for other in _open)
    return None if is_alone and is_unique else _new_id()


def _new_id() -> str:
    global _ids_given  # noqa: PLW0603  (one count for all threads, under the lock)
    _ids_given += 1
    return f"{os.getpid()}.{_ids_given}"


def _is_in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _is_worker() -> bool:
    """Are there processes beside us that run the same code?"""
    multiprocessing = sys.modules.get("multiprocessing")
    parent_process = getattr(multiprocessing, "parent_process", lambda: None)
    return _is_forked or parent_process() is not None


def _annotate(level: str, message: str, place: dict[str, Param]) -> None:
    inside = _current.get()
    aimed = {**place, "id": inside.id if inside is not None else None}
    # STEP_ERROR would end the step.
    line = _line(f"STEP_{level.upper()}", message, aimed) if level != "error" else None
    _say(line, event="annotation", level=level, message=message, **aimed)


def _line(verb: str, text: str, params: dict[str, Any] | None = None) -> str | None:
    """The marker as a plain line; None if something in it would be read as something else."""
    pairs = [(key, value) for key, value in (params or {}).items() if value is not None]
    values = [_value(key, value) for key, value in pairs]
    if not _is_plain(text) or "" in values or None in values:
        return None
    told = ", ".join(f"{key}={value}" for (key, _), value in zip(pairs, values))
    return f"{verb}:{text} [{told}]" if told else f"{verb}:{text}"


def _is_plain(text: str) -> bool:
    return (
        bool(text)
        and text.isprintable()
        and text == text.strip()
        and not any(character in text for character in "[]{}")
        and "--" not in text
    )


def _value(key: str, value: Param) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if not _is_plain(value) or '"' in value:
        return None  # nothing that a line can hold
    # What looks like a number would become one, unless it is a name.
    is_word = value[0].isalpha() or key in ("id", "parent")
    return value if is_word and value.replace(".", "").isalnum() else f'"{value}"'


def _say(line: str | None, /, **event: object) -> None:
    _write(_as_marker(line, event))


def _as_marker(line: str | None, event: dict[str, object]) -> str:
    if line is not None and _can_be_written(line):
        return line
    return f"STEP_EVENT:{json.dumps(_told(event))}"


def _told(value: Any) -> Any:
    """Less what is not there, and halves of characters, which other readers of JSON refuse."""
    if isinstance(value, dict):
        kept = {key: _told(one) for key, one in value.items()}
        return {key: one for key, one in kept.items() if one is not None and one != {}}
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _can_be_written(line: str) -> bool:
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _write(line: str) -> None:
    if sys.stdout is not None:
        with _lock:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


def _figure(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:.4f}".rstrip("0").rstrip(".")


def _in_words(failure: BaseException) -> str:
    if isinstance(failure, SystemExit):
        return f"exit {failure.code}"
    said = str(failure)[:_MESSAGE_CHARACTERS]
    return f"{type(failure).__name__}: {said}" if said else type(failure).__name__
