"""Carries out the declared preparation of a part, in the engine, and counts what each step did (A.7.6).

Between the reader's typed rows and what is done for personal data. Counts and names are kept, never a value of a row;
what a step is declared with (`parameters`) stands in the record, so that it can be carried out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from assets.source.landing_sql import kind_of
from assets.source.refusals import Held
from assets.source.sources import Opened
from checks.expressions import columns_in
from checks.rules import DUCKDB_TYPES
from checks.sql_text import quoted_name, quoted_text
from governance.declared.declarations import Declaration
from governance.declared.preparation import Step, source_names, steps_of


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows as a query, their columns, and what each step did; `shuffled`: their order is left to chance."""

    query: str
    columns: tuple[str, ...]
    steps: tuple[dict[str, Any], ...] = ()
    shuffled: bool = False


def names_at_source(declaration: Declaration, part: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """What the wanted columns are called where they come from."""
    renamed = source_names(declaration.system.preparation, part)
    return tuple(renamed.get(name, name) for name in wanted)


def renamed(opened: Opened, declaration: Declaration, part: str, connection: duckdb.DuckDBPyConnection) -> Opened:
    """The opened source with its columns under their declared names.

    Raises
    ------
    Held
        It holds a column under both names.
    """
    names = source_names(declaration.system.preparation, part)
    if not names:
        return opened
    there = {row[0] for row in connection.execute("DESCRIBE source").fetchall()}
    for declared, sent in names.items():
        if sent in there and declared in there:
            raise _held(f"The column {declared!r} is there as well as {sent!r}, which is to be called so. Send one.")
    pairs = ", ".join(f"{quoted_name(s)} AS {quoted_name(d)}" for d, s in names.items() if s in there)
    if pairs:
        connection.execute("ALTER VIEW source RENAME TO source_as_sent")
        connection.execute(f"CREATE VIEW source AS SELECT * RENAME ({pairs}) FROM source_as_sent")
    back = {sent: declared for declared, sent in names.items()}
    scan = opened.scan
    scan = replace(
        scan,
        texts=frozenset(back.get(name, name) for name in scan.texts),
        untaken={back.get(name, name): kind for name, kind in scan.untaken.items()},
        spoilt={back.get(name, name): what for name, what in scan.spoilt.items()},
    )
    return replace(opened, scan=scan)


def prepare(
    declaration: Declaration, part: str, query: str, columns: Sequence[str], connection: duckdb.DuckDBPyConnection
) -> Prepared:
    """The rows after every step that this part goes through; each step is counted as it is added.

    Raises
    ------
    Held
        A step leaves nothing, needs a column that was not sent, or cannot be carried out on these rows.
    """
    steps = steps_of(declaration.system.preparation, part)
    if not steps:
        return Prepared(query, tuple(columns))
    # DuckDB 1.5.6 makes "the first row of each group" an arg_min, which takes a wrong one where a row has NULL there.
    connection.execute("SET disabled_optimizers = 'top_n_window_elimination'")
    done = Prepared(query, tuple(columns))
    for step in steps:
        done = _with(step, done, declaration, connection)
    return done


def _with(step: Step, before: Prepared, declaration: Declaration, connection: duckdb.DuckDBPyConnection) -> Prepared:
    missing = sorted(set(_needs(step)) - set(before.columns))
    if missing:
        raise _held(f"The preparation step {step.id!r} needs {', '.join(missing)}, which was not sent. Send it.")
    query, columns = _query(step, before, declaration), before.columns
    if step.derive:
        columns = (*columns, step.derive.column)
    counts = _counted(step, before, query, declaration, connection)
    if counts["rows_before"] and not counts["rows_after"]:
        rows = counts["rows_before"]
        raise _held(f"The preparation step {step.id!r} leaves none of {rows} rows. Mend the step, or send other rows.")
    said = {
        "id": step.id,
        "operation": step.operation,
        "parameters": _parameters(step),
        "reason": step.reason,
        **({"owner": step.owner} if step.owner else {}),
        **counts,
        "columns_added": [step.changes] if step.derive or step.rename else [],
        "columns_removed": [step.rename.source] if step.rename else [],
    }
    return Prepared(query, columns, (*before.steps, said), before.shuffled or step.operation == "deduplicate")


def _needs(step: Step) -> tuple[str, ...]:
    """Columns without which a step cannot be carried out."""
    expression = step.derive.expression if step.derive else step.keep
    if expression is not None:
        return columns_in(expression)
    if step.deduplicate:
        return (*step.deduplicate.by, *(name for name, _ in step.deduplicate.ordered))
    return ()


def _parameters(step: Step) -> Any:
    about = getattr(step, step.operation)
    if step.recode:
        # A list of pairs: as keys of a mapping, 1 and "1" would be one.
        pairs = [{"from": old, "to": new} for old, new in step.recode.values.items()]
        return {"column": step.recode.column, "values": pairs}
    return about if isinstance(about, str) else about.model_dump(mode="json", exclude_none=True)


def _query(step: Step, before: Prepared, declaration: Declaration) -> str:
    inner = f"({before.query})"
    if step.keep is not None:
        return f"SELECT * FROM {inner} WHERE ({step.keep}\n)"
    if step.deduplicate:
        return f"SELECT * FROM {inner} QUALIFY row_number() OVER ({_window(step)}) = 1"
    if step.derive:
        kind = DUCKDB_TYPES[declaration.types[step.derive.column]]
        return (
            f"SELECT *, CAST(({step.derive.expression}\n) AS {kind}) AS {quoted_name(step.derive.column)} FROM {inner}"
        )
    changed = step.changes
    if step.rename or changed not in before.columns:
        # A rename was carried out on the source; an optional column that was not sent has nothing to change.
        return before.query
    assert changed is not None
    name = quoted_name(changed)
    return f"SELECT * REPLACE ({_value(step, declaration.types[changed])} AS {name}) FROM {inner}"


def _value(step: Step, logical: str) -> str:
    """The changed value of a column, as SQL."""
    kind, name = DUCKDB_TYPES[logical], quoted_name(step.changes or "")
    if step.fill:
        return f"coalesce({name}, {_literal(step.fill.value, kind)})"
    if step.recode:
        cases = "".join(
            f" WHEN {name} = {_literal(old, kind)} THEN {_literal(new, kind)}"
            for old, new in step.recode.values.items()
        )
        return f"CASE{cases} ELSE {name} END"
    assert step.clip is not None
    # NaN lies above everything for the engine, and stays what it is.
    number = f"NOT isnan(CAST({name} AS DOUBLE)) AND "
    low = f" WHEN {name} < {step.clip.low!r} THEN {_literal(step.clip.low, kind)}" if step.clip.low is not None else ""
    high = (
        f" WHEN {number}{name} > {step.clip.high!r} THEN {_literal(step.clip.high, kind)}"
        if step.clip.high is not None
        else ""
    )
    return f"CASE{low}{high} ELSE {name} END"


def _literal(value: object, kind: str) -> str:
    return "NULL" if value is None else f"CAST({quoted_text(_text(value))} AS {kind})"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)


