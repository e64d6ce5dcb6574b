"""The place of a row in its look as a column of its own: it was SQLite's rowid, which no other database has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from governance.database import guard, unguard

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds `place`; rows that are there get their rowid, which rises within a look as their places do."""
    connection = op.get_bind()
    for table in ("measurement", "verdict", "part"):
        unguard(connection, table)
        op.add_column(table, sa.Column("place", sa.Integer, nullable=False, server_default="0"))
        if connection.dialect.name == "sqlite":
            op.execute(f"UPDATE {table} SET place = rowid")
        guard(connection, table, "id")
