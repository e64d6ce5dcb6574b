"""The rules of a data contract checked on one Parquet file: met, not met or not evaluated, with the reason.

Decided here: what the file's own schema settles, and how the engine's counts are judged. The counts are
compared with what the contract asks for in `Demand`; no pass or fail of the engine is believed.

- NULL is ignored by rules on values (range, length, pattern, set, uniqueness); `required`, `nullValues`
  and `missingValues` look at it. A floating-point NaN counts as NULL.
- Percentages are of the rows looked at: all rows for nulls and missing values, the rows that are not
  NULL for the others. Over no rows at all nothing was looked at: not evaluated, which is not a pass.
- A column of another type than declared is one finding, `NAME: type`; its other rules on values are then
  not evaluated, because comparing across types answers another question.

The rules come from `checks.contract`, the counts from `checks.counting`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from open_data_contract_standard.model import OpenDataContractStandard

from checks.contract import compile_rules, the_table
from checks.counting import Count, Engine, take_counts
from checks.duckdb_rows import DuckDB
from checks.quality_rules import queried_name
from checks.references import BATCH_VIEW
from checks.rules import DIMENSIONS, Rule
from checks.shown import Table, located, table_of

if TYPE_CHECKING:
    from checks.service_levels import Level


class RuleOutcome(Enum):
    MET = "met"
    UNMET = "unmet"
    NOT_EVALUATED = "not_evaluated"


@dataclass(frozen=True)
class RuleResult:
    """One rule's outcome on one file. `unexpected` of `rows` looked at offend, where rows are counted.

    `tool_failed` tells a broken check from a rule that had nothing to look at: both are not evaluated.
    """

    rule: str
    column: str | None
    outcome: RuleOutcome
    blocking: bool
    unexpected: int | None
    rows: int | None
    reason: str
    tool_failed: bool = False
    dimension: str | None = None


def check_contract(
    contract: OpenDataContractStandard,
    parquet: Path,
    *,
    engine: Engine | None = None,
    lookups: Mapping[str, Path] | None = None,
) -> tuple[RuleResult, ...]:
    """One result for each of `compile_rules(contract)`, in its order, on the rows of `parquet`.

    What the file's own schema answers (presence, type) needs no query; everything else is one Great
    Expectations validation, whose metrics share their scans. An unreadable file raises.

    Parameters
    ----------
    engine : Engine, optional
        What counts: DuckDB in this process unless another one is given.
    lookups : mapping, optional
        The contract's other tables as Parquet files, by name. A rule that needs one that is not there, or that
        cannot be read, is not evaluated.
    """
    import pyarrow.parquet

    rules = compile_rules(contract)
    schema = pyarrow.parquet.read_schema(parquet)
    table = table_of(queried_name(the_table(contract)), BATCH_VIEW, parquet, schema, rules)
    others, unreadable = _readable(lookups or {})
    settled = {rule.rule: result for rule in rules if (result := _settle_by_schema(rule, table, others, unreadable))}
    pending = [rule for rule in rules if rule.rule not in settled]
    if pending:
        counts = take_counts(engine or DuckDB(), table, tuple(others.values()), pending)
        settled |= {rule.rule: _judge(rule, counts[rule.expectation]) for rule in pending if rule.expectation}
    return tuple(settled[rule.rule] for rule in rules)


def not_declared(contract: OpenDataContractStandard, levels: "Sequence[Level]" = ()) -> tuple[str, ...]:
    """The standard's dimensions of quality about which the contract asks nothing: nothing is known there either."""
    asked = {rule.dimension for rule in compile_rules(contract)}
    if any(level.why_not is None for level in levels):
        asked.add("timeliness")
    return tuple(dimension for dimension in DIMENSIONS if dimension not in asked)


def _readable(lookups: Mapping[str, Path]) -> tuple[dict[str, Table], dict[str, str]]:
    """The lookups whose schema can be read, and the kind of the fault of the others."""
    import pyarrow as pa
    import pyarrow.parquet

    tables, faults = {}, {}
    for number, (name, path) in enumerate(sorted(lookups.items())):
        try:
            tables[name] = table_of(name, f"aims_lookup_{number}", path, pyarrow.parquet.read_schema(path))
        except (OSError, pa.ArrowInvalid) as fault:
            faults[name] = type(fault).__name__
    return tables, faults


