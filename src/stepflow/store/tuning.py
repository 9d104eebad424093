"""The knobs of SQLite that an operator may turn; the defaults are the deployment guide's."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Self

import msgspec

from stepflow.errors import InvalidSetting


class SqliteTuning(msgspec.Struct, frozen=True, kw_only=True):
    """`cache_kib` is the page cache of each connection, `wal_autocheckpoint` counts pages,
    `group_limit` is the most writes that one commit carries."""

    journal_mode: str = "WAL"
    synchronous: str = "NORMAL"
    cache_kib: int = 20_000
    temp_store: str = "memory"
    mmap_size_bytes: int = 536_870_912
    wal_autocheckpoint: int = 1000
    busy_timeout: timedelta = timedelta(seconds=30)
    group_limit: int = 1000

    @classmethod
    def of_pragmas(cls, pragmas: Mapping[str, str]) -> Self:
        """From SQLite's own names and texts, as an installation's `PRODUCTION_SQLITE_CONFIG` has
        them; what is not there keeps its default. Raises InvalidSetting."""
        tuning = {}
        for name, text in pragmas.items():
            if name not in _PRAGMAS:
                raise InvalidSetting(f"PRODUCTION_SQLITE_CONFIG: {name} is not a known pragma")
            field, convert = _PRAGMAS[name]
            try:
                tuning[field] = convert(text)
            except ValueError as error:
                raise InvalidSetting(
                    f"PRODUCTION_SQLITE_CONFIG: {name} = {text!r} is not a number"
                ) from error
        return cls(**tuning)


def _milliseconds(text: str) -> timedelta:
    return timedelta(milliseconds=int(text))


_PRAGMAS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "journal_mode": ("journal_mode", str),
    "synchronous": ("synchronous", str),
    "cache_size": ("cache_kib", int),
    "temp_store": ("temp_store", str),
    "mmap_size": ("mmap_size_bytes", int),
    "wal_autocheckpoint": ("wal_autocheckpoint", int),
    "busy_timeout": ("busy_timeout", _milliseconds),
}
