"""A backup is whole, beside a running server too, and what did not change is not packed again."""

import asyncio
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from folders import folder, logs, made

from eventually import eventually
from server_process import ServerProcess
from stepflow.backup import (
    ARCHIVE,
    DATABASE,
    Backups,
    Manifest,
    Schedule,
    Shelf,
    forget,
    make,
    verify,
)
from stepflow.errors import Conflict, NoSpace, NotFound
from stepflow.model import new_id
from stepflow.store import original


def unpacked(storage: Path, manifest: Manifest, into: Path) -> dict[str, bytes]:
    into.mkdir()
    archive = Shelf(storage).folder / manifest.id / ARCHIVE
    subprocess.run(["tar", "-xzf", archive], cwd=into, check=True)
    return {
        str(path.relative_to(into)): path.read_bytes()
        for path in into.rglob("*")
        if path.is_file() and path.name != "restored.json"
    }


def test_the_archive_unpacks_with_tar_to_the_folder_as_it_was(tmp_path: Path) -> None:
    storage = folder(tmp_path)
    found = unpacked(storage, made(storage), tmp_path / "back")
    assert {name: data for name, data in found.items() if "executions" in name} == logs(storage)
    assert (tmp_path / "back/storage").stat().st_mode & 0o777 == storage.stat().st_mode & 0o777


def test_the_database_stands_alone_and_needs_no_wal(tmp_path: Path) -> None:
    storage = folder(tmp_path)
    copy = Shelf(storage).folder / made(storage).id / DATABASE
    connection = sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert original.journal_mode(copy) == "delete"


def test_every_file_is_named_with_its_digest(tmp_path: Path) -> None:
    storage = folder(tmp_path)
    place = Shelf(storage).folder / made(storage).id
    digests = {
        row[0]: row[2] for row in map(json.loads, (place / "files.jsonl").read_text().splitlines())
    }
    for name, data in logs(storage).items():
        assert digests[name.removeprefix("storage/")] == hashlib.sha256(data).hexdigest()
    assert (
        digests["database/stepflow.db"]
        == hashlib.sha256((place / DATABASE).read_bytes()).hexdigest()
    )


def test_what_did_not_change_is_taken_over_and_the_next_archive_is_whole(tmp_path: Path) -> None:
    storage = folder(tmp_path, logs=4, size_bytes=3 << 20)
    first = made(storage)
    late = storage / "executions" / "202401" / new_id(1_700_000_000_000, bytes([99] * 10))
    late.mkdir()
    (late / "log").write_bytes(b"late\n")
    next(path for path in storage.rglob("log")).write_bytes(b"rewritten\n")
    second = made(storage)
    assert first.new_bytes > 12 << 20
    assert second.new_bytes < 1 << 20
    found = unpacked(storage, second, tmp_path / "back")
    assert {name: data for name, data in found.items() if "executions" in name} == logs(storage)
    assert verify(storage, second.id).is_verified


def test_large_files_lie_at_blocks_of_the_disk_so_that_they_can_be_shared(tmp_path: Path) -> None:
    storage = folder(tmp_path, logs=3, size_bytes=2 << 20)
    made(storage)
    (next(path for path in storage.rglob("log"))).unlink()
    place = Shelf(storage).folder / made(storage).id
    rows = [
        row
        for row in map(json.loads, (place / "files.jsonl").read_text().splitlines())
        if row[1] > 1 << 20
    ]
    assert len(rows) == 2
    assert all(row[6] % 4096 == 0 and row[7] % 4096 == 0 for row in rows)


def test_a_backup_of_the_same_shares_its_files(tmp_path: Path) -> None:
    storage = folder(tmp_path)
    first, second = made(storage), made(storage)
    assert second.new_bytes == 0
    places = [Shelf(storage).folder / one.id for one in (first, second)]
    assert places[0].joinpath(ARCHIVE).samefile(places[1] / ARCHIVE)
    assert verify(storage, second.id).is_verified
    forget(storage, first.id)
    assert verify(storage, second.id).is_verified


def test_the_last_name_is_the_newest_whatever_the_clock_says(tmp_path: Path) -> None:
    storage = folder(tmp_path)
    names = [made(storage).id for _ in range(3)]
    assert names == sorted(set(names))
    shelf = Shelf(storage)
    an_hour_back = datetime(2001, 1, 1)  # noqa: DTZ001 - as local clocks do in autumn
    assert shelf.free_name(an_hour_back) > names[-1]
    listed = subprocess.run(["ls", shelf.folder], capture_output=True, text=True, check=True)
    assert listed.stdout.split()[-1] == names[-1] == shelf.find("last").id


