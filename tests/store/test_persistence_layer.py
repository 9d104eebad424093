"""The original's PersistenceLayer, as scripts of existing installs use it."""

import ast
import asyncio
import subprocess
import sys
import uuid
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stepflow.store import Query, open_sqlite

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from app.core.persistence import (  # noqa: E402 - the guide's PYTHONPATH=.
    PRODUCTION_SQLITE_CONFIG,
    PersistenceLayer,
)


class TheirStatus(Enum):
    COMPLETED = "completed"
    RUNNING = "running"


def their_execution(**facts: Any) -> SimpleNamespace:
    """An object as the original's own classes make it: naive local times, their enumerations."""
    now = datetime.now()  # noqa: DTZ005 - as they do
    return SimpleNamespace(
        **{
            "id": str(uuid.uuid4()), "name": "n", "command": "c", "working_directory": ".",
            "status": TheirStatus.COMPLETED, "exit_code": 0, "error_message": None,
            "created_at": now, "started_at": now, "completed_at": now, "environment": {},
            "user": "ann", "tags": ["x"], "total_steps": 1, "completed_steps": 1,
            "current_step_index": 0, "metadata": {"a": 1}, **facts,
        }
    )  # fmt: skip


def their_step(execution_id: str) -> SimpleNamespace:
    now = datetime.now()  # noqa: DTZ005 - as they do
    return SimpleNamespace(
        id=str(uuid.uuid4()), execution_id=execution_id, name="s", description="", index=0,
        status=TheirStatus.COMPLETED, exit_code=0, error_message=None, created_at=now,
        started_at=now, completed_at=now, estimated_duration=None, stop_on_error=False,
        metadata={},
    )  # fmt: skip


def their_artifact(execution_id: str) -> SimpleNamespace:
    return SimpleNamespace(
        id=str(uuid.uuid4()), execution_id=execution_id, step_id=None, name="a", description=None,
        file_path=Path("storage/a"), file_name="a", file_size=3, mime_type=None,
        artifact_type=None, created_at=datetime.now(), tags=[], is_public=True,  # noqa: DTZ005
        retention_days=None, metadata={},
    )  # fmt: skip


