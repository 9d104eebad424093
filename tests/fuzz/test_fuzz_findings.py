"""What the fuzzer found once, and the promises themselves on what a list of words makes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.promises import case_of, check, missed_lines
from fuzz.words import OPTIONS, WORDS

FINDINGS = sorted(Path(__file__).with_name("findings").iterdir())
logs = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=60).map(b"".join), st.binary(max_size=300)
)


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda path: path.stem)
def test_what_the_fuzzer_found_stays_mended(finding: Path) -> None:
    check(case_of(finding.read_bytes()))


@settings(deadline=None)
@given(st.binary(min_size=4, max_size=60))
def test_the_promises_hold_for_any_dialects_and_options(data: bytes) -> None:
    check(case_of(data))


@settings(deadline=None)
@given(logs)
def test_the_scan_finds_every_line_that_says_something(log: bytes) -> None:
    assert missed_lines(log, OPTIONS) == []
