"""The own dialect: STEP_* in any letter case, ARTIFACT and META, anywhere in a line.

A payload that is malformed leaves the line an ordinary one: these words stand in prose as well.
"""

import re
from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec

from stepflow.markers import guards
from stepflow.markers.dialect import Dialect
from stepflow.markers.marker import (
    Artifact,
    End,
    Marker,
    Mask,
    Meta,
    Metric,
    Note,
    Output,
    Progress,
    Scalar,
    Skip,
    Start,
    Stop,
    Summary,
    Text,
)
from stepflow.markers.payload import number, peel
from stepflow.markers.secrets import SHORTEST_SECRET, mask_of

# ASCII, since without it the Kelvin sign and the long s count as letters of a verb.
_VERB = re.compile(
    r"(?ai:STEP_(START|COMPLETE|ERROR|SKIP|PROGRESS|WARNING|NOTICE|METRIC|SUMMARY_FILE|SUMMARY"
    r"|OUTPUT|MASK|PARSE_OFF|PARSE_ON|EVENT)|(ARTIFACT|META)):"
)
_PLACE_KEYS = frozenset({"file", "line", "col", "end_line", "end_col", "title", "id", "step"})
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SCHEME = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]{1,30}://(?:[^/:@\s]*(?::[^/@\s]*)?@)?(?:\[[0-9A-Fa-f:.]*\]|[^/:]*)"
    r"(?::[0-9]{1,5}(?![^/:?#]))?"
)
_PERCENT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s?%(?:\s(.*))?", re.DOTALL)
_SHARE = re.compile(
    r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s?/\s?([0-9]{1,15}(?:\.[0-9]{1,9})?)(?:\s(.*))?", re.DOTALL
)

Read = Callable[[str], Marker | None]
Event = Start | End | Progress | Note | Artifact | Metric | Summary | Mask | Output | Meta | Text
_EVENTS: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def begins_with_marker(text: str) -> bool:
    return _VERB.match(text) is not None


class StepflowDialect(Dialect):
    name: ClassVar[str] = "stepflow"
    tokens: ClassVar[tuple[bytes, ...]] = (b"step_", b"artifact:", b"meta:")

    def read(self, text: str) -> Sequence[Marker] | None:
        found = _first_verb(text)
        if found is None:
            return None
        verb, payload = found
        reader = _READERS.get(verb)
        marker = reader(payload) if reader else None
        return None if marker is None else (marker,)

    def is_resumed_by(self, text: str, token: str) -> bool:
        found = _first_verb(text)
        return found is not None and found[0] == "PARSE_ON" and found[1].strip() == token


def _first_verb(text: str) -> tuple[str, str] | None:
    match = _VERB.search(text)
    if match is None or guards.is_traced(text):
        return None
    bare = guards.unquoted(text)
    if bare is not text:
        match = _VERB.search(bare)
    while match is not None:
        start = match.start()
        if guards.is_quoted(bare, start):
            return None
        if guards.is_inside_word(bare, start):
            match = _VERB.search(bare, match.end())
            continue
        step, word = match.groups()
        payload = bare[match.end() :]
        if step is not None:
            return step.upper(), payload
        # In another letter case it is English, unless it begins the line and touches its value.
        if word.isupper() or (start == 0 and not payload[:1].isspace()):
            return word.upper(), payload
        match = _VERB.search(bare, match.end())
    return None


def _start(payload: str) -> Start | None:
    text, params, raw = peel(payload)
    own_id = raw.get("id") or None
    parent = raw.get("parent") or None
    if not text and own_id is None:
        return None
    for key in ("id", "parent"):
        params.pop(key, None)
    return Start(
        name=text or own_id or "",
        id=own_id,
        parent=parent,
        params=params,
        description=raw.get("description"),
        is_plain=own_id is None,
        is_parallel=own_id is not None,
    )


def _complete(payload: str) -> End | None:
    text, _, raw = peel(payload)
    own_id = raw.get("id") or None
    if not text and own_id is None:
        return None
    return End(name=text, id=own_id)


def _skip(payload: str) -> Skip | None:
    start = _start(payload)
    if start is None:
        return None
    reason = start.params.get("reason")
    params = {key: value for key, value in start.params.items() if key != "reason"}
    return Skip(
        start=msgspec.structs.replace(start, params=params),
        reason=None if reason is None else str(reason),
    )


def _note(payload: str, level: str, *, ends_step: bool = False) -> Note | None:
    text, params, raw = peel(payload, _PLACE_KEYS)
    if not text and "id" not in raw and "step" not in raw:
        return None
    return Note(
        level=level,  # type: ignore[arg-type]  # three literals below
        message=text,
        file=raw.get("file"),
        line=_whole(params.get("line")),
        end_line=_whole(params.get("end_line")),
        col=_whole(params.get("col")),
        end_col=_whole(params.get("end_col")),
        title=raw.get("title"),
        code=raw.get("code"),
        id=raw.get("id") or None,
        step=raw.get("step") or None,
        ends_step=ends_step,
    )


