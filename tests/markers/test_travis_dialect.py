"""Folds and times of Travis, beyond the shared vectors."""

import pytest
from saying import events, short

END = "\r\x1b[0K"


@pytest.mark.parametrize(
    "text",
    [
        "+ echo travis_fold:start:a",
        'echo -en "travis_fold:start:a\\r"',
        "'travis_fold:start:a",
        "fold:start:a",
        "x.travis_fold:start:a",
    ],
)
def test_what_only_looks_like_a_fold_is_a_line(text: str) -> None:
    assert short(text) == [text]


def test_blanks_around_a_time_marker_belong_to_it() -> None:
    log = f"travis_fold:start:a{END} travis_time:start:1{END} $ make"
    assert short(log) == ["+a", "$ make"]


def test_a_name_may_come_again() -> None:
    log = "travis_fold:start:a\ntravis_fold:start:a\ntravis_fold:end:a\ntravis_fold:end:a\n"
    assert short(log) == ["+a", "+a(a)", "-a:completed", "-a:completed"]


def test_a_title_may_follow_a_plain_echo() -> None:
    assert short("travis_fold:start:a Install things") == ["+Install things"]


def test_a_duration_is_the_difference_if_it_is_not_told() -> None:
    log = "travis_fold:start:a\ntravis_time:end:1:start=1000000000,finish=2500000000"
    assert events(log)[-1]["duration"] == 1.5


def test_a_time_outside_of_folds_is_nobodys() -> None:
    assert short("travis_time:end:1:duration=5") == []


def test_an_end_of_no_fold_is_unmatched() -> None:
    assert short("travis_fold:end:a") == ["!unmatched_end"]
