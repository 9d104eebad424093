"""What is not as it should be, and what a repair does about it."""

from typing import Literal

import msgspec

Repair = Literal["derived", "line index", "leftover", "secrets", "adopt"]

REPAIRS: dict[Repair, str] = {
    "derived": "search, tags and counters are made anew from the rows",
    "line index": "it is counted anew",
    "leftover": "it is removed",
    "secrets": "secrets in its log are overwritten, then they are removed",
    "adopt": "a row is made of what its files tell",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`repair` is null for what nobody but a person can decide; the backups may help."""

    what: str
    where: str
    said: str
    repair: Repair | None = None

    @property
    def remedy(self) -> str | None:
        return None if self.repair is None else REPAIRS[self.repair]
