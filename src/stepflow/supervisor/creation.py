"""From what a client asks for to an execution that may be recorded; or a clear refusal."""

import shlex
from collections.abc import Iterable, Sequence
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

import msgspec

from stepflow.errors import InvalidRequest
from stepflow.markers import dialects
from stepflow.markers.dialects import sections
from stepflow.model import DEFAULT_GRACE, Dialects, Execution, NewExecution, Section

MOST_TAGS = 50
LONGEST_NAME = 200
LONGEST_SECONDS = 10 * 366 * 86_400
SHORTEST_SECRET = 3


def checked(wanted: NewExecution) -> NewExecution:
    """`wanted` if it makes sense; else InvalidRequest naming the field and what it may be."""
    _check_command(wanted.command)
    _check_seconds("timeout", wanted.timeout)
    _check_seconds("grace", wanted.grace, may_be_zero=True)
    _check_environment("environment", wanted.environment)
    _check_environment("secret_environment", wanted.secret_environment)
    _check_environment("caller_environment", wanted.caller_environment or {})
    for name, value in wanted.secret_environment.items():
        if len(value) < SHORTEST_SECRET:
            _refuse(
                "secret_environment", f"{name} is shorter than {SHORTEST_SECRET} characters: "
                "hiding it would hide half of the log",
            )  # fmt: skip
    _check_text("name", wanted.name)
    _check_text("user", wanted.user)
    _check_text("working_directory", wanted.working_directory, longest=4096)
    if len(wanted.tags) > MOST_TAGS:
        _refuse("tags", f"there are {len(wanted.tags)}, more than {MOST_TAGS}")
    for tag in wanted.tags:
        _check_text("tags", tag)
        if not tag.strip():
            _refuse("tags", "a tag can't be empty")
    if wanted.max_log_bytes is not None and wanted.max_log_bytes < 1:
        _refuse("max_log_bytes", f"{wanted.max_log_bytes} is not a number of bytes above 0")
    check_reading(wanted.dialects, wanted.sections)
    if wanted.tty and wanted.stdin:
        _refuse("stdin", "a terminal (tty) has its own input: ask for one of both")
    if wanted.window is not None and not all(1 <= side <= 65_535 for side in wanted.window):
        _refuse("window", "rows and columns are numbers from 1 to 65535")
    return wanted


class Reading(msgspec.Struct, frozen=True):
    """How output is read where a request does not say it: the languages, and sections that are
    looked for in any case."""

    dialects: Dialects = "auto"
    sections: list[Section] = []


def execution_of(
    wanted: NewExecution,
    *,
    execution_id: str,
    user: str | None,
    at: datetime,
    reading: Reading,
) -> Execution:
    """The execution that a checked request asks for, not recorded yet."""
    command = wanted.command
    in_words = command if isinstance(command, str) else shlex.join(command)
    emulated = [wanted.emulate] if isinstance(wanted.emulate, str) else wanted.emulate
    return Execution(
        id=execution_id,
        name=wanted.name or in_words.strip().splitlines()[0][:LONGEST_NAME],
        command=in_words,
        argv=None if isinstance(command, str) else command,
        created_at=at,
        working_directory=str(Path(wanted.working_directory or ".").absolute()),
        environment=wanted.environment,
        user=wanted.user or user,
        tags=list(dict.fromkeys(tag.strip() for tag in wanted.tags)),
        metadata=wanted.metadata,
        timeout=wanted.timeout,
        grace=DEFAULT_GRACE.total_seconds() if wanted.grace is None else wanted.grace,
        tty=wanted.tty,
        stdin=wanted.stdin,
        keep_background=wanted.keep_background,
        secret_names=sorted(wanted.secret_environment),
        max_log_bytes=wanted.max_log_bytes,
        nesting=wanted.nesting,
        dialects=reading.dialects if wanted.dialects is None else wanted.dialects,
        emulate=list(dict.fromkeys(emulated)),
        sections=list(dict.fromkeys([*reading.sections, *wanted.sections])),
        trace=wanted.trace,
        rerun_of=wanted.rerun_of,
    )


def repeated(execution: Execution) -> dict[str, object]:
    """The request that would create this execution again, its secrets apart, as plain values."""
    return {
        "command": execution.argv or execution.command,
        "name": execution.name,
        "working_directory": execution.working_directory,
        "environment": execution.environment,
        "tags": execution.tags,
        "metadata": {k: v for k, v in execution.metadata.items() if not k.startswith("_")},
        "user": execution.user,
        "timeout": execution.timeout,
        "grace": execution.grace,
        "tty": execution.tty,
        "keep_background": execution.keep_background,
        "max_log_bytes": execution.max_log_bytes,
        "nesting": execution.nesting,
        "dialects": execution.dialects,
        "emulate": execution.emulate,
        "sections": [msgspec.to_builtins(section) for section in execution.sections],
        "trace": execution.trace,
        "rerun_of": execution.id,
    }


def _check_command(command: str | list[str]) -> None:
    words: Iterable[str] = [command] if isinstance(command, str) else command
    if not command or not next(iter(words)).strip():
        _refuse("command", "it is empty: say what is to run")
    if any("\0" in word for word in words):
        _refuse("command", "it contains a NUL character, which no program can be given")


def _check_seconds(field: str, seconds: float | None, *, may_be_zero: bool = False) -> None:
    if seconds is None:
        return
    lowest_is_allowed = seconds > 0 or (may_be_zero and seconds == 0)
    if not (lowest_is_allowed and seconds <= LONGEST_SECONDS):
        bound = "0 or more" if may_be_zero else "above 0"
        _refuse(field, f"{seconds:g} is not a number of seconds {bound} (and at most 10 years)")


def _check_environment(field: str, environment: dict[str, str]) -> None:
    for name, value in environment.items():
        if not name or "=" in name or "\0" in name:
            _refuse(field, f"{name!r} can't be the name of a variable")
        if "\0" in value:
            _refuse(field, f"the value of {name} contains a NUL character")


def check_reading(wanted: Dialects | None, own_sections: Sequence[Section]) -> None:
    """InvalidRequest for an unknown language, or for a section that can't be."""
    known = (dialects.AUTO, *dialects.NAMES)
    for name in wanted if isinstance(wanted, list) else ():
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            _refuse("dialects", f"there is no {name!r} ({hint})")
    try:
        sections.check(own_sections)
    except sections.InvalidSection as error:
        _refuse("sections", str(error))


def _check_text(field: str, text: str | None, longest: int = 1024) -> None:
    if text is None:
        return
    if "\0" in text:
        _refuse(field, "it contains a NUL character")
    if len(text) > longest:
        _refuse(field, f"it has {len(text)} characters, more than {longest}")


def _refuse(field: str, why: str) -> None:
    raise InvalidRequest(f"{field}: {why}", field=field)