@pytest.mark.parametrize(
    ("name", "at", "said"),
    [
        (DATABASE, 5000, "is not the file"),
        (ARCHIVE, 3000, "damaged"),
        ("files.jsonl", 3, "damaged"),
    ],
)
def test_a_flipped_byte_is_found_and_named(tmp_path: Path, name: str, at: int, said: str) -> None:
    storage = folder(tmp_path)
    manifest = made(storage)
    broken = Shelf(storage).folder / manifest.id / name
    data = bytearray(broken.read_bytes())
    data[at] ^= 0xFF
    broken.write_bytes(data)
    kept = verify(storage, manifest.id)
    assert said in str(kept.problem)
    assert str(broken) in str(kept.problem)
    assert Shelf(storage).newest_whole() is None


def test_a_backup_made_by_hand_is_listed_and_can_be_checked(tmp_path: Path) -> None:
    storage = folder(tmp_path)
    by_hand = tmp_path / "backups" / "20240102_030405"
    by_hand.mkdir(parents=True)
    (by_hand / DATABASE).write_bytes((storage / "database" / DATABASE).read_bytes())
    subprocess.run(["tar", "-czf", by_hand / ARCHIVE, "storage/"], cwd=tmp_path, check=True)
    (kept,) = Shelf(storage).all()
    assert (kept.manifest, kept.problem, kept.created_at.year) == (None, None, 2024)
    assert verify(storage, kept.id).problem is None


