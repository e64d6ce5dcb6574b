"""What Alembic runs to reach the database: the connection that `upgrade` was given, and its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
