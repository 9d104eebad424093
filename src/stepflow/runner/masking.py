"""Secrets in what a script says of itself: names, messages and parameters, not only lines."""

from typing import Any

import msgspec

from stepflow.events import AnyEvent
from stepflow.transcript import Masks


def masked(event: AnyEvent, masks: Masks) -> AnyEvent:
    """The event with `***` in the place of every secret, however deep in its fields."""
    changes = {
        field: _without(value, masks)
        for field in event.__struct_fields__
        if isinstance(value := getattr(event, field), str | dict | list)
    }
    return msgspec.structs.replace(event, **changes)


def hidden(state: bytes, masks: Masks) -> bytes:
    """A parser's state for the database: what it remembers of names and of an unfinished line
    keeps its length, so the state stays one."""
    return msgspec.msgpack.encode(_starred(msgspec.msgpack.decode(state), masks))


def _starred(value: Any, masks: Masks) -> Any:
    match value:
        case str():
            return masks.apply(value.encode()).decode(errors="replace")
        case bytes():
            return masks.apply(value, at_end=True)
        case dict():  # of fields: their names are ours
            return {field: _starred(inner, masks) for field, inner in value.items()}
        case list():
            return [_starred(inner, masks) for inner in value]
        case _:
            return value


def _without(value: Any, masks: Masks) -> Any:
    match value:
        case str():
            return masks.mask_text(value)
        case dict():
            return {_without(key, masks): _without(inner, masks) for key, inner in value.items()}
        case list():
            return [_without(inner, masks) for inner in value]
        case _:
            return value
