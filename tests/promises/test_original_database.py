"""A folder of the original program is taken over when the server starts, and while both run."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventually import eventually
from originals import E1, E2, Original
from server_process import ServerProcess


@pytest.fixture
def unstarted(tmp_path: Path) -> Iterator[ServerProcess]:
    served = ServerProcess(tmp_path / "served", STEPFLOW_LEGACY_TIMEZONE="Asia/Shanghai")
    yield served
    served.__exit__(None, None, None)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def listed(served: ServerProcess) -> dict[str, dict[str, Any]]:
    executions = served.client.get("/api/executions").json()["executions"]
    return {execution["id"]: execution for execution in executions}


@pytest.mark.parametrize("name", ["stepflow.db", "containerflow.db"])
def test_the_server_takes_over_what_it_finds(unstarted: ServerProcess, name: str) -> None:
    Original(unstarted.folder, name=name).with_two_executions().close()
    unstarted.start()
    executions = listed(unstarted)
    assert executions[E1]["created_at"] == "2024-05-01T04:00:00Z"
    assert executions[E2]["outcome"] == {"kind": "lost", "reason": "the original left it running"}
    assert unstarted.text(E1) == b"one\n two\nthree\n"
    (backup,) = (unstarted.folder / "backups").glob("[0-9]*")
    assert (backup / "stepflow.db").is_file()
    assert "nothing is missing" in unstarted.log


def test_a_takeover_that_was_killed_is_gone_on_with(unstarted: ServerProcess) -> None:
    Original(unstarted.folder).with_two_executions().close()
    (unstarted.storage / "executions" / E2 / "log.new").mkdir()  # stops it in the middle
    assert unstarted.spawn().wait(60) != 0
    (unstarted.storage / "executions" / E2 / "log.new").rmdir()
    unstarted.start()
    assert sorted(listed(unstarted)) == [E1, E2]
    assert len(list((unstarted.folder / "backups").glob("[0-9]*"))) == 1


def test_a_wal_that_the_original_left_comes_over(unstarted: ServerProcess) -> None:
    original = Original(unstarted.folder / "live", journal="wal")
    original.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    original.with_two_executions()
    shutil.copytree(original.storage, unstarted.storage)
    original.close()
    unstarted.start()
    assert sorted(listed(unstarted)) == [E1, E2]


def test_a_damaged_one_is_refused_untouched(unstarted: ServerProcess) -> None:
    database = Original(unstarted.folder).with_two_executions().close().database
    content = bytearray(database.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\x07" * 4096
    database.write_bytes(content)
    before = contents(database.parent)
    assert unstarted.spawn().wait(60) == 3
    assert "damaged" in unstarted.stderr.splitlines()[-1]
    assert contents(database.parent) == before


def test_what_the_original_runs_goes_on_running_until_it_says_how_it_ended(
    unstarted: ServerProcess,
) -> None:
    original = Original(unstarted.folder).with_two_executions()
    unstarted.start()
    assert listed(unstarted)[E2]["status"] == "running"
    unstarted.kill()
    unstarted.start()  # which must not take it for one of its own
    assert listed(unstarted)[E2]["status"] == "running"
    original.keep_execution(E2, "completed")
    eventually(lambda: listed(unstarted).get(E2, {}).get("status") == "completed", within=30)
    original.close()


def test_what_it_writes_later_is_adopted_with_its_log(unstarted: ServerProcess) -> None:
    later = "33333333-3333-4333-8333-333333333333"
    original = Original(unstarted.folder).with_two_executions()
    unstarted.start()
    original.keep_execution(later, "running", code=None)
    eventually(lambda: later in listed(unstarted), within=30)
    assert listed(unstarted)[later]["created_at"] == "2024-05-01T04:00:00Z"
    original.keep_step(later, 0, b"[2024-05-01T12:00:00] late words\n")
    eventually(lambda: unstarted.text(later) == b"late words\n", within=30)
    original.close()


def test_what_it_left_running_is_lost_once_it_is_gone(unstarted: ServerProcess) -> None:
    original = Original(unstarted.folder).with_two_executions()
    unstarted.start()
    assert listed(unstarted)[E2]["status"] == "running"
    original.close()
    eventually(lambda: listed(unstarted)[E2]["status"] == "failed", within=30)
    assert listed(unstarted)[E2]["outcome"]["kind"] == "lost"


def test_a_wrong_zone_is_refused_before_anything_is_touched(unstarted: ServerProcess) -> None:
    unstarted.environment["STEPFLOW_LEGACY_TIMEZONE"] = "Mars/Phobos"
    database = Original(unstarted.folder).with_two_executions().close().database
    before = contents(database.parent)
    assert unstarted.spawn().wait(60) == 2
    assert "Mars/Phobos" in unstarted.stderr
    assert contents(database.parent) == before
