"""Registers of every age are brought to the tables of today.

Truth: a register that was written before tables had numbers, dumped as SQL; and Alembic's own comparison of a
database with what is declared.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

import governance
from governance.faults import UsageFault
from governance.record import migrations
from governance.record.database import METADATA
from governance.records import Outcome
from governance.register import Register
from tests.governance.conftest import NOON, Owner, look

ROOT = Path(__file__).parents[3]
OLD = Path(__file__).with_name("register_before_numbers.sql")
HEAD = (5, "917922f33f15aa50562aaca0ade531e3c013ae6093368b652cff2683b57c1b12")
Place = Path | sa.URL


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A register of an installation that ran before this program numbered its tables: two looks at one batch."""
    path = tmp_path / "register.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLD.read_text(encoding="utf-8"))
    return path


def test_a_new_register_has_exactly_the_tables_that_are_declared(opened: Register):
    """A table or column declared without its migration is found here."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    for module in pkgutil.walk_packages(governance.__path__, "governance."):
        # What Alembic runs by itself is no module to be imported.
        if "migrations." not in module.name:
            importlib.import_module(module.name)
    with opened.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_that_comparison_finds_what_was_forgotten(opened: Register):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    declared = sa.MetaData()
    for table in METADATA.sorted_tables:
        table.to_metadata(declared)
    declared.tables["event"].append_column(sa.Column("forgotten", sa.Text))
    sa.Table("forgotten", declared, sa.Column("id", sa.Integer, primary_key=True))
    with opened.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection), declared)
    assert {change[0] for change in found} == {"add_table", "add_column"}


def test_migrations_are_one_line_each_named_by_its_number():
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(migrations.FOLDER))
    line = [revision.revision for revision in script.walk_revisions()][::-1]
    assert tuple(line) == migrations.known() == tuple(f"{n:04}" for n in range(1, len(line) + 1))
    assert script.get_current_head() == migrations.newest()


def test_a_register_of_before_keeps_every_event_and_row_and_their_order(old: Path):
    with closing(sqlite3.connect(old)) as connection:
        rows = {
            t: connection.execute(f"SELECT * FROM {t} ORDER BY rowid").fetchall()
            for t in ("event", "measurement", "verdict", "part")
        }
    register = Register(old)
    assert (register.head(), register.faults()) == (HEAD, [])
    assert [row["column"] for row in register.measurements()] == ["zeta", "alike", "mid", "income"]
    assert [row["column"] for row in register.measurements(superseded=True)][:3] == ["stable", "alike", "income"]
    for table, before in rows.items():
        after = Owner(old).ask(f"SELECT * FROM {table} ORDER BY rowid")
        assert [row[: len(before[0])] for row in after] == before
    assert register.keep(look({"new/all": Outcome.BREACH}, data="third"), at=NOON)
    assert register.faults() == []
    register.engine.dispose()


def test_a_register_of_before_is_guarded_as_a_new_one_is(old: Path):
    Register(old).engine.dispose()
    for table in ("event", "measurement", "verdict", "part"):
        for statement in (
            f"DELETE FROM {table}",
            f"UPDATE {table} SET seq = 9",
            f"REPLACE INTO {table} SELECT * FROM {table}",
        ):
            with pytest.raises(sa.exc.IntegrityError, match=f"{table} is append-only"):
                Owner(old).run(statement)


def test_a_register_from_before_there_were_parts_gets_their_table_and_its_events_still_hold(old: Path):
    Owner(old).run("DROP TRIGGER part_no_delete", "DROP TABLE part")
    register = Register(old)
    assert register.head() == HEAD
    assert register.parts(superseded=True) == []
    register.keep(look({"new/all": Outcome.BREACH}, data="third"), at=NOON)
    assert len(register.parts()) == 2
    with pytest.raises(sa.exc.IntegrityError, match="part is append-only"):
        Owner(old).run("DELETE FROM part")
    register.engine.dispose()


def test_an_upgrade_that_fails_leaves_the_register_as_it_was(old: Path):
    Owner(old).run("ALTER TABLE verdict ADD COLUMN place TEXT")  # in the way of the second migration
    before = Owner(old).ask("SELECT type, name, sql FROM sqlite_master ORDER BY name")
    with pytest.raises(UsageFault, match="cannot be opened: duplicate column name: place"):
        Register(old)
    assert Owner(old).ask("SELECT type, name, sql FROM sqlite_master ORDER BY name") == before


def test_a_register_of_a_newer_program_is_refused_in_one_line(place: Place, owner: Owner):
    Register(place).engine.dispose()
    owner.run("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(
        UsageFault,
        match=f"has tables of version 9999; this program knows those up to {migrations.newest()}. Use the newer program",
    ) as fault:
        Register(place)
    assert "\n" not in str(fault.value)


def test_several_processes_that_meet_an_old_register_upgrade_it_once(old: Path):
    script = "import sys\nfrom pathlib import Path\nfrom governance.register import Register\nprint(Register(Path(sys.argv[1])).head()[0])"
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(old)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert [(*opener.communicate(timeout=60), opener.returncode) for opener in openers] == [("5\n", "", 0)] * 4
    assert Register(old).faults() == []


def test_alembic_is_imported_only_where_there_is_something_to_migrate(tmp_path: Path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom governance.register import Register\n"
        "Register(Path(sys.argv[1])).head()\nprint('alembic' in sys.modules)"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / "register.db")],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in "12"
    ]
    assert said == ["True\n", "False\n"]


def test_the_dump_is_of_a_register_without_numbers():
    assert not re.search("alembic|place", OLD.read_text(encoding="utf-8"))
