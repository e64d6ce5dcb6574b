"""The README's table is what the declarations say, or a test fails."""

from __future__ import annotations

from pathlib import Path

from governance.declared.declarations import load_all
from reports.catalogue import table_of_checks

ROOT = Path(__file__).resolve().parents[2]


def test_every_check_stands_in_the_readme() -> None:
    shipped = load_all(ROOT / "data" / "systems").sound.values()
    table = table_of_checks(declaration.assessment for declaration in shipped)
    assert len(table.splitlines()) == 2 + sum(len(declaration.assessment.criteria) for declaration in shipped)
    assert table in (ROOT / "README.md").read_text(encoding="utf-8"), "paste `aims check --table` into README.md"