def _result(rule: Rule, outcome: RuleOutcome, reason: str, count: Count | None = None) -> RuleResult:
    unexpected, rows = (count.unexpected, count.rows) if count else (None, None)
    return RuleResult(
        rule.rule, rule.column, outcome, rule.blocking, unexpected, rows, reason, dimension=rule.dimension
    )


# What the file's schema settles


def _settle_by_schema(
    rule: Rule, table: Table, lookups: Mapping[str, Table], unreadable: Mapping[str, str]
) -> RuleResult | None:
    """The result of a rule that the file's schema decides, or None."""
    fields = {name: located(table.schema, path) for name, path in rule.paths.items()}
    absent = [name for name, field in fields.items() if field is None]
    if rule.kind == "present":
        outcome = RuleOutcome.UNMET if absent else RuleOutcome.MET
        return _result(rule, outcome, f"{rule.column} {'is not' if absent else 'is'} in the file, must be")
    if absent:
        return _result(rule, RuleOutcome.NOT_EVALUATED, f"{absent[0]} is not in the file")
    if rule.kind == "reference":
        return _settle_reference(rule, table, lookups, unreadable)
    actual = next((field.type for field in fields.values() if field is not None), None)
    if rule.kind == "type":
        outcome = RuleOutcome.UNMET if _retyped(rule, actual) else RuleOutcome.MET
        return _result(rule, outcome, f"{rule.column} is {_kind(actual)} in the file, must be {rule.logical_type}")
    if rule.kind in ("typed values", "fields") and _retyped(rule, actual):
        declared = f"declared {rule.logical_type}"
        return _result(rule, RuleOutcome.NOT_EVALUATED, f"{rule.column} is {_kind(actual)}, {declared}")
    return _settle_fields(rule, actual) if rule.kind == "fields" else None


def _settle_fields(rule: Rule, actual: Any) -> RuleResult:
    import pyarrow.types as is_

    limits = dict(rule.expectation.kwargs) if rule.expectation else {}
    asked = " and ".join(
        f"at {word} {n}" for word, n in zip(("least", "most"), limits.values(), strict=True) if n is not None
    )
    if not is_.is_struct(actual):
        return _result(rule, RuleOutcome.NOT_EVALUATED, f"{rule.column} is {_kind(actual)}: its properties vary by row")
    found = actual.num_fields
    good = (limits["fewest"] or 0) <= found and (limits["most"] is None or found <= limits["most"])
    outcome = RuleOutcome.MET if good else RuleOutcome.UNMET
    return _result(rule, outcome, f"{rule.column} has {found} properties in the file, must be {asked}")


def _settle_reference(
    rule: Rule, table: Table, lookups: Mapping[str, Table], unreadable: Mapping[str, str]
) -> RuleResult | None:
    """Why nothing can be looked up, or None."""
    assert rule.reference is not None
    name = rule.reference.table
    if name in unreadable:
        what = f"the check itself failed (the lookup {name} cannot be read: {unreadable[name]}), so nothing is known"
        return replace(_result(rule, RuleOutcome.NOT_EVALUATED, what), tool_failed=True)
    if name and name not in lookups:
        why = f"the lookup {name} is not there: declare its source, or send it"
        return _result(rule, RuleOutcome.NOT_EVALUATED, why)
    goal, where = (lookups[name], f"the lookup {name}") if name else (table, "the file")
    for mine, theirs in zip(rule.columns, rule.reference.columns, strict=True):
        found = located(goal.schema, (theirs,))
        if found is None:
            return _result(rule, RuleOutcome.NOT_EVALUATED, f"{theirs} is not in {where}")
        one, other = table.shown[mine].field.type, found.type
        if _family(one) != _family(other):
            its = f"{name}.{theirs}" if name else theirs
            what = f"{mine} is {_kind(one)} and {its} is {_kind(other)}: they cannot be compared"
            return _result(rule, RuleOutcome.NOT_EVALUATED, what)
    return None


def _kind(actual: Any) -> str:
    """A type's name; of an object or an array not what is inside, for that is a type's affair of its own."""
    import pyarrow.types as is_

    if is_.is_struct(actual):
        return "struct"
    return "list" if is_.is_nested(actual) and not is_.is_map(actual) else str(actual)


