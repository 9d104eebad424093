import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepflow import errors
from stepflow.transcript import (
    Masks,
    Match,
    Search,
    Transcript,
    archive,
    drop_raw,
    rebuild,
    write_masks,
)

NO_PROGRAMS = "/var/empty"
LINES = b"".join(b"line %d\n" % n for n in range(50_000))


@pytest.fixture(params=["ripgrep", "without ripgrep"])
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without ripgrep":
        monkeypatch.setenv("PATH", NO_PROGRAMS)


@pytest.fixture(params=["raw", "masked", "archived"])
def kept(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(folder: Path, data: bytes, kept: str = "raw") -> Transcript:
    (folder / "log.zst").unlink(missing_ok=True)
    (folder / "log").write_bytes(data)
    rebuild(folder / "log", folder / "lines.idx")
    if kept == "archived":
        archive(folder)
        drop_raw(folder)
    return Transcript.open(folder, Masks([b"not in this log"] if kept == "masked" else []))


def shown(match: Match) -> list[str]:
    text = match.text.decode(errors="replace")
    return [text[start:end] for start, end in match.ranges]


pytestmark = pytest.mark.usefixtures("program")

some_text = st.text(alphabet="abAB äß\r\t.*\u2713", max_size=12)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(some_text, max_size=30),
    wanted=some_text.filter(bool),
    limit=st.integers(1, 5),
)
def test_pages_of_a_literal_search_are_all_lines_that_hold_it(
    tmp_path: Path, kept: str, lines: list[str], wanted: str, limit: int
) -> None:
    expected = [n for n, line in enumerate(lines) if wanted in line]
    numbers: list[int] = []
    cursor = None
    with opened(tmp_path, "\n".join(lines).encode(), kept) as transcript:
        while True:
            page = transcript.search(Search(wanted), cursor, limit)
            assert (page.total, page.total_is_exact) == (len(expected), True)
            numbers += [match.line.number for match in page.lines]
            for match in page.lines:
                assert shown(match) == [wanted] * lines[match.line.number].count(wanted)
            cursor = page.next
            if cursor is None:
                break
    assert numbers == expected


def test_a_search_takes_case_words_and_expressions(tmp_path: Path, kept: str) -> None:
    data = b"Error: one\nno terrors here\nERROR two error\nerr.r\n"
    with opened(tmp_path, data, kept) as transcript:

        def numbers(search: Search) -> list[int]:
            return [m.line.number for m in transcript.search(search).lines]

        assert numbers(Search("error")) == [1, 2]
        assert numbers(Search("error", ignore_case=True)) == [0, 1, 2]
        assert numbers(Search("error", ignore_case=True, whole_word=True)) == [0, 2]
        assert numbers(Search("err.r")) == [3]
        assert numbers(Search("err.r", regex=True)) == [1, 2, 3]
        assert numbers(Search("^E.*e$", regex=True)) == [0]
        assert numbers(Search("-e")) == []


def test_ranges_count_characters_of_the_decoded_text(tmp_path: Path, kept: str) -> None:
    with opened(tmp_path, b"\xff\xfe\xc3\xa4\xc3 needle \xe2\x82needle\n", kept) as transcript:
        (match,) = transcript.search(Search("needle")).lines
    assert shown(match) == ["needle", "needle"]


def test_a_hit_comes_with_the_lines_around_it(tmp_path: Path, kept: str) -> None:
    data = b"".join(b"line %d\n" % n for n in range(10))
    with opened(tmp_path, data, kept) as transcript:
        (match,) = transcript.search(Search("line 1"), context=2).lines
        assert [x.text for x in match.before] == [b"line 0"]
        assert match.line.text == b"line 1"
        assert [x.text for x in match.after] == [b"line 2", b"line 3"]


def test_a_search_keeps_to_its_lines(tmp_path: Path, kept: str) -> None:
    with opened(tmp_path, LINES, kept) as transcript:
        page = transcript.search(Search("line", first_line=100, last_line=40_000), limit=3)
        assert [m.line.number for m in page.lines] == [100, 101, 102]
        assert (page.total, page.total_is_exact) == (39_901, True)
        page = transcript.search(Search("7777", first_line=20_000, last_line=27_777))
        assert [m.line.number for m in page.lines] == [27_777]
        assert transcript.search(Search("line", first_line=60_000)).total == 0


def test_the_last_matches_are_found_from_the_end(tmp_path: Path, kept: str) -> None:
    data = b"hit\n" + b"x" * 3_000_000 + b" hit\nmiss\n" + b"hit\n" * 3 + b"miss\n" * 400_000
    with opened(tmp_path, data, kept) as transcript:

        def numbers(limit: int, **more: int) -> list[int]:
            found = transcript.search_last(Search("hit", **more), limit)
            return [match.line.number for match in found.lines]

        assert numbers(2) == [4, 5]
        assert numbers(4) == [1, 3, 4, 5]
        assert numbers(9) == [0, 1, 3, 4, 5]
        assert numbers(2, first_line=1, last_line=3) == [1, 3]
        assert numbers(1, last_line=0) == [0]


def test_the_first_page_can_come_before_the_count(tmp_path: Path) -> None:
    with opened(tmp_path, b"hit\n" * 100_000) as transcript:
        page = transcript.search(Search("hit"), limit=5, count=False)
        assert (len(page.lines), page.total_is_exact) == (5, False)
        assert page.total >= 6
        page = transcript.search(Search("hit"), page.next, limit=5)
        assert (page.total, page.total_is_exact) == (100_000, True)
        assert [m.line.number for m in page.lines] == [5, 6, 7, 8, 9]


