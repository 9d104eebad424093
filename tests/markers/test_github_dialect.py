"""Commands of GitHub Actions, beyond the shared vectors."""

from typing import Any

import pytest
from saying import events, short


@pytest.mark.parametrize(
    "text",
    ["::foo::x", "::group", "::error", "x ::group::a", "##[foo]x", "##[group", "## [group]x", "::"],
)
def test_what_is_no_command_is_a_line(text: str) -> None:
    assert short(text) == [text]


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("line=3,col=2,endColumn=5", {"line": 3, "col": 2, "end_col": 5}),
        ("line=3,endColumn=5", {"line": 3, "col": 5, "end_col": 5}),
        ("line=3,endLine=3,col=2", {"line": 3, "end_line": 3, "col": 2}),
        ("line=3,endLine=4,col=2", {"line": 3, "end_line": 4}),
        ("line=3,col=5,endColumn=2", {"line": 3}),
        ("LINE= 3 , Title=a%2Cb%3Ac", {"line": 3, "title": "a,b:c"}),
        ("line=three", {}),
    ],
)
def test_places_are_repaired_as_the_runner_does(said: str, place: dict[str, Any]) -> None:
    assert events(f"::error {said}::m") == [
        {"event": "annotation", "level": "error", "message": "m", **place}
    ]


def test_a_mask_covers_the_whole_value_and_each_line() -> None:
    (mask,) = events("::add-mask:: one1%0Ano%0D%0A two2 ")
    assert mask["values"] == ["one1\nno\r\n two2", "one1", "two2"]


@pytest.mark.parametrize("token", ["", "  ", "group", "Pause-Logging", "stop-commands"])
def test_a_bad_stop_token_stops_nothing(token: str) -> None:
    assert short(f"::stop-commands::{token}\n::debug::x") == ["!bad_stop_token", "debug: x"]


def test_a_stop_is_over_at_its_token_only() -> None:
    log = "::stop-commands::t o\n::other::\nt o\n::t o::\n::debug::x"
    assert short(log) == ["control action=stop dialect=github", "::other::", "t o",
                          "control action=resume dialect=github", "debug: x"]  # fmt: skip


def test_an_end_without_its_last_colons_counts_and_is_remarked() -> None:
    assert short("::group::a\n::endgroup") == ["+a", "-a:completed", "!malformed"]


@pytest.mark.parametrize(
    "name", ["save-state", "set-env", "add-path", "add-matcher", "remove-matcher"]
)
def test_what_is_not_supported_says_so(name: str) -> None:
    assert short(f"::{name} name=x::v") == ["!unsupported_command"]


def test_the_bracket_spelling_has_its_own_escapes() -> None:
    assert events("##[warning file=a%3Bb;line=3]50%25 %5D %2C") == [
        {
            "event": "annotation",
            "level": "warning",
            "message": "50% ] %2C",
            "file": "a;b",
            "line": 3,
        }
    ]


def test_groups_of_both_spellings_end_each_other() -> None:
    assert short("##[group]a\n::group::b\n##[endgroup]\n::endgroup::") == [
        "+a", "+b(a)", "-b:completed", "-a:completed",
    ]  # fmt: skip


def test_an_end_of_a_group_ends_no_block_of_another_language() -> None:
    assert short("##teamcity[blockOpened name='a']\n::endgroup::") == ["+a", "!unmatched_end"]


def test_a_group_that_ends_closes_the_sections_in_it_and_leaves_commands() -> None:
    log = "::group::g\n\x1b]133;C\x07\nsection_start:1:s\n::endgroup::\n\x1b]133;D;0\x07"
    assert short(log) == ["+g", "+(g)", "+s()", "-g:completed", "-s:completed/parent_closed",
                          "-:completed"]  # fmt: skip
