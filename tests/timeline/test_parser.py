"""The parser's promises on any bytes: chunks, resumes, both paths, lines and blocks."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.words import OPTIONS, WORDS
from stepflow.events import AnyEvent, Log, StepEnd, StepStart
from stepflow.timeline import Parser

logs = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=60).map(b"".join), st.binary(max_size=300)
)


def told(chunks: Iterable[bytes], *, with_lines: bool = True) -> list[AnyEvent]:
    parser = Parser(OPTIONS, with_lines=with_lines)
    return [e for chunk in chunks for e in parser.feed(chunk)] + parser.finish(1)


def without_logs(events: list[AnyEvent]) -> list[AnyEvent]:
    return [event for event in events if not isinstance(event, Log)]


@settings(deadline=None)
@given(logs, st.integers(1, 7), st.booleans())
def test_any_chunking_gives_the_same_events(log: bytes, size: int, with_lines: bool) -> None:
    chunks = [log[i : i + size] for i in range(0, len(log), size)]
    assert told(chunks, with_lines=with_lines) == told([log], with_lines=with_lines)


@settings(deadline=None)
@given(logs)
def test_the_live_path_gives_the_events_of_a_replay(log: bytes) -> None:
    assert told([log], with_lines=False) == without_logs(told([log], with_lines=True))


@settings(deadline=None)
@given(logs, st.data(), st.booleans())
def test_a_resume_at_any_byte_goes_on_exactly(
    log: bytes, data: st.DataObject, with_lines: bool
) -> None:
    cut = data.draw(st.integers(0, len(log)))
    before = Parser(OPTIONS, with_lines=with_lines)
    events = before.feed(log[:cut])
    after = Parser(OPTIONS, with_lines=with_lines, state=before.state())
    events += after.feed(log[cut:]) + after.finish(1)
    assert events == told([log], with_lines=with_lines)
    assert (after.offset, after.line) == (len(log), log.count(b"\n"))


STORY = b"""STEP_START:outer [stop_on_error=yes]
STEP_START:inner
META:k:v
STEP_PARSE_OFF:t
STEP_START:silenced
STEP_PARSE_ON:t
STEP_START:p [id=p]
ARTIFACT:a.txt
STEP_COMPLETE:outer
ARTIFACT:b.txt
STEP_START:crit {stop_on_error:1}
STEP_ERROR:bad
"""


def test_a_story_goes_on_after_a_resume_at_any_byte() -> None:
    whole = Parser(OPTIONS).feed(STORY)
    for cut in range(len(STORY)):
        before = Parser(OPTIONS)
        events = before.feed(STORY[:cut])
        after = Parser(OPTIONS, state=before.state())
        assert events + after.feed(STORY[cut:]) == whole
        assert after.stopped_by == "crit"


@settings(deadline=None)
@given(logs)
def test_every_started_step_ends(log: bytes) -> None:
    events = told([log])
    started = [e.index for e in events if isinstance(e, StepStart)]
    ended = [e.index for e in events if isinstance(e, StepEnd)]
    assert sorted(ended) == started == list(range(len(started)))


@settings(deadline=None)
@given(logs)
def test_both_ways_of_scanning_give_the_same_events(log: bytes) -> None:
    parsers = [Parser(OPTIONS, is_accelerated=wheel) for wheel in (True, False)]
    assert parsers[0].feed(log) == parsers[1].feed(log)


@settings(deadline=None)
@given(logs)
def test_a_step_ends_on_no_line_before_its_start(log: bytes) -> None:
    starts: dict[int, int | None] = {}
    for event in told([log]):
        if isinstance(event, StepStart):
            starts[event.index] = event.log_line
        elif isinstance(event, StepEnd):
            first, last = starts[event.index], event.log_line
            assert first is not None
            assert last is not None
            assert first <= last <= log.count(b"\n")


@pytest.mark.parametrize("size", [1000, 65_536, 70_000, 1 << 22])
def test_blocks_count_the_newlines_before_each_boundary(size: int) -> None:
    log = b"".join(b"line %d\n" % n for n in range(50_000)) + b"x" * 100_000 + b"\n" * 70_000
    parser = Parser(OPTIONS)
    blocks = []
    for start in range(0, len(log), size):
        parser.feed(log[start : start + size])
        blocks += parser.take_blocks()
    assert blocks == [log.count(b"\n", 0, k) for k in range(65_536, len(log) + 1, 65_536)]


def test_an_event_knows_its_line_and_time() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    log = b"x\r\ny\n\nSTEP_START:a\nwork\nSTEP_START:b\n1\n2"
    parser = Parser(OPTIONS)
    events = parser.feed(log, at) + parser.finish(0, at)
    assert [(type(e), e.log_line, e.at) for e in events] == [
        (StepStart, 3, at),
        (StepEnd, 4, at),
        (StepStart, 5, at),
        (StepEnd, 7, at),
    ]


def test_an_event_asks_when_its_line_arrived() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    log = b"x\nSTEP_START:a\nwork\nSTEP_COMPLETE:a\n"
    parser = Parser(OPTIONS)
    events = parser.feed(log[:20], lambda offset: began + timedelta(seconds=offset))
    events += parser.feed(log[20:], lambda offset: began + timedelta(seconds=offset))
    assert [(e.at - began).seconds for e in events if e.at] == [2, log.index(b"STEP_COMPLETE")]


def test_a_marker_counts_only_in_the_first_64_kib_of_a_line() -> None:
    inside = b"x" * 65_000 + b" STEP_START:in\n"
    beyond = b"x" * 66_000 + b" STEP_START:out\n"
    events = without_logs(told([inside + beyond]))
    assert [e.name for e in events if isinstance(e, StepStart)] == ["in"]
    assert without_logs(told([inside + beyond], with_lines=False)) == events


def test_a_line_is_shown_in_pieces_of_1_mib_that_share_its_number() -> None:
    log = b"\n" + b"STEP_START:a " + b"y" * (2 * 1024 * 1024) + b" STEP_START:b\nz\n"
    logs = [e for e in told([log]) if isinstance(e, Log)]
    assert [(len(e.text), e.log_line) for e in logs][1:] == [(1 << 20, 1), (27 - 1, 1), (1, 2)]


def test_an_endless_line_is_not_kept() -> None:
    parser = Parser(OPTIONS)
    for _ in range(64):
        parser.feed(b"x" * 1_000_000)
    assert len(parser.state()) < 1000
    parser.feed(b"x\nSTEP_START:a\n")
    assert [s.name for s in parser.open_steps] == ["a"]


def test_an_unfinished_line_costs_at_most_64_kib_of_state() -> None:
    parser = Parser(OPTIONS)
    parser.feed(b"x" * 900_000)
    assert len(parser.state()) < 66_000


@pytest.mark.parametrize(
    "line",
    [
        b"STEP_START:" + b" " * 1_000_000 + b"x",
        b"STEP_STEP_ARTIFACT:META:_" * 400_000,
        b"STEP_START:" + b"[a=1]" * 13_000,
        b"STEP_START:" + b"[" * 65_000 + b"]",
        b"STEP_START:x " + b"--a=" * 16_000 + b'"',
        b"STEP_START:x [a=" + b" b" * 32_000 + b"]",
        b"STEP_START:x {a:" + b" b" * 32_000 + b"}",
        b"\x1b[" * 32_000 + b"STEP_START:a",
        b"\x1b]" * 500_000,
        b"\x1b]0;" + b"x" * 1_000_000,
        b"ARTIFACT:http://" + b"a" * 65_000,
        b"\rSTEP_" * 100_000,
        b"x" * 70_000 + b"STEP_" * 400_000,
        b'"' * 65_000 + b"STEP_START:a",
        b"STEP_EVENT:" + b'{"params":' * 6_500,
        b"section_start:1:" + b"a" * 65_000,
        b"section_start:1:a[section_end:1:" * 2_000,
        b"section_start:1:a[" + b"a=b," * 16_000,
        b"section_start:1:a" * 3_800,
        b"section_start:1:a\r\x1b[0K" * 2_500,
        b"travis_fold:start:a\r\x1b[0K" * 2_500,
        b"travis_time:end:" * 4_000,
        b"\x1b]133;C" * 8_000,
        b"\x1b]133;C\x07" * 7_000,
        b"::error " + b"a=b," * 16_000,
        b"::" * 32_000,
        b"::" * 110_000,
        b"##vso[" * 10_000,
        b"##teamcity[x a='" * 4_000,
        b"##teamcity[x" + b" a = 'b'" * 8_000,
        b"##teamcity[x" + b" " * 64_000,
        b"##teamcity[progressMessage 'a']" * 2_000,
        b"##teamcity[x 'a" + b"|" * 60_000,
        b"TAP version 14\nok " + b"# " * 32_000,
        b"TAP version 14\nok " + b" " * 64_000 + b"#",
        b"TAP version 14\n1..3 " + b" " * 64_000 + b"x",
        b"TAP version 14\npragma " + b"+a," * 20_000,
        b"\r" * 60_000 + b"1",
        b"\r1/2" * 20_000,
        b"\r" + b"1/" * 30_000,
        b"{" * 65_000,
        b'{"a":' * 13_000 + b"}",
        b"#1 a\n#1 " + b"1." * 30_000,
        b"--- " + b" " * 64_000,
    ],
    ids=range(44),
)
def test_a_line_of_near_misses_takes_linear_time(line: bytes) -> None:
    """Beside plain arithmetic, which a busy machine slows down as well, and the best of a few."""

    def share() -> float:
        return seconds(lambda: told([line + b"\n"])) / seconds(lambda: sum(range(1_000_000)))

    assert any(share() < 20 for _ in range(5))


def seconds(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def test_ten_times_the_line_takes_ten_times_as_long() -> None:
    def seconds(line: bytes) -> float:
        took = []
        for _ in range(3):
            started = time.process_time()
            told([line], with_lines=False)
            took.append(time.process_time() - started)
        return min(took)

    for near_miss in (b"x STEP_", b"::group", b"\x1b]133;", b"##vso[", b'"STEP_START:'):
        line = near_miss * (1_000_000 // len(near_miss))
        # A tenth of a second is room for a machine that does something else.
        assert seconds(line * 10) < 30 * seconds(line) + 0.1


LONG_LINES = b"".join(
    [
        b"x" * 65_520 + b" STEP_START:over the cap\n",
        b"\xe2\x82\xac" * 30_000 + b"\r\r\n",
        b"STEP_START:" + b"\xe2\x82\xac" * 30_000 + b" [a=1]\n",
        b"META:k:" + b"v" * 1_500_000 + b" META:a:b\r\n",
        b"y" * 1_048_576 + b"\n",
        b"z" * 1_048_577 + b"\nSTEP_START:last\n",
        b"\xe2\x82\xac" * 800_000 + b"\n" * 3 + b"end",
    ]
)


@pytest.mark.parametrize("with_lines", [True, False])
@pytest.mark.parametrize("size", [999, 65_536, 300_000, 1_048_576])
def test_long_lines_are_the_same_in_any_chunks(size: int, with_lines: bool) -> None:
    chunks = [LONG_LINES[i : i + size] for i in range(0, len(LONG_LINES), size)]
    assert told(chunks, with_lines=with_lines) == told([LONG_LINES], with_lines=with_lines)


def test_long_lines_give_the_same_events_live() -> None:
    replayed = told([LONG_LINES])
    assert told([LONG_LINES], with_lines=False) == without_logs(replayed)
    assert not any("\ufffd" in e.text for e in replayed if isinstance(e, Log))
