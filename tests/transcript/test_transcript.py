import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepflow import errors
from stepflow.transcript import Masks, Transcript, archive, drop_raw, rebuild

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

# Pieces that together cross block boundaries often, with short and very long lines.
pieces = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.builds(lambda n: b"\n" * n, st.integers(0, 300)),
        st.builds(lambda n: b"x" * n, st.integers(0, 150_000)),
        st.builds(lambda n: b"line of text\n" * n, st.integers(0, 9000)),
    ),
    max_size=6,
).map(b"".join)
property_test = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def write_log(folder: Path, data: bytes, *, index: bool = True) -> Path:
    for name in ("log.zst", "lines.idx", "time.idx"):
        (folder / name).unlink(missing_ok=True)
    (folder / "log").write_bytes(data)
    if index:
        rebuild(folder / "log", folder / "lines.idx")
    return folder


def write_times(folder: Path, *records: tuple[int, float]) -> None:
    packed = [
        struct.pack("<Qq", offset, int((START + timedelta(seconds=s)).timestamp() * 1000))
        for offset, s in records
    ]
    (folder / "time.idx").write_bytes(b"".join(packed))


def expected_lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


@pytest.fixture(params=["raw", "unindexed", "archived"])
def kept(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def open_kept(folder: Path, data: bytes, kept: str, masks: Masks | None = None) -> Transcript:
    write_log(folder, data, index=kept == "raw")
    if kept == "archived":
        archive(folder)
        drop_raw(folder)
    return Transcript.open(folder, masks or Masks([]))


def all_lines(transcript: Transcript, count: int, max_bytes: int) -> Iterator[bytes]:
    number = 0
    while lines := transcript.lines(number, count, max_bytes=max_bytes):
        assert [line.number for line in lines] == list(range(number, number + len(lines)))
        yield from (line.text for line in lines)
        number += len(lines)


@property_test
@given(data=pieces, count=st.integers(1, 5000), max_bytes=st.integers(1, 300_000))
def test_reading_all_lines_in_windows_gives_the_bytes(
    tmp_path: Path, kept: str, data: bytes, count: int, max_bytes: int
) -> None:
    count = max(count, data.count(b"\n") // 50 + 1)
    max_bytes = max(max_bytes, len(data) // 50)
    with open_kept(tmp_path, data, kept) as transcript:
        assert list(all_lines(transcript, count, max_bytes)) == expected_lines(data)
        assert transcript.line_count == len(expected_lines(data))
        assert transcript.ends_with_newline == data.endswith(b"\n")


@property_test
@given(data=pieces, where=st.floats(0, 1))
def test_lines_and_offsets_answer_each_other(
    tmp_path: Path, kept: str, data: bytes, where: float
) -> None:
    lines = data.split(b"\n")
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))[: len(lines)]
    with open_kept(tmp_path, data, kept) as transcript:
        number = int(where * (len(lines) - 1))
        assert transcript.offset_of(number) == starts[number]
        offset = int(where * len(data))
        assert transcript.line_of(offset) == data[:offset].count(b"\n")
        assert transcript.read(offset, 70_000) == data[offset : offset + 70_000]


@property_test
@given(data=pieces, count=st.integers(1, 3000))
def test_the_tail_is_the_end_of_all_lines(
    tmp_path: Path, kept: str, data: bytes, count: int
) -> None:
    with open_kept(tmp_path, data, kept) as transcript:
        tail = transcript.tail(count, max_bytes=len(data) + 1)
        assert [line.text for line in tail] == expected_lines(data)[-count:]


def test_a_tail_limited_in_bytes_keeps_the_last_lines(tmp_path: Path, kept: str) -> None:
    data = b"".join(b"line %d\n" % n for n in range(10_000))
    with open_kept(tmp_path, data, kept) as transcript:
        tail = transcript.tail(5000, max_bytes=100)
    assert tail[-1].text == b"line 9999"
    assert sum(len(line.text) + 1 for line in tail) in range(80, 101)


def test_a_line_without_its_end_grows_until_it_is_complete(tmp_path: Path) -> None:
    with open_kept(tmp_path, b"one\ntw", "raw") as transcript, (tmp_path / "log").open("ab") as log:
        assert [(x.text, x.is_complete) for x in transcript.lines(0, 9)] == [
            (b"one", True),
            (b"tw", False),
        ]
        log.write(b"o\nthree\n")
        log.flush()
        assert [x.text for x in transcript.lines(1, 9)] == [b"two", b"three"]
        assert transcript.line_count == 3


def test_a_line_of_ten_megabytes_is_whole_and_can_be_read_in_pieces(
    tmp_path: Path, kept: str
) -> None:
    long = bytes(range(256)).replace(b"\n", b"") * 41_000
    with open_kept(tmp_path, b"before\n" + long + b"\nafter\n", kept) as transcript:
        assert [line.text for line in transcript.lines(0, 3)] == [b"before", long]
        assert transcript.lines(2, 1)[0].text == b"after"
        assert transcript.line_window(1, 9_000_000, 5) == long[9_000_000:9_000_005]
        assert transcript.line_window(1, len(long) - 2, 100) == long[-2:]


def test_a_line_longer_than_asked_for_is_clipped_and_says_how_long_it_is(
    tmp_path: Path, kept: str
) -> None:
    data = b"a\n" + b"x" * 500_000 + b"\nshort\n" + b"y" * 300_000
    with open_kept(tmp_path, data, kept) as transcript:
        lines = transcript.lines(0, 9, longest_line=1000)
    assert [(len(x.text), x.size_bytes, x.is_complete) for x in lines] == [
        (1, 1, True),
        (1000, 500_000, True),
        (5, 5, True),
        (1000, 300_000, False),
    ]
    assert [x.is_clipped for x in lines] == [False, True, False, True]


def test_lines_before_a_line_come_in_their_order(tmp_path: Path, kept: str) -> None:
    with open_kept(tmp_path, b"a\nb\nc\nd", kept) as transcript:
        assert [x.text for x in transcript.lines_before(3, 2)] == [b"b", b"c"]
        assert transcript.lines_before(0, 5) == []


def test_a_line_that_is_not_there_is_named(tmp_path: Path, kept: str) -> None:
    with open_kept(tmp_path, b"a\nb\n", kept) as transcript:
        assert transcript.lines(2, 5) == []
        assert transcript.lines(-1, 5) == []
        assert transcript.offset_of(2) == 4
        with pytest.raises(errors.NotFound, match="no line 3"):
            transcript.offset_of(3)
        with pytest.raises(errors.RangeNotSatisfiable):
            transcript.line_of(5)


def test_each_line_has_the_time_of_its_first_byte(tmp_path: Path) -> None:
    write_log(tmp_path, b"one\ntwo\nthree\n")
    write_times(tmp_path, (0, 0), (6, 1), (8, 2.5))
    archive(tmp_path)
    for _ in ("raw", "archived"):
        with Transcript.open(tmp_path) as transcript:
            seconds = [(x.at - START).total_seconds() for x in transcript.lines(0, 9) if x.at]
            assert seconds == [0, 0, 2.5]
            assert transcript.time_of(7) == START + timedelta(seconds=1)
            assert transcript.line_at_time(START + timedelta(seconds=0.5)) == 1
            assert transcript.line_at_time(START + timedelta(seconds=2)) == 2
            assert transcript.line_at_time(START + timedelta(hours=2)) == 2
        drop_raw(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"\0" * 7, b"\0" * 64, b"\xff" * 16])
