"""Storage folders with logs and a database, made without a server."""

import os
from pathlib import Path

from stepflow.backup import DATABASE, Manifest, make
from stepflow.model import new_id
from stepflow.store.schema import prepare
from stepflow.store.tuning import SqliteTuning


def folder(directory: Path, logs: int = 3, size_bytes: int = 5000) -> Path:
    storage = directory / "storage"
    prepare(storage / "database" / DATABASE, SqliteTuning())
    for number in range(logs):
        path = storage / "executions" / "202401" / new_id(1_700_000_000_000, bytes([number] * 10))
        path.mkdir(parents=True)
        (path / "log").write_bytes(os.urandom(size_bytes) + b"\n" * 5000)
    (storage / "artifacts").mkdir()
    return storage


def made(storage: Path) -> Manifest:
    return make(storage, storage / "database" / DATABASE, origin="asked")


def logs(storage: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(storage.parent)): path.read_bytes()
        for path in (storage / "executions").rglob("*")
        if path.is_file()
    }