def _window(step: Step) -> str:
    assert step.deduplicate is not None
    by = ", ".join(map(quoted_name, step.deduplicate.by))
    return f"PARTITION BY {by} ORDER BY {_order(step)}"


def _order(step: Step) -> str:
    assert step.deduplicate is not None
    return ", ".join(
        f"{quoted_name(name)} {'DESC' if falls else 'ASC'} NULLS LAST" for name, falls in step.deduplicate.ordered
    )


def _counted(
    step: Step, before: Prepared, query: str, declaration: Declaration, connection: duckdb.DuckDBPyConnection
) -> dict[str, int]:
    """Rows before and after, and how many hold another value than before (of a derived column: any value)."""
    if step.deduplicate:
        _must_be_total(step, before, connection)
    (rows,) = _row(step, f"SELECT count(*) FROM ({before.query})", connection)
    (left,) = (rows,) if query == before.query else _row(step, f"SELECT count(*) FROM ({query})", connection)
    changed = 0
    if step.derive:
        (changed,) = _row(step, f"SELECT count({quoted_name(step.derive.column)}) FROM ({query})", connection)
    elif step.changes and query != before.query:
        logical = declaration.types[step.changes]
        differs = f"({_value(step, logical)}) IS DISTINCT FROM {quoted_name(step.changes)}"
        (changed,) = _row(step, f"SELECT count(*) FROM ({before.query}) WHERE {differs}", connection)
    return {"rows_before": rows, "rows_after": left, "rows_changed": changed}


def _must_be_total(step: Step, before: Prepared, connection: duckdb.DuckDBPyConnection) -> None:
    """Which row stays must not be left to chance: rows that tie in front are one row, or the order says too little."""
    assert step.deduplicate is not None
    by = ", ".join(map(quoted_name, step.deduplicate.by))
    first = f"SELECT DISTINCT * FROM ({before.query}) QUALIFY rank() OVER ({_window(step)}) = 1"
    (ties,) = _row(
        step, f"SELECT count(*) FROM (SELECT 1 FROM ({first}) GROUP BY {by} HAVING count(*) > 1)", connection
    )
    if ties:
        raise _held(
            f"The preparation step {step.id!r} cannot tell which row stays in {ties} groups: rows that differ tie in "
            "its order. Name a further column there."
        )


def _held(why: str) -> Held:
    return Held(why, kind="preparation")


def _row(step: Step, query: str, connection: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
    try:
        found = connection.execute(query).fetchone()
    except duckdb.Error as error:
        raise _held(
            f"The preparation step {step.id!r} cannot be carried out on these rows ({kind_of(error)}). Mend the step, "
            "or send other rows."
        ) from None
    assert found is not None
    return tuple(int(value) for value in found)
