"""Schema upgrades by Alembic. Imported only when there is one to do.

A migration and its record in `alembic_version` are one transaction; migrations only add.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from stepflow.errors import StorageUnusable


def require_known(path: Path, revision: str) -> None:
    """Raise StorageUnusable for a revision that a newer release made."""
    try:
        ScriptDirectory.from_config(_config()).get_revision(revision)
    except CommandError as error:
        raise StorageUnusable(
            f"{path} was written by a newer version (its schema is {revision}) and was left"
            " untouched: start that version, or put back a backup from before the upgrade"
        ) from error


def upgrade(path: Path, revision: str | None) -> None:
    """Bring a database from `revision` (None: empty) to the newest one."""
    if revision is not None:
        require_known(path, revision)
    config = _config()
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)

    # The driver would commit before each CREATE; this makes it leave transactions alone.
    @event.listens_for(engine, "connect")
    def _leave_transactions_alone(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
