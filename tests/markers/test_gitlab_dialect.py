"""Sections of GitLab CI, beyond the shared vectors."""

import pytest
from saying import events, short

END = "\r\x1b[0K"


@pytest.mark.parametrize(
    "text",
    [
        "+ echo section_start:1:a",
        "'section_start:1:a",
        "my_section_start:1:a",
        "section_start:x:a",
        "section_start:1:a b",
        "section_start:1:",
        "Section_Start:1:a",
        "section_end:1:a[b=c]",
    ],
)
def test_what_only_looks_like_a_section_is_a_line(text: str) -> None:
    assert short(text) == [text]


def test_a_restart_of_an_open_section_moves_its_stamp_only() -> None:
    log = f"section_start:1:a{END}A\nsection_start:5:A{END}again\nsection_end:7:a{END}"
    assert [(e.get("name"), e.get("text"), e.get("duration")) for e in events(log)] == [
        ("A", None, None),
        (None, "again", None),
        ("A", None, 2),
    ]


def test_a_section_can_begin_again_after_its_parent_has_closed_it() -> None:
    log = "".join(f"section_{s}{END}\n" for s in ("start:1:a", "start:1:b", "end:2:a", "start:3:b"))
    assert short(log) == ["+a", "+b(a)", "-b:completed/parent_closed", "-a:completed", "+b"]


def test_a_clock_that_jumps_back_gives_no_negative_duration() -> None:
    assert events(f"section_start:9:a{END}\nsection_end:1:a{END}")[-1]["duration"] == 0


def test_other_options_are_kept() -> None:
    (start,) = events(f"section_start:1:a[collapsed=false,hide_duration=true]{END}T")
    assert (start["collapsed"], start["params"]) == (False, {"hide_duration": "true"})


def test_text_around_the_markers_is_logged() -> None:
    log = f"before section_start:1:a{END}T\nx section_end:2:a{END}after"
    assert short(log) == ["before ", "+T", "x ", "-T:completed", "after"]


def test_the_title_of_a_section_beyond_the_limit_is_a_line() -> None:
    log = "STEP_START:s\nSTEP_COMPLETE:s\n" * 10_000 + f"section_start:1:a{END}Title"
    assert short(log)[-2:] == ["!too_many_steps", "Title"]