def test_too_little_space_is_said_before_anything_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = folder(tmp_path)
    monkeypatch.setattr("stepflow.backup.backup.SPARE_BYTES", 1 << 60)
    with pytest.raises(NoSpace, match="nothing was changed"):
        made(storage)
    assert not (tmp_path / "backups").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The backups on a disk of 4 MiB of their own."""
    disk = tmp_path / "backups"
    disk.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(mounting, check=False, capture_output=True).returncode:
        if os.environ.get("CI"):
            pytest.fail("mounting a tmpfs needs root")
        pytest.skip("mounting a tmpfs needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("stage", ["begin", "files"])
def test_a_disk_that_fills_meanwhile_leaves_no_half_and_the_older_ones(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setattr("stepflow.backup.backup.SPARE_BYTES", 0)
    storage = folder(tmp_path)
    older = made(storage)
    (next(storage.glob("executions/*/*")) / "log").write_bytes(os.urandom(1 << 20))
    ballast = small_disk / "ballast"

    def told(what: str, _done: int, _of: int) -> None:
        if stage in (what, "begin"):
            with suppress(OSError):
                ballast.write_bytes(bytes(8 << 20))

    with pytest.raises(NoSpace, match="the disk is full; nothing was changed"):
        make(storage, storage / "database" / DATABASE, origin="asked", told=told)
    ballast.unlink()
    assert [kept.id for kept in Shelf(storage).all()] == [older.id]
    assert sorted(path.name for path in small_disk.iterdir() if path.is_dir()) == [older.id]
    assert verify(storage, older.id).problem is None


def test_what_a_killed_backup_left_is_removed_by_the_next(tmp_path: Path) -> None:
    storage = folder(tmp_path)
    half = tmp_path / "backups" / ".20240101_000000"
    half.mkdir(parents=True)
    (half / DATABASE).write_bytes(b"half")
    made(storage)
    assert not half.exists()


def test_one_at_a_time_works_on_the_backups(tmp_path: Path) -> None:
    storage = folder(tmp_path)
    manifest = made(storage)
    with (
        Shelf(storage).work("create"),
        pytest.raises(Conflict, match=f"process {os.getpid()}"),
    ):
        forget(storage, manifest.id)
    with pytest.raises(NotFound, match=manifest.id):
        forget(storage, "20000101_000000")


def test_under_load_every_backup_is_one_moment(server: ServerProcess) -> None:
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            server.create("echo STEP_START:x; seq 300; echo STEP_END:x")

    thread = threading.Thread(target=load)
    thread.start()
    try:
        eventually(lambda: len(list(server.storage.glob("executions/*/*"))) > 20)
        answers = [server.client.post("/api/backups?wait=60s").json() for _ in range(2)]
    finally:
        stop.set()
        thread.join()
    eventually(server.are_all_ended, within=60)
    assert all(answer["backup"]["is_verified"] for answer in answers)
    place = Path(answers[-1]["backup"]["path"])
    connection = sqlite3.connect(place / DATABASE)
    ids = {row[0] for row in connection.execute("SELECT id FROM executions")}
    ended = {
        row[0] for row in connection.execute("SELECT id FROM executions WHERE status = 'completed'")
    }
    connection.close()
    with tarfile.open(place / ARCHIVE) as archive:
        packed = {
            name.split("/")[3] for name in archive.getnames() if name.endswith(("/log", ".zst"))
        }
    assert len(ids) == answers[-1]["backup"]["executions"]
    assert ended <= packed <= ids


def test_what_began_while_the_database_was_copied_is_in_with_its_log(tmp_path: Path) -> None:
    storage = folder(tmp_path, logs=0)
    soon = datetime.now(UTC) + timedelta(minutes=1)
    copied, later = (new_id(int(soon.timestamp() * 1000), bytes([n] * 10)) for n in range(2))
    for execution_id in (copied, later):
        (storage / "executions/202401" / execution_id).mkdir(parents=True)
        (storage / "executions/202401" / execution_id / "log").write_bytes(b"1\n")
    with sqlite3.connect(storage / "database" / DATABASE) as connection:
        connection.execute(
            "INSERT INTO executions (id, name, command, status, created_at, seq)"
            " VALUES (?, 'n', 'true', 'completed', ?, 1)",
            (copied, soon.replace(tzinfo=None).isoformat()),
        )
    connection.close()
    backup = storage.parent / "backups" / made(storage).id
    with tarfile.open(backup / ARCHIVE) as archive:
        packed = [name for name in archive.getnames() if name.endswith("/log")]
    assert packed == [f"storage/executions/202401/{copied}/log"]


def test_secrets_of_what_runs_are_in_no_backup(server: ServerProcess) -> None:
    script = server.folder / "script"
    script.write_text(
        "echo given $TOKEN; echo '::add-mask::said-later-77'; echo said-later-77; echo split-secr;"
        " sleep 60"
    )
    running = server.create(
        ["sh", str(script)],
        secret_environment={"TOKEN": "split-secret-4711"},
    )
    eventually(lambda: b"secr" in server.text(running))
    made = server.client.post("/api/backups?wait=60s").json()["backup"]
    assert made["unfinished"] == 1
    with tarfile.open(Path(made["path"]) / ARCHIVE) as archive:
        texts = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
    log = next(text for name, text in texts.items() if name.endswith("/log"))
    assert log.count(b"\n") == 4
    everything = b"".join(texts.values()) + (Path(made["path"]) / DATABASE).read_bytes()
    for secret in (b"split-secret-4711", b"said-later-77"):
        assert secret not in everything
    server.client.post(f"/api/executions/{running}/cancel", json={"kill": True})


def test_the_command_line_works_without_a_server(tmp_path: Path) -> None:
    folder(tmp_path)

    def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stepflow", "backup", *arguments, "--storage-path", "storage"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    created = asked("create")
    assert created.returncode == 0, created.stderr
    assert "read back" in created.stdout
    (one,) = json.loads(asked("list", "--json").stdout)["backups"]
    archive = tmp_path / "backups" / one["id"] / ARCHIVE
    archive.write_bytes(archive.read_bytes()[:-100])
    damaged = asked("verify")
    assert damaged.returncode == 1
    assert "✗" in damaged.stdout
    assert "storage_backup.tar.gz" in asked("list").stdout
    assert asked("delete", one["id"]).returncode == 0


def test_backups_are_made_when_it_is_time_and_the_old_ones_go(tmp_path: Path) -> None:
    storage = folder(tmp_path)
    asked_for = made(storage).id

    async def keep() -> None:
        backups = Backups(storage, Schedule("* * * * * *", keep=1))  # with seconds
        task = asyncio.create_task(backups.keep_to_schedule())
        seen: set[str] = set()
        while len(seen) < 2 or len(await backups.all()) != 2:
            seen |= {one.id for one in await backups.all() if one.origin == "schedule"}
            await asyncio.sleep(0.02)
        task.cancel()
        making = [one for one in asyncio.all_tasks() if one.get_name() == "backup"]
        await asyncio.gather(*making)  # nothing is at work when the folder goes

    asyncio.run(asyncio.wait_for(keep(), 60))
    assert Shelf(storage).find(asked_for).problem is None
