"""The original's clock: naive local times of some zone, turned into UTC as the store keeps them.

An hour that came twice counts as its first, and is counted; so is one that never was.
"""

import os
import re
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from stepflow.errors import InvalidSetting
from stepflow.model import utc

_ZONES = "zoneinfo/"
_HOUR_MS = 3_600_000
_WITHOUT_FRACTION = 19
_USUAL = re.compile(r"[12]\d{3}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(\.\d{6})?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LocalClock:
    """`name` None is the zone of this machine. Raises InvalidSetting for an unknown one."""

    def __init__(self, name: str | None) -> None:
        try:
            # Without a zone, astimezone asks the C library, which knows every form of TZ.
            self._zone = None if name is None else ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise InvalidSetting(
                f"there is no time zone {name!r}; one is, for example, Asia/Shanghai",
                field="timezone",
            ) from error
        self.name = name or _host_zone()
        self.ambiguous = 0
        self.imaginary = 0
        self._hour = lru_cache(maxsize=4096)(self._uncached_hour)
        self._prefix = lru_cache(maxsize=65536)(self._uncached_prefix)

    def utc(self, text: str | None) -> str | None:
        """The same moment as the store keeps it. Raises ValueError for what is no time."""
        if text is None:
            return None
        if _USUAL.fullmatch(text):
            prefix = self._prefix(text[:13])
            if prefix is not None:
                return prefix + text[13:] + (".000000" if len(text) == _WITHOUT_FRACTION else "")
        return utc_text(self.moment(text))

    def moment(self, text: str) -> datetime:
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None:
            return local.astimezone(UTC)
        first = self._in_utc(local, 0)
        hour = local.replace(minute=0, second=0, microsecond=0)
        if self._hour(hour) is None:
            second = self._in_utc(local, 1)
            self.ambiguous += first < second
            self.imaginary += first > second
        return first

    def local(self, text: str) -> str:
        """A time of the store as the original writes it: local, without a fraction that is 0."""
        at = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return at.astimezone(self._zone).replace(tzinfo=None).isoformat()

    def utc_or_none(self, text: str | None) -> str | None:
        try:
            return self.utc(text)
        except (ValueError, TypeError, OverflowError):
            return None

    def unix_ms(self, text: str) -> int:
        """Of the time that begins a line: quick, and counted nowhere."""
        local = datetime.fromisoformat(text)
        if local.tzinfo is None:
            start_ms = self._hour(local.replace(minute=0, second=0, microsecond=0))
            if start_ms is not None:
                return (
                    start_ms
                    + local.minute * 60_000
                    + local.second * 1000
                    + local.microsecond // 1000
                )
            local = self._in_utc(local, 0)
        return (local - _EPOCH) // (_EPOCH.resolution * 1000)

    def _uncached_prefix(self, prefix: str) -> str | None:
        """Date and hour in UTC, where an hour here is an hour there: most times are turned by
        this alone."""
        start_ms = self._hour(datetime.fromisoformat(prefix))
        if start_ms is None or start_ms % _HOUR_MS:
            return None
        return utc(start_ms).isoformat()[:13]

    def _uncached_hour(self, hour: datetime) -> int | None:
        """When this hour begins; None if the clocks were changed within it."""
        last = hour.replace(minute=59, second=59, microsecond=999_999)
        starts = {
            self._in_utc(hour, 0),
            self._in_utc(hour, 1),
            self._in_utc(last, 0) - (last - hour),
            self._in_utc(last, 1) - (last - hour),
        }
        return (starts.pop() - _EPOCH) // (_EPOCH.resolution * 1000) if len(starts) == 1 else None

    def _in_utc(self, local: datetime, fold: int) -> datetime:
        return local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)


def utc_text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").removesuffix("+00:00")


def _host_zone() -> str:
    said = os.environ.get("TZ", "").removeprefix(":")
    link = os.path.realpath("/etc/localtime")
    if said:
        return said
    if _ZONES in link:
        return link.partition(_ZONES)[2]
    named = Path("/etc/timezone")
    return named.read_text().strip() if named.is_file() else "the zone of this machine"
