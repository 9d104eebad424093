"""What keeps a server from starting: one clear message, one exit code, and nothing touched."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from full_disk import fill
from server_process import ServerProcess


def refusal(served: ServerProcess) -> tuple[int, str]:
    """The exit code and the last line of a server that does not start."""
    code = served.spawn().wait(60)
    return code, served.stderr.splitlines()[-1]


@pytest.fixture
def unstarted(tmp_path: Path) -> Iterator[ServerProcess]:
    served = ServerProcess(tmp_path / "served")
    yield served
    served.__exit__(None, None, None)


@pytest.mark.parametrize("setting", ["STEPFLOW_PORT", "STEPFLOW_WEBSOCKET_PORT"])
def test_a_taken_port_is_named_with_its_holder_and_its_setting(
    unstarted: ServerProcess, setting: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        unstarted.environment[setting] = str(port)
        code, message = refusal(unstarted)
    assert code == 1
    assert f"port {port} " in message
    assert f"(process {os.getpid()})" in message
    assert setting in message


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("STEPFLOW_PORT", "many"),
        ("STEPFLOW_PORT", "70000"),
        ("STEPFLOW_MAX_RUNNING", "0"),
        ("STEPFLOW_ON_STOP", "explode"),
        ("STEPFLOW_LOG_LEVEL", "LOUD"),
        ("STEPFLOW_LEGACY_TIMEZONE", "Europe/Atlantis"),
        ("STEPFLOW_SCRIPT_ENVIRONMENT", "some"),
    ],
)
def test_a_wrong_setting_is_exit_2_and_named(
    unstarted: ServerProcess, setting: str, value: str
) -> None:
    unstarted.environment[setting] = value
    code, message = refusal(unstarted)
    assert code == 2
    assert setting in message
    assert value in message


def test_an_unknown_setting_in_the_env_file_is_exit_2_with_the_nearest(
    unstarted: ServerProcess,
) -> None:
    (unstarted.folder / ".env").write_text("STEPFLOW_PROT=1\n")
    code, message = refusal(unstarted)
    assert code == 2
    assert "STEPFLOW_PROT" in message
    assert "did you mean STEPFLOW_PORT" in message


def test_authentication_without_a_key_does_not_start(unstarted: ServerProcess) -> None:
    unstarted.environment["STEPFLOW_AUTH_ENABLED"] = "true"
    code, message = refusal(unstarted)
    assert code == 2
    assert "STEPFLOW_API_KEY is empty" in message


@pytest.mark.parametrize("setting", ["STEPFLOW_HOST", "STEPFLOW_WEBSOCKET_HOST"])
def test_no_other_machine_can_run_commands_by_accident(
    unstarted: ServerProcess, setting: str
) -> None:
    unstarted.environment[setting] = "0.0.0.0"
    code, message = refusal(unstarted)
    assert code == 2
    assert f"{setting}=0.0.0.0" in message


def test_beyond_loopback_without_a_key_is_said_loudly(unstarted: ServerProcess) -> None:
    unstarted.environment |= {"STEPFLOW_HOST": "0.0.0.0", "STEPFLOW_AUTH_ENABLED": "false"}
    with unstarted as served:
        assert " WARNING " in served.log
        assert "anybody who reaches" in served.log


def test_a_read_only_storage_is_exit_3(small_disk: Path) -> None:
    served = ServerProcess(small_disk / "served")
    served.storage.mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    code, message = served_elsewhere(served)
    assert code == 3
    assert message == f"{served.folder}/logs is on a read-only file system"


def test_a_full_storage_is_refused_with_the_reason(small_disk: Path) -> None:
    served = ServerProcess(small_disk / "served")
    served.storage.mkdir()
    fill(small_disk)
    code, message = served_elsewhere(served)
    assert code == 3
    assert message == f"{served.storage}: the disk is full; free some space and start again"


def served_elsewhere(served: ServerProcess) -> tuple[int, str]:
    """Like `refusal`, where stderr can't be kept beside the storage."""
    ended = subprocess.run(
        [sys.executable, "-m", "stepflow", "serve"],
        env=served.environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return ended.returncode, ended.stderr.splitlines()[-1].partition("stepflow serve: ")[2]


def test_a_storage_with_an_owner_is_exit_4_and_names_it(server: ServerProcess) -> None:
    assert server.process is not None
    ended = subprocess.run(
        [sys.executable, "-m", "stepflow", "serve", "--port", "0", "--websocket-port", "0"],
        env=server.environment,
        cwd=server.folder,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 4
    assert f"(process {server.process.pid})" in ended.stderr.splitlines()[-1]
    assert server.client.get("/api/health").status_code == 200


@pytest.mark.parametrize("content", [b"this is not a database" * 100, b"SQLite format 3\0" * 300])
def test_a_file_that_is_no_database_is_refused_untouched(
    unstarted: ServerProcess, content: bytes
) -> None:
    database = unstarted.storage / "database/stepflow.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(content)
    code, message = refusal(unstarted)
    assert code == 3
    assert str(database) in message
    assert database.read_bytes() == content


def test_a_log_folder_that_cannot_be_made_is_one_clear_line(unstarted: ServerProcess) -> None:
    (unstarted.folder / "logs").write_text("a file")
    code, message = refusal(unstarted)
    assert code == 3
    assert str(unstarted.folder / "logs") in message
