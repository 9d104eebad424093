import asyncio

import pytest

from stepflow.feed import (
    MOST_FRESH_BYTES,
    QUEUE_LENGTH,
    ExecutionDeleted,
    Feed,
    Fresh,
    Lagged,
    LogComplete,
    LogGrown,
    Watcher,
)


def taken(feed: Feed, watcher: Watcher, *messages: object) -> list[object]:
    for message in messages:
        feed.publish(message)  # type: ignore[arg-type]
    return list(asyncio.run(watcher.batch()))


def test_a_watcher_gets_what_is_published_in_order() -> None:
    feed = Feed()
    with feed.watch() as watcher:
        first, second = ExecutionDeleted("a"), LogComplete("b", 1, 1)
        assert taken(feed, watcher, first, second) == [first, second]


def test_a_watcher_of_one_execution_hears_of_no_other() -> None:
    feed = Feed()
    with feed.watch("a") as watcher:
        assert taken(feed, watcher, ExecutionDeleted("b"), ExecutionDeleted("a")) == [
            ExecutionDeleted("a")
        ]


def test_growth_of_a_log_takes_one_place_however_often_it_grows() -> None:
    feed = Feed()
    with feed.watch() as watcher:
        grown = [LogGrown("a", size, size) for size in range(3)]
        assert taken(feed, watcher, *grown) == [LogGrown("a", 2, 2)]


def grown(start: int, data: bytes, unix_ms: int = 0) -> LogGrown:
    return LogGrown("a", start + len(data), 0, (Fresh(data, unix_ms),))


def test_bytes_of_a_log_that_follow_each_other_come_together_with_their_times() -> None:
    feed = Feed()
    with feed.watch() as watcher:
        [growth] = taken(feed, watcher, grown(5, b"one", 1), grown(8, b"two", 2))
    assert growth == LogGrown("a", 11, 0, (Fresh(b"one", 1), Fresh(b"two", 2)))
    assert isinstance(growth, LogGrown)
    assert growth.start == 5


@pytest.mark.parametrize(
    "parts",
    [
        (grown(0, b"one"), grown(4, b"two")),
        (grown(0, b"one"), LogGrown("a", 7, 0)),
        (LogGrown("a", 4, 0), grown(4, b"two")),
        (grown(0, b"one"), LogGrown("a", 4, 0), grown(4, b"two")),
        (grown(0, b"1" * MOST_FRESH_BYTES), grown(MOST_FRESH_BYTES, b"2")),
    ],
)
def test_bytes_that_are_not_all_there_or_too_many_are_left_to_the_file(
    parts: tuple[LogGrown, ...],
) -> None:
    feed = Feed()
    with feed.watch() as watcher:
        assert taken(feed, watcher, *parts) == [LogGrown("a", parts[-1].size_bytes, 0)]


def test_a_watcher_of_some_logs_hears_only_of_their_growth() -> None:
    feed, logs = Feed(), {"a"}
    with feed.watch(logs=logs) as watcher:
        assert (feed.is_followed("a"), feed.is_followed("b")) == (True, False)
        other = ExecutionDeleted("b")
        assert taken(feed, watcher, LogGrown("b", 1, 1), other) == [other]
        logs.add("b")
        assert feed.is_followed("b")
    assert not feed.is_followed("b")


def test_a_watcher_that_falls_behind_is_told_once_and_costs_no_memory() -> None:
    feed = Feed()
    with feed.watch() as watcher:
        batch = taken(feed, watcher, *[ExecutionDeleted("a")] * (QUEUE_LENGTH + 5))
    assert len(batch) == QUEUE_LENGTH + 1
    assert batch[-1] == Lagged()


def test_nothing_reaches_a_watcher_that_has_left() -> None:
    feed = Feed()
    with feed.watch() as watcher:
        pass
    feed.publish(ExecutionDeleted("a"))
    assert not watcher._wakeup.is_set()
