"""Which executions the rules would have go: pure."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from stepflow.retention.rules import Rules, Tally, tag_rules

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def gone(
    rules: Rules, ended: list[tuple[int, list[str], int]], stays: int | None = None
) -> list[int]:
    """The places, newest first, of those that go; each is (days ago, tags, bytes)."""
    tally = Tally(rules, NOW)
    return [
        place
        for place, (days, tags, size) in enumerate(ended)
        if tally.reason(tags, NOW - timedelta(days=days), size, must_stay=place == stays)
    ]


def test_each_rule_has_the_oldest_go() -> None:
    ended = [(day, [], 10) for day in range(5)]
    assert gone(Rules(days=2), ended) == [3, 4]
    assert gone(Rules(count=2), ended) == [2, 3, 4]
    assert gone(Rules(size_bytes=35), ended) == [3, 4]
    assert gone(Rules(), ended) == []


def test_a_tag_has_its_own_rule_and_of_several_the_kindest_counts() -> None:
    rules = Rules(days=1, tags=tag_rules(["nightly=3d", "ci=1", "release=keep"]))
    ended = [
        (0, ["ci"], 1),
        (2, ["nightly"], 1),
        (2, ["ci"], 1),
        (2, ["ci", "nightly"], 1),
        (2, [], 1),
        (9, ["ci", "release"], 1),
        (9, ["nightly"], 1),
        (9, ["other"], 1),
    ]
    assert gone(rules, ended) == [2, 4, 6, 7]


def test_what_has_to_stay_takes_its_room_in_the_limit_of_size() -> None:
    ended = [(0, [], 10), (1, [], 30), (2, [], 10)]
    assert gone(Rules(size_bytes=20), ended) == [1]
    assert gone(Rules(size_bytes=20), ended, stays=1) == [1, 2]


def test_only_rules_by_age_alone_say_from_when_on_to_look() -> None:
    tags = tag_rules(["nightly=3d", "release=keep"])
    assert Rules(days=30, tags=tags).shortest_days == 3
    assert Rules(tags=tags).shortest_days == 3
    assert Rules(days=30, count=5).shortest_days is None
    assert Rules(days=30, tags=tag_rules(["ci=5"])).shortest_days is None
    assert Rules(size_bytes=1).shortest_days is None


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(0, 400))
def test_the_limit_of_size_is_kept_with_as_much_as_fits(sizes: list[int], limit: int) -> None:
    ended = [(0, [], size) for size in sizes]
    left = [
        size
        for place, size in enumerate(sizes)
        if place not in gone(Rules(size_bytes=limit), ended)
    ]
    assert sum(left) <= limit
