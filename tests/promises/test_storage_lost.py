"""The storage disappears, or its disk is full, under a running server."""

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from eventually import eventually
from full_disk import fill
from server_process import ServerProcess


def health(served: ServerProcess) -> int:
    return int(served.client.get("/api/health").status_code)


def everything(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def written(storage: Path, execution_id: str, *, lines: int) -> None:
    """Wait until the script, whose pace is known, has said so much more."""
    log = next(storage.glob(f"executions/*/{execution_id}/log"))
    size = log.stat().st_size
    eventually(lambda: log.stat().st_size >= size + lines * len("STEP_START:a\n"))


@pytest.mark.parametrize("replaced_by", ["nothing", "an empty folder", "a copy"])
def test_a_lost_storage_is_noticed_and_written_to_no_more(
    server: ServerProcess, replaced_by: str
) -> None:
    execution_id = server.create("while :; do echo STEP_START:a; sleep 0.05; done", timeout=30)
    eventually(lambda: server.execution(execution_id)["steps"])
    client = server.client  # connected before its socket is gone
    aside = server.folder / "aside"
    server.storage.rename(aside)
    if replaced_by == "an empty folder":
        server.storage.mkdir()
    elif replaced_by == "a copy":
        shutil.copytree(aside, server.storage, ignore=shutil.ignore_patterns("out", "*.sock"))
    lost_at = time.monotonic()
    eventually(lambda: client.get("/api/health").status_code == 503, within=5)
    assert time.monotonic() - lost_at < 5
    # The pump alone goes on with its own files.
    written(aside, execution_id, lines=4)
    pumps = ("log", "time.idx", "status")
    ghost, new = everything(aside), everything(server.folder)
    assert client.post("/api/executions", json={"command": "true"}).status_code == 503
    written(aside, execution_id, lines=20)
    changed = {name for name, now in everything(aside).items() if ghost.get(name) != now}
    assert {Path(name).name for name in changed} <= set(pumps)
    own = {"stepflow.log", "stderr", *pumps}
    changed = {name for name, now in everything(server.folder).items() if new.get(name) != now}
    assert {Path(name).name for name in changed} <= own


def test_a_storage_that_comes_back_is_used_again(server: ServerProcess) -> None:
    script = "until test -e go; do sleep 0.02; done; echo STEP_START:a; echo STEP_COMPLETE:a"
    execution_id = server.create(script)
    client = server.client
    aside = server.folder / "aside"
    server.storage.rename(aside)
    eventually(lambda: client.get("/api/health").status_code == 503, within=5)
    (server.folder / "go").touch()
    aside.rename(server.storage)
    eventually(lambda: client.get("/api/health").status_code == 200, within=5)
    after = server.ended(execution_id)
    assert [step["status"] for step in after["steps"]] == ["completed"]


def test_a_server_without_storage_leaves_and_touches_nothing(server: ServerProcess) -> None:
    assert server.process is not None
    eventually(lambda: health(server) == 200)
    client = server.client
    server.storage.rename(server.folder / "aside")
    eventually(lambda: client.get("/api/health").status_code == 503, within=5)
    (server.storage / "database").mkdir(parents=True)
    theirs = [server.storage / "stepflow.sock", server.storage / "database/stepflow.db-wal"]
    for path in theirs:
        path.write_text("another server's")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 3
    assert [path.read_text() for path in theirs] == ["another server's"] * 2


@pytest.fixture
def on_small_disk(small_disk: Path) -> Any:
    with ServerProcess(small_disk / "served") as served:
        yield served


def test_a_full_disk_blocks_and_loses_nothing(on_small_disk: ServerProcess) -> None:
    served = on_small_disk
    script = "echo STEP_START:a; until test -e go; do sleep 0.02; done; i=0; "
    script += "while [ $i -lt 5000 ]; do echo STEP_START:step $i; echo line $i; i=$((i+1)); done"
    execution_id = served.create(script)
    eventually(lambda: served.execution(execution_id)["steps"])
    ballast = fill(served.folder.parent)
    # No file can be made any more.
    link = served.folder / "go"
    link.symlink_to("/dev/null")
    answer = served.client.post("/api/executions", json={"command": "true"})
    assert answer.status_code in (201, 507)
    eventually(lambda: "write refused" in served.log or "disk full" in served.log)
    assert served.execution(execution_id)["execution"]["status"] == "running"
    ballast.unlink()
    after = served.ended(execution_id)
    assert after["execution"]["status"] == "completed"
    assert after["execution"]["total_steps"] == 5001
    lines = served.text(execution_id).splitlines()
    assert [line for line in lines if line.startswith(b"line ")] == [
        b"line %d" % number for number in range(5000)
    ]


def test_what_fills_the_disk_can_be_cancelled(on_small_disk: ServerProcess) -> None:
    served = on_small_disk
    execution_id = served.create("trap '' PIPE; while :; do echo STEP_START:more; done", grace=1)
    eventually(lambda: os.statvfs(served.folder).f_bavail == 0, within=30)
    answer = served.client.post(f"/api/executions/{execution_id}/cancel", json={"kill": True})
    assert answer.status_code == 200
    eventually(lambda: not running_scripts(execution_id))
    log = next(served.storage.glob(f"executions/*/{execution_id}/log"))
    assert log.stat().st_size > 0


def running_scripts(execution_id: str) -> list[int]:
    mark = f"STEPFLOW_EXECUTION_ID={execution_id}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found
