"""Executions that no rule of retention removes."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # A database that was the original's may have it already.
    found = op.get_bind().exec_driver_sql("PRAGMA table_info(executions)")
    if "pinned" not in {row[1] for row in found}:
        op.get_bind().exec_driver_sql("ALTER TABLE executions ADD COLUMN pinned BOOLEAN")
