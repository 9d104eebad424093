"""The guide's rollbacks, typed after our own backup."""

import json

from installation import Installation

from guide_blocks import Block, types


def with_a_backup(installed: Installation) -> None:
    """What was there is `echo one`; `later` came after the backup."""
    assert installed.type("python3 -m stepflow backup").code == 0
    installed.type("cp -r app/ backups/$(ls backups/ | tail -1)/app_backup/")
    installed.ran("echo later")


@types("1. Quick Rollback (< 5 minutes)")
def test_the_database_of_the_backup_is_served(fresh: Installation, block: Block) -> None:
    with_a_backup(fresh)
    fresh.type("git pull -q origin main")
    typed = fresh.type(block.text)
    assert typed.code == 0, typed.err
    assert fresh.type("git log -1 --format=%s").out == "before\n"
    # What came later is adopted from its folder, or is gone: never half there.
    assert "echo one" in fresh.names()
    assert fresh.client.get("/api/doctor").json()[0]["state"] == "ok"


@types("2. Database Rollback")
def test_the_journal_mode_goes_back_and_the_server_takes_it_on_again(
    fresh: Installation, block: Block
) -> None:
    fresh.stop()
    assert fresh.type(block.text).out == "delete\ndelete\n"
    fresh.start()
    assert fresh.names() == ["echo one"]
    assert "wal" in fresh.type("sqlite3 storage/database/stepflow.db 'PRAGMA journal_mode'").out


@types("2. Database Rollback")
def test_beside_a_running_server_it_is_refused_and_harms_nothing(
    fresh: Installation, block: Block
) -> None:
    typed = fresh.type(block.text)
    assert "locked" in typed.err
    assert typed.out.endswith("wal\n")
    fresh.ran("echo two")
    assert fresh.names() == ["echo one", "echo two"]


@types("3. Complete Environment Rollback")
def test_the_whole_storage_comes_back_and_the_nested_copy_is_named(
    fresh: Installation, block: Block
) -> None:
    with_a_backup(fresh)
    fresh.type(block.text)
    assert fresh.names() == ["echo one"]
    (one,) = fresh.client.get("/api/executions").json()["executions"]
    assert fresh.client.get(f"/api/executions/{one['id']}/log").text == "one\n"
    # `cp -r DIR app/` puts the folder inside of one that is there.
    assert (fresh.clone / "app/app_backup/main.py").is_file()
    assert "app/app_backup is a copy inside app/" in (fresh.folder / "output").read_text()


@types("Verification After Rollback")
def test_what_is_there_can_be_verified(running: Installation, block: Block) -> None:
    said = running.type(block.text).out
    health, end = json.JSONDecoder().raw_decode(said)
    page, end = json.JSONDecoder().raw_decode(said[end:])
    assert health["status"] == "healthy"
    assert said.endswith(f"Executions: {page['total_count']}\n")
