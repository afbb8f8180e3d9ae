"""How Alembic runs a migration: on the connection that `migrate` hands in, and in its transaction if it began one."""

from alembic import context

from radgate_server.adapters.database.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite changes its schema within transactions too, once the driver keeps its hands off them (engine.py).
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
