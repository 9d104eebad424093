"""What is wrong is found and named; only what is safe is repaired."""

import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from eventually import eventually
from server_process import ServerProcess
from stepflow.backup import quiet
from stepflow.transcript import archive, drop_raw
from stepflow.verify import Finding, repair, verify


def asked(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stepflow", "verify", *arguments],
        cwd=server.folder,
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def findings(server: ServerProcess) -> list[Finding]:
    return verify(server.storage, quiet)


def repaired(server: ServerProcess) -> list[Finding]:
    return repair(server.storage, findings(server), quiet)


def folders(server: ServerProcess) -> list[Path]:
    return sorted(server.storage.glob("executions/*/*"))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three ended executions and an artifact."""
    folder = tmp_path_factory.mktemp("template")
    with ServerProcess(folder) as server:
        server.create("echo x > kept; echo ARTIFACT:kept", name="first", tags=["t"])
        server.create("echo STEP_START:s; seq 40000; echo STEP_END:s", name="second")
        server.create("echo third", name="third")
        eventually(server.are_all_ended)
    return folder / "storage"


@pytest.fixture
def used(tmp_path: Path, template: Path) -> ServerProcess:
    """A copy of it, without a server."""
    shutil.copytree(template, tmp_path / "storage")
    return ServerProcess(tmp_path)


def test_a_sound_folder_has_no_finding_with_a_server_or_without(used: ServerProcess) -> None:
    assert findings(used) == []
    with used:
        running = used.create("echo begun; sleep 60")
        eventually(lambda: used.text(running) == b"begun\n")
        assert findings(used) == []
        refused = asked(used, "--repair")
        assert refused.returncode == 4
        used.client.post(f"/api/executions/{running}/cancel", json={"kill": True})


def test_what_is_derived_is_made_anew(used: ServerProcess) -> None:
    connection = sqlite3.connect(used.storage / "database/stepflow.db")
    connection.execute("DELETE FROM execution_search WHERE rowid = 1")
    connection.execute("UPDATE counters SET value = value + 5 WHERE facet = 'all'")
    connection.execute("DELETE FROM execution_tags")
    connection.commit()
    connection.close()
    assert {one.what for one in findings(used)} == {"search", "tags", "counter"}
    repaired(used)
    assert findings(used) == []
    with used:
        for query in ("q=first", "tag=t"):
            found = used.client.get(f"/api/executions?{query}").json()["executions"]
            assert [one["name"] for one in found] == ["first"]
        counts = used.client.get("/api/executions/statistics").json()["by_status"]
        assert counts["completed"] == 3


def test_a_lost_row_is_made_of_what_the_folder_tells(used: ServerProcess) -> None:
    connection = sqlite3.connect(used.storage / "database/stepflow.db")
    (gone,) = connection.execute("SELECT id FROM executions WHERE name = 'second'").fetchone()
    connection.execute("DELETE FROM executions WHERE id = ?", (gone,))
    connection.execute("DELETE FROM steps WHERE execution_id = ?", (gone,))
    connection.commit()
    connection.close()
    (one,) = json.loads(asked(used, "--repair", "--json").stdout)[-1:]
    assert (one["what"], one["is_repaired"]) == ("execution without a row", True)
    assert findings(used) == []
    with used:
        found = used.execution(gone)
        assert found["execution"]["log_lines"] == 40002
        assert [step["name"] for step in found["steps"]] == ["s"]


def test_left_over_files_are_removed_and_a_line_index_is_counted_anew(used: ServerProcess) -> None:
    first, second, _ = folders(used)
    (first / "log.zst.new").write_bytes(b"half")
    (used.storage / "artifacts" / first.name / ".x.partial").write_bytes(b"half")
    (used.storage / "artifacts" / ".upload-1").write_bytes(b"half")
    index = second / "lines.idx"
    right = index.read_bytes()
    index.write_bytes(bytes(len(right)))
    found = findings(used)
    assert len(found) == 4
    assert repaired(used) == found
    assert index.read_bytes() == right
    assert not (first / "log.zst.new").exists()
    assert findings(used) == []


def test_times_that_no_lookup_would_find_are_named(used: ServerProcess) -> None:
    first, second, third = folders(used)
    index = first / "time.idx"
    right = index.read_bytes()
    # What a power cut leaves, and a record that is half there: both are read over.
    index.write_bytes(right + bytes(40))
    assert findings(used) == []
    index.write_bytes(right + struct.pack("<Qq", 1 << 40, 1_700_000_000_000))
    (second / "time.idx").unlink()
    (third / "time.idx").write_bytes(b"\xff" * 16)
    found = findings(used)
    assert [(one.what, one.repair) for one in found] == [("time index", None)] * 3
    assert [Path(one.where).parent for one in found] == [first, second, third]
    (second / "time.idx").touch()
    assert len(findings(used)) == 3


def test_what_nobody_can_make_anew_is_named_and_left(used: ServerProcess) -> None:
    first, second, third = folders(used)
    archive(second)
    drop_raw(second)
    packed = second / "log.zst"
    data = bytearray(packed.read_bytes())
    data[len(data) // 3] ^= 0xFF
    packed.write_bytes(data)
    (third / "log").unlink()
    (kept,) = (used.storage / "artifacts" / first.name).iterdir()
    kept.write_bytes(b"y\n")
    (kept.parent / "stranger").write_bytes(b"?")
    before = {path: path.read_bytes() for path in used.storage.rglob("log*") if path.is_file()}
    found = findings(used)
    assert repaired(used) == []
    assert {one.what for one in found} == {
        "archive damaged",
        "log missing",
        "artifact changed",
        "file without a row",
    }
    said = asked(used)
    assert (said.returncode, str(packed) in said.stdout) == (1, True)
    assert all(path.read_bytes() == data for path, data in before.items())


def test_secrets_that_a_crash_left_are_removed(used: ServerProcess) -> None:
    spec = folders(used)[0] / "spec.json"
    spec.write_text("{}")
    assert [one.what for one in repaired(used)] == ["file of a running execution"]
    assert not spec.exists()


def test_a_damaged_database_is_said_to_be(used: ServerProcess) -> None:
    database = used.storage / "database/stepflow.db"
    with database.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 4))
    (one,) = findings(used)
    assert (one.what, one.repair) == ("database damaged", None)
    shutil.rmtree(used.storage / "database")
    assert asked(used).returncode == 3
