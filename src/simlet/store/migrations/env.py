"""Runs migrations on the connection that `simlet.store.migrate` hands over."""

from alembic import context

from simlet.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
