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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from open_data_contract_standard.model import OpenDataContractStandard

from checks.contract import compile_rules, the_table
from checks.counting import Count, take_counts
from checks.quality_rules import queried_as
from checks.rules import Rule

if TYPE_CHECKING:
    import pyarrow as pa


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


def check_contract(contract: OpenDataContractStandard, parquet: Path) -> tuple[RuleResult, ...]:
    """One result for each of `compile_rules(contract)`, in its order, on the rows of `parquet`.

    What the file's own schema answers (presence, type) needs no query; everything else is one Great
    Expectations validation, whose metrics share their scans. An unreadable file raises.
    """
    import pyarrow.parquet

    rules = compile_rules(contract)
    schema = pyarrow.parquet.read_schema(parquet)
    settled = {rule.rule: result for rule in rules if (result := _settle_by_schema(rule, schema))}
    pending = [rule for rule in rules if rule.rule not in settled]
    if pending:
        counts = take_counts(queried_as(the_table(contract)), parquet, schema, pending)
        settled |= {rule.rule: _judge(rule, counts[rule.expectation]) for rule in pending if rule.expectation}
    return tuple(settled[rule.rule] for rule in rules)


def _result(rule: Rule, outcome: RuleOutcome, reason: str, count: Count | None = None) -> RuleResult:
    unexpected, rows = (count.unexpected, count.rows) if count else (None, None)
    return RuleResult(rule.rule, rule.column, outcome, rule.blocking, unexpected, rows, reason)


# What the file's schema settles


def _settle_by_schema(rule: Rule, schema: "pa.Schema") -> RuleResult | None:
    """The result of a rule that the file's schema decides, or None."""
    absent = [column for column in rule.columns if column not in schema.names]
    if rule.kind == "present":
        outcome = RuleOutcome.UNMET if absent else RuleOutcome.MET
        return _result(rule, outcome, f"{rule.column} {'is not' if absent else 'is'} in the file, must be")
    if absent:
        return _result(rule, RuleOutcome.NOT_EVALUATED, f"{absent[0]} is not in the file")
    if rule.kind == "type":
        return _settle_type(rule, schema)
    if rule.kind == "typed values" and _retyped(rule, schema):
        actual = schema.field(rule.columns[0]).type
        return _result(rule, RuleOutcome.NOT_EVALUATED, f"{rule.column} is {actual}, declared {rule.logical_type}")
    return None


def _settle_type(rule: Rule, schema: "pa.Schema") -> RuleResult:
    outcome = RuleOutcome.UNMET if _retyped(rule, schema) else RuleOutcome.MET
    actual = schema.field(rule.columns[0]).type
    return _result(rule, outcome, f"{rule.column} is {actual} in the file, must be {rule.logical_type}")


def _retyped(rule: Rule, schema: "pa.Schema") -> bool:
    """Whether the column's type contradicts the declared one; a column of NULLs without a type does not."""
    import pyarrow.types as is_

    actual = schema.field(rule.columns[0]).type
    if is_.is_dictionary(actual):
        actual = actual.value_type
    accepts: Mapping[str, tuple[Callable[[Any], bool], ...]] = {
        "string": (is_.is_string, is_.is_large_string, is_.is_string_view),
        "integer": (is_.is_integer,),
        "number": (is_.is_integer, is_.is_floating, is_.is_decimal),
        "boolean": (is_.is_boolean,),
        "date": (is_.is_date,),
        "timestamp": (is_.is_timestamp,),
        "time": (is_.is_time,),
    }
    if rule.logical_type is None or is_.is_null(actual):
        return False
    return not any(accept(actual) for accept in accepts[rule.logical_type])


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
