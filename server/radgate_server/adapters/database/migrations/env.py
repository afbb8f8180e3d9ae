"""How Alembic runs a migration: on the connection and in the transaction that `migrate` hands in."""

from alembic import context

from radgate_server.adapters.database.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes its schema within transactions too, once the driver keeps its hands off them (engine.py).
    transactional_ddl=True,
)
context.run_migrations()
