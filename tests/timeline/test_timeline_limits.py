"""A limit ends in one diagnostic, and what lies beyond it in ordinary lines."""

import pytest

from stepflow.events import AnyEvent, Diagnostic, Log, StepEnd, TestEnd
from stepflow.timeline import Parser, ParserOptions


def told(log: str, *, with_lines: bool = False) -> list[AnyEvent]:
    return Parser(ParserOptions(), with_lines=with_lines).feed(log.encode())


@pytest.mark.parametrize(
    ("line", "limit", "code"),
    [
        ("STEP_START:s\nSTEP_COMPLETE:s\n", 10_000, "too_many_steps"),
        ("STEP_START:s\n", 10_000, "too_many_steps"),
        ("STEP_WARNING:w\n", 1_000, "too_many_annotations"),
        ("STEP_MASK:secret\n", 500, "too_many_masks"),
        ("META:k:v\n", 1_000, "too_many_metas"),
        ("STEP_OUTPUT:o:v\n", 1_000, "too_many_outputs"),
        ("##vso[task.prependpath]/x\n", 1_000, "too_many_variables"),
        ("STEP_SUMMARY:s\n", 10_000, "too_many_summaries"),
        ("ARTIFACT:a\n", 10_000, "too_many_artifacts"),
        ("STEP_METRIC:m:1\n", 100_000, "too_many_metrics"),
    ],
)
def test_what_is_too_many_is_one_diagnostic(line: str, limit: int, code: str) -> None:
    events = told(line * (limit + 50))
    assert [e.code for e in events if isinstance(e, Diagnostic)] == [code]
    assert len([e for e in events if not isinstance(e, Diagnostic | StepEnd)]) == limit


def test_tests_beyond_the_limit_are_lines() -> None:
    log = "TAP version 13\n" + "ok\n" * 100_002
    events = told(log)
    assert [e.code for e in events if isinstance(e, Diagnostic)] == ["too_many_tests"]
    assert len([e for e in events if isinstance(e, TestEnd)]) == 100_000


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("STEP_SUMMARY:" + "s" * 60_000 + "\n", "summary_too_long"),
        ("META:k:" + "v" * 60_000 + "\n", "metas_too_long"),
    ],
)
def test_much_text_is_refused_beyond_a_mebibyte(line: str, code: str) -> None:
    events = told(line * 30)
    assert [e.code for e in events if isinstance(e, Diagnostic)] == [code]
    assert len(events) - 1 == (1 << 20) // 60_000


@pytest.mark.parametrize(
    "line",
    [
        "::error file={0},title={0}::x\n",
        "STEP_METRIC:{0}:1\n",
        "STEP_OUTPUT:{0}:v\n",
        "META:{0}:v\n",
    ],
)
def test_names_of_all_kinds_are_cut_with_one_diagnostic(line: str) -> None:
    events = told(line.format("n" * 3_000) * 2)
    assert [e.code for e in events if isinstance(e, Diagnostic)] == ["name_too_long"]
    assert "n" * 1_025 not in str(events)


def test_the_line_of_a_refused_marker_is_an_ordinary_one() -> None:
    events = told("STEP_WARNING:w\n" * 1_001, with_lines=True)
    assert [e.text for e in events if isinstance(e, Log)] == ["STEP_WARNING:w"]


def test_an_error_beyond_the_limit_still_ends_its_step() -> None:
    log = "STEP_WARNING:w\n" * 1_000 + "STEP_START:a\nSTEP_ERROR:bad\n"
    assert told(log)[-1].status == "failed"  # type: ignore[union-attr]


def test_a_long_name_is_cut_and_still_found_by_its_end() -> None:
    name = "é" * 1_000
    events = told(f"STEP_START:{name}\nSTEP_COMPLETE:{name}\n")
    assert [type(e).__name__ for e in events] == ["Diagnostic", "StepStart", "StepEnd"]
    assert events[1].name == "é" * 512  # type: ignore[union-attr]


def test_many_steps_at_once_are_refused() -> None:
    events = told("".join(f"STEP_START:s [id={n}]\n" for n in range(1_100)))
    assert [e.code for e in events if isinstance(e, Diagnostic)] == ["too_many_open_steps"]


def test_unmatched_ends_do_not_flood_the_diagnostics() -> None:
    assert len(told("STEP_COMPLETE:x\n" * 5_000)) == 1_000


def test_the_state_stays_small_over_thousands_of_plain_starts() -> None:
    parser = Parser(ParserOptions())
    parser.feed("".join(f"STEP_START:step number {n}\n" for n in range(9_000)).encode())
    assert len(parser.state()) < 100_000
