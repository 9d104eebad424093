"""Folders of the original program in all their forms come over whole."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from originals import E1, E2, STEP, Original
from stepflow.errors import InvalidSetting, NoSpace, StorageUnusable
from stepflow.migrate import Options, is_legacy, migrate
from stepflow.model import ArtifactState, Lost, Status, StepStatus
from stepflow.store import Query, SqliteStore, open_sqlite
from stepflow.transcript import Transcript

SHANGHAI = Options(timezone="Asia/Shanghai")


def asked(storage: Path, question: Callable[[SqliteStore], Any]) -> Any:
    async def ask() -> Any:
        store = await open_sqlite(storage / "database" / "stepflow.db")
        try:
            return await question(store)
        finally:
            await store.close()

    return asyncio.run(ask())


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("name", ["stepflow.db", "containerflow.db"])
@pytest.mark.parametrize("has_stop_on_error", [False, True])
def test_every_layout_comes_over_and_is_proven(
    tmp_path: Path, journal: str, name: str, has_stop_on_error: bool
) -> None:
    original = Original(
        tmp_path, journal=journal, name=name, has_stop_on_error=has_stop_on_error
    ).with_two_executions()
    storage = original.close().storage
    assert is_legacy(storage)
    report = migrate(storage, SHANGHAI)
    assert (report.executions, report.steps, report.artifacts) == (2, 3, 2)
    assert (report.differences, report.state, is_legacy(storage)) == ([], "migrated", False)
    assert len(asked(storage, lambda store: store.executions(Query())).executions) == 2


def test_a_wal_that_was_never_written_back_comes_over(tmp_path: Path) -> None:
    original = Original(tmp_path / "live", journal="wal")
    original.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    original.with_two_executions()
    shutil.copytree(tmp_path / "live", tmp_path / "killed")
    report = migrate(tmp_path / "killed" / "storage", SHANGHAI)
    assert (report.executions, report.steps, report.differences) == (2, 3, [])


def test_a_hot_journal_is_rolled_back_and_not_lost(tmp_path: Path) -> None:
    original = Original(tmp_path / "live").with_two_executions()
    original.connection.execute("PRAGMA cache_size = 1")
    original.connection.execute("PRAGMA cache_spill = 1")
    original.connection.execute("BEGIN")
    original.connection.execute("UPDATE executions SET name = 'half'")
    original.connection.executemany(
        "INSERT INTO artifacts (id, execution_id, name, file_path, created_at)"
        " VALUES (?, ?, ?, 'p', '2024')",
        [(str(n), E1, "n" * 3000) for n in range(500)],
    )
    shutil.copytree(tmp_path / "live", tmp_path / "killed")
    storage = tmp_path / "killed" / "storage"
    assert (storage / "database" / "stepflow.db-journal").stat().st_size > 0
    assert migrate(storage, SHANGHAI).artifacts == 2
    assert asked(storage, lambda store: store.execution(E1)).name == "Nightly 🚀"


def test_the_logs_of_steps_become_one_transcript_with_times(tmp_path: Path) -> None:
    storage = Original(tmp_path).with_two_executions().close().storage
    migrate(storage, SHANGHAI)
    with Transcript.open(storage / "executions" / E1) as transcript:
        lines = transcript.lines(0, 10)
    assert [line.text for line in lines] == [b"one", b" two", b"three"]
    times = [line.at.isoformat()[11:23] for line in lines if line.at]
    assert times == ["04:00:00+00:", "04:00:01.250", "04:00:02+00:"]
    steps = asked(storage, lambda store: store.steps(E1))
    assert [(step.first_line, step.last_line) for step in steps] == [(0, 1), (2, 2)]


def test_lines_without_a_time_stay_and_half_a_line_ends_before_the_next_log(
    tmp_path: Path,
) -> None:
    original = Original(tmp_path)
    original.keep_execution(E1)
    original.keep_step(E1, 0, b"no stamp [x]\n[2024-05-01T12:00:00] a\n[2024-05-01T12:0")
    original.keep_step(E1, 10, b"[2024-05-01T12:00:09] \n[2024-05-01T12:00:09] \xff\x00 end")
    original.keep_step(E1, 2, None)
    storage = original.close().storage
    report = migrate(storage, SHANGHAI)
    log = (storage / "executions" / E1 / "log").read_bytes()
    assert log == b"no stamp [x]\na\n[2024-05-01T12:0\n\n\xff\x00 end"
    assert (report.log_lines, report.unstamped_lines) == (5, 2)
    steps = asked(storage, lambda store: store.steps(E1))
    assert [(step.first_line, step.last_line) for step in steps] == [(0, 2), (3, 2), (3, 4)]


def test_what_was_left_running_is_lost_with_its_data_kept(tmp_path: Path) -> None:
    storage = Original(tmp_path).with_two_executions().close().storage
    report = migrate(storage, SHANGHAI)
    execution = asked(storage, lambda store: store.execution(E2))
    assert execution.status is Status.FAILED
    assert execution.outcome == Lost("the original left it running")
    assert execution.completed_at.isoformat() == "2024-05-01T05:30:00+00:00"
    (step,) = asked(storage, lambda store: store.steps(E2))
    assert (step.status, step.reason) == (StepStatus.CANCELLED, "the original left it running")
    assert (report.lost, report.steps_closed) == (1, 1)


def test_artifacts_stay_where_they_are(tmp_path: Path) -> None:
    storage = Original(tmp_path).with_two_executions().close().storage
    migrate(storage, SHANGHAI)
    kept, missing = asked(storage, lambda store: store.artifacts(E1))
    assert (kept.state, kept.file_path) == (
        ArtifactState.STORED,
        f"storage/artifacts/{E1}/x_a.txt",
    )
    assert (missing.state, missing.source_path) == (ArtifactState.MISSING, "/never/there.txt")
    assert (storage / "artifacts" / E1 / "x_a.txt").read_bytes() == b"abc"


def test_search_tags_and_counters_know_what_came_over(tmp_path: Path) -> None:
    storage = Original(tmp_path).with_two_executions().close().storage
    migrate(storage, SHANGHAI)
    found = asked(storage, lambda store: store.executions(Query(text="nightly", tag="ci")))
    assert len(found.executions) == 2
    counts = asked(storage, lambda store: store.health()).table_counts
    assert (counts["executions"], counts["steps"], counts["artifacts"]) == (2, 3, 2)


def test_the_backup_unpacks_to_the_folder_as_it_was(tmp_path: Path) -> None:
    original = Original(tmp_path).with_two_executions()
    storage = original.close().storage
    before = files(storage)
    report = migrate(storage, SHANGHAI)
    backup = Path(str(report.backup))
    with tarfile.open(backup / "storage_backup.tar.gz") as archive:
        archive.extractall(tmp_path / "back", filter="data")
    after = files(tmp_path / "back" / "storage")
    database = "database/stepflow.db"
    restored = sqlite3.connect(tmp_path / "back" / "storage" / database)
    assert restored.execute("SELECT count(*) FROM steps").fetchone() == (3,)
    restored.close()
    assert {**after, database: b""} == {**before, database: b""}


def test_the_original_reads_and_writes_a_migrated_database_and_it_is_taken_again(
    tmp_path: Path,
) -> None:
    original = Original(tmp_path).with_two_executions()
    migrate(original.storage, SHANGHAI)
    row = original.connection.execute("SELECT * FROM executions WHERE id = ?", (E1,)).fetchone()
    assert row[:3] == (E1, "Nightly 🚀", "make")
    original.keep_step(E2, 0, b"[2024-05-01T13:30:00] last words\n[2024-05-01T13:31:00] more\n")
    original.keep_execution(E2, "completed")
    original.close()
    report = migrate(original.storage, SHANGHAI)
    assert (report.state, report.executions) == ("adopted", 1)
    execution = asked(original.storage, lambda store: store.execution(E2))
    assert (execution.status, execution.log_lines) == (Status.COMPLETED, 2)
    statistics = asked(original.storage, lambda store: store.count(Query(), within=None))
    assert statistics == 2


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    storage = Original(tmp_path).with_two_executions().close().storage
    migrate(storage, SHANGHAI)
    before = files(tmp_path)
    assert migrate(storage, SHANGHAI).state == "nothing"
    assert files(tmp_path) == before


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_dry_run_leaves_no_trace(tmp_path: Path, journal: str) -> None:
    original = Original(tmp_path, journal=journal).with_two_executions()
    if journal == "delete":
        original.close()
    before = files(tmp_path)
    report = migrate(original.storage, Options(timezone="Asia/Shanghai", is_dry_run=True))
    assert (report.state, report.executions, report.step_logs) == ("planned", 2, 3)
    assert (report.lost, files(tmp_path)) == (1, before)


KILLED = """
import os, sys
from pathlib import Path
from stepflow.migrate import Options, migrate
left = int(sys.argv[2])
def count(event, args):
    global left
    if event in ("open", "os.rename", "sqlite3.connect") or event.startswith("os."):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