def layer(storage: Path, scenario: Callable[[PersistenceLayer], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        persistence = PersistenceLayer(str(storage))
        await persistence.initialize()
        try:
            await scenario(persistence)
        finally:
            await persistence.close()

    asyncio.run(run())


def test_what_their_classes_save_comes_back(tmp_path: Path) -> None:
    async def scenario(persistence: PersistenceLayer) -> None:
        theirs = their_execution()
        assert await persistence.save_execution(theirs) is True
        assert await persistence.save_step(their_step(theirs.id)) is True
        artifact = their_artifact(theirs.id)
        assert await persistence.save_artifact(artifact) is True
        found = await persistence.get_execution(theirs.id)
        assert found is not None
        assert (found.user, found.status.value, found.metadata) == ("ann", "completed", {"a": 1})
        assert found.created_at == theirs.created_at.astimezone()
        assert [step.index for step in await persistence.get_steps(theirs.id)] == [0]
        assert [one.file_size for one in await persistence.get_artifacts(theirs.id)] == [3]
        assert (await persistence.get_artifact(artifact.id)).name == "a"

    layer(tmp_path, scenario)


def test_saving_again_changes_the_row(tmp_path: Path) -> None:
    async def scenario(persistence: PersistenceLayer) -> None:
        theirs = their_execution(status=TheirStatus.RUNNING, completed_at=None)
        await persistence.save_execution(theirs)
        theirs.status = TheirStatus.COMPLETED
        await persistence.save_execution_batch([theirs, their_execution(user="bob")])
        assert len(await persistence.get_executions()) == 2
        (anns,) = await persistence.get_executions(status="completed", user="ann")
        assert anns.id == theirs.id
        assert await persistence.get_executions(status=TheirStatus.RUNNING) == []

    layer(tmp_path, scenario)


def test_any_limit_is_accepted(tmp_path: Path) -> None:
    async def scenario(persistence: PersistenceLayer) -> None:
        await persistence.save_execution_batch([their_execution() for _ in range(1100)])
        assert len(await persistence.get_executions(limit=5000)) == 1100
        assert len(await persistence.get_executions(limit=1050, offset=100)) == 1000
        assert await persistence.get_executions(limit=0) == []

    layer(tmp_path, scenario)


def test_what_is_unknown_is_none(tmp_path: Path) -> None:
    async def scenario(persistence: PersistenceLayer) -> None:
        assert await persistence.get_execution("x") is None
        assert await persistence.get_artifact("x") is None
        assert await persistence.get_steps("x") == []

    layer(tmp_path, scenario)


def test_expired_executions_go_with_their_files(tmp_path: Path) -> None:
    async def scenario(persistence: PersistenceLayer) -> None:
        then = datetime.now() - timedelta(days=40)  # noqa: DTZ005 - as they do
        old = their_execution(created_at=then, started_at=then, completed_at=then)
        new = their_execution()
        await persistence.save_execution_batch([old, new])
        for theirs in (old, new):
            (tmp_path / "executions" / theirs.id).mkdir(parents=True)
        assert await persistence.cleanup_expired_data(days=30) == 1
        assert [one.id for one in await persistence.get_executions()] == [new.id]
        assert [one.name for one in (tmp_path / "executions").iterdir()] == [new.id]

    layer(tmp_path, scenario)


def test_the_production_settings_are_in_use(tmp_path: Path) -> None:
    async def scenario(persistence: PersistenceLayer) -> None:
        stats = await persistence.get_performance_stats()
        assert stats["wal_mode"] is True
        assert stats["cache_size"] == -int(PRODUCTION_SQLITE_CONFIG["cache_size"])
        for name in ("mmap_size", "wal_autocheckpoint", "busy_timeout"):
            assert stats["settings"][name] == int(PRODUCTION_SQLITE_CONFIG[name])
        in_words = {"synchronous": {1: "NORMAL"}, "temp_store": {2: "memory"}}
        for name, meaning in in_words.items():
            assert meaning[stats["settings"][name]] == PRODUCTION_SQLITE_CONFIG[name]
        assert stats["table_counts"]["executions"] == 0
        assert await persistence.optimize_database() is True

    layer(tmp_path, scenario)


def test_who_edits_the_production_settings_gets_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PRODUCTION_SQLITE_CONFIG, "cache_size", "1234")
    monkeypatch.setitem(PRODUCTION_SQLITE_CONFIG, "synchronous", "FULL")

    async def scenario(persistence: PersistenceLayer) -> None:
        stats = await persistence.get_performance_stats()
        assert (stats["cache_size"], stats["settings"]["synchronous"]) == (-1234, 2)

    layer(tmp_path, scenario)


def test_it_works_in_a_second_process_beside_an_open_store(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from test_persistence_layer import PersistenceLayer, their_execution
async def main():
    persistence = PersistenceLayer(sys.argv[1])
    await persistence.initialize()
    await asyncio.gather(*(persistence.save_execution(their_execution()) for _ in range(50)))
    await persistence.close()
asyncio.run(main())
"""

    async def beside() -> None:
        store = await open_sqlite(tmp_path / "database" / "stepflow.db")
        other = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, str(tmp_path),
            cwd=Path(__file__).parent, env={"PYTHONPATH": f"{ROOT}:{Path(__file__).parent}"},
        )  # fmt: skip
        persistence = PersistenceLayer(tmp_path)
        await persistence.initialize()
        for _ in range(50):
            await persistence.save_execution(their_execution())
        assert await other.wait() == 0
        page = await store.executions(Query(limit=200))
        assert len({run.seq for run in page.executions}) == len(page.executions) == 100
        await persistence.close()
        await store.close()

    asyncio.run(beside())


def test_it_wants_to_be_initialized(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="initialize"):
        asyncio.run(PersistenceLayer(tmp_path).get_execution("x"))


def test_it_parses_under_an_old_python() -> None:
    source = (ROOT / "app" / "core" / "persistence.py").read_text()
    tree = ast.parse(source, feature_version=(3, 8))
    first = [type(node).__name__ for node in tree.body[:3]]
    assert first == ["Expr", "Import", "If"]
    check = source.split("import shutil")[0].replace("sys.version_info <", "(3, 8, 1) <")
    old = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert "needs 3.11" in old.stderr
