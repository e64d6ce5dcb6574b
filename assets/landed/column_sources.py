"""Which column came from which: from a source through its preparation to what is landed, and from there to a measure.

Values, and not which rows are there: a step that chooses rows changes no column. Names only, from the declaration and
from what the record says was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from checks.expressions import columns_in
from governance.declared.columns import views
from governance.declared.declarations import Declaration
from governance.declared.preparation import source_names, steps_of
from governance.declared.sources import Part


def landed_from(declaration: Declaration, part: Part, taken: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Landed column → the columns of the source that its values came from; `taken` are those that were read there."""
    steps = declaration.system.preparation
    renamed = source_names(steps, part)
    found: dict[str, tuple[str, ...]] = {name: (renamed.get(name, name),) for name in taken}
    for step in steps_of(steps, part):
        if step.derive:
            named = columns_in(step.derive.expression)
            found[step.derive.column] = tuple(dict.fromkeys(one for name in named for one in found.get(name, ())))
    return found


def landed_from_body(declaration: Declaration, part: Part, body: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The same, of a landing as the record has it; of columns that are declared now."""
    taken = [name for name in body["observed"]["columns"] if name in declaration.system.columns]
    return landed_from(declaration, part, taken)


def measured_from(declaration: Declaration) -> dict[str, str]:
    """Name under which something is measured → the landed column that it is measured of."""
    known = declaration.system.columns
    return {view: name for name in known for view in views(name, declaration.kind(name))}