@pytest.mark.parametrize("text", ["hunter2", "hunt", "r2 ok", "*", "token.*ok"])
def test_a_hit_that_touches_a_secret_does_not_exist(tmp_path: Path, text: str) -> None:
    opened(tmp_path, b"token hunter2 ok\nfree\n").close()
    with Transcript.open(tmp_path, Masks([b"hunter2"])) as transcript:
        search = Search(text, regex="." in text)
        assert transcript.search(search).total == 0
        assert transcript.search(Search("token")).lines[0].text == b"token ******* ok"


def test_matches_beside_a_secret_are_where_they_are_shown(tmp_path: Path) -> None:
    opened(tmp_path, b"ab hunter2 cd ab\n" * 300).close()
    with Transcript.open(tmp_path, Masks([b"hunter2"])) as transcript:
        page = transcript.search(Search("[a-z]{2}", regex=True), limit=10)
        assert page.total == 300
        assert shown(page.lines[9]) == ["ab", "cd", "ab"]
    write_masks(tmp_path / "log", Masks([b"hunter2"]))
    with Transcript.open(tmp_path) as transcript:
        assert transcript.search(Search("hunter2")).total == 0


def test_binary_and_endless_lines_are_searched_too(tmp_path: Path, kept: str) -> None:
    long = b"x" * 700_000 + b"needle" + b"y" * 700_000 + b" needle"
    with opened(tmp_path, b"\0\1\2 needle\n" + long + b"\nneedle", kept) as transcript:
        page = transcript.search(Search("needle"))
        assert [m.line.number for m in page.lines] == [0, 1, 2]
        assert shown(page.lines[1]) == ["needle"]
        assert page.lines[1].text_start in range(690_000, 700_001)
        assert len(page.lines[1].text) <= 16384


@pytest.mark.parametrize("text", ["(", "a{2,1}", "[z-a]", "*a"])
def test_a_bad_expression_is_refused_with_the_reason(tmp_path: Path, text: str) -> None:
    with (
        opened(tmp_path, b"some text\n") as transcript,
        pytest.raises(errors.InvalidRequest, match="the pattern is not valid: ") as caught,
    ):
        transcript.search(Search(text, regex=True))
    assert caught.value.field == "text"


@pytest.mark.parametrize(
    ("search", "limit", "cursor"),
    [
        (Search(""), 1, None),
        (Search("a\nb"), 1, None),
        (Search("a\0b"), 1, None),
        (Search("x" * 5000), 1, None),
        (Search("\ud800"), 1, None),
        (Search("(?-u:.)", regex=True), 1, None),
        (Search("a", first_line=5, last_line=4), 1, None),
        (Search("a", first_line=-1), 1, None),
        (Search("a"), 0, None),
        (Search("a"), 5000, None),
        (Search("a"), 1, "nonsense"),
        (Search("a"), 1, "-1.0.0"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(
    tmp_path: Path, search: Search, limit: int, cursor: str | None
) -> None:
    with opened(tmp_path, b"a\n") as transcript, pytest.raises(errors.InvalidRequest):
        transcript.search(search, cursor, limit)


def test_a_search_never_goes_on_for_ever(tmp_path: Path) -> None:
    with opened(tmp_path, (b"a" * 5000 + b"\n") * 20_000, "archived") as transcript:
        began = time.monotonic()
        with contextlib.suppress(errors.Unavailable):
            transcript.search(Search("(a|aa)+$b", regex=True), within_seconds=0.5)
        assert time.monotonic() - began < 5


def test_a_search_that_takes_too_long_says_so(tmp_path: Path) -> None:
    with (
        opened(tmp_path, LINES) as transcript,
        pytest.raises(errors.Unavailable, match="too long"),
    ):
        transcript.search(Search("line"), within_seconds=0)


def test_a_count_that_takes_too_long_costs_only_the_exact_total(tmp_path: Path) -> None:
    with opened(tmp_path, b"hit\n" * 2_000_000) as transcript:
        began = time.perf_counter()
        transcript.search(Search("hit"), limit=10, count=False)
        page_seconds = time.perf_counter() - began
        exact = transcript.search(Search("hit"), limit=10)
        count_seconds = time.perf_counter() - began - page_seconds
        enough_for_a_page = (page_seconds + count_seconds) / 2
        found = transcript.search(Search("hit"), limit=10, within_seconds=enough_for_a_page)
    assert (exact.total, exact.total_is_exact) == (2_000_000, True)
    assert (len(found.lines), found.total_is_exact) == (10, False)


def test_a_cursor_beyond_the_end_finds_nothing_more(tmp_path: Path, kept: str) -> None:
    with opened(tmp_path, b"needle\n" * 3, kept) as transcript:
        page = transcript.search(Search("needle"), "9999999.3.3")
        assert (page.lines, page.next, page.total) == ([], None, 3)


def test_an_unlinked_log_is_still_searched(tmp_path: Path) -> None:
    with opened(tmp_path, b"one\nneedle\n") as transcript:
        (tmp_path / "log").unlink()
        assert transcript.search(Search("needle")).lines[0].line.number == 1


def test_nothing_is_found_in_an_empty_transcript() -> None:
    with Transcript.empty() as transcript:
        assert transcript.search(Search("a")).total == 0


@pytest.mark.usefixtures("program")
def test_what_is_not_published_yet_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one hit\nanother hit\n")
    with Transcript.open(tmp_path, end=8) as transcript:
        found = transcript.search(Search(text="hit"))
    assert (found.total, [match.line.number for match in found.lines]) == (1, [0])
