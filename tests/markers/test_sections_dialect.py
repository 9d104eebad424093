"""Sections of one's own: what can't be is refused, and nothing else gets slower."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saying import short

from stepflow.markers.dialects.sections import InvalidSection, check
from stepflow.model import Section
from stepflow.timeline import Parser, ParserOptions

LATIN = Section("^=+ ([^=é]*) =+$", "^=+$")
OPTIONS = ParserOptions(sections=[LATIN, Section(r"\bstart\b", r"\bstop\b")])
WORDS = [b"== a ==", b"==", b"start", b"stop", b"\n", b"\n", b"\r", b"\x1b[1m", b"\xff", b"x", b" ",
         "é".encode(), b"::group::g", b"\x1b]0;t\x07"]  # fmt: skip
logs = st.lists(st.sampled_from(WORDS), max_size=40).map(b"".join)


@settings(deadline=None)
@given(logs, st.integers(1, 5))
def test_sections_are_the_same_however_the_log_is_cut(log: bytes, size: int) -> None:
    for with_lines in (True, False):
        whole = Parser(OPTIONS, with_lines=with_lines)
        cut = Parser(OPTIONS, with_lines=with_lines)
        events = [e for i in range(0, len(log), size) for e in cut.feed(log[i : i + size])]
        assert events + cut.finish(0) == whole.feed(log) + whole.finish(0)


@pytest.mark.parametrize(
    ("section", "why"),
    [
        (Section("(", "b"), "section 1: its start '(' is no expression of RE2: missing )"),
        (Section("a", "(?=b)"), "invalid perl operator"),
        (Section("", "b"), "its start is empty"),
        (Section("a", "b", "title"), "no group 'title'"),
        (Section("(a)", "b", 2), "no group 2"),
        (Section("x" * 1001, "b"), "more than 1000 characters"),
        (Section("((a{100}){100}){100}", "b"), "is no expression of RE2"),
        (Section("\ud800", "b"), "not valid text"),
    ],
)
def test_what_can_not_be_a_section_is_refused_with_the_reason(section: Section, why: str) -> None:
    with pytest.raises(InvalidSection) as refused:
        check([section])
    assert why in str(refused.value)


def test_a_catastrophic_expression_takes_linear_time() -> None:
    began = time.process_time()
    sections = [Section(r"^(a+)+$", r"(x+x+)+y")]
    assert short("a" * 60_000 + "!\n" + "x" * 60_000 + "\n", sections=sections)
    assert time.process_time() - began < 2


def test_lines_that_are_no_sections_are_passed_over_in_bulk() -> None:
    log = b"an ordinary line of a log, as most of them are, of 75 bytes in all, or so\n" * 200_000
    began = time.process_time()
    assert Parser(ParserOptions(sections=[Section("^== (.*)", "^==$")])).feed(log) == []
    assert len(log) / (time.process_time() - began) > 100e6  # bytes per second
