"""Rows of a batch outside of the population that the system is meant for (A.9.4): one exact count over its rows.

Which rows those are is declared in the impact assessment. What share of them is too many is a criterion's to say;
without one the share is shown and nothing follows from it.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from assets.source.landing_sql import engine, quoted_path
from assets.source.sources import scratch
from checks.sql_text import quoted_name, quoted_text
from governance.declared.assessment import ImpactAssessment
from governance.declared.population import Intended
from governance.records import Measurement
from monitors.levels import Levels
from monitors.uncertainty import exact

OUTSIDE = "outside_intended_use"


def outside_intended_use(assessment: ImpactAssessment, path: Path, levels: Levels) -> tuple[Measurement, ...]:
    """Share of rows outside by any column, then by each; none where no population is declared."""
    intended = assessment.intended_population
    if not intended:
        return ()
    with scratch() as folder, engine(folder) as connection:
        source = f"read_parquet({quoted_path(path)})"
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        there = {row[0] for row in described}
        outside = {one.column: _outside(one) for one in intended if one.column in there}
        counted = [f"count(*) FILTER ({condition})" for condition in outside.values()]
        any_of = " OR ".join(outside.values()) or "false"
        rows, total, *each = connection.execute(
            f"SELECT count(*), count(*) FILTER ({any_of}){''.join(f', {one}' for one in counted)} FROM {source}"
        ).fetchone() or (0, 0)
    missing = [one.column for one in intended if one.column not in there]
    alpha = levels.alpha(OUTSIDE)
    found = dict(zip(outside, each, strict=True))
    lacking = f"not in this batch: {', '.join(missing)}" if missing else None
    return (
        _share(None, total if not missing else None, rows, alpha, _in_words(intended), lacking),
        *(_share(one.column, found.get(one.column), rows, alpha, _word(one), lacking) for one in intended),
    )


def _share(
    column: str | None, hits: int | None, rows: int, alpha: float, method: str, lacking: str | None
) -> Measurement:
    if hits is None or not rows:
        return Measurement(OUTSIDE, None, rows, "share", method, column=column, reason=lacking or "no rows")
    low, high = exact(hits, rows, alpha)
    return Measurement(OUTSIDE, hits / rows, rows, "share", method, column=column, low=low, high=high, alpha=alpha)


def _outside(one: Intended) -> str:
    """Never NULL, so that a count of it is a count of rows. NaN is no number, as in the contract."""
    name = quoted_name(one.column)
    ways = [f"{name} IS NULL"] if one.not_null else []
    if one.values:
        listed = ", ".join(quoted_text(_as_text(value)) for value in one.values)
        ways.append(f"coalesce(CAST({name} AS VARCHAR) NOT IN ({listed}), false)")
    ends = ((one.minimum, "<"), (one.maximum, ">"))
    beyond = [f"{name} {sign} {_literal(end)}" for end, sign in ends if end is not None]
    if beyond:
        nan = "" if isinstance(one.minimum or one.maximum, dt.date) else f" AND NOT isnan(CAST({name} AS DOUBLE))"
        ways.append(f"coalesce(({' OR '.join(beyond)}){nan}, false)")
    return f"({' OR '.join(ways)})"


def _literal(end: float | dt.date) -> str:
    return f"DATE '{end}'" if isinstance(end, dt.date) else repr(float(end))


def _as_text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_words(intended: tuple[Intended, ...]) -> str:
    return f"rows outside of the intended population by any of: {'; '.join(map(_word, intended))}"


def _word(one: Intended) -> str:
    parts = [f"at least {one.minimum}"] if one.minimum is not None else []
    parts += [f"at most {one.maximum}"] if one.maximum is not None else []
    parts += [f"one of {', '.join(map(str, one.values))}"] if one.values else []
    parts += ["present"] if one.not_null else []
    return f"{one.column} {' and '.join(parts)}"
