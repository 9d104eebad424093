"""Marks for terminals, beyond the shared vectors."""

import pytest
from saying import events, short


def osc(*bodies: str) -> str:
    return "".join(f"\x1b]{body}\x07" for body in bodies)


def test_a_new_prompt_ends_an_open_command_as_unknown() -> None:
    assert short(osc("133;C", "133;A", "133;D;0")) == ["+", "-:unknown"]


def test_further_parameters_are_passed_over() -> None:
    assert short(osc("133;A;cl=m", "133;C;aid=7", "133;D;3;aid=7")) == ["+", "-:failed"]
    assert short(osc("133;C", "133;D;aid=7"))[-1] == "-:unknown"


def test_a_command_line_names_the_next_command_only() -> None:
    log = osc("633;E;a", "633;C", "633;D;0", "633;C", "633;D")
    assert short(log) == ["+a", "-a:completed", "+", "-:unknown"]


def test_a_command_of_a_command_lies_in_it() -> None:
    log = osc("633;E;a", "633;C", "633;E;b", "633;C", "633;D;1", "633;D;0")
    assert short(log) == ["+a", "+b(a)", "-b:failed", "-a:completed"]


def test_properties_and_other_strings_say_nothing() -> None:
    log = osc("633;P;Cwd=/x", "9;hello", "52;c;c2VjcmV0", "1337;File=x", "133;Z", "1339;C") + "x"
    assert short(log) == ["x"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("9;4;4;7", ["progress value=0.07 state=paused"]),
        ("9;4;1", ["progress state=normal"]),
        ("9;4;1;much", ["progress state=normal"]),
        ("9;4;0;50", ["progress state=none"]),
        ("9;4", []),
        ("9;45;1;2", [""]),
    ],
)
def test_progress(body: str, told: list[str]) -> None:
    assert short(osc(body)) == told


def test_a_mark_without_its_end_is_no_mark() -> None:
    assert events("\x1b]133;C\n")[0]["event"] == "log"


def test_an_open_command_ends_with_the_execution() -> None:
    assert short(osc("133;C"), exit_code=2) == ["+", "-:failed/eof"]
