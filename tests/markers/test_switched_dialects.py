"""Dialects that somebody has to switch on: Buildkite, BuildKit, sd-daemon, systemd."""

import pytest
from saying import events, short


@pytest.mark.parametrize(
    "text",
    ["--- BENCH: x", "--- SKIP: x", "---x", "-- x", "^^^ ---", "--- a/x", "+++ b.txt\t2026"],
)
def test_what_is_no_header_is_a_line(text: str) -> None:
    assert short(text, buildkite=True) == [text]


def test_an_empty_header_closes_the_group() -> None:
    assert short("--- a\n---  \nx", buildkite=True) == ["+a", "-a:completed/next_header", "x"]
    assert short("--- \nx", buildkite=True) == ["x"]


def test_headers_in_colours_and_behind_a_time_stamp() -> None:
    log = "\x1b_bk;t=1\x07\x1b[1m~~~ Clean\x1b[0m"
    assert events(log, buildkite=True) == [
        {"event": "step_start", "name": "Clean", "kind": "group", "collapsed": True, "muted": True}
    ]


def test_a_late_opening_without_a_group_is_nothing() -> None:
    assert short("^^^ +++", buildkite=True) == []


def test_tests_go_before_headers() -> None:
    log = "TAP version 14\nnot ok\n  ---\n  --- x\n  ...\n"
    assert short(log, buildkite=True)[1] == "test_details number=1 text=--- x"


@pytest.mark.parametrize("text", ["#1 DONE 0.1s", "#1 CACHED", "#1 0.1 x", "#1 ...", "#x y", "#1"])
def test_a_build_step_must_begin_with_its_header(text: str) -> None:
    assert short(text, buildkit=True) == [text]


def test_what_a_build_step_prints_belongs_to_it() -> None:
    log = "#1 [a] b\n#1 sha256:12 3MB / 4MB\n#1 1.25 #2 x\n#1 1.3 \n"
    assert [(e["text"], e["step"]) for e in events(log, buildkit=True)[1:]] == [
        ("sha256:12 3MB / 4MB", "#1"),
        ("#2 x", "#1"),
        ("", "#1"),
    ]


def test_a_build_step_ends_once() -> None:
    assert short("#1 a\n#1 DONE 0.0s\n#1 DONE 0.0s\n#1 a\n", buildkit=True) == [
        "+a", "-a:completed",
    ]  # fmt: skip


def test_build_steps_that_are_open_at_the_end_share_its_fate() -> None:
    assert short("#1 a\n#2 b\n", exit_code=1, buildkit=True) == [
        "+a", "+b", "-b:failed/eof", "-a:failed/eof",
    ]  # fmt: skip


LEVELS = ["critical", "critical", "critical", "error", "warning", "notice", "info", "debug"]


@pytest.mark.parametrize(("number", "level"), list(enumerate(LEVELS)))
def test_levels_of_sd_daemon(number: int, level: str) -> None:
    (log,) = events(f"<{number}>text", sd_daemon=True)
    assert (log["text"], log["level"]) == ("text", level)


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("[FAILED] x", "error"),
        ("[DEPEND] x", "warning"),
        ("[ TIME ] x", "error"),
        ("\x1b[0;1;31m[FAILED]\x1b[0m x", "error"),
        ("[OK] x", "info"),
        (" [FAILED] x", "info"),
    ],
)
def test_status_words_of_systemd(line: str, level: str) -> None:
    (log,) = events(line, systemd=True)
    assert log["level"] == level


def test_none_is_none() -> None:
    assert short("STEP_START:a\n::group::b", dialects="none") == ["STEP_START:a", "::group::b"]
