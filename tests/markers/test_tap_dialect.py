"""TAP, beyond the shared vectors."""

import pytest
from saying import events, short

from stepflow.events import Log
from stepflow.timeline import Parser, ParserOptions

V = "TAP version 14\n"


def test_a_plan_of_nothing_says_why() -> None:
    assert short(V + "1..0 # SKIP no database") == ["plan total=0 skip=no database"]
    assert short(V + "1..0 # no database") == ["plan total=0 skip=no database"]
    assert short(V + "1..0") == ["plan total=0"]


@pytest.mark.parametrize("text", ["Bail out! no disk", "    bail OUT!   no disk"])
def test_a_bail_out_ends_all(text: str) -> None:
    log = V + f"# Subtest: s\n    ok\n{text}\nok 2"
    assert short(log) == [
        "+s", "passed ", "result status=failed message=no disk", "-s:failed", "ok 2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("point", "told"),
    [
        ("ok 1 - a # Skipped: no db", ("skipped", "a", "no db")),
        ("ok 1 - a # skip", ("skipped", "a", None)),
        ("not ok - a #TODO b", ("todo", "a", "b")),
        ("ok 1 a # 100 percent", ("passed", "a # 100 percent", None)),
        ("ok 1 - a \\\\ b", ("passed", "a \\ b", None)),
        ("ok 12days", ("passed", "12days", None)),
        ("ok - ", ("passed", "", None)),
        ("ok 1 -- x", ("passed", "-- x", None)),
    ],
)
def test_a_point_says(point: str, told: tuple[str, str, str | None]) -> None:
    (end,) = events(V + point)
    assert (end["status"], end["name"], end.get("message")) == told


def test_a_given_number_sets_the_count() -> None:
    assert [e["number"] for e in events(V + "ok\nok 5\nok")] == [1, 5, 6]


def test_suites_nest_in_the_order_of_their_ends() -> None:
    log = V + "# Subtest: a\n    # Subtest: b\n        ok\n    ok 1 - b\nok 1 - a\nok 2 - c"
    assert short(log) == ["+a", "+b(a)", "passed ", "-b:completed", "-a:completed", "passed c"]
    assert events(log)[-1]["number"] == 2


def test_a_subtest_may_be_announced_at_its_own_level() -> None:
    assert short(V + "    # Subtest: a\n    ok\nok 1 - a") == ["+a", "passed ", "-a:completed"]


def test_a_subtest_may_have_no_name() -> None:
    assert short(V + "    ok 1 - x\nnot ok 1 - a") == ["+", "passed x", "-:failed"]


@pytest.mark.parametrize(
    ("point", "status"),
    [("ok", "completed"), ("not ok", "failed"), ("not ok # TODO", "completed"),
     ("ok # SKIP", "skipped")],
)  # fmt: skip
def test_the_point_of_a_suite_gives_its_status(point: str, status: str) -> None:
    assert short(V + f"# Subtest: a\n    1..1\n{point}")[-1] == f"-a:{status}"


def test_details_keep_their_own_indentation() -> None:
    log = V + "not ok\n  ---\n  a:\n    - b\n  ---\n\n  c: |\n    d\n  ...\n"
    assert events(log)[1]["text"] == "a:\n  - b\n---\n\nc: |\n  d"


def test_details_of_a_subtest_stand_deeper() -> None:
    log = V + "# Subtest: a\n    ok\n      ---\n      x: 1\n      ...\nok"
    assert short(log)[2] == "test_details number=1 text=x: 1 depth=1"


def test_details_that_never_end_stop_at_the_next_line_outside() -> None:
    assert short(V + "not ok\n  ---\n  a: 1\nplain\nok") == [
        "failed ", "test_details number=1 text=a: 1", "plain", "passed ",
    ]  # fmt: skip


def test_indented_text_and_comments_are_output() -> None:
    log = "ok\n  words\n   ok\n        ok\n# a comment\npragma +strict\n"
    assert short(V + log)[1:] == ["  words", "   ok", "        ok", "# a comment"]


def test_the_markers_of_others_count_between_the_points() -> None:
    assert short(V + "ok\n::group::g\nok") == ["passed ", "+g", "passed "]


def test_a_plan_that_was_not_kept_is_a_failure() -> None:
    assert short(V + "1..3\nok\nok", exit_code=0)[-1] == (
        "result status=failed message=3 tests were planned, 2 were run"
    )
    assert short(V + "1..1\nok", exit_code=0)[-1] == "passed "


def test_it_may_be_switched_off() -> None:
    assert short("TAP version 13\nok", tap="off") == ["TAP version 13", "ok"]


def test_markers_behind_a_bail_out_are_found() -> None:
    assert short(V + "Bail out!\nSTEP_START:a\n")[-1] == "+a"


def test_a_bail_out_is_remembered_by_who_goes_on() -> None:
    options = ParserOptions(tap="on")
    before = Parser(options, with_lines=True)
    before.feed(b"Bail out!\n")
    after = Parser(options, with_lines=True, state=before.state())
    assert [e.text for e in after.feed(b"ok\n") if isinstance(e, Log)] == ["ok"]
