"""`stepflow restart` on a real server; that no client suffers is tests/server/test_restart.py."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server_process import ServerProcess


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("restart")) as running:
        yield running


def restart(
    served: ServerProcess, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stepflow", "restart", *arguments],
        cwd=served.folder,
        env={**served.environment, **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.crash
def test_it_comes_back_when_the_new_image_answers(served: ServerProcess) -> None:
    assert served.process is not None
    subprocess.run(["mkfifo", served.folder / "go"], check=True)
    execution_id = served.create("echo before; read line < go; echo after", name="waiting")
    told = restart(served)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("✓ restarted in ")
    assert f"process {served.process.pid}, 1 script running" in told.stdout
    (served.folder / "go").write_text("on\n")
    assert served.ended(execution_id)["execution"]["status"] == "completed"
    answer = json.loads(restart(served, "--json").stdout)
    assert answer["version_before"] == answer["version"]
    assert answer["process"] == served.process.pid


@pytest.mark.crash
def test_what_does_not_load_is_refused_with_the_reason(served: ServerProcess) -> None:
    wrong = served.folder / ".env"
    wrong.write_text("STEPFLOW_MAX_RUNING=5\n")
    before = served.client.get("/api/health").json()["uptime_seconds"]
    # The command line reads the same .env, so it is typed elsewhere.
    told = subprocess.run(
        [sys.executable, "-m", "stepflow", "restart"],
        cwd="/",
        env=served.environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    wrong.unlink()
    assert told.returncode == 1
    assert "goes on as it was: " in told.stderr
    assert "STEPFLOW_MAX_RUNNING" in told.stderr
    assert served.client.get("/api/health").json()["uptime_seconds"] > before


def test_without_a_server_it_says_so(served: ServerProcess, tmp_path: Path) -> None:
    told = restart(served, STEPFLOW_STORAGE_PATH=str(tmp_path))
    assert told.returncode == 5
    assert "no server runs for" in told.stderr


def test_a_server_elsewhere_is_not_touched(served: ServerProcess) -> None:
    told = restart(served, STEPFLOW_URL="http://stepflow.example", STEPFLOW_STORAGE_PATH="")
    assert told.returncode == 2
    assert "is restarted there" in told.stderr
