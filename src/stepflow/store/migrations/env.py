"""Alembic's entry: migrates on the connection that `upgrade` holds open."""

from alembic import context

from stepflow.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
