import asyncio

from stepflow.feed import (
    QUEUE_LENGTH,
    ExecutionDeleted,
    Feed,
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
