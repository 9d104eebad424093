"""The schema of a database file: created fresh, upgraded, or refused with the reason.

Looking never changes the file: a database of the original is opened read-only. Alembic is imported
only where there is something to upgrade.
"""

import shutil
import sqlite3
import tempfile
from pathlib import Path
from urllib.parse import quote

import structlog

from stepflow.errors import LegacyDatabase, StepflowError, StorageUnusable
from stepflow.store.compiled import SCHEMA
from stepflow.store.connection import open_writer, translated
from stepflow.store.tuning import SqliteTuning

log = structlog.get_logger("stepflow.store")

REVISION = "0003"
VERSION_TABLE = """
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
""".strip()


def prepare(path: Path, tuning: SqliteTuning) -> None:
    """Make sure that `path` holds our schema, or raise StorageUnusable (LegacyDatabase)."""
    _refuse_older_name(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        revision = _revision(path) if path.exists() and path.stat().st_size else None
    except OSError as error:
        raise StorageUnusable(f"{path.parent} can't be used: {error.strerror}") from error
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    if revision == REVISION:
        return
    if revision is not None:
        if _is_one_step_ahead(revision):
            log.warning("the database is one version ahead of this program", schema=revision)
        else:
            _upgrade(path, revision)
        return
    try:
        path.touch(mode=0o600)
        _create(path, tuning)
    except OSError as error:
        raise StorageUnusable(f"{path} can't be created: {error.strerror}") from error
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def check_schema(path: Path) -> None:
    """Raise what would keep this code from opening the database; changes nothing."""
    _refuse_older_name(path)
    if path.exists() and path.stat().st_size:
        revision = _revision(path)
        if revision is not None and revision != REVISION and not _is_one_step_ahead(revision):
            _require_known(path, revision)


def _is_one_step_ahead(revision: str) -> bool:
    """Migrations only add, and what one of them adds may be left empty: the release before can go
    on with it. Further ahead nobody has promised that."""
    return revision.isdecimal() and int(revision) == int(REVISION) + 1


def _refuse_older_name(path: Path) -> None:
    older = path.with_name("containerflow.db")
    if older.exists() and not path.exists():
        raise LegacyDatabase(
            f"{older} was written by the original StepFlow Monitor and was left untouched: start"
            " the server on its folder, or run `stepflow migrate`"
        )


def _unusable(path: Path, error: sqlite3.Error) -> StepflowError:
    ours = translated(error)
    assert isinstance(ours, StepflowError)
    return StorageUnusable(f"{path}: {ours.detail}")


def _revision(path: Path) -> str | None:
    """The revision of our schema in the file; None for an empty database."""
    tables = _tables(path)
    if "alembic_version" in tables:
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            connection.close()
        if row is None:
            raise StorageUnusable(f"{path} does not say which version its schema has")
        return str(row[0])
    if {"executions", "steps", "artifacts"} <= tables:
        raise LegacyDatabase(
            f"{path} was written by the original StepFlow Monitor and was left untouched: start"
            " the server on its folder, or run `stepflow migrate`"
        )
    if tables:
        raise StorageUnusable(
            f"{path} belongs to another program (it has {', '.join(sorted(tables))})"
        )
    return None


def _tables(path: Path) -> set[str]:
    """The names of a database's tables. Opened in the ordinary way, even read-only, one in WAL
    mode would get two files beside it, and a database of the original has to stay as it is."""
    tables = _tables_without_wal(path)
    wal = path.with_name(path.name + "-wal")
    if tables or not wal.exists() or not wal.stat().st_size:
        return tables
    # All that was ever written may still be in there.
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, path.name)
        for one in (path, wal):
            shutil.copyfile(one, copy.with_name(one.name))
        connection = sqlite3.connect(copy)
        connection.execute("PRAGMA wal_checkpoint").fetchone()
        connection.close()
        return _tables_without_wal(copy)


def _tables_without_wal(path: Path) -> set[str]:
    uri = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True)
    try:
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in found}
    finally:
        connection.close()


def _create(path: Path, tuning: SqliteTuning) -> None:
    connection = open_writer(path, tuning)
    try:
        # Two processes may meet here; the second finds the work done.
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None:
            for statement in [*SCHEMA, VERSION_TABLE]:
                connection.execute(statement)
            connection.execute("INSERT INTO alembic_version VALUES (?)", (REVISION,))
        connection.execute("COMMIT")
    finally:
        connection.close()


def _require_known(path: Path, revision: str) -> None:
    from stepflow.store import migrations  # noqa: PLC0415 - Alembic takes 0.7 s to import

    migrations.require_known(path, revision)


def _upgrade(path: Path, revision: str) -> None:
    from stepflow.store import migrations  # noqa: PLC0415 - Alembic takes 0.7 s to import

    migrations.upgrade(path, revision)
