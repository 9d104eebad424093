"""The dialects in the order in which they are asked. To add one: its file here, its line below."""

from collections.abc import Collection

from stepflow.markers.dialect import Dialect
from stepflow.markers.dialects.stepflow import StepflowDialect

DIALECTS: tuple[type[Dialect], ...] = (
    StepflowDialect,
)  # fmt: skip


def chosen(names: Collection[str] | None) -> list[Dialect]:
    """Fresh instances of the named dialects; None means those that are on by default."""
    return [d() for d in DIALECTS if (d.is_default if names is None else d.name in names)]