def _whole(value: Scalar | None) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _progress(payload: str) -> Progress | None:
    text, _, raw = peel(payload)
    own_id = raw.get("id") or None
    if percent := _PERCENT.fullmatch(text):
        value = min(float(percent[1]) / 100, 1.0)
        return Progress(value=value, message=_said(percent[2]), id=own_id)
    if (share := _SHARE.fullmatch(text)) and float(share[2]) > 0:
        current, total = float(share[1]), float(share[2])
        return Progress(
            value=min(current / total, 1.0),
            current=current,
            total=total,
            message=_said(share[3]),
            id=own_id,
        )
    return None


def _said(text: str | None) -> str | None:
    return (text or "").strip() or None


def _metric(payload: str) -> Metric | None:
    text, params, raw = peel(payload)
    name, _, figure = text.rpartition(":")
    value = number(figure.strip(), "")
    if not name.strip() or isinstance(value, str):
        return None
    return Metric(
        name=name.strip(), value=value, unit=raw.get("unit"), step=_whole(params.get("step"))
    )


def _summary(payload: str) -> Summary:
    # One blank belongs to the marker; the others may be Markdown's indentation.
    return Summary(markdown=payload.removeprefix(" ").rstrip())


def _summary_file(payload: str) -> Summary | None:
    path = _unquoted_path(payload.strip())
    return Summary(path=path) if path else None


def _unquoted_path(text: str) -> str:
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        return text[1:-1].strip()
    return text


def _output(payload: str) -> Output | None:
    name, colon, value = payload.partition(":")
    if not colon or not name.strip():
        return None
    return Output(name=name.strip(), value=value.strip())


def _mask(payload: str) -> Marker:
    return mask_of(payload, "STEP_MASK")


def _stop(payload: str) -> Stop | None:
    token = payload.strip()
    return Stop(token=token) if token else None


def _event(payload: str) -> Marker | None:
    try:
        event = _EVENTS.decode(payload.strip().encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return None
    if isinstance(event, Start):
        if not event.name and not event.id:
            return None
        return msgspec.structs.replace(
            event,
            name=event.name or event.id,
            is_plain=event.id is None and event.kind == "step",
            is_parallel=event.id is not None,
        )
    if isinstance(event, Mask):
        return _mask_of_values(event.values)
    return event if _is_complete(event) else None


def _mask_of_values(values: list[str]) -> Marker:
    kept = [value.strip() for value in values if len(value.strip()) >= SHORTEST_SECRET]
    return Mask(values=kept) if kept else mask_of("", "STEP_EVENT")


def _is_complete(event: Event) -> bool:
    """Does it hold what the vocabulary asks of it, and only what survives the way to a database?"""
    match event:
        case End():
            return bool(event.name or event.id)
        case Progress():
            return any(
                v is not None for v in (event.value, event.current, event.message, event.state)
            ) and (event.value is None or 0 <= event.value <= 1)
        case Artifact():
            return bool(event.path)
        case Metric() | Output():
            return bool(event.name)
        case Meta():
            return bool(event.key)
        case Summary():
            return (event.markdown is None) != (event.path is None)
        case _:
            return True


def _artifact(payload: str) -> Artifact | None:
    text, _, raw = peel(payload)
    path, description = _split_path(text)
    if not path:
        return None
    return Artifact(
        path=path,
        name=raw.get("name"),
        description=description or raw.get("description"),
        type=raw.get("type"),
        kind=raw.get("kind"),
        target=raw.get("target"),
    )


def _split_path(text: str) -> tuple[str, str]:
    """At the first colon outside of quotes that is none of a drive nor of `scheme://host:port`."""
    if text[:1] in ('"', "'") and text:
        end = text.find(text[0], 1)
        behind = text[end + 1 :].lstrip()
        if end > 0 and (not behind or behind[0] == ":"):
            return text[1:end].strip(), behind[1:].strip()
    prefix = _DRIVE.match(text) or _SCHEME.match(text)
    start = prefix.end() if prefix else 0
    colon = text.find(":", start)
    if colon < 0:
        return text, ""
    return text[:colon].strip(), text[colon + 1 :].strip()


def _meta(payload: str) -> Meta | None:
    key, colon, value = payload.partition(":")
    if not colon or not key.strip():
        return None
    return Meta(key=key.strip(), value=value.strip())


_READERS: dict[str, Read] = {
    "START": _start,
    "COMPLETE": _complete,
    "ERROR": lambda payload: _note(payload, "error", ends_step=True),
    "WARNING": lambda payload: _note(payload, "warning"),
    "NOTICE": lambda payload: _note(payload, "notice"),
    "SKIP": _skip,
    "PROGRESS": _progress,
    "METRIC": _metric,
    "SUMMARY": _summary,
    "SUMMARY_FILE": _summary_file,
    "OUTPUT": _output,
    "MASK": _mask,
    "PARSE_OFF": _stop,
    "EVENT": _event,
    "ARTIFACT": _artifact,
    "META": _meta,
}
