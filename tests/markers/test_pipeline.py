"""The seam of the dialects: what a new file in `dialects/` may do without touching any other."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from stepflow.markers import Dialect, Marker, Pipeline, Scanner, Text
from stepflow.markers.dialects.github import GithubDialect
from stepflow.markers.dialects.stepflow import StepflowDialect
from stepflow.markers.marker import End, Meta, Progress, Start, Stop


class Sections(Dialect):
    """A control sequence with its title right behind it, and one without."""

    name = "sections"
    tokens = (b"section_",)
    control_pattern = re.compile(r"section_(start|end):(\w+)\r\x1b\[0K")

    def take_out(self, match: re.Match[str], behind: str) -> tuple[Sequence[Marker], bool]:
        if match[1] == "end":
            return (End(id=match[2]),), False
        return (Start(name=behind, kind="section", id=match[2]),), True


class Percentages(Dialect):
    name = "percentages"
    token_pattern = (b"\r", re.compile(rb"\r(?![\r\n])"))

    def redrawn(self, states: Sequence[str]) -> Sequence[Marker]:
        return [Progress(value=int(s.strip("% ")) / 100) for s in states if s.endswith("%")]


class Points(Dialect):
    """Reads every line once it was switched on, and remembers how many."""

    name = "points"
    tokens = (b"\npoints on",)
    count = 0

    def read(self, text: str) -> Sequence[Marker] | None:
        if text == "points on":
            self.reads_every_line = True
            return ()
        if self.reads_every_line and text.startswith("ok"):
            self.count += 1
            return (Meta(key="point", value=str(self.count)), Text(text="point"))
        return None

    def state(self) -> Any:
        return self.count

    def resume(self, state: Any) -> None:
        self.reads_every_line = True
        self.count = state


class Silence(Dialect):
    name = "silence"
    tokens = (b"hush",)

    def read(self, text: str) -> Sequence[Marker] | None:
        return (Stop(token="t"),) if text == "hush" else None

    def is_resumed_by(self, text: str, token: str) -> bool:
        return text == f"hush {token}"


def told(pipeline: Pipeline, *lines: bytes) -> list[Any]:
    said: list[Any] = []

    def accept(_dialect: str, marker: Marker) -> bool:
        said.append(marker.text if isinstance(marker, Text) else marker)
        return True

    for line in lines:
        pipeline.read(line, accept)
    return said


def test_control_sequences_are_taken_out_before_redraws_are_split() -> None:
    line = b"a section_end:x\r\x1b[0Ksection_start:y\r\x1b[0K\x1b[1mTitle\x1b[0m"
    assert told(Pipeline([Sections()]), line) == [
        "a ",
        End(id="x"),
        Start(name="Title", kind="section", id="y"),
    ]


def test_a_line_of_control_sequences_alone_is_no_log_line() -> None:
    assert told(Pipeline([Sections()]), b"section_end:x\r\x1b[0K\x1b[0m") == [End(id="x")]


def test_redraws_are_offered_whole_and_one_log_line_is_left() -> None:
    pipeline = Pipeline([Percentages()])
    assert told(pipeline, b"\r 5%\r 10%\r  ") == [Progress(value=0.05), Progress(value=0.1), " 10%"]


def test_every_state_of_a_redrawn_line_is_offered_to_the_text_dialects() -> None:
    said = told(Pipeline([StepflowDialect()]), b"50%\rMETA:a:b\rdone")
    assert said == [Meta(key="a", value="b"), "done"]


def test_a_marker_that_overwrites_the_line_leaves_no_log_line() -> None:
    assert told(Pipeline([StepflowDialect()]), b"50%\rMETA:a:b") == [Meta(key="a", value="b")]


def test_a_dialect_keeps_its_state_over_a_restart() -> None:
    before = Pipeline([Points()])
    told(before, b"points on", b"ok")
    after = Pipeline([Points()])
    after.resume(before.state())
    assert after.reads_every_line
    assert told(after, b"ok", b"no") == [Meta(key="point", value="2"), "point", "no"]


def test_a_stop_silences_all_dialects_until_its_own_resume() -> None:
    pipeline = Pipeline([StepflowDialect(), Silence()])
    said = told(pipeline, b"hush", b"META:a:b", b"STEP_PARSE_ON:t", b"hush t", b"META:a:b")
    assert [type(s).__name__ for s in said] == ["Stop", "str", "str", "Resume", "Meta"]


def test_a_refused_marker_leaves_its_line() -> None:
    said: list[str] = []

    def accept(_dialect: str, marker: Marker) -> bool:
        said.append(marker.text if isinstance(marker, Text) else "refused")
        return isinstance(marker, Text)

    Pipeline([StepflowDialect()]).read(b"META:a:b", accept)
    assert said == ["refused", "META:a:b"]


def test_the_scan_finds_lines_by_token_by_line_start_and_by_pattern() -> None:
    region = b"\nx points on\npoints on\nSECTION_\nplain\nredrawn\rx\ncrlf\r\n"
    lines = region.split(b"\n")
    for wheel in (True, False):
        scanner = Scanner([Points(), Sections(), Percentages()], is_accelerated=wheel)
        found = {region.count(b"\n", 0, position) for position in scanner.positions(region)}
        assert [lines[n] for n in sorted(found)] == [b"points on", b"SECTION_", b"redrawn\rx"]


def test_a_pattern_is_only_asked_about_whole_lines() -> None:
    region = b"\n\x80end of a line\rx\nredrawn\rx\nunfinished\r"
    whole = region.index(b"redrawn"), region.index(b"unfinished")
    scanner = Scanner([Percentages()])
    assert scanner.positions(region, *whole) == [region.index(b"\rx\nunfinished")]


def test_the_scan_finds_a_token_with_colours_inside() -> None:
    scanner = Scanner([StepflowDialect()])
    assert scanner.positions(b"\nST\x1b[1mEP_START:x\n") != []
    assert scanner.positions(b"\n\x1b[1mbold\x1b[0m text\n") == []


def test_the_scan_passes_over_a_token_in_the_middle_of_a_line() -> None:
    region = b"\nstd::a\n::b\n \t::c\n50%\r::d\n\x1b[1m::e\nf ::g\n:\x1b[0m:h\n"
    for wheel in (True, False):
        scanner = Scanner([GithubDialect()], is_accelerated=wheel)
        found = {region.count(b"\n", 0, position) for position in scanner.positions(region)}
        assert found == {2, 3, 4, 5, 6, 7}


@pytest.mark.parametrize("wheel", [True, False])
@pytest.mark.parametrize("padding", [0, 5_000])
def test_a_token_of_letters_alone_is_found_in_any_case(wheel: bool, padding: int) -> None:
    region = b"\n" + b"x" * padding + b"\nHusH\n"
    for dialects in ([Silence()], [Silence(), StepflowDialect()]):
        (position,) = Scanner(dialects, is_accelerated=wheel).positions(region)
        assert region[position : position + 1] == b"H"
    assert Scanner([StepflowDialect()], is_accelerated=wheel).positions(region) == []
