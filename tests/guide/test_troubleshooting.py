"""The guide's four issues and what it collects for support."""

import json
import re

from installation import Installation

from guide_blocks import Block, types


@types("Issue 1: WAL Mode Not Activating")
def test_wal_can_be_activated_by_hand(fresh: Installation, block: Block) -> None:
    fresh.stop()
    fresh.type("sqlite3 storage/database/stepflow.db 'PRAGMA journal_mode=DELETE'")
    said = fresh.type(block.text)
    assert said.err == ""
    assert said.out.endswith("\nwal\n")
    fresh.start()
    assert fresh.names() == ["echo one"]


@types("Issue 2: High Memory Usage")
def test_memory_is_shown_and_a_restart_keeps_everything(fresh: Installation, block: Block) -> None:
    before = fresh.pid
    said = fresh.type(block.text).out
    assert "app/main.py" in said
    assert re.search(rf"^{before}:.*\n(.*\n)+ +total +\d+K$", said, re.MULTILINE)
    assert fresh.pid != before
    assert fresh.names() == ["echo one"]


@types("Issue 3: Database Lock Errors")
def test_the_lock_commands_harm_nothing(fresh: Installation, block: Block) -> None:
    timeout, checkpoint, *listed = fresh.type(block.text).out.splitlines()
    assert timeout == "0", (
        "that of the shell's own connection: the server's is in /api/health/database"
    )
    assert re.fullmatch(r"0\|\d+\|\d+", checkpoint)
    assert len(listed) == 3
    fresh.ran("echo two")
    assert fresh.names() == ["echo one", "echo two"]


@types("Issue 4: Performance Degradation")
def test_the_database_is_optimized_and_measured(running: Installation, block: Block) -> None:
    said = running.type(block.text).out
    done, end = json.JSONDecoder().raw_decode(said)
    assert done["status"] == "optimized"
    listed = said[end:].splitlines()[0]
    assert listed.endswith("storage/database/stepflow.db-wal")
    assert "Database operations" in said


@types("Support Information Collection")
def test_the_support_information_is_complete(running: Installation, block: Block) -> None:
    said = running.type(block.text).out
    assert said == "Debug information collected in debug_info.txt\n"
    collected = (running.clone / "debug_info.txt").read_text()
    (health,) = re.findall(r"^Health: (.*)$", collected, re.MULTILINE)
    assert json.loads(health)["status"] == "healthy"
    assert "\nWAL Mode: wal\n" in collected
    assert " serving version=" in collected.partition("=== Recent Logs ===")[2]
