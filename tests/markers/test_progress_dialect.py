"""Progress of redrawn lines, beyond the shared vectors."""

import pytest
from saying import short


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("33.3%", ["progress value=0.33299999999999996"]),
        ("100 %", ["progress value=1.0"]),
        ("101% 3/4", ["progress value=0.75 current=3.0 total=4.0"]),
        ("1.5/3 MB", ["progress value=0.5 current=1.5 total=3.0"]),
        ("5/4", []),
        ("0/0", []),
        ("2026/01/02", []),
        ("src/a/1/2/b", []),
        ("v1.2%", []),
    ],
)
def test_a_state_says(state: str, told: list[str]) -> None:
    assert short(f"\r{state}") == [*told, state]


def test_the_percentage_goes_before_the_share() -> None:
    assert short("\r1/2 25%")[:-1] == ["progress value=0.25"]


def test_a_line_with_thousands_of_states_tells_some_and_the_last() -> None:
    told = short("".join(f"\r{n}/4999" for n in range(5_000)))[:-1]
    assert len(told) == 200
    assert told[-1] == "progress value=1.0 current=4999.0 total=4999.0"


def test_progress_goes_to_the_open_step_and_the_line_stays_one() -> None:
    assert short("\r1%\x1b[K\r2%\x1b[K\n")[2:] == ["2%"]
