"""The rules at work in a server."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from eventually import eventually
from served import Served
from server_process import ServerProcess
from stepflow.retention import Rules, tag_rules

LONG_AGO = "2020-01-01T00:00:00.000000"


def aged(database: Path, *ids: str) -> None:
    connection = sqlite3.connect(database, timeout=30)
    connection.executemany(
        "UPDATE executions SET completed_at = ? WHERE id = ?", [(LONG_AGO, one) for one in ids]
    )
    connection.commit()
    connection.close()


@pytest.fixture
def strict(tmp_path: Path):
    rules = Rules(days=30, tags=tag_rules(["release=keep"]))
    with Served(tmp_path, retention=rules) as served:
        yield served


def test_a_dry_run_tells_and_a_prune_removes_exactly_that(strict: Served) -> None:
    old, kept, new = (
        strict.run("head -c 100000 /dev/urandom", tags=tags)["id"] for tags in ([], ["release"], [])
    )
    running = strict.start("sleep 60")
    pinned = strict.run("true")["id"]
    assert strict.client.post(f"/api/executions/{pinned}/pin").json()["execution"]["pinned"]
    aged(strict.storage / "database/stepflow.db", old, kept, pinned)
    told = strict.client.post("/api/retention/prune", json={"dry_run": True}).json()
    assert [one["id"] for one in told["executions"]] == [old]
    assert told["executions"][0]["reason"] == "older than 30 days"
    assert (told["freed_bytes"] > 90_000, told["pinned_count"]) == (True, 1)
    assert strict.client.get("/api/retention").json()["next"]["executions"] == told["executions"]
    done = strict.client.post("/api/retention/prune").json()
    assert done["executions"] == told["executions"]
    for gone, status in ((old, 404), (kept, 200), (new, 200), (pinned, 200), (running, 200)):
        assert strict.client.get(f"/api/executions/{gone}").status_code == status
    assert not list(strict.storage.glob(f"executions/*/{old}"))
    strict.client.delete(f"/api/executions/{pinned}/pin")
    assert strict.client.post("/api/retention/prune").json()["execution_count"] == 1
    strict.client.post(f"/api/executions/{running}/cancel", json={"kill": True})


def test_days_of_an_artifact_are_honoured_both_ways(strict: Served) -> None:
    needed, over = strict.run("true"), strict.run("true")
    database = strict.storage / "database/stepflow.db"
    artifacts = []
    for execution in (needed, over):
        answer = strict.client.post(
            "/api/artifacts", files={"file": ("a", b"kept")}, data={"execution_id": execution["id"]}
        )
        artifacts.append(answer.json()["id"])
    connection = sqlite3.connect(database, timeout=30)
    connection.execute("UPDATE artifacts SET retention_days = 9000 WHERE id = ?", (artifacts[0],))
    connection.execute(
        "UPDATE artifacts SET retention_days = 5, created_at = ? WHERE id = ?",
        (LONG_AGO, artifacts[1]),
    )
    connection.commit()
    connection.close()
    aged(database, needed["id"])
    done = strict.client.post("/api/retention/prune").json()
    assert (done["execution_count"], [one["id"] for one in done["artifacts"]]) == (0, artifacts[1:])
    assert strict.client.get(f"/api/artifacts/{artifacts[0]}/download").content == b"kept"
    assert strict.client.get(f"/api/artifacts/{artifacts[1]}").status_code == 404


def test_the_command_line_pins_and_prunes(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, STEPFLOW_RETENTION_COUNT="1") as server:
        ids = []
        for number in range(3):  # one after the other: which ended last is known
            ids.append(server.create("true", name=f"n{number}"))
            eventually(server.are_all_ended)

        def asked(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "stepflow", *arguments],
                cwd=tmp_path,
                env=server.environment,
                capture_output=True,
                text=True,
                check=False,
            )

        assert asked("pin", ids[0]).returncode == 0
        dry = json.loads(asked("prune", "--dry-run", "--json").stdout)
        assert (dry["execution_count"], dry["pinned_count"]) == (1, 1)
        pruned = asked("prune")
        assert "1 execution and 0 single artifacts removed" in pruned.stdout
        assert "beyond the newest 1" in pruned.stdout
        assert asked("unpin", ids[0]).returncode == 0
        assert json.loads(asked("prune", "--json").stdout)["execution_count"] == 1
        left = server.client.get("/api/executions").json()["executions"]
        assert len(left) == 1
