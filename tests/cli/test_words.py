from datetime import UTC, datetime, timedelta

import pytest

from stepflow.cli import words

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, ""),
        (0, "0 ms"),
        (0.0421, "42 ms"),
        (0.9999, "1.0 s"),
        (59.96, "1 min 00 s"),
        (63, "1 min 03 s"),
        (3600, "1 h 00 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_a_duration_is_said_shortly(seconds: float | None, expected: str) -> None:
    assert words.duration(seconds) == expected


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_960, "100 kB"), (5_400_000_000, "5.4 GB")],
)
def test_a_size_is_said_shortly(size_bytes: int, expected: str) -> None:
    assert words.size(size_bytes) == expected


@pytest.mark.parametrize(
    ("passed", "expected"),
    [(2, "just now"), (59, "59 s ago"), (7200, "2 h ago"), (86400 * 3, "3 d ago")],
)
def test_a_past_time_is_said_as_people_do(passed: float, expected: str) -> None:
    assert words.ago((NOW - timedelta(seconds=passed)).isoformat(), NOW) == expected


def test_a_count_agrees_with_its_noun() -> None:
    assert [words.count(number, "line") for number in (0, 1, 2310)] == [
        "0 lines",
        "1 line",
        "2,310 lines",
    ]
