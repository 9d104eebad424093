"""Who closes whom, who is whose parent, and how an end finds its start."""

from typing import Any

import pytest

from stepflow.events import as_json
from stepflow.timeline import Parser, ParserOptions


def story(*lines: str, exit_code: int | None = None, nesting: str = "auto") -> list[str]:
    """What happens, in short: +start(parent) -end:status/reason ~adopt[children] !diagnostic."""
    parser = Parser(ParserOptions(nesting=nesting))  # type: ignore[arg-type]
    events = parser.feed("".join(f"{line}\n" for line in lines).encode())
    if exit_code is not None:
        events += parser.finish(exit_code)
    return [told for event in events if (told := short(as_json(event)))]


def short(e: dict[str, Any]) -> str:
    match e["event"]:
        case "step_start":
            return f"+{e['name']}" + (f"({e['parent']})" if "parent" in e else "")
        case "step_end":
            why = f"/{e['reason']}" if "reason" in e else ""
            return f"-{e['name']}:{e['status']}{why}"
        case "step_adopt":
            return f"~{e['name']}[{','.join(e['children'])}]"
        case "warning":
            return f"!{e['code']}"
        case "annotation":
            return f"#{e['message']}@{e.get('index')}"
    return ""


START, DONE = "STEP_START:", "STEP_COMPLETE:"


def test_a_late_end_proves_nesting() -> None:
    assert story(START + "out", START + "in", DONE + "in", DONE + "out") == [
        "+out", "-out:completed/superseded", "+in", "-in:completed", "~out[in]",
    ]  # fmt: skip


def test_a_late_end_closes_what_is_still_open_inside() -> None:
    assert story(START + "out", START + "a", START + "b", DONE + "out")[-2:] == [
        "-b:completed/parent_closed",
        "~out[a,b]",
    ]


def test_nesting_is_proven_level_by_level() -> None:
    steps = [START + "a", START + "b", START + "c", DONE + "c", DONE + "b", DONE + "a"]
    assert story(*steps)[-3:] == ["-c:completed", "~b[c]", "~a[b]"]


def test_an_adopted_step_can_not_be_ended_twice() -> None:
    assert story(START + "a", START + "b", DONE + "b", DONE + "a", DONE + "a")[-1] == (
        "!unmatched_end"
    )


def test_parallel_steps_are_not_adopted() -> None:
    steps = [START + "a", START + "b", DONE + "b", START + "p [id=p]", DONE + "a"]
    assert story(*steps)[-1] == "~a[b]"


def test_flat_nesting_proves_nothing() -> None:
    told = story(START + "out", START + "in", DONE + "in", DONE + "out", nesting="flat")
    assert told[-1] == "!unmatched_end"


def test_a_plain_child_closes_its_plain_sibling_only() -> None:
    steps = [START + "s [id=s]", START + "a [parent=s]", START + "b [parent=s]", DONE + "s"]
    assert story(*steps) == [
        "+s", "+a(s)", "-a:completed/superseded", "+b(s)", "-b:completed/parent_closed",
        "-s:completed",
    ]  # fmt: skip


def test_a_parent_may_be_named() -> None:
    steps = [START + "Suite", START + "case [parent=suite]", START + "next"]
    assert story(*steps) == [
        "+Suite", "+case(Suite)", "-case:completed/parent_closed", "-Suite:completed/superseded",
        "+next",
    ]  # fmt: skip


def test_an_unknown_id_has_no_fallback() -> None:
    assert story(START + "a", DONE + "a [id=x]") == ["+a", "!unmatched_end"]


@pytest.mark.parametrize(
    ("started", "ended"),
    [("a", "a"), ("Deploy [eu]", "Deploy"), ("run --fast x", "run"), ("Two  Words", "two words")],
)
def test_an_end_finds_its_start_on_a_lower_rung(started: str, ended: str) -> None:
    assert story(START + started, DONE + ended)[-1] == f"-{started}:completed"


def test_an_exact_name_goes_before_a_similar_one() -> None:
    told = story(START + "x [eu] [id=1]", START + "x [us] [id=2]", DONE + "x [eu]")
    assert told[-1] == "-x [eu]:completed"


