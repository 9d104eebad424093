"""Names of steps: the ladder by which an end finds its start, and their size."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, TypeVar

# The original cut a name at its first bracket, brace or flag.
_ORIGINAL_CUT = re.compile(r"\[|\{| --")


class Named(Protocol):
    @property
    def name(self) -> str: ...


NamedT = TypeVar("NamedT", bound=Named)


@lru_cache(maxsize=4096)
def rungs(name: str) -> tuple[str, str, str]:
    """Exact, as the original normalised it, and without regard to case and blanks."""
    cut = _ORIGINAL_CUT.search(name)
    original = (name[: cut.start()] if cut else name).strip()
    return name, original or name, " ".join(name.split()).casefold()


def best_match(name: str, *rows: Sequence[NamedT]) -> NamedT | None:
    """The last of a row on the highest rung; on each rung earlier rows go first."""
    for rung, key in enumerate(rungs(name)):
        for row in rows:
            for item in reversed(row):
                if rungs(item.name)[rung] == key:
                    return item
    return None


def cut_to(text: str, size_bytes: int) -> str:
    """At most `size_bytes` of UTF-8, whole characters."""
    if len(text) * 4 <= size_bytes:
        return text
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= size_bytes:
        return text
    return encoded[:size_bytes].decode("utf-8", "ignore")
