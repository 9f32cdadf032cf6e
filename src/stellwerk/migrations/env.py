"""What Alembic runs to get at the database: the connection is handed in by `upgrade`."""

from alembic import context

from stellwerk.data.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
