"""How far something is, as its script says it."""

import msgspec


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """`value` is 0 to 1; `state` is none, normal, error, indeterminate or paused."""

    value: float | None = None
    current: float | None = None
    total: float | None = None
    message: str | None = None
    state: str | None = None
