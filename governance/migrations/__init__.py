"""Changes of the register's tables: one file each in `versions`, run in order when a register is opened.

A new one is a new file `r0003_what_it_does.py` with `revision`, `down_revision` and `upgrade()`; its number is all
that has to be known without Alembic, which is imported only when there is something to do. A register of a time
before numbers has the tables of the first file, which leaves alone what is there. There is no way back: a record
does not lose columns.
"""

from __future__ import annotations

import functools
from pathlib import Path

import sqlalchemy as sa

FOLDER = Path(__file__).parent


@functools.cache
def known() -> tuple[str, ...]:
    """Numbers of all migrations, in order."""
    return tuple(sorted(path.name[1:5] for path in (FOLDER / "versions").glob("r[0-9]*_*.py")))


def newest() -> str:
    """Number of the last migration: what a register is brought to."""
    return known()[-1]


def upgrade(connection: sa.Connection) -> None:
    """Runs what is missing, inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
