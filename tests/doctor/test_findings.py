import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stepflow.doctor import State, backups, database, folder, machine, server, service

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
connection.execute("SELECT * FROM t").fetchone()
print("held", flush=True)
sys.stdin.read()
"""


def made(path: Path, mode: str = "wal") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()
    return path


class Holder:
    """Another program that has begun a transaction and keeps it."""

    def __init__(self, path: Path, begin: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path), begin],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"held\n"

    def __enter__(self) -> int:
        return self.process.pid

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_who_holds_the_write_lock_is_named(tmp_path: Path, mode: str) -> None:
    path = made(tmp_path / "stepflow.db", mode)
    assert database.locks(path, None).state == State.OK
    with Holder(path, "BEGIN IMMEDIATE") as pid:
        found = database.locks(path, None)
        assert database.locks(path, server=pid).state == State.OK
    assert found.state == State.PROBLEM
    assert f"(process {pid}) holds the write lock" in found.text
    assert found.fix is not None
    assert found.fix.endswith(f"kill {pid}")


def test_who_keeps_the_write_ahead_log_from_being_emptied_is_named(tmp_path: Path) -> None:
    path = made(tmp_path / "stepflow.db")
    with Holder(path, "BEGIN") as pid:
        with path.with_name("stepflow.db-wal").open("ab") as log:
            log.truncate(database.MOST_WAL_BYTES + 1)
        found = database.write_ahead_log(path, None)
    assert (found.name, found.state) == ("write-ahead log", State.WARNING)
    assert f"(process {pid})" in found.text


def test_a_journal_mode_other_than_wal_is_explained(tmp_path: Path) -> None:
    assert database.wal_mode(made(tmp_path / "a.db")).state == State.OK
    path = made(tmp_path / "b.db", "delete")
    usual = database.wal_mode(path)
    assert (usual.state, usual.fix) == (
        State.WARNING,
        "stepflow serve switches it on when it starts",
    )
    path.chmod(0o444)
    found = database.wal_mode(path)
    assert (found.state, found.fix) == (State.PROBLEM, f"chmod 664 {path}")


def test_a_sqlite_without_wal_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 6, 23))
    found = database.wal_mode(made(tmp_path / "a.db", "delete"))
    assert found.state == State.PROBLEM
    assert "too old" in found.text


def test_a_write_ahead_log_that_was_set_aside_is_shown_until_it_is_removed(tmp_path: Path) -> None:
    path = made(tmp_path / "stepflow.db")
    assert list(database.set_aside(path)) == []
    aside = path.with_name("stepflow.db-wal.foreign-20260102_030405")
    aside.touch()
    (found,) = database.set_aside(path)
    assert (found.state, str(aside) in found.text) == (State.WARNING, True)


def test_a_folder_without_a_backup_is_told_so_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    storage.mkdir()
    assert backups.backups(storage, NOW).state == State.WARNING
    (tmp_path / "backups/20260101_000000").mkdir(parents=True)
    found = backups.backups(storage, NOW)
    assert (found.state, "20260101_000000" in found.text) == (State.PROBLEM, True)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "stepflow.db"
    path.write_bytes(b"<html>" * 100)
    assert database.wal_mode(path).state == State.PROBLEM


def test_a_network_file_system_is_named_whatever_lies_above_it(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
        "90 22 0:50 / /srv/my\\040share rw,relatime shared:1 - nfs4 host:/share rw\n"
    )
    assert folder.mounted(Path("/srv/my share/storage"), mounts) == ("nfs4", "/srv/my share")
    assert folder.mounted(Path("/srv/my shared"), mounts) == ("ext4", "/")
    mounts.write_text(mounts.read_text() + f"91 22 0:51 / {tmp_path} rw - cifs //host/s rw\n")
    found = folder.file_system(tmp_path / "storage", mounts)
    assert (found.state, "(cifs, mounted at" in found.text) == (State.PROBLEM, True)


def test_files_that_another_user_made_in_the_database_folder_are_named(tmp_path: Path) -> None:
    path = made(tmp_path / "database/stepflow.db")
    assert folder.storage(tmp_path).state == State.OK
    try:
        import os

        os.chown(path, 1, 1)
    except PermissionError:
        pytest.skip("needs root")
    found = folder.storage(tmp_path)
    assert found.state == State.PROBLEM
    assert found.fix == f"sudo chown -R root {tmp_path}"


def test_a_clock_that_was_set_back_is_a_problem() -> None:
    assert machine.clock(NOW, NOW - timedelta(seconds=1)).state == State.OK
    found = machine.clock(NOW, NOW + timedelta(hours=2))
    assert found.state == State.PROBLEM
    assert "2:00:00 in the future" in found.text


def test_an_old_kernel_is_a_problem_and_another_system_a_warning() -> None:
    assert machine.system("Linux", "4.19.0-generic").state == State.PROBLEM
    assert machine.system("Linux", "5.10.0-8-amd64").state == State.OK
    assert machine.system("Darwin", "23.1").state == State.WARNING


def test_memory_is_judged_without_mapped_files() -> None:
    assert server.memory(server.Use(100_000_000, 900_000_000), 20_000).state == State.OK
    found = server.memory(server.Use(600_000_000, 0), 20_000)
    assert found.state == State.WARNING
    assert found.fix is not None
    assert "STEPFLOW_CACHE_SIZE" in found.fix


def test_slow_reads_and_unused_pages_are_told() -> None:
    assert server.response_time(3, []).state == State.OK
    slow = server.response_time(80, ["executions, 900 ms at 2026-01-02"])
    assert (slow.state, "executions, 900 ms" in slow.text) == (State.WARNING, True)
    assert server.free_pages(200_000_000, 10_000_000).state == State.OK
    assert server.free_pages(200_000_000, 100_000_000).state == State.WARNING


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/stepflow.service\n", "stepflow.service"),
        ("5:memory:/x.service\n1:name=systemd:/system.slice/flow.service/pump\n", "flow.service"),
        ("0::/user.slice/user-1.slice/user@1.service/app.slice/own.service\n", "own.service"),
        ("0::/user.slice/user-1.slice/user@1.service/session.slice\n", None),
        ("0::/\n", None),
    ],
)
def test_the_unit_of_a_process_is_read_from_its_control_group(
    tmp_path: Path, cgroup: str, unit: str | None
) -> None:
    (tmp_path / "cgroup").write_text(cgroup)
    assert service.unit_of(tmp_path / "cgroup") == unit


def test_a_unit_that_kills_scripts_is_a_problem_with_the_drop_in_printed(tmp_path: Path) -> None:
    assert service.judged("stepflow.service", "process").state == State.OK
    found = service.judged("stepflow.service", "control-group")
    assert found.state == State.PROBLEM
    assert found.fix is not None
    assert "[Service]\\nKillMode=process\\n" in found.fix
    assert "/etc/systemd/system/stepflow.service.d" in found.fix
