"""A file's columns as an engine is shown them: under plain names, fields inside objects beside them.

Great Expectations cannot address a column with a quotation mark in its name, so the rows have plain names (c0, c1, …)
everywhere; the contract's own queries see the real ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from checks.column_rules import ITEMS
from checks.rules import Rule

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Shown:
    """One column or field: where it lies, and its plain name. `place` is the column's position in the file."""

    alias: str
    place: int
    path: tuple[str, ...]
    field: "pa.Field"

    @property
    def column(self) -> str:
        """The plain name of the column that it is, or lies in."""
        return f"c{self.place}"


@dataclass(frozen=True)
class Table:
    """A file, the name by which queries know it, and what is shown of it: name in the contract → column."""

    name: str
    alias: str
    path: Path
    schema: "pa.Schema"
    shown: Mapping[str, Shown]

    def aliases(self, names: Iterable[str]) -> list[str]:
        return [self.shown[name].alias for name in names]


def located(schema: "pa.Schema", path: Sequence[str]) -> "pa.Field | None":
    """The field at the end of a path, or None where the path leads nowhere."""
    import pyarrow.types as is_

    if path[0] not in schema.names:
        return None
    field = schema.field(schema.names.index(path[0]))
    for step in path[1:]:
        if step == ITEMS:
            if not (is_.is_list(field.type) or is_.is_large_list(field.type) or is_.is_fixed_size_list(field.type)):
                return None
            field = field.type.value_field
        elif is_.is_struct(field.type) and field.type.get_field_index(step) >= 0:
            field = field.type.field(step)
        else:
            return None
    return field


def table_of(name: str, alias: str, path: Path, schema: "pa.Schema", rules: Sequence[Rule] = ()) -> Table:
    """The file's columns, and those fields inside them that rules ask about."""
    shown = {
        field.name: Shown(f"c{place}", place, (field.name,), field)
        for place, field in enumerate(schema.field(i) for i in range(len(schema)))
    }
    paths = {whole[:length] for rule in rules for whole in rule.paths.values() for length in range(2, len(whole) + 1)}
    for number, inner in enumerate(sorted(paths)):
        field = None if ITEMS in inner else located(schema, inner)
        if field is not None:
            shown[".".join(inner)] = Shown(f"f{number}", schema.names.index(inner[0]), inner, field)
    return Table(name, alias, path, schema, shown)
