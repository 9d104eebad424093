"""A backup put back, by our command or by the guide's, here or on another machine."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from folders import folder, logs, made

from eventually import eventually
from server_process import ServerProcess
from stepflow.backup import ARCHIVE, DATABASE, SWAPPING, Shelf, find, restore
from stepflow.errors import StorageUnusable
from stepflow.server.storage import StorageFolder


def stepflow(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stepflow", "backup", *arguments],
        cwd=server.folder,
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def backed_up(server: ServerProcess) -> Path:
    made = server.client.post("/api/backups?wait=60s")
    assert made.status_code == 201, made.text
    return Path(made.json()["backup"]["path"])


def names(server: ServerProcess) -> set[str]:
    found = server.client.get("/api/executions").json()["executions"]
    return {one["name"] for one in found}


def test_a_restore_puts_back_all_and_keeps_what_was_there(server: ServerProcess) -> None:
    first = server.ended(
        server.create("echo first; echo x > kept; echo ARTIFACT:kept", name="first")
    )
    backed_up(server)
    server.ended(server.create("echo second", name="second"))
    refused = stepflow(server, "restore")
    assert refused.returncode == 4
    assert "owned by another server" in refused.stderr
    server.stop()
    restored = stepflow(server, "restore")
    assert restored.returncode == 0, restored.stderr
    (aside,) = server.folder.glob("storage.before-*")
    assert str(aside) in restored.stdout
    server.start()
    assert names(server) == {"first"}
    assert server.text(first["execution"]["id"]).startswith(b"first\n")
    (artifact,) = first["artifacts"]
    assert server.client.get(artifact["download_url"]).content == b"x\n"
    assert len(list(aside.glob("executions/*/*"))) == 2


def test_what_ran_is_lost_after_a_restore_onto_another_machine(
    server: ServerProcess, tmp_path: Path
) -> None:
    running = server.create("echo STEP_START:s; echo alive; sleep 600")
    eventually(lambda: b"alive" in server.text(running))
    backup = backed_up(server)
    shutil.copytree(backup, tmp_path / "elsewhere" / "backups" / backup.name)
    there = ServerProcess(tmp_path / "elsewhere")
    restored = stepflow(there, "restore")
    assert restored.returncode == 0, restored.stderr
    with there:
        found = there.execution(running)
        assert found["execution"]["outcome"]["kind"] == "lost"
        assert backup.name in found["execution"]["outcome"]["reason"]
        assert there.text(running) == b"STEP_START:s\nalive\n"
        assert found["steps"][0]["status"] == "cancelled"
    # Its process, whose number it also was there, never noticed.
    assert server.execution(running)["execution"]["status"] == "running"
    server.client.post(f"/api/executions/{running}/cancel", json={"kill": True})


def test_a_damaged_backup_is_named_and_nothing_is_changed(server: ServerProcess) -> None:
    server.ended(server.create("echo kept", name="kept"))
    archive = backed_up(server) / ARCHIVE
    server.stop()
    archive.write_bytes(archive.read_bytes()[:-50])
    before = {path: path.stat().st_mtime_ns for path in server.storage.rglob("*") if path.is_file()}
    refused = stepflow(server, "restore")
    assert refused.returncode == 3
    assert str(archive) in refused.stderr
    before.pop(server.storage / "server.lock")
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())
    assert not list(server.folder.glob("*restoring*"))


def test_the_guides_complete_restore_works(server: ServerProcess) -> None:
    first = server.ended(server.create("echo first", name="first"))["execution"]["id"]
    backed_up(server)
    server.ended(server.create("echo second", name="second"))
    server.stop()
    subprocess.run(
        "rm -rf storage/; tar -xzf backups/$(ls backups/ | tail -1)/storage_backup.tar.gz",
        shell=True,
        check=True,
        cwd=server.folder,
    )
    server.start()
    assert names(server) == {"first"}
    assert server.text(first) == b"first\n"


def test_the_guides_copy_after_a_kill_sets_the_foreign_wal_aside_and_adopts_what_is_newer(
    server: ServerProcess,
) -> None:
    server.ended(server.create("echo first", name="first"))
    backed_up(server)
    newer = [
        server.create(f"echo STEP_START:s{n}; echo {n}; echo STEP_END:s{n}") for n in range(30)
    ]
    running = server.create("echo begun; sleep 1.5; echo over", name="still running")
    for one in newer:
        server.ended(one)
    eventually(lambda: b"begun" in server.text(running))
    server.kill()
    assert (server.storage / "database/stepflow.db-wal").stat().st_size > 0
    subprocess.run(
        "cp backups/$(ls backups/ | tail -1)/stepflow.db storage/database/",
        shell=True,
        check=True,
        cwd=server.folder,
    )
    server.start()
    (aside,) = (server.storage / "database").glob("*-wal.foreign-*")
    assert aside.name in server.log
    eventually(lambda: server.client.get("/api/executions").json()["total_count"] == 32)
    adopted = server.ended(newer[0])
    assert adopted["execution"]["outcome"]["kind"] == "lost"
    assert [step["name"] for step in adopted["steps"]] == ["s0"]
    assert server.text(newer[0]) == b"STEP_START:s0\n0\nSTEP_END:s0\n"
    went_on = server.ended(running)["execution"]
    assert went_on["outcome"]["kind"] == "succeeded"
    assert went_on["command"] == "echo begun; sleep 1.5; echo over"
    assert server.text(running) == b"begun\nover\n"
    doctor = subprocess.run(
        [sys.executable, "-m", "stepflow", "doctor"],
        cwd=server.folder,
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert aside.name in doctor.stdout


@pytest.mark.parametrize("is_touched", [False, True])
def test_a_wal_that_is_needed_is_never_set_aside(server: ServerProcess, is_touched: bool) -> None:
    for number in range(5):
        server.ended(server.create("true", name=f"n{number}"))
    server.kill()
    database = server.storage / "database" / DATABASE
    assert database.with_name("stepflow.db-wal").stat().st_size > 0
    if is_touched:  # as by a copy of the whole folder
        database.touch()
    server.start()
    assert len(names(server)) == 5
    assert not list(database.parent.glob("*foreign*"))


def test_a_copy_of_the_running_database_is_recognised_too(server: ServerProcess) -> None:
    for number in range(20):
        server.create("true", name=f"old {number}")
    eventually(server.are_all_ended)
    server.client.post("/api/health/optimize")
    database = server.storage / "database" / DATABASE
    shutil.copyfile(database, server.folder / "by-hand.db")
    for number in range(60):
        server.create("true", name=f"new {number}", tags=[f"t{number}"])
    eventually(server.are_all_ended)
    server.client.post("/api/health/optimize")
    for number in range(20):
        server.create("true", name=f"last {number}")
    eventually(server.are_all_ended)
    server.kill()
    shutil.copyfile(server.folder / "by-hand.db", database)
    server.start()
    assert list(database.parent.glob("*-wal.foreign-*"))
    eventually(lambda: server.client.get("/api/executions").json()["total_count"] == 100)
    assert {f"old {n}" for n in range(20)} <= names(server)


def test_where_the_folder_is_a_mount_its_parts_are_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = folder(tmp_path)
    kept = Shelf(storage).find(made(storage).id)
    before = logs(storage)
    (storage / "executions" / "later").mkdir()
    (storage / "server.lock").touch()
    monkeypatch.setattr("os.path.ismount", lambda path: path == storage)
    restored = restore(kept, storage)
    assert logs(storage) == before
    assert (storage / "server.lock").exists()
    assert restored.aside is not None
    assert restored.aside.parent == storage
    assert (restored.aside / "executions" / "later").is_dir()
    assert not (storage / SWAPPING).exists()


def test_an_interrupted_exchange_is_said_and_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = folder(tmp_path)
    kept = Shelf(storage).find(made(storage).id)
    before = logs(storage)
    (storage / SWAPPING).touch()
    (storage / ".restoring" / "executions" / "old").mkdir(parents=True)
    with pytest.raises(StorageUnusable, match="stepflow backup restore"):
        StorageFolder.take(storage, is_private=False)
    monkeypatch.setattr("os.path.ismount", lambda path: path == storage)
    restore(kept, storage)
    assert logs(storage) == before
    assert list(storage.glob(".before-*/executions/old"))


def test_what_the_guide_backed_up_by_hand_is_restored(tmp_path: Path) -> None:
    storage = folder(tmp_path)
    before = logs(storage)
    by_hand = tmp_path / "backups" / "20240102_030405"
    by_hand.mkdir(parents=True)
    (by_hand / DATABASE).write_bytes((storage / "database" / DATABASE).read_bytes())
    subprocess.run(["tar", "-czf", by_hand / ARCHIVE, "storage/"], cwd=tmp_path, check=True)
    shutil.rmtree(storage)
    restored = restore(find(Shelf(storage), str(by_hand)), storage)
    assert (restored.aside, logs(storage)) == (None, before)
