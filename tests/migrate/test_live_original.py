"""The original goes on writing while its folder is migrated."""

import json
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from eventually import eventually
from originals import Original
from stepflow.cli import main
from stepflow.migrate import Options, migrate

SHANGHAI = Options(timezone="Asia/Shanghai")
WRITES = """
import sqlite3, sys, uuid
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from originals import KEEP_EXECUTION
connection = sqlite3.connect(sys.argv[2])
at = "2024-05-02T12:00:00"
count = 0
while not Path(sys.argv[3]).exists():
    row = [str(uuid.uuid4()), "live", "make", "/srv", "running", None, None, at, at, None]
    for status, code in (("running", None), ("completed", 0)):
        row[4], row[5] = status, code
        connection.execute(KEEP_EXECUTION, [*row, "{}", "u", "[]", 0, 0, -1, "{}"])
        connection.commit()
    count += 1
    print(count, flush=True)
"""


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_the_original_never_fails_and_loses_nothing(tmp_path: Path, journal: str) -> None:
    original = Original(tmp_path, journal=journal)
    for _ in range(1500):
        original.keep_execution(str(uuid.uuid4()))
    original.close()
    stop, said = tmp_path / "stop", tmp_path / "said"
    tests = Path(__file__).parents[1]
    with said.open("wb") as output, (tmp_path / "errors").open("wb") as errors:
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITES, str(tests), str(original.database), str(stop)],
            stdout=output,
            stderr=errors,
        )
        try:
            eventually(lambda: said.stat().st_size > 0, within=30)
            report = migrate(original.storage, SHANGHAI)
        finally:
            stop.touch()
            code = writer.wait(30)
        assert code == 0, (tmp_path / "errors").read_text()
    written = int(said.read_text().split()[-1])
    later = migrate(original.storage, SHANGHAI)
    assert (report.differences, later.differences) == ([], [])
    assert migrate(original.storage, SHANGHAI).state == "nothing"
    counted = original.storage / "database" / "stepflow.db"
    assert rows(counted) == (1500 + written, 0)


def rows(database: Path) -> tuple[int, int]:
    import sqlite3

    connection = sqlite3.connect(database)
    try:
        found = connection.execute("SELECT count(*), sum(seq IS NULL) FROM executions").fetchone()
        return int(found[0]), int(found[1])
    finally:
        connection.close()


def test_the_command_reports_as_json_and_releases_the_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = Original(tmp_path).with_two_executions().close().storage
    place = ["--storage-path", str(storage)]
    assert main(["migrate", *place, "--timezone", "Asia/Shanghai", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["state"], report["executions"]) == ("migrated", 2)
    assert report["timezone_source"] == "--timezone"
    assert main(["migrate", *place]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_a_mistyped_folder_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--storage-path", str(tmp_path / "nowhere")]) == 3
    assert "there is no storage" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()
