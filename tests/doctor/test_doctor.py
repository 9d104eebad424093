"""The doctor as users meet it: over HTTP, on the command line, and its bundle."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from server_process import ServerProcess

NAMES = {
    "server", "system", "clock", "pump", "search", "open files", "service", "storage",
    "file system", "disk", "backups", "wal mode", "write-ahead log", "locks", "memory",
    "response time", "database size",
}  # fmt: skip
KEY = "a-key-that-nobody-may-see"


def doctor(
    served: ServerProcess, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stepflow", "doctor", *arguments],
        cwd=served.folder,
        env={**served.environment, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def by_name(findings: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {finding["name"]: finding for finding in findings}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with ServerProcess(tmp_path_factory.mktemp("doctor"), STEPFLOW_API_KEY=KEY) as running:
        running.ended(running.create("true"))
        yield running


def test_the_api_gives_every_finding_with_its_state(served: ServerProcess) -> None:
    findings = served.client.get("/api/doctor").json()
    assert {finding["name"] for finding in findings} == NAMES
    for finding in findings:
        assert finding["state"] in ("ok", "warning", "problem")
        assert (finding["fix"] is None) == (finding["state"] == "ok"), finding
    found = by_name(findings)
    assert found["wal mode"]["text"].startswith("wal, SQLite 3.")
    assert found["locks"]["text"] == "nobody else holds any"
    assert found["pump"]["text"].startswith("C (")


def test_the_command_says_what_the_api_says(served: ServerProcess) -> None:
    told = doctor(served)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "✓ wal mode" in told.stdout
    asked = json.loads(doctor(served, "--json").stdout)
    assert {finding["name"] for finding in asked} == NAMES


def test_without_a_server_it_looks_at_the_folder(served: ServerProcess, tmp_path: Path) -> None:
    made = tmp_path / "storage/database"
    made.mkdir(parents=True)
    (made / "stepflow.db").write_bytes(b"no database")
    told = doctor(served, "--json", STEPFLOW_STORAGE_PATH=str(tmp_path / "storage"))
    found = by_name(json.loads(told.stdout))
    assert told.returncode == 1
    assert found["server"]["text"].startswith("none answers")
    assert found["wal mode"]["state"] == "problem"
    assert "memory" not in found


def test_the_bundle_has_what_the_guide_collects_and_no_key(
    served: ServerProcess, tmp_path: Path
) -> None:
    with (served.folder / "logs/stepflow.log").open("a") as log:
        log.write(f"somebody logged {KEY}\n")
    text = tmp_path / "debug_info.txt"
    doctor(served, "--bundle", str(text))
    said = text.read_text()
    for heading in ("System Information", "Application Status", "Recent Logs", "Settings"):
        assert f"=== {heading} ===" in said
    for line in (
        "OS: Linux",
        "Python: 3.",
        "Storage: ",
        'Health: {"',
        "WAL Mode: wal",
        "stepflow.db",
    ):
        assert line in said
    assert " serving version=" in said
    assert "somebody logged ***" in said
    assert KEY not in said
    assert "STEPFLOW_API_KEY=***" in said
    assert text.stat().st_mode & 0o777 == 0o600


def test_the_bundle_as_an_archive_holds_whole_documents(
    served: ServerProcess, tmp_path: Path
) -> None:
    doctor(served, "--bundle", str(tmp_path / "report.tar.gz"))
    packed = (tmp_path / "report.tar.gz").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = {
            Path(name).name: opened.read()
            for name in archive.getnames()
            if (opened := archive.extractfile(name)) is not None
        }
    assert set(files) == {
        "report.txt", "findings.json", "settings.json", "stepflow.log", "health.json",
        "health-status.json", "health-metrics.json", "health-database.json",
    }  # fmt: skip
    assert json.loads(files["health-database.json"])["database"]["journal_mode"] == "wal"
    assert not [name for name, content in files.items() if KEY.encode() in content]


@pytest.mark.crash
def test_a_server_that_hangs_is_told_and_does_not_hang_the_doctor(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as hanging:
        hanging._hang_up()
        assert hanging.process is not None
        os.kill(hanging.process.pid, signal.SIGSTOP)
        told = doctor(hanging, "--json", _STEPFLOW_PATIENCE_SECONDS="0.5")
        os.kill(hanging.process.pid, signal.SIGCONT)
    found = by_name(json.loads(told.stdout))
    assert told.returncode == 1
    assert found["server"]["state"] == "problem"
    assert "wal mode" in found
