"""Counts of a landed batch or training snapshot, for the measures of data quality (A.7.4).

Taken on demand from the file in the lake, whose bytes are verified first, and from what the record says of its
landing; nothing is kept, since the same file gives the same counts. No value of a row leaves the engine but the names
of groups, which are not told either.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from assets.judged.profiles import read_profile
from assets.kept.home import Site
from assets.landed.landing import Landing, batch_part, landed
from assets.persons.erased import lake_file
from assets.source.landing_sql import engine, quoted_path
from assets.source.sources import scratch
from checks.sql_text import quoted_name
from governance.declared.acquisition import lacking, required_facts
from governance.declared.declarations import Declaration
from governance.declared.periods import end_of
from governance.faults import UsageFault
from governance.records import Measurement
from governance.standard.data_quality import Family, QualityMeasure, data_quality
from monitors.data_quality import Counted, RuleCount, Spread, measures_of
from monitors.grid import OTHER_CODE

# The rules of a contract that say what single values must look like.
ON_VALUES = frozenset(
    {"expect_column_values_to_be_in_set", "expect_column_values_to_be_valid", "expect_column_values_to_be_between"}
    | {"expect_column_value_lengths_to_be_between"}
)


@dataclass(frozen=True)
class Told:
    """One measure as it is told: taken, undefined, not evaluated (a tool broke), or not taken at all."""

    family: Family
    measure: QualityMeasure
    found: Measurement | None
    why: str | None = None

    @property
    def state(self) -> str:
        """Which of the four it is."""
        if self.found is None:
            return "not_measured"
        if self.found.broken:
            return "not_evaluated"
        return "undefined" if self.found.value is None else "measured"

    def as_row(self) -> dict[str, Any]:
        """For a table, and for `--json`."""
        found = self.found
        return {
            "family": self.family.id,
            "measure": self.measure.id,
            "code": self.measure.code,
            "about": found.column if found else None,
            "state": self.state,
            "value": found.value if found else None,
            "low": found.low if found else None,
            "high": found.high if found else None,
            "noise_floor": found.noise_floor if found else None,
            "n": found.n if found else None,
            "unit": found.unit if found else None,
            "counted": found.method if found else None,
            "reason": found.reason if found else self.why,
        }


def quality_of(declaration: Declaration, batch: str, site: Site) -> list[Told]:
    """Every measure of the list for a landed batch, or for the training snapshot (`training`).

    Raises
    ------
    UsageFault
        It was not landed.
    Altered
        The file in the lake is not the one that was landed.
    """
    landing = _landing(declaration, batch, site)
    found: dict[str, list[Measurement]] = {}
    for item in measures_of(_counted(declaration, landing, site)):
        found.setdefault(item.metric, []).append(item)
    told = []
    for family, measure in data_quality().measures():
        taken = found.get(measure.id, [])
        told += [Told(family, measure, item) for item in taken]
        if not taken:
            told.append(Told(family, measure, None, measure.not_measured or _why_not(measure.id, batch)))
    return told


def _why_not(measure: str, batch: str) -> str:
    """What would have to be declared, or to have happened, for the measure to be taken."""
    if measure == "days_to_landing" and batch == "training":
        return "A training snapshot has no end to wait for."
    return {
        "syntactic_accuracy": "The contract has no rule on single values.",
        "record_completeness": "No column is required.",
        "label_completeness": "No column has the role label.",
        "label_proportion": "No column has the role label, or it is a number.",
        "label_balance": "No column has the role label, or it is a number.",
        "label_richness": "No column has the role label, or it is a number.",
        "newest_record_age": "No column of it has the role time.",
        "oldest_record_age": "No column of it has the role time.",
        "unseen_share": "It was not profiled, or no column is a category.",
        "category_richness": "No column is a category.",
        "category_evenness": "No column is a category.",
    }.get(measure, "No column has the role attribute.")


def _landing(declaration: Declaration, batch: str, site: Site) -> Landing:
    part: Any = "training" if batch == "training" else batch_part(declaration, batch)
    found = landed(declaration, batch, part, site)
    if found is None:
        raise UsageFault(f"{declaration.id} has nothing landed for {batch}. Run `aims run {declaration.id}` first.")
    return found


def _counted(declaration: Declaration, landing: Landing, site: Site) -> Counted:
    system = declaration.system
    with scratch() as folder, engine(folder) as connection:
        table = _view(connection, "rows_here", [landing.path])
        types = dict(connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {table})").fetchall())
        required = [name for name in sorted(declaration.required) if name in declaration.types]
        label = system.the("label")
        attributes = [name for name in system.having("attribute") if name in types]
        plain = _plain(connection, table, types, required, system.the("time"))
        known = _known(connection, table, label, types) if label else None
        binary = label is not None and system.task == "binary_classification"
        groups = {name: _sizes(connection, table, [name]) for name in attributes}
        categories = [n for n in types if n not in attributes and n != label and _is_category(declaration, n)]
        facts = required_facts(declaration.contract_text)
        counted = Counted(
            rows=plain["rows"],
            smallest_group=system.smallest_group,
            filled=plain["filled"],
            required=required,
            complete=plain["complete"],
            repeated=plain["repeated"],
            typed=(0, 0),
            newest_days=_days(plain["newest"], landing),
            oldest_days=_days(plain["oldest"], landing),
            waited_days=_waited(declaration, landing),
            outcomes=_outcomes(connection, table, label, types) if binary and label else None,
            known=known,
            groups=groups,
            joint=list(_sizes(connection, table, attributes).values()) if attributes else (),
            reference=_reference(declaration, landing, attributes, site, connection),
            seed=landing.digest,
            spreads={name: _spread(connection, table, name) for name in categories},
            unseen=_unseen(declaration, landing, site),
            given=len(facts) - len(lacking(landing.body["asserted"], facts)),
            asked=len(facts),
            personal=len(landing.body["observed"].get("personal_dropped", ())),
            columns=_columns(landing),
        )
    return _with_rules(counted, declaration, landing)


def _is_category(declaration: Declaration, name: str) -> bool:
    """Whether a landed column is a category whose values are compared."""
    roles = declaration.system.columns[name].roles if name in declaration.system.columns else ()
    named = bool({"key", "entity", "time"} & set(roles))
    return bool(roles) and not named and declaration.kind(name) == "categorical"


def _view(connection: duckdb.DuckDBPyConnection, name: str, paths: Sequence[Path]) -> str:
    listed = ", ".join(map(quoted_path, paths))
    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{listed}], union_by_name=true)")
    return name


def _present(name: str, types: Mapping[str, str]) -> str:
    column = quoted_name(name)
    no_nan = f" AND NOT isnan({column})" if types[name] in ("DOUBLE", "FLOAT") else ""
    return f"({column} IS NOT NULL{no_nan})"


def _plain(
    connection: duckdb.DuckDBPyConnection, table: str, types: Mapping[str, str], required: list[str], time: str | None
) -> dict[str, Any]:
    """What one scan tells: rows, values there, whole rows, repeated ones, and the span of time."""
    there = {name: _present(name, types) for name in types}
    whole = " AND ".join(there[name] for name in required if name in there)
    lacking = [name for name in required if name not in there]
    moment = f"CAST({quoted_name(time)} AS TIMESTAMP)" if time and time in types else "NULL"
    chosen = [
        "count(*)",
        f"count(*) FILTER (WHERE {whole or 'true'})",
        f"count(*) - count(DISTINCT hash({', '.join(map(quoted_name, types))}))",
        f"max({moment})",
        f"min({moment})",
        *(f"count(*) FILTER (WHERE {test})" for test in there.values()),
    ]
    row = connection.execute(f"SELECT {', '.join(chosen)} FROM {table}").fetchone() or ()
    return {
        "rows": int(row[0]),
        "complete": None if not required else 0 if lacking else int(row[1]),
        "repeated": int(row[2]),
        "newest": row[3],
        "oldest": row[4],
        "filled": dict(zip(types, map(int, row[5:]), strict=True)),
    }


def _days(moment: dt.datetime | None, landing: Landing) -> float | None:
    if moment is None:
        return None
    return (_landed_at(landing) - moment.replace(tzinfo=dt.UTC)).total_seconds() / 86_400


def _landed_at(landing: Landing) -> dt.datetime:
    return dt.datetime.fromisoformat(landing.body["observed"]["landed_at"])


def _waited(declaration: Declaration, landing: Landing) -> float | None:
    if landing.part == "training":
        return None
    end = dt.datetime.combine(end_of(declaration.system, landing.batch), dt.time(), dt.UTC)
    return (_landed_at(landing) - end).total_seconds() / 86_400


def _known(connection: duckdb.DuckDBPyConnection, table: str, label: str, types: Mapping[str, str]) -> int:
    if label not in types:
        return 0
    row = connection.execute(f"SELECT count(*) FILTER (WHERE {_present(label, types)}) FROM {table}").fetchone()
    return int(row[0]) if row else 0


def _outcomes(
    connection: duckdb.DuckDBPyConnection, table: str, label: str, types: Mapping[str, str]
) -> dict[str, int]:
    if label not in types:
        return {}
    value = f"CAST(CAST({quoted_name(label)} AS DOUBLE) AS BIGINT)"
    query = f"SELECT {value}, count(*) FROM {table} WHERE {_present(label, types)} GROUP BY 1"
    return {str(kind): int(rows) for kind, rows in connection.execute(query).fetchall()}


def _sizes(connection: duckdb.DuckDBPyConnection, table: str, names: Sequence[str]) -> dict[str, int]:
    """Rows by group; rows that lack one of the attributes are in none."""
    chosen = [f"CAST({quoted_name(name)} AS VARCHAR)" for name in names]
    there = " AND ".join(f"{column} IS NOT NULL" for column in chosen)
    found = connection.execute(f"SELECT {', '.join(chosen)}, count(*) FROM {table} WHERE {there} GROUP BY ALL")
    return {" × ".join(row[:-1]): int(row[-1]) for row in found.fetchall()}


def _spread(connection: duckdb.DuckDBPyConnection, table: str, name: str) -> Spread:
    """Reckoned in the engine: the values stay there."""
    column = quoted_name(name)
    counts = f"SELECT count(*) AS n FROM {table} WHERE {column} IS NOT NULL GROUP BY {column}"
    shares = f"SELECT n, n / sum(n) OVER () AS p FROM ({counts})"
    row = connection.execute(f"SELECT count(*), sum(n), -sum(p * ln(p)) FROM ({shares})").fetchone() or (0, 0, 0.0)
    return Spread(int(row[0]), int(row[1] or 0), float(row[2] or 0.0))


def _reference(
    declaration: Declaration,
    landing: Landing,
    attributes: Sequence[str],
    site: Site,
    connection: duckdb.DuckDBPyConnection,
) -> dict[str, dict[str, int]]:
    """Groups in the frozen reference, whose files are verified, too."""
    frozen = site.register.last("reference.frozen", declaration.id)
    if frozen is None or not attributes:
        return {}
    digests = dict(frozen.body["inputs"]["batches"]).values()
    paths = [lake_file(site, declaration.id, digest) for digest in digests]
    table = _view(connection, "rows_before", paths)
    there = {row[0] for row in connection.execute(f"SELECT column_name FROM (DESCRIBE {table})").fetchall()}
    return {name: _sizes(connection, table, [name]) for name in attributes if name in there}


def _unseen(declaration: Declaration, landing: Landing, site: Site) -> dict[str, tuple[int, int]]:
    """From the kept profile: rows in `(other)` and rows with any category."""
    if landing.part == "training":
        return {}
    judged = site.register.last("batch.judged", f"{declaration.id}/{landing.batch}")
    if judged is None or "profile" not in judged.body.get("inputs", {}):
        return {}
    profile = read_profile(site, judged.body["inputs"]["profile"])
    return {
        column.name: (int(profile.columns[column.name][OTHER_CODE]), int(profile.columns[column.name][:-1].sum()))
        for column in profile.grid.columns
        if not column.is_numeric and column.view == "value"
    }


def _columns(landing: Landing) -> int:
    observed = landing.body["observed"]
    return sum(len(observed.get(key, ())) for key in ("columns", "personal_dropped", "undeclared_dropped"))


def _with_rules(counted: Counted, declaration: Declaration, landing: Landing) -> Counted:
    """The contract's own rules, asked of the same file again: the record has what they said, and not the counts."""
    from checks.contract import compile_rules, read_contract
    from checks.expectations import RuleOutcome, check_contract

    contract = read_contract(declaration.contract_text)
    about = {rule.rule: rule for rule in compile_rules(contract)}
    results = check_contract(contract, landing.path)
    typed = [r for r in results if about[r.rule].kind == "type" and r.outcome is not RuleOutcome.NOT_EVALUATED]
    rules = [
        RuleCount(r.rule, r.column, r.unexpected, r.rows, r.reason, r.tool_failed)
        for r in results
        if (asked := about[r.rule].expectation) is not None and asked.type in ON_VALUES
    ]
    met = sum(r.outcome is RuleOutcome.MET for r in typed)
    return replace(counted, rules=rules, typed=(met, len(typed)))


def families_without(told: Sequence[Told]) -> Iterator[str]:
    """Families of which nothing was measured."""
    for family in data_quality().families:
        if not any(item.state == "measured" for item in told if item.family.id == family.id):
            yield family.id
