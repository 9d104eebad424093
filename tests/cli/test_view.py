from typing import Any

from stepflow.cli.view import View


def step(index: int, first: int, last: int | None, **more: Any) -> dict[str, Any]:
    status = "running" if last is None else "completed"
    return {"index": index, "first_line": first, "last_line": last, "status": status, **more}


def view(*steps: dict[str, Any]) -> View:
    shown = View()
    for one in steps:
        shown.apply("step_update", {"step": one})
    return shown


def test_a_line_belongs_to_the_step_started_last_that_is_open_there() -> None:
    shown = view(step(0, 0, 20), step(1, 5, 10, parent_index=0), step(2, 30, None))
    owners = [owner and owner["index"] for owner in map(shown.owner, (3, 5, 10, 11, 25, 99))]
    assert owners == [0, 1, 1, 0, None, 2]


def test_the_tree_gives_each_step_before_its_children() -> None:
    shown = view(step(0, 0, 9), step(1, 10, 19), step(2, 2, 4, parent_index=0))
    assert [(depth, one["index"]) for depth, one in shown.tree()] == [(0, 0), (1, 2), (0, 1)]


def test_the_last_line_of_a_step_is_a_marker_only_if_a_marker_closed_it() -> None:
    shown = view(step(0, 3, 7), step(1, 8, 12, reason="superseded"))
    assert [shown.is_marker(shown.steps[0], line) for line in (3, 5, 7)] == [True, False, True]
    assert [shown.is_marker(shown.steps[1], line) for line in (8, 12)] == [True, False]


def test_a_superseded_step_is_provisional_until_something_is_inside_it() -> None:
    shown = view(step(0, 3, 7, reason="superseded"), step(1, 4, 6))
    assert shown.is_provisional(shown.steps[0])
    shown.apply("step_update", {"step": step(1, 4, 6, parent_index=0)})
    assert not shown.is_provisional(shown.steps[0])


def test_sizes_only_grow_whatever_order_messages_come_in() -> None:
    shown = View()
    shown.apply("log", {"size_bytes": 100, "line_count": 10})
    shown.apply("execution_update", {"log_bytes": 50, "log_lines": 5})
    assert (shown.size_bytes, shown.line_count) == (100, 10)


def test_an_event_that_is_not_known_changes_nothing() -> None:
    shown = view(step(0, 0, 1))
    shown.apply("something_new", {"x": 1})
    assert list(shown.steps) == [0]
