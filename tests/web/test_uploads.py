import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventually import eventually
from served import Served
from stepflow.artifacts import Limits

MIB = 1 << 20


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One that keeps files of at most 8 MiB."""
    limits = Limits(file_bytes=8 * MIB, spare_bytes=0)
    with Served(tmp_path_factory.mktemp("served"), limits=limits) as running:
        yield running


@pytest.fixture(scope="module")
def execution_id(served: Served) -> str:
    return str(served.run("true")["id"])


def form(execution_id: str, size: int) -> Iterator[bytes]:
    """The body of an upload, whose length nobody announces."""
    yield b'--b\r\nContent-Disposition: form-data; name="execution_id"\r\n\r\n'
    yield execution_id.encode() + b"\r\n--b\r\n"
    yield b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    for start in range(0, size, 1 << 16):
        yield bytes(min(1 << 16, size - start))
    yield b"\r\n--b--\r\n"


def uploaded(served: Served, body: Any) -> Any:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    return served.client.post("/api/artifacts", content=body, headers=headers)


def partial(served: Served) -> list[Path]:
    return list((served.storage / "artifacts").glob(".upload-*"))


def test_a_file_up_to_the_limit_is_kept(served: Served, execution_id: str) -> None:
    answer = uploaded(served, form(execution_id, 8 * MIB))
    assert answer.status_code == 201, answer.text
    assert answer.json()["artifact"]["file_size"] == 8 * MIB


def test_a_larger_file_is_refused_announced_or_not(served: Served, execution_id: str) -> None:
    for body in (form(execution_id, 8 * MIB + 1), b"".join(form(execution_id, 8 * MIB + 1))):
        answer = uploaded(served, body)
        assert answer.status_code == 413, answer.text
        assert "limit of 8388608 bytes" in answer.json()["detail"]
    assert not partial(served)


def test_the_spare_space_of_the_disk_is_kept(tmp_path: Path) -> None:
    limits = Limits(spare_bytes=shutil.disk_usage(tmp_path).total + 1)
    with Served(tmp_path, limits=limits) as served:
        execution_id = served.run("true")["id"]
        for body in (form(execution_id, 10), b"".join(form(execution_id, 10))):
            answer = uploaded(served, body)
            assert answer.status_code == 507, answer.text
            assert "STEPFLOW_MIN_FREE_BYTES" in answer.json()["detail"]
        assert not partial(served)


def test_an_upload_is_on_disk_as_it_comes_and_gone_when_it_breaks_off(
    served: Served, execution_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    head = "POST /api/artifacts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n"
    head += "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    with socket.create_connection(served.main.getsockname()) as client:
        client.sendall(head.encode())
        pieces = form(execution_id, 6 * MIB)
        for _ in range(3 + 5 * MIB // (1 << 16)):
            client.sendall(next(pieces))
        eventually(lambda: [one for one in partial(served) if one.stat().st_size > 4 * MIB])
    eventually(lambda: not partial(served))
    assert uploaded(served, form(execution_id, 10)).status_code == 201
    assert not caplog.records


def test_what_a_killed_server_left_of_an_upload_is_removed(tmp_path: Path) -> None:
    served = Served(tmp_path)
    (served.storage / "artifacts").mkdir()
    left = served.storage / "artifacts" / ".upload-left"
    left.write_bytes(os.urandom(10))
    with served:
        assert not left.exists()
