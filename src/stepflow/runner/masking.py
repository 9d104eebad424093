"""Secrets outside of lines: in names, messages and parameters, in what was asked for, in ends."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from stepflow.model import Execution
from stepflow.transcript import Masks

Masked = TypeVar("Masked", bound=msgspec.Struct)

# What a client said of an execution; its folder has to be a folder, whatever it is called.
_SAID = frozenset({"name", "command", "argv", "environment", "user", "tags", "metadata"})


def masked(struct: Masked, masks: Masks) -> Masked:
    """An event or an outcome with `***` in the place of every secret, however deep in it."""
    return _masked(struct, struct.__struct_fields__, masks)


def masked_request(execution: Execution, masks: Masks) -> Execution:
    """The execution without secrets in what was asked for: a command may spell one out."""
    return _masked(execution, _SAID, masks)


def _masked(struct: Masked, fields: Iterable[str], masks: Masks) -> Masked:
    changes = {
        field: _without(value, masks)
        for field in fields
        if isinstance(value := getattr(struct, field), str | dict | list)
    }
    return msgspec.structs.replace(struct, **changes)


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
