import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepflow.transcript import LineIndex, Transcript, rebuild

BLOCK = 65536


def naive(data: bytes) -> list[int]:
    return [data[: (k + 1) * BLOCK].count(b"\n") for k in range(len(data) // BLOCK)]


def numbered(lines: int) -> bytes:
    return b"".join(b"this is line number %d\n" % n for n in range(lines))


def entries(path: Path) -> list[int]:
    data = path.read_bytes()
    return list(struct.unpack(f"<{len(data) // 8}Q", data))


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from([b"\n", b"ab\n", b"x" * 999]), max_size=9), st.integers(1, 40_000))
def test_a_rebuilt_index_is_the_naive_count(tmp_path: Path, pattern: list[bytes], n: int) -> None:
    data = (b"".join(pattern) * n)[:5_000_000]
    (tmp_path / "log").write_bytes(data)
    (tmp_path / "lines.idx").write_bytes(b"rubbish that is longer" * 900)
    rebuild(tmp_path / "log", tmp_path / "lines.idx")
    assert entries(tmp_path / "lines.idx") == naive(data)


def test_an_append_can_be_repeated_after_a_restart(tmp_path: Path) -> None:
    index = LineIndex(tmp_path / "lines.idx")
    index.append([1, 2, 3])
    index.close()
    again = LineIndex(tmp_path / "lines.idx")
    again.append([2, 3, 4], first=1)
    assert len(again) == 4
    again.close()
    assert entries(tmp_path / "lines.idx") == [1, 2, 3, 4]


def test_an_append_overwrites_half_an_entry_of_a_crash(tmp_path: Path) -> None:
    (tmp_path / "lines.idx").write_bytes(struct.pack("<Q", 7) + b"\1\2\3")
    index = LineIndex(tmp_path / "lines.idx")
    index.append([9])
    index.close()
    assert entries(tmp_path / "lines.idx") == [7, 9]


def test_an_append_that_would_leave_a_gap_is_refused(tmp_path: Path) -> None:
    index = LineIndex(tmp_path / "lines.idx")
    with pytest.raises(ValueError, match="gap"):
        index.append([5], first=2)
    index.close()


def test_a_rebuild_that_is_stopped_leaves_a_right_beginning(tmp_path: Path) -> None:
    data = numbered(400_000)
    (tmp_path / "log").write_bytes(data)
    answers = iter([False, True])
    assert not rebuild(tmp_path / "log", tmp_path / "lines.idx", lambda: next(answers))
    assert 0 < len(entries(tmp_path / "lines.idx")) < len(naive(data))
    assert naive(data)[: len(entries(tmp_path / "lines.idx"))] == entries(tmp_path / "lines.idx")


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda good: b"", id="empty"),
        pytest.param(lambda good: good[:400], id="short"),
        pytest.param(lambda good: good[:403], id="torn"),
        pytest.param(lambda good: good + good[-8:] * 50, id="ahead"),
        pytest.param(lambda good: good[:80] + bytes(len(good) - 80), id="zeroed end"),
        pytest.param(lambda good: bytes(len(good)), id="zeroed"),
        pytest.param(lambda good: b"\xff" * len(good), id="rubbish"),
        pytest.param(
            lambda good: struct.pack(f"<{len(good) // 8}Q", *range(len(good) // 8)),
            id="of another log",
        ),
    ],
)
def test_a_damaged_index_never_gives_a_wrong_line(tmp_path: Path, damage) -> None:
    data = numbered(300_000)
    (tmp_path / "log").write_bytes(data)
    rebuild(tmp_path / "log", tmp_path / "lines.idx")
    good = (tmp_path / "lines.idx").read_bytes()
    (tmp_path / "lines.idx").write_bytes(damage(good))
    with Transcript.open(tmp_path) as transcript:
        for number in (0, 1, 2_500, 150_000, 299_999):
            assert transcript.lines(number, 1)[0].text == b"this is line number %d" % number
        assert transcript.line_count == 300_000


def test_a_reader_follows_an_index_that_appears_later_and_is_written_anew(tmp_path: Path) -> None:
    data = numbered(100_000)
    (tmp_path / "log").write_bytes(data[:1_500_000])
    with Transcript.open(tmp_path) as transcript:
        assert transcript.line_count == data[:1_500_000].count(b"\n") + 1
        (tmp_path / "log").write_bytes(data)
        assert transcript.line_count == 100_000
        rebuild(tmp_path / "log", tmp_path / "lines.idx")
        assert transcript.offset_of(99_999) == data.rindex(b"this")
        (tmp_path / "lines.idx").write_bytes(b"")
        assert transcript.offset_of(99_999) == data.rindex(b"this")
        assert transcript.line_of(len(data) - 1) == 99_999
