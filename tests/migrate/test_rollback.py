"""Back to the original and forward again: it sees and writes everything, and nothing is lost."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eventually import eventually
from originals import E1, E2, INDEXES, KEEP_EXECUTION, Original
from server_process import ServerProcess
from stepflow.backup import Shelf
from stepflow.migrate import Options, migrate, roll_back

ZONE = "America/New_York"
TWICE = "2024-11-03T05:30:00.250000"  # and 06:30 are both 01:30 there


def asked(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stepflow", *arguments],
        cwd=server.folder,
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def everything(server: ServerProcess) -> dict[str, Any]:
    """What the API says of each execution, and its log."""
    found = server.client.get("/api/executions?limit=100").json()["executions"]
    counts = server.client.get("/api/executions/statistics").json()
    shown = {one["id"]: (server.execution(one["id"]), server.text(one["id"])) for one in found}
    return shown | {"counts": counts["by_status"], "order": [one["id"] for one in found]}


def rows(database: Path, table: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(database)
    connection.row_factory = sqlite3.Row
    try:
        return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")]
    finally:
        connection.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was the original's, and then ours, its server stopped."""
    folder = tmp_path_factory.mktemp("template")
    Original(folder).with_two_executions().close()
    migrate(folder / "storage", Options(timezone=ZONE))
    with ServerProcess(folder, STEPFLOW_LEGACY_TIMEZONE=ZONE) as server:
        server.ended(
            server.create(
                "echo outside; echo STEP_START:Build; echo in it; echo STEP_END:Build;"
                " echo STEP_START:Test; echo failing; exit 3",
                name="ours",
                tags=["ours"],
            )
        )
        server.ended(server.create("sleep 60", timeout=0.1, name="too long"))
    return folder


@pytest.fixture
def used(tmp_path: Path, template: Path) -> ServerProcess:
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return ServerProcess(tmp_path, STEPFLOW_LEGACY_TIMEZONE=ZONE)


def test_the_original_sees_and_writes_everything_and_it_all_comes_forward_again(
    used: ServerProcess,
) -> None:
    database = used.storage / "database" / "stepflow.db"
    connection = sqlite3.connect(database)
    connection.execute("UPDATE executions SET started_at = ? WHERE name = 'ours'", (TWICE,))
    connection.commit()
    connection.close()
    with used:
        before = everything(used)
    rolled = asked(used, "rollback")
    assert rolled.returncode == 0, rolled.stderr
    assert ZONE in rolled.stdout

    original = sqlite3.connect(database)
    original.executescript(INDEXES)  # as it does when it starts
    assert original.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert original.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert original.execute("SELECT created_at FROM executions WHERE id = ?", (E1,)).fetchone() == (
        "2024-05-01T12:00:00",
    )
    newest = "SELECT * FROM executions ORDER BY created_at DESC LIMIT ? OFFSET ?"
    assert len(original.execute(newest, (10, 0)).fetchall()) == 4
    assert original.execute("SELECT count(*) FROM steps").fetchone() == (5,)
    (ours,) = original.execute("SELECT id FROM executions WHERE name = 'ours'").fetchone()
    (step,) = original.execute("SELECT id FROM steps WHERE name = 'Build'").fetchone()
    log = used.storage / "executions" / ours / f"step_0_{step}.log"
    stamps, texts = zip(
        *(line.split("] ", 1) for line in log.read_text().splitlines()), strict=True
    )
    assert texts == ("STEP_START:Build", "in it", "STEP_END:Build")
    (started,) = original.execute("SELECT started_at FROM steps WHERE id = ?", (step,)).fetchone()
    assert stamps[0][1:14] == started[:13]
    theirs = "99999999-9999-4999-8999-999999999999"
    row = [theirs, "theirs", "make", "/srv", "completed", 0, None, "2025-01-01T07:00:00"]
    row += ["2025-01-01T07:00:00", "2025-01-01T07:00:01.500000", "{}", "zoë", "[]", 0, 0, -1, "{}"]
    original.execute(KEEP_EXECUTION, row)
    original.execute(KEEP_EXECUTION, [E2, "renamed", *row[2:]])
    original.commit()
    original.close()

    assert asked(used, "migrate").returncode == 0
    with used:
        after = everything(used)
    assert set(after) - set(before) == {theirs}
    assert after[theirs][0]["execution"]["created_at"] == "2025-01-01T12:00:00Z"
    assert after[E2][0]["execution"]["name"] == "renamed"
    for execution_id in set(before) - {E2, "counts", "order"}:
        assert after[execution_id] == before[execution_id]
    assert [one for one in after["order"] if one in before["order"]] == before["order"]
    assert sum(after["counts"].values()) == 5
    assert not (used.storage / "executions" / ours).exists()


