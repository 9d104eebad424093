"""Databases as released versions left them, one for each schema (`released/*.db.zst`), and today's
server on each of them. A new schema adds one: `sqlite3 stepflow.db ".backup NAME.db"`, zstd."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from eventually import eventually
from server_process import ServerProcess

RELEASED = sorted(Path(__file__).with_name("released").glob("*.db.zst"))
# What an image of a server does at its end, without having touched the database.
OLDER_IMAGE = """
import json, os, socket, sys
from pathlib import Path
from stepflow.server.handover import Command, Handover
from stepflow.server.sockets import listen, listen_in
from stepflow.server.storage import StorageFolder

storage = Path(os.environ["STEPFLOW_STORAGE_PATH"])
folder = StorageFolder.take(storage, is_private=False)
http = listen("127.0.0.1", int(os.environ["STEPFLOW_PORT"]), "STEPFLOW_PORT")
unix = listen_in(storage)
print("listening", flush=True)
sys.stdin.readline()
sockets = {"http": http.fileno(), "unix": unix.fileno()}
command = Command([sys.executable, "-m", "stepflow", "serve"], dict(os.environ))
Handover(folder.lock, sockets).become(command)
"""


def released(path: Path, storage: Path) -> None:
    database = storage / "database/stepflow.db"
    database.parent.mkdir(parents=True, mode=0o700)
    database.write_bytes(zstandard.ZstdDecompressor().decompress(path.read_bytes()))


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.name)
def test_a_released_database_is_upgraded_with_all_it_holds(path: Path, tmp_path: Path) -> None:
    released(path, tmp_path / "storage")
    with ServerProcess(tmp_path) as served:
        listed = served.client.get("/api/executions").json()["executions"]
        states = {one["name"]: (one["status"], one["outcome"]["kind"]) for one in listed}
        found = {one["name"]: served.execution(one["id"]) for one in listed}
        new = served.ended(served.create("echo STEP_START:New"))
    assert states == {
        "Build": ("completed", "succeeded"),
        "Test": ("failed", "failed"),
        "Slow": ("failed", "timed_out"),
        # Its folder is not there: it can't be told how that one ended.
        "Left running": ("failed", "lost"),
    }
    assert [one["name"] for one in found["Build"]["steps"]] == ["Compile"]
    assert [one["name"] for one in found["Build"]["artifacts"]] == ["r.csv"]
    assert found["Build"]["execution"]["metadata"]["COMMIT"] == "4f2a9c1"
    assert found["Test"]["steps"][0]["error_message"] == "broken"
    assert new["execution"]["status"] == "completed"


@pytest.mark.crash
@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.name)
def test_the_upgrade_is_a_restart_in_place_in_which_clients_wait(
    path: Path, tmp_path: Path
) -> None:
    released(path, tmp_path / "storage")
    served = ServerProcess(tmp_path)
    older = subprocess.Popen(
        [sys.executable, "-c", OLDER_IMAGE],
        env=served.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert older.stdin is not None
    assert older.stdout is not None
    assert older.stdout.readline() == b"listening\n"
    with socket.create_connection(("127.0.0.1", served.port), 60) as waiting:
        waiting.sendall(b"GET /api/executions?limit=2 HTTP/1.0\r\nHost: localhost\r\n\r\n")
        older.stdin.write(b"\n")
        older.stdin.close()
        answer = waiting.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    page = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert page["total_count"] == 4
    status = eventually(lambda: served.client.get("/api/health/status").json())
    assert status["process_id"] == older.pid
    served._hang_up()
    older.terminate()
    assert older.wait(30) == 0
    older.stdout.close()