def _accepted() -> dict[str, tuple[Callable[[Any], bool], ...]]:
    """Logical type → what a file may store it as."""
    import pyarrow.types as is_

    return {
        "string": (is_.is_string, is_.is_large_string, is_.is_string_view),
        "integer": (is_.is_integer,),
        "number": (is_.is_integer, is_.is_floating, is_.is_decimal),
        "boolean": (is_.is_boolean,),
        "date": (is_.is_date,),
        "timestamp": (is_.is_timestamp,),
        "time": (is_.is_time,),
        "array": (is_.is_list, is_.is_large_list, is_.is_fixed_size_list),
        "object": (is_.is_struct, is_.is_map),
    }


def _family(actual: Any) -> str:
    """The widest logical type that a stored type can be."""
    import pyarrow.types as is_

    if is_.is_dictionary(actual):
        actual = actual.value_type
    found = [logical for logical, kinds in _accepted().items() if any(accept(actual) for accept in kinds)]
    return found[-1] if found else str(actual)


def _retyped(rule: Rule, actual: Any) -> bool:
    """Whether the column's type contradicts the declared one; a column of NULLs without a type does not."""
    import pyarrow.types as is_

    if is_.is_dictionary(actual):
        actual = actual.value_type
    if rule.logical_type is None or is_.is_null(actual):
        return False
    return not any(accept(actual) for accept in _accepted()[rule.logical_type])


# What the counts say


def _judge(rule: Rule, count: Count) -> RuleResult:
    if count.fault is not None:
        reason = f"the check itself failed ({count.fault}), so nothing is known"
        return replace(_result(rule, RuleOutcome.NOT_EVALUATED, reason), tool_failed=True)
    if rule.kind in ("row count", "query"):
        return _judge_value(rule, count.observed)
    return _judge_rows(rule, count)


def _judge_value(rule: Rule, observed: Any) -> RuleResult:
    if observed is None:
        return _result(rule, RuleOutcome.NOT_EVALUATED, "the query answered no single value")
    if rule.demand.of_truth:
        if not isinstance(observed, bool):
            return _result(rule, RuleOutcome.NOT_EVALUATED, "the query answered something that is no yes or no")
        outcome = RuleOutcome.MET if rule.demand.met_by(observed) else RuleOutcome.UNMET
        return _result(rule, outcome, f"the query answered {str(observed).lower()}, {rule.demand}")
    number = isinstance(observed, int | float | Decimal) and not isinstance(observed, bool)
    if not number or not math.isfinite(observed):
        return _result(rule, RuleOutcome.NOT_EVALUATED, "the query answered something that is no number")
    outcome = RuleOutcome.MET if rule.demand.met_by(observed) else RuleOutcome.UNMET
    said = f"{observed} rows" if rule.kind == "row count" else f"the query answered {float(observed):.10g}"
    return _result(rule, outcome, f"{said}, {rule.demand}")


def _judge_rows(rule: Rule, found: Count) -> RuleResult:
    if found.rows == 0:
        return _nothing_to_look_at(rule, found, "the file has no rows")
    if found.unexpected is None or found.rows is None:
        gave_none = _result(rule, RuleOutcome.NOT_EVALUATED, "the engine gave no count")
        return replace(gave_none, tool_failed=True)
    looked_at = found.rows if _looks_at_null(rule) else found.rows - (found.missing or 0)
    count = replace(found, rows=looked_at)
    if looked_at == 0:
        return _nothing_to_look_at(rule, count, "every value is NULL")
    share = 100 * found.unexpected / looked_at
    outcome = (
        RuleOutcome.MET if rule.demand.met_by(share if rule.demand.percent else found.unexpected) else RuleOutcome.UNMET
    )
    observed = f" ({share:.4g} %)" if rule.demand.percent else ""
    return _result(
        rule,
        outcome,
        f"{found.unexpected} of {looked_at} rows{observed} {rule.offence}, {rule.demand}",
        count,
    )


def _nothing_to_look_at(rule: Rule, count: Count, why: str) -> RuleResult:
    return _result(rule, RuleOutcome.NOT_EVALUATED, f"{why}, so there was nothing to look at", count)


def _looks_at_null(rule: Rule) -> bool:
    return rule.kind == "nulls" or (
        rule.expectation is not None and rule.expectation.type == "expect_column_values_to_be_given"
    )
