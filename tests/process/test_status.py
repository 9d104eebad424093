import struct
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepflow.process import Stage, StatusRecords, Why, read_status
from stepflow.process.folder import STATUS_BYTES
from stepflow.process.status import records_of

BOOT = uuid.UUID("9f6e7763-64d0-4bc5-a7e5-ae5914dd7f8a")
AT = 1_780_000_000_123


def slot(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def process_slot(kind: bytes, pid: int = 42) -> bytes:
    return slot(struct.pack("<4sIQ16sQq12x", kind, pid, 7, BOOT.bytes, 9, AT))


def exit_slot(code: int = 0, number: int = 0, why: int = 0, flags: int = 1) -> bytes:
    return slot(
        struct.pack("<4sIIIqQQQII4x", b"EXIT", code, number, why, AT, 1500, 2500, 64, 0, flags)
    )


def status(*slots: bytes, text: bytes = b"") -> bytes:
    head = b"".join(slots).ljust(1024, b"\0")
    return (head + struct.pack("<II", len(text), zlib.crc32(text)) + text).ljust(
        STATUS_BYTES, b"\0"
    )


def read(data: bytes) -> StatusRecords:
    return records_of(lambda: data)


def test_a_status_of_zeros_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "status").write_bytes(bytes(STATUS_BYTES))
    assert read_status(tmp_path / "status") == StatusRecords()


def test_an_empty_status_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "status").write_bytes(b"")
    assert read_status(tmp_path / "status") == StatusRecords()


def test_a_status_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_status(tmp_path / "status")


def test_process_records_carry_the_identity_and_the_time() -> None:
    records = read(status(process_slot(b"PUMP", 41), process_slot(b"SCRP", 42)))
    assert records.pump is not None
    assert records.script is not None
    assert records.pump.identity.pid == 41
    assert tuple(records.script.identity) == (42, 7, BOOT, 9)
    assert records.script.at == datetime.fromtimestamp(AT // 1000, UTC) + timedelta(
        milliseconds=123
    )


def test_an_exit_record_carries_code_and_resource_use() -> None:
    record = read(status(bytes(128), exit_slot(code=3))).exit
    assert record is not None
    assert (record.code, record.signal, record.why) == (3, None, Why.BY_ITSELF)
    assert record.user_time == timedelta(microseconds=1500)
    assert record.system_time == timedelta(microseconds=2500)
    assert record.memory_peak_bytes == 65536
    assert record.is_complete
    assert record.is_known


def test_a_killed_script_has_a_signal_and_no_code() -> None:
    record = read(status(bytes(128), exit_slot(number=9, why=2, flags=0))).exit
    assert record is not None
    assert (record.code, record.signal, record.why) == (None, 9, Why.DEADLINE)
    assert not record.is_complete


def test_an_unknown_code_is_never_zero() -> None:
    record = read(status(bytes(128), exit_slot(code=0xFFFFFFFF, flags=8 | 1))).exit
    assert record is not None
    assert (record.code, record.signal) == (None, None)
    assert not record.is_known


def test_a_failed_start_names_its_stage_and_its_reason() -> None:
    record = read(status(bytes(128), exit_slot(code=2, why=3, flags=1 | 2 << 8))).exit
    assert record is not None
    assert record.start_error is not None
    assert record.start_error.stage is Stage.EXEC
    assert str(record.start_error) == "the command can't be executed: No such file or directory"
    assert record.code is None


def test_the_text_names_what_was_stopped() -> None:
    text = "1 background process: schläfer (4711)"
    assert read(status(text=text.encode())).background == text


@given(byte=st.integers(0, 63), flip=st.integers(1, 255))
def test_a_flipped_byte_never_passes_for_an_exit(byte: int, flip: int) -> None:
    torn = bytearray(exit_slot(code=3))
    torn[byte] ^= flip
    assert read(status(bytes(128), bytes(torn))).exit is None


@given(whole=st.integers(1, 63))
def test_a_half_written_record_is_read_again(whole: int) -> None:
    done = exit_slot(code=3)
    half = done[:whole].ljust(64, b"\0")
    reads = iter([status(bytes(128), half), status(bytes(128), done)])
    last = status(bytes(128), done)
    record = records_of(lambda: next(reads, last)).exit
    assert record is not None
    assert record.code == 3


def test_a_torn_record_does_not_hide_the_others() -> None:
    torn = process_slot(b"SCRP")[:-1] + b"\xff"
    records = read(status(process_slot(b"PUMP"), torn, exit_slot()))
    assert records.script is None
    assert records.pump is not None
    assert records.exit is not None


def test_a_record_in_the_wrong_slot_is_not_believed() -> None:
    assert read(status(process_slot(b"SCRP"))).pump is None


def test_a_torn_text_is_no_text() -> None:
    data = bytearray(status(text=b"1 background process: sleep (1)"))
    data[1040] ^= 1
    assert read(bytes(data)).background == ""
