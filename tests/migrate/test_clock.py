"""Local times of the original become UTC."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepflow.errors import InvalidSetting
from stepflow.migrate.clock import LocalClock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ["Asia/Shanghai", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]


@settings(deadline=None)
@given(
    st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2037-01-01")),
    st.sampled_from(ZONES),
)
def test_every_time_is_what_the_zone_says(local: datetime, zone: str) -> None:
    clock = LocalClock(zone)
    wanted = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    text = clock.utc(local.isoformat())
    assert text == wanted.isoformat(timespec="microseconds").removesuffix("+00:00")
    assert clock.unix_ms(local.isoformat()) == (wanted - EPOCH) // timedelta(milliseconds=1)


def test_an_hour_that_came_twice_is_its_first_and_counted() -> None:
    clock = LocalClock("Europe/Berlin")
    assert clock.utc("2024-10-27T02:30:00") == "2024-10-27T00:30:00.000000"
    assert clock.utc("2024-10-27T03:30:00") == "2024-10-27T02:30:00.000000"
    clock.utc("2024-03-31T02:30:00")
    assert (clock.ambiguous, clock.imaginary) == (1, 1)


@pytest.mark.parametrize("text", ["soon", "2024-13-01T00:00:00", "", "2024-05-01T25:00:00"])
def test_what_is_no_time_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of datetime itself, in several wordings
        LocalClock("UTC").utc(text)


@pytest.mark.parametrize("name", ["Mars/Phobos", "../etc/passwd", "/etc/localtime", "x\0"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidSetting):
        LocalClock(name)