def test_an_exact_superseded_name_goes_before_a_similar_open_one() -> None:
    told = story(START + "x [eu]", START + "x [us]", DONE + "x [eu]")
    assert told[-2:] == ["-x [us]:completed/parent_closed", "~x [eu][x [us]]"]


def test_an_error_ends_the_plain_step_and_not_a_parallel_one() -> None:
    assert story(START + "a", START + "p [id=p]", "STEP_ERROR:bad")[-3:] == [
        "#bad@0",
        "-p:completed/parent_closed",
        "-a:failed",
    ]


def test_an_error_can_be_aimed_by_name() -> None:
    steps = [START + "a [id=1]", START + "b [id=2]", "STEP_ERROR:bad [step=A]"]
    assert story(*steps)[-2:] == ["#bad@0", "-a:failed"]


def test_an_error_aimed_at_nobody_is_kept_and_reported() -> None:
    assert story("STEP_ERROR:bad [id=x]") == ["#bad@None", "!unmatched_end"]


def test_a_warning_leaves_the_step_open() -> None:
    assert story(START + "a", "STEP_WARNING:w") == ["+a", "#w@0"]


def test_a_skipped_step_takes_the_place_of_the_plain_one() -> None:
    assert story(START + "a", "STEP_SKIP:b") == [
        "+a", "-a:completed/superseded", "+b", "-b:skipped",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("exit_code", "cancelled", "status"),
    [
        (0, False, "completed"),
        (2, False, "failed"),
        (None, False, "unknown"),
        (0, True, "cancelled"),
    ],
)
def test_the_end_closes_open_steps(exit_code: int | None, cancelled: bool, status: str) -> None:
    parser = Parser(ParserOptions())
    parser.feed(b'STEP_START:a\nSTEP_EVENT:{"event":"step_start","name":"g","kind":"group"}\nx')
    events = [as_json(e) for e in parser.finish(exit_code, cancelled=cancelled)]
    assert [(e["name"], e["status"], e["reason"], e["log_line"]) for e in events] == [
        ("g", "completed", "eof", 2),
        ("a", status, "eof", 2),
    ]


def test_groups_that_nobody_ended_become_siblings() -> None:
    group = 'STEP_EVENT:{"event":"step_start","name":"%s","kind":"group"}\n'
    parser = Parser(ParserOptions())
    parser.feed("".join(group % name for name in "abc").encode())
    moves = [e for e in map(as_json, parser.finish(0)) if e["event"] == "step_move"]
    assert [(m["name"], m.get("parent")) for m in moves] == [("b", None), ("c", None)]


def test_the_tree_grows_no_deeper_than_64() -> None:
    steps = [START + f"{n} [id={n}]" + (f" [parent={n - 1}]" if n else "") for n in range(70)]
    assert story(*steps)[62:66] == ["+62(61)", "+63(62)", "+64(62)", "+65(62)"]


def test_a_failed_critical_step_stops_the_execution() -> None:
    parser = Parser(ParserOptions())
    events = parser.feed(b"STEP_START:a [stop_on_error=yes]\nSTEP_ERROR:bad\n")
    assert [getattr(e, "stops", None) for e in events] == [None, None, True]
    assert parser.stopped_by == "a"


def test_a_failed_optional_step_does_not_stop_the_execution() -> None:
    parser = Parser(ParserOptions())
    parser.feed(b"STEP_START:a [stop_on_error=no]\nSTEP_ERROR:bad\nSTEP_START:b\n")
    assert parser.stopped_by is None


def test_a_name_means_the_step_without_an_id_while_there_is_one() -> None:
    assert story(START + "a", START + "a [id=x]", DONE + "a", DONE + "a") == [
        "+a",
        "+a(a)",
        "-a:completed/parent_closed",
        "-a:completed",
        "!unmatched_end",
    ]
    assert story(START + "a [id=x]", START + "b", DONE + "a")[-1] == "-a:completed"


def test_an_empty_parent_is_the_top_level() -> None:
    inner = 'STEP_EVENT:{"event": "step_start", "name": "in", "id": "x", "parent": ""}'
    assert story(START + "a", inner) == ["+a", "+in"]
    plain = 'STEP_EVENT:{"event": "step_start", "name": "in", "parent": ""}'
    assert story(START + "a", plain) == ["+a", "-a:completed/superseded", "+in"]