def test_a_dry_run_changes_nothing_and_a_second_rollback_has_nothing_to_do(
    used: ServerProcess,
) -> None:
    database = used.storage / "database" / "stepflow.db"
    before = rows(database, "executions")
    planned = json.loads(asked(used, "rollback", "--dry-run", "--json").stdout)
    assert (planned["state"], planned["executions"], planned["backup"]) == ("planned", 4, None)
    assert rows(database, "executions") == before
    assert planned["step_logs"] == roll_back(used.storage, Options(timezone=ZONE)).step_logs
    assert roll_back(used.storage, Options(timezone=ZONE)).state == "nothing"


def test_a_dry_run_of_the_way_forward_says_that_it_was_rolled_back(used: ServerProcess) -> None:
    database = used.storage / "database" / "stepflow.db"
    assert asked(used, "rollback").returncode == 0
    before = database.read_bytes()
    planned = json.loads(asked(used, "migrate", "--dry-run", "--json").stdout)
    assert planned["state"] == "planned"
    assert "it was rolled back, and would be taken over again" in planned["remarks"]
    assert asked(used, "migrate").returncode == 0
    assert database.read_bytes() != before


def test_what_the_original_deleted_is_forgotten(used: ServerProcess) -> None:
    database = used.storage / "database" / "stepflow.db"
    roll_back(used.storage, Options(timezone=ZONE))
    original = sqlite3.connect(database)
    original.execute("DELETE FROM executions WHERE name = 'ours'")
    original.execute("DELETE FROM executions WHERE id = ?", (E1,))
    original.commit()
    original.close()
    migrate(used.storage, Options(timezone=ZONE))
    with used:
        shown = everything(used)
        assert sum(shown["counts"].values()) == len(shown["order"]) == 2
        assert used.client.get("/api/executions?q=ours").json()["executions"] == []


def test_scripts_that_run_go_on_through_a_rollback(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        running = server.create("echo begun; while ! [ -e go ]; do sleep 0.05; done; echo over")
        eventually(lambda: server.text(running) == b"begun\n")
    report = roll_back(server.storage, Options(timezone=ZONE))
    assert report.unfinished == 1
    (server.folder / "go").touch()
    migrate(server.storage, Options(timezone=ZONE))
    with server:
        assert server.ended(running)["execution"]["status"] == "completed"
        assert server.text(running) == b"begun\nover\n"


def test_back_to_the_backup_before_the_migration(used: ServerProcess) -> None:
    kept = Shelf(used.storage).all()
    (before,) = [one.id for one in kept if one.manifest and one.manifest.origin == "migration"]
    rolled = asked(used, "rollback", "--to-backup", before)
    assert rolled.returncode == 0, rolled.stderr
    database = used.storage / "database" / "stepflow.db"
    assert {row["id"] for row in rows(database, "executions")} == {E1, E2}
    assert "seq" not in rows(database, "executions")[0]
    assert list(used.folder.glob("storage.before-*"))


def test_a_server_refuses_a_rollback_and_takes_a_folder_forward_that_was_rolled_back(
    used: ServerProcess,
) -> None:
    with used:
        before = everything(used)
        assert asked(used, "rollback").returncode == 4
    roll_back(used.storage, Options(timezone=ZONE))
    with used:
        assert everything(used) == before