def test_times_survive_a_torn_or_zeroed_end_of_their_index(tmp_path: Path, damage: bytes) -> None:
    write_log(tmp_path, b"one\ntwo\n")
    write_times(tmp_path, (0, 0), (4, 3))
    with (tmp_path / "time.idx").open("ab") as file:
        file.write(damage)
    with Transcript.open(tmp_path) as transcript:
        assert [x.at for x in transcript.lines(0, 9)] == [START, START + timedelta(seconds=3)]
        assert transcript.line_at_time(START + timedelta(hours=1)) == 1


def test_a_line_without_a_recorded_time_has_none(tmp_path: Path, kept: str) -> None:
    with open_kept(tmp_path, b"one\n", kept) as transcript:
        assert transcript.lines(0, 1)[0].at is None


def test_nothing_to_open_is_not_found_but_can_be_empty(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound):
        Transcript.open(tmp_path)
    with Transcript.empty() as nothing:
        assert (nothing.size_bytes, nothing.line_count, nothing.ends_with_newline) == (0, 0, False)
        assert nothing.lines(0, 10) == []
        assert nothing.tail(10) == []
        assert nothing.read(0, 10) == b""
        assert nothing.line_at_time(START) == 0


def test_a_reader_of_the_raw_log_goes_on_after_it_is_archived_and_unlinked(tmp_path: Path) -> None:
    data = b"".join(b"line %d\n" % n for n in range(50_000))
    write_log(tmp_path, data)
    with Transcript.open(tmp_path) as early:
        archive(tmp_path)
        drop_raw(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["log.zst"]
        assert early.lines(40_000, 1)[0].text == b"line 40000"
        with Transcript.open(tmp_path) as late:
            assert late.lines(40_000, 1)[0].text == b"line 40000"
            assert late.size_bytes == early.size_bytes


def test_a_window_of_a_sparse_ten_gigabyte_log_reads_little(tmp_path: Path) -> None:
    last = 10 * 1024**3 - 100
    with (tmp_path / "log").open("wb") as log:
        log.write(b"first\n")
        log.seek(last)
        log.write(b"\nlast\n")
    blocks = last // 65536
    (tmp_path / "lines.idx").write_bytes(struct.pack("<Q", 1) * blocks)
    with Transcript.open(tmp_path) as transcript:
        assert transcript.line_count == 3
        assert transcript.lines(2, 1)[0].text == b"last"
        clipped = transcript.lines(1, 1, longest_line=10)[0]
    assert (clipped.text, clipped.size_bytes) == (b"\0" * 10, last - 6)
