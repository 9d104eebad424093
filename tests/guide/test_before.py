"""The guide up to the new code: requirements, backups, health, preparation."""

import json
import re
import sqlite3

from installation import STAMP, Installation

from eventually import eventually
from guide_blocks import Block, types


@types("Migration Timeline")
def test_the_timeline_is_prose_and_its_downtime_is_that_of_a_restart(block: Block) -> None:
    # tests/migrate and tests/server prove it: the original goes on while its folder is migrated,
    # and not one request fails while the server replaces itself.
    assert block.language == ""
    assert "Total Downtime: 0 minutes" in block.text


@types("System Requirements")
def test_the_requirements_are_shown(legacy: Installation, block: Block) -> None:
    # Its first lines are a table, and vm_stat is macOS's: at a prompt the shell says so, no more.
    typed = legacy.type(block.text, as_at_a_prompt=True)
    assert re.search(r"^Python 3\.1\d", typed.out, re.MULTILINE)
    assert "Mem:" in typed.out
    assert "Filesystem" in typed.out


@types("Dependency Verification")
def test_the_packages_and_the_version_of_sqlite_are_found(
    legacy: Installation, block: Block
) -> None:
    said = legacy.type(block.text).out.splitlines()
    assert said[0].startswith("aiosqlite ")
    assert tuple(map(int, said[-1].split("."))) >= (3, 7, 0)


@types("1. Database Backup")
def test_a_backup_of_the_database_is_whole(legacy: Installation, block: Block) -> None:
    typed = legacy.type(block.text)
    assert (typed.out, typed.err) == ("ok\n", "")
    copied = sqlite3.connect(legacy.clone / f"backups/{STAMP}/stepflow.db")
    assert copied.execute("SELECT count(*) FROM executions").fetchone() == (2,)
    copied.close()


@types("1. Database Backup")
def test_the_same_beside_a_running_server_harms_nothing_and_ours_has_all_rows(
    fresh: Installation, block: Block
) -> None:
    assert fresh.type(block.text).out == "ok\n"
    fresh.ran("echo two")
    assert "2 executions" in fresh.type("python3 -m stepflow backup").out
    assert fresh.names() == ["echo one", "echo two"]


@types("2. File System Backup")
def test_logs_and_artifacts_are_packed(legacy: Installation, block: Block) -> None:
    legacy.type(f"mkdir -p backups/{STAMP}")
    typed = legacy.type(block.text)
    assert (typed.code, typed.err) == (0, "")
    assert "storage_backup.tar.gz" in typed.out
    listed = legacy.type(f"tar -tzf backups/{STAMP}/storage_backup.tar.gz").out
    assert "storage/database/stepflow.db\n" in listed
    assert re.search(r"^storage/executions/.*\.log$", listed, re.MULTILINE)


@types("3. Configuration Backup")
def test_the_configuration_is_kept(legacy: Installation, block: Block) -> None:
    legacy.type(f"mkdir -p backups/{STAMP}")
    assert legacy.type(block.text).err == ""
    kept = legacy.clone / "backups" / STAMP
    for name in ("app_backup/main.py", "requirements.txt", "docker-compose.yml"):
        assert (kept / name).is_file(), name


@types("Database Connectivity Test")
def test_the_database_is_accessible(legacy: Installation, block: Block) -> None:
    assert legacy.type(block.text).out == "Database accessible: True\n"


@types("Service Health Check")
def test_the_service_and_its_websocket_answer(running: Installation, block: Block) -> None:
    # What follows is a WebSocket's bytes, which curl may refuse to show on a terminal.
    said = running.type_until(block.text, "101 Switching Protocols")
    assert json.loads(said.partition("HTTP/1.1 101")[0])["status"] == "healthy"


@types("1.1 Stop Application (Optional)")
def test_a_stop_leaves_the_scripts_running(fresh: Installation, block: Block) -> None:
    fresh.type("mkfifo ../go")
    wanted = {"command": f"read line < {fresh.folder}/go; echo $line"}
    made = fresh.client.post("/api/executions", json=wanted).json()
    path = f"/api/executions/{made['id']}"
    eventually(lambda: fresh.client.get(path).json()["execution"]["status"] == "running")
    assert fresh.type(block.text).out == ""
    assert not fresh.is_running()
    fresh.type("echo went on > ../go")
    fresh.start()
    eventually(lambda: fresh.client.get(path).json()["execution"]["status"] == "completed")
    assert fresh.client.get(f"{path}/log").text == "went on\n"


@types("1.1 Stop Application (Optional)")
def test_where_nothing_runs_it_is_said(legacy: Installation, block: Block) -> None:
    assert legacy.type(block.text.partition("# Or")[0]).out == "Application not running\n"


@types("1.2 Create Migration Environment")
def test_an_environment_is_created(legacy: Installation, block: Block) -> None:
    typed = legacy.type(block.text + "echo $VIRTUAL_ENV\n")
    assert (typed.code, typed.err) == (0, "")
    assert typed.out == f"{legacy.clone}/migration_env\n"


@types("1.3 Verify Current State")
def test_the_state_before_is_shown(legacy: Installation, block: Block) -> None:
    assert legacy.type(block.text).out.split() == (
        ["delete", "Executions:", "2", "Steps:", "3", "Artifacts:", "2"]
    )
