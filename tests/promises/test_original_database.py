"""A database of the original, as long as it can't be migrated: refused, untouched."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from server_process import ServerProcess

ORIGINALS = """
CREATE TABLE executions (id TEXT PRIMARY KEY, name TEXT NOT NULL, command TEXT NOT NULL,
    working_directory TEXT, status TEXT NOT NULL, exit_code INTEGER, error_message TEXT,
    created_at TEXT NOT NULL, started_at TEXT, completed_at TEXT, environment TEXT,
    user_name TEXT, tags TEXT, total_steps INTEGER DEFAULT 0, completed_steps INTEGER DEFAULT 0,
    current_step_index INTEGER DEFAULT -1, metadata TEXT);
CREATE TABLE steps (id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, name TEXT NOT NULL);
CREATE TABLE artifacts (id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, name TEXT NOT NULL);
INSERT INTO executions (id, name, command, status, created_at)
    VALUES ('0b8e6b0e-8a54-4d53-9c2f-6c8a4c1e9f10', 'old', 'true', 'completed', '2024-05-01');
"""


@pytest.fixture
def unstarted(tmp_path: Path) -> Iterator[ServerProcess]:
    served = ServerProcess(tmp_path / "served")
    yield served
    served.__exit__(None, None, None)


def refusal(served: ServerProcess) -> tuple[int, str]:
    code = served.spawn().wait(60)
    return code, served.stderr.splitlines()[-1]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_database_of_the_original_is_refused_untouched(
    unstarted: ServerProcess, journal: str
) -> None:
    folder = unstarted.storage / "database"
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "stepflow.db")
    connection.execute(f"PRAGMA journal_mode={journal}")
    connection.executescript(ORIGINALS)
    connection.commit()
    connection.close()
    before = contents(folder)
    code, message = refusal(unstarted)
    assert code == 3
    assert "original" in message
    assert contents(folder) == before


def test_a_database_that_the_original_left_open_in_wal_is_refused_untouched(
    unstarted: ServerProcess,
) -> None:
    folder = unstarted.storage / "database"
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "stepflow.db")
    connection.execute("PRAGMA journal_mode=wal")
    connection.executescript(ORIGINALS)
    kept = contents(folder)
    connection.close()
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    (folder / "stepflow.db-shm").unlink()
    before = {name: content for name, content in kept.items() if not name.endswith("-shm")}
    code, message = refusal(unstarted)
    assert (code, "original" in message) == (3, True)
    assert contents(folder) == before


def test_a_database_of_the_originals_first_name_is_refused_too(unstarted: ServerProcess) -> None:
    folder = unstarted.storage / "database"
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "containerflow.db")
    connection.executescript(ORIGINALS)
    connection.close()
    before = contents(folder)
    code, message = refusal(unstarted)
    assert (code, "containerflow.db" in message) == (3, True)
    assert contents(folder) == before
