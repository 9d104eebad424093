import io
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepflow import errors
from stepflow.transcript import ArchivedLog, Transcript, archive, drop_raw

LINES = b"".join(b"line %d of a log that compresses\n" % n for n in range(60_000))


def archived(folder: Path, data: bytes) -> Path:
    (folder / "log").write_bytes(data)
    assert archive(folder)
    return folder / "log.zst"


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=2000), st.integers(1, 400))
def test_an_archive_gives_the_log_back_to_any_reader(tmp_path: Path, seed: bytes, n: int) -> None:
    path = archived(tmp_path, seed * n)
    with path.open("rb") as file:
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        assert reader.read() == seed * n
    assert ArchivedLog(path).verify()


@pytest.mark.skipif(not shutil.which("zstd"), reason="the zstd program is not here")
def test_the_zstd_program_gives_the_log_back(tmp_path: Path) -> None:
    path = archived(tmp_path, LINES)
    result = subprocess.run(["zstd", "-d", "-c", path], capture_output=True, check=True)
    assert result.stdout == LINES


def test_an_archive_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(LINES)
    for frames in (0, 3, len(LINES) // 65536 + 3):
        answers = iter([False] * frames + [True])
        assert not archive(tmp_path, lambda answers=answers: next(answers))
        assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_what_a_crash_left_does_not_disturb_the_next_archive(tmp_path: Path) -> None:
    (tmp_path / "log.zst.new").write_bytes(b"half an archive" * 1000)
    archived(tmp_path, LINES)
    drop_raw(tmp_path)
    drop_raw(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["log.zst"]


@pytest.mark.parametrize("position", [100, 5000, -2000, -150, -70, -20, -9, -1])
def test_a_changed_byte_is_noticed(tmp_path: Path, position: int) -> None:
    path = archived(tmp_path, LINES)
    data = bytearray(path.read_bytes())
    data[position] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(errors.Unavailable):
        ArchivedLog(path).verify()


def test_a_truncated_archive_is_refused_when_opened(tmp_path: Path) -> None:
    path = archived(tmp_path, LINES)
    drop_raw(tmp_path)
    for size in (0, 10, 1000, path.stat().st_size - 1):
        with path.open("r+b") as file:
            file.truncate(size)
        with pytest.raises(errors.Unavailable, match="damaged"):
            Transcript.open(tmp_path)
        archived(tmp_path, LINES)
        drop_raw(tmp_path)


def test_opening_never_fails_while_the_log_is_swapped(tmp_path: Path) -> None:
    stop = threading.Event()
    failures: list[Exception] = []

    def read_on() -> None:
        while not stop.is_set():
            try:
                with Transcript.open(tmp_path) as transcript:
                    assert transcript.lines(1, 1)[0].text == b"two"
            except Exception as error:  # noqa: BLE001 (the test thread tells)
                failures.append(error)
                return

    spare = tmp_path / "spare"
    (tmp_path / "log").write_bytes(b"one\ntwo\n")
    reader = threading.Thread(target=read_on)
    reader.start()
    for _ in range(60):
        archive(tmp_path)
        drop_raw(tmp_path)
        spare.write_bytes(b"one\ntwo\n")
        spare.rename(tmp_path / "log")
    stop.set()
    reader.join()
    assert failures == []


def test_many_threads_read_one_archive(tmp_path: Path) -> None:
    archived(tmp_path, LINES)
    drop_raw(tmp_path)
    wrong: list[int] = []
    with Transcript.open(tmp_path) as transcript:

        def read_some(start: int) -> None:
            for number in range(start, 60_000, 601):
                text = transcript.lines(number, 1)[0].text
                if text != b"line %d of a log that compresses" % number:
                    wrong.append(number)

        threads = [threading.Thread(target=read_some, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_the_indexes_of_an_archive_do_not_come_from_a_wrong_cache(tmp_path: Path) -> None:
    (tmp_path / "lines.idx").write_bytes(b"\x07" * 8 * 10)
    archived(tmp_path, LINES)
    drop_raw(tmp_path)
    with Transcript.open(tmp_path) as transcript:
        assert transcript.line_count == 60_000
        assert io.BytesIO(LINES).getvalue() == transcript.read(0, len(LINES))