sys.addaudithook(count)
migrate(Path(sys.argv[1]), Options(timezone="Asia/Shanghai"))
"""


@pytest.mark.crash
@pytest.mark.parametrize("name", ["stepflow.db", "containerflow.db"])
def test_a_migration_killed_at_any_point_is_gone_on_with(tmp_path: Path, name: str) -> None:
    Original(tmp_path / "source", name=name).with_two_executions().close()
    for acts in (30, 45, 60, 75, 90, 110, 130, 150):
        folder = tmp_path / str(acts)
        shutil.copytree(tmp_path / "source", folder)
        storage = folder / "storage"
        subprocess.run([sys.executable, "-c", KILLED, str(storage), str(acts)], check=False)
        report = migrate(storage, SHANGHAI)
        assert report.differences == []
        assert len(asked(storage, lambda store: store.steps(E1))) == 2
        assert len(list((folder / "backups").glob("2*"))) == 1
        assert migrate(storage, SHANGHAI).state == "nothing"


def test_a_migration_goes_on_only_in_the_zone_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Original(tmp_path).with_two_executions().close().storage
    (storage / "executions" / E2 / "log.new").mkdir()  # stops it in the middle
    with pytest.raises(OSError, match=r"log\.new"):
        migrate(storage, SHANGHAI)
    (storage / "executions" / E2 / "log.new").rmdir()
    with pytest.raises(InvalidSetting, match="begun with the time zone Asia/Shanghai"):
        migrate(storage, Options(timezone="Europe/Paris"))
    report = migrate(storage, Options())
    assert (report.is_resumed, report.timezone) == (True, "Asia/Shanghai")


def test_a_row_that_changed_without_reason_is_told(tmp_path: Path) -> None:
    original = Original(tmp_path).with_two_executions()
    (original.storage / "executions" / E2 / "log.new").mkdir()
    with pytest.raises(OSError, match=r"log\.new"):
        migrate(original.storage, SHANGHAI)
    (original.storage / "executions" / E2 / "log.new").rmdir()
    original.connection.execute("UPDATE executions SET name = 'x' WHERE id = ?", (E1,))
    original.connection.execute("DELETE FROM steps WHERE id = ?", (STEP.format(1111001),))
    original.connection.commit()
    report = migrate(original.close().storage, SHANGHAI)
    assert report.differences == [
        f"executions: {E1} has another name",
        f"steps: {STEP.format(1111001)} is not there any more",
    ]


def test_values_that_are_damaged_are_set_aside_and_named(tmp_path: Path) -> None:
    original = Original(tmp_path)
    original.keep_execution(E1, tags="no json")
    original.keep_execution(E2, "exploded", at="soon")
    report = migrate(original.close().storage, SHANGHAI)
    assert len(report.repaired) == 5
    assert report.differences == []
    page = asked(original.storage, lambda store: store.executions(Query()))
    assert {one.id: one.status for one in page.executions} == {
        E1: Status.COMPLETED,
        E2: Status.FAILED,
    }


def test_a_damaged_database_is_refused_untouched(tmp_path: Path) -> None:
    original = Original(tmp_path).with_two_executions().close()
    content = bytearray(original.database.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\x07" * 4096
    original.database.write_bytes(content)
    before = files(tmp_path)
    with pytest.raises(StorageUnusable, match=r"damaged .*nothing was changed"):
        migrate(original.storage, SHANGHAI)
    assert files(tmp_path) == before


def test_no_room_for_the_backup_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Original(tmp_path).with_two_executions().close()
    before = files(tmp_path)
    monkeypatch.setattr("stepflow.backup.backup.SPARE_BYTES", 1 << 60)
    with pytest.raises(NoSpace, match="nothing was changed"):
        migrate(original.storage, SHANGHAI)
    assert files(tmp_path) == before


def test_an_unknown_zone_is_refused_first(tmp_path: Path) -> None:
    original = Original(tmp_path).with_two_executions().close()
    before = files(tmp_path)
    with pytest.raises(InvalidSetting, match="Mars/Phobos"):
        migrate(original.storage, Options(timezone="Mars/Phobos"))
    assert files(tmp_path) == before
