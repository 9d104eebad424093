"""Migrates each fixture of the original's folders and checks it against its manifest.

python bench/migration.py DIR        DIR holds legacy-*.tar.gz and legacy-*.manifest.json
"""

import hashlib
import json
import sqlite3
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from stepflow.migrate import Options, migrate


def rows_sha256(database: Path, table: str, columns: list[str]) -> str:
    digest = hashlib.sha256()
    connection = sqlite3.connect(database)
    for row in connection.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY id"):
        text = json.dumps(list(row), ensure_ascii=True, separators=(",", ":"))
        digest.update(f"{text}\n".encode())
    connection.close()
    return digest.hexdigest()


def problems(folder: Path, manifest: dict[str, Any], backup: Path) -> list[str]:
    found = []
    connection = sqlite3.connect(folder / "storage/database/stepflow.db")
    for table, wanted in manifest["tables"].items():
        if rows_sha256(backup / "stepflow.db", table, wanted["columns"]) != wanted["sha256"]:
            found.append(f"the backup of {table} differs")
        if connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] != wanted["rows"]:
            found.append(f"{table} has another number of rows")
    connection.close()
    for name, wanted in manifest["files"].items():
        is_database = name.startswith("storage/database/")
        content = b"" if is_database else (folder / name).read_bytes()
        if not is_database and hashlib.sha256(content).hexdigest() != wanted["sha256"]:
            found.append(f"{name} was changed")
    return found


def main(fixtures: Path) -> int:
    is_good = True
    for path in sorted(fixtures.glob("legacy-*.manifest.json")):
        manifest = json.loads(path.read_text())
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            with tarfile.open(fixtures / manifest["fixture"]) as archive:
                archive.extractall(folder, filter="data")
            begun, cpu = time.monotonic(), time.process_time()
            report = migrate(folder / "storage", Options(timezone=manifest["writer_tz"]))
            took, cpu = time.monotonic() - begun, time.process_time() - cpu
            found = report.differences + problems(folder, manifest, Path(str(report.backup)))
        is_good = is_good and not found
        said = "; ".join(found) or "every row and file is there"
        print(f"{manifest['fixture']:<30} {took:6.1f} s ({cpu:.1f} s of CPU)  {said}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
