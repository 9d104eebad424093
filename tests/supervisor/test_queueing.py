import pytest

from stepflow.supervisor.queueing import starts_in


@pytest.mark.parametrize(
    ("remaining", "usual", "places", "starts"),
    [
        ([30, 10], [100, 5, 5], 2, [10, 30, 35]),
        ([30, None], [None, 5, 5], 2, [30, None, None]),
        ([None], [5], 1, [None]),
        ([], [5, 5], 1, [0, 5]),
        ([7], [5], 3, [0]),
        ([7], [], 1, []),
    ],
)
def test_each_starts_when_enough_before_it_have_ended(
    remaining: list[float | None],
    usual: list[float | None],
    places: int,
    starts: list[float | None],
) -> None:
    assert starts_in(remaining, usual, places) == starts
