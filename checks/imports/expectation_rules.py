"""Which rule of a contract stands for which expectation of Great Expectations.

Each takes its arguments from what is asked, and answers with the pieces of a contract; what it leaves over was not
understood. NULL and NaN are ignored where Great Expectations ignores them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from checks.imports import sql
from checks.imports.carried import CannotCarry, Drafted, Piece

_TYPES: Mapping[str, frozenset[str]] = {
    "integer": frozenset(
        [
            "int",
            "int_",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "uint16",
            "uint32",
            "uint64",
            "integer",
            "bigint",
            "smallint",
            "tinyint",
            "hugeint",
            "long",
            "integertype",
            "longtype",
            "shorttype",
            "bytetype",
            "byteint",
            "serial",
            "bigserial",
        ]
    ),
    "number": frozenset(
        [
            "float",
            "float_",
            "float16",
            "float32",
            "float64",
            "double",
            "double_precision",
            "double precision",
            "float4",
            "float8",
            "real",
            "numeric",
            "decimal",
            "number",
            "floattype",
            "doubletype",
            "decimaltype",
        ]
    ),
    "string": frozenset(["str", "string", "string_", "varchar", "nvarchar", "text", "char", "stringtype"]),
    "boolean": frozenset(["bool", "bool_", "boolean", "booleantype"]),
    "date": frozenset({"date", "datetype"}),
    "timestamp": frozenset(
        ["timestamp", "datetime", "datetime64", "datetime64[ns]", "datetime64[us]", "timestamptype", "timestamptz"]
    ),
}
Answer = list[Piece]


@dataclass
class Asked:
    """One expectation, whose arguments are taken one by one: what is left over in the end was not understood."""

    type: str
    arguments: dict[str, Any]
    severity: str
    about: dict[str, Any]
    contract: Drafted
    notes: list[str] = field(default_factory=list)

    def take(self, name: str, otherwise: Any = None) -> Any:
        """An argument; parameters of a run are not values."""
        value = self.arguments.pop(name, None)
        if isinstance(value, Mapping) and "$PARAMETER" in value:
            raise CannotCarry(f"{name} is a parameter that is given anew in each run: write its value")
        return otherwise if value is None else value

    def column(self, name: str = "column") -> str:
        """The column that it is about."""
        found = self.take(name)
        if not isinstance(found, str) or not found:
            raise CannotCarry(f"it names no {name}")
        return found

    def some(self, name: str) -> list[Any]:
        """A list of at least one value."""
        found = self.take(name)
        if not isinstance(found, list) or not found:
            raise CannotCarry(f"{name} must be a list of at least one value")
        return found

    def mostly(self) -> Decimal | None:
        """The share of rows that must meet it; None for all of them."""
        found = self.take("mostly", 1)
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
            raise CannotCarry("mostly must be a share from 0 to 1")
        return None if found == 1 else Decimal(str(found))

    @property
    def plain(self) -> bool:
        """Whether it holds a batch back: a rule of the column itself always does."""
        return self.severity == "error"

    def rule(self, mostly: Decimal | None = None, **rule: Any) -> dict[str, Any]:
        """A rule of `quality`; with `mostly` at most the share that is left may offend."""
        demand: dict[str, Any] = {}
        if not any(key.startswith("must") for key in rule):
            demand = (
                {"mustBe": 0}
                if mostly is None
                else {"unit": "percent", "mustBeLessOrEqualTo": sql.percent_left(mostly)}
            )
        return {**self.about, **rule, **demand}


# Rules on the values of one column


def _not_null(asked: Asked) -> Answer:
    column, mostly = asked.column(), asked.mostly()
    if mostly is None and asked.plain:
        return [Piece(column, attributes={"required": True})]
    return [Piece(column, asked.rule(mostly, metric="nullValues"))]


def _null(asked: Asked) -> Answer:
    column, mostly = asked.column(), asked.mostly()
    least = sql.percent_left(1 - (Decimal(1) if mostly is None else mostly))
    return [Piece(column, asked.rule(metric="nullValues", unit="percent", mustBeGreaterOrEqualTo=least))]


def _non_null_share(asked: Asked) -> Answer:
    column = asked.column()
    share = f"CAST(count(*) FILTER (WHERE {sql.present(column)}) AS DOUBLE) / count(*)"
    return _of_number(asked, column, share)


def _unique(asked: Asked) -> Answer:
    column, mostly = asked.column(), asked.mostly()
    if mostly is None and asked.plain:
        return [Piece(column, attributes={"unique": True})]
    return [Piece(column, asked.rule(mostly, metric="duplicateValues"))]


def _unique_together(asked: Asked) -> Answer:
    columns, mostly = asked.some("column_list"), asked.mostly()
    _ignores(asked, "all_values_are_missing")
    named = [Piece(column) for column in columns]
    rule = asked.rule(mostly, metric="duplicateValues", arguments={"properties": columns})
    return [*named, Piece(None, rule)]


def _in_set(asked: Asked) -> Answer:
    column, values, mostly = asked.column(), asked.some("value_set"), asked.mostly()
    rule = asked.rule(mostly, metric="invalidValues", arguments={"validValues": values})
    return [Piece(column, rule, type=_type_of(asked, column, values))]


def _distinct_in_set(asked: Asked) -> Answer:
    asked.notes.append("rows are counted, and not distinct values")
    return _in_set(asked)


def _not_in_set(asked: Asked) -> Answer:
    column, values = asked.column(), asked.some("value_set")
    return _offending(asked, column, f"{sql.name(column)} IN {sql.listed(values)}", _type_of(asked, column, values))


def _contains_set(asked: Asked) -> Answer:
    column, values = asked.column(), asked.some("value_set")
    found = f"count(DISTINCT CASE WHEN {sql.name(column)} IN {sql.listed(values)} THEN {sql.name(column)} END)"
    rule = _query(asked, found, {"mustBe": len({repr(value) for value in values})})
    return [Piece(column, rule, type=_type_of(asked, column, values))]


def _equals_set(asked: Asked) -> Answer:
    column, values = asked.column(), asked.some("value_set")
    quoted, known = sql.name(column), _type_of(asked, column, values)
    inside = f"count(DISTINCT CASE WHEN {quoted} IN {sql.listed(values)} THEN {quoted} END)"
    outside = f"count(*) FILTER (WHERE {sql.present(column)} AND {quoted} NOT IN {sql.listed(values)})"
    lacking = f"{len({repr(value) for value in values})} - {inside} + {outside}"
    asked.notes.append("the number is values that are lacking and rows with others")
    return [Piece(column, _query(asked, lacking, {"mustBe": 0}), type=known)]


def _between(asked: Asked) -> Answer:
    column, mostly = asked.column(), asked.mostly()
    low, high = asked.take("min_value"), asked.take("max_value")
    strict_low, strict_high = bool(asked.take("strict_min")), bool(asked.take("strict_max"))
    limits = [value for value in (low, high) if value is not None]
    if not limits:
        raise CannotCarry("it has no limit")
    known = _type_of(asked, column, limits)
    options = {
        key: value
        for key, value in (
            ("exclusiveMinimum" if strict_low else "minimum", low),
            ("exclusiveMaximum" if strict_high else "maximum", high),
        )
        if value is not None
    }
    free = not set(asked.contract.column(column).get("logicalTypeOptions", {})) & _LIMITS
    if mostly is None and asked.plain and free:
        return [Piece(column, attributes={"logicalTypeOptions": options}, type=known)]
    asked.arguments["mostly"] = None if mostly is None else float(mostly)
    ends = [(low, "<=" if strict_low else "<"), (high, ">=" if strict_high else ">")]
    bad = " OR ".join(f"{sql.name(column)} {sign} {_limit(value)}" for value, sign in ends if value is not None)
    return _offending(asked, column, bad, known)


_LIMITS = frozenset({"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"})


def _lengths(asked: Asked) -> Answer:
    low, high = asked.take("min_value"), asked.take("max_value")
    for limit in (low, high):
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float) or limit != int(limit)):
            raise CannotCarry("a length must be a whole number")
    low = None if low is None else int(low) + bool(asked.take("strict_min"))
    high = None if high is None else int(high) - bool(asked.take("strict_max"))
    return _of_length(asked, low, high)


def _length(asked: Asked) -> Answer:
    exact = asked.take("value")
    if isinstance(exact, bool) or not isinstance(exact, int | float) or exact != int(exact):
        raise CannotCarry("a length must be a whole number")
    return _of_length(asked, int(exact), int(exact))


def _of_length(asked: Asked, low: int | None, high: int | None) -> Answer:
    column, mostly = asked.column(), asked.mostly()
    if low is None and high is None:
        raise CannotCarry("it has no limit")
    options = {key: value for key, value in (("minLength", low), ("maxLength", high)) if value is not None}
    free = not set(asked.contract.column(column).get("logicalTypeOptions", {})) & {"minLength", "maxLength"}
    if mostly is None and asked.plain and free:
        return [Piece(column, attributes={"logicalTypeOptions": options}, type="string")]
    asked.arguments["mostly"] = None if mostly is None else float(mostly)
    ends = ((low, "<"), (high, ">"))
    bad = " OR ".join(f"length({sql.name(column)}) {sign} {end}" for end, sign in ends if end is not None)
    return _offending(asked, column, bad, "string")


def _regex(asked: Asked) -> Answer:
    column, pattern, mostly = asked.column(), asked.take("regex"), asked.mostly()
    rule = asked.rule(mostly, metric="invalidValues", arguments={"pattern": pattern})
    return [Piece(column, rule, type="string")]


def _regex_list(asked: Asked) -> Answer:
    column, patterns, mostly = asked.column(), asked.some("regex_list"), asked.mostly()
    match_on = asked.take("match_on", "any")
    if match_on == "any":
        joined = "|".join(f"(?:{pattern})" for pattern in patterns)
        return [Piece(column, asked.rule(mostly, metric="invalidValues", arguments={"pattern": joined}), type="string")]
    if mostly is not None:
        raise CannotCarry("several patterns that mostly hold together are no rule of the standard")
    asked.notes.append("a rule for each pattern")
    rules = [asked.rule(None, metric="invalidValues", arguments={"pattern": pattern}) for pattern in patterns]
    return [Piece(column, rule, type="string") for rule in rules]


def _not_regex(asked: Asked) -> Answer:
    return _no_pattern(asked, [asked.take("regex")])


def _not_regex_list(asked: Asked) -> Answer:
    return _no_pattern(asked, asked.some("regex_list"))


def _no_pattern(asked: Asked, patterns: list[Any]) -> Answer:
    column = asked.column()
    probe = [
        Piece(column, asked.rule(None, metric="invalidValues", arguments={"pattern": p}), type="string")
        for p in patterns
    ]
    Drafted("probe").add(probe)  # a pattern that the engine cannot read is told now
    bad = " OR ".join(f"regexp_matches({sql.name(column)}, {sql.literal(pattern)})" for pattern in patterns)
    return _offending(asked, column, bad, "string")


def _like(asked: Asked) -> Answer:
    column = asked.column()
    pattern = sql.literal(asked.take("like_pattern"))
    return _offending(asked, column, f"NOT {sql.name(column)} LIKE {pattern}", "string")


def _not_like(asked: Asked) -> Answer:
    column = asked.column()
    pattern = sql.literal(asked.take("like_pattern"))
    return _offending(asked, column, f"{sql.name(column)} LIKE {pattern}", "string")


def _strftime(asked: Asked) -> Answer:
    column = asked.column()
    form = sql.literal(asked.take("strftime_format"))
    asked.notes.append("DuckDB reads the format, and Python did")
    return _offending(asked, column, f"try_strptime({sql.name(column)}, {form}) IS NULL", "string")


def _json(asked: Asked) -> Answer:
    column = asked.column()
    return _offending(asked, column, f"NOT json_valid({sql.name(column)})", "string")


def _of_type(asked: Asked) -> Answer:
    return _typed(asked, [asked.take("type_")])


def _of_types(asked: Asked) -> Answer:
    return _typed(asked, asked.some("type_list"))


def _typed(asked: Asked, names: list[Any]) -> Answer:
    column, mostly = asked.column(), asked.mostly()
    if mostly is not None:
        raise CannotCarry("a column has one type: some values cannot be of another")
    known = {_logical(name) for name in names}
    if known == {"integer", "number"}:
        known = {"number"}
    if len(known) > 1:
        raise CannotCarry(f"the standard has no one type for {' and '.join(sorted(map(str, known)))}")
    asked.notes.append("the kind of values is checked, and not how many bytes they take")
    physical = {"physicalType": names[0]} if len(names) == 1 else {}
    return [Piece(column, attributes={"logicalType": known.pop(), **physical})]


def _logical(name: Any) -> str:
    plain = str(name).split("(")[0].strip().lower()
    for logical, names in _TYPES.items():
        if plain in names:
            return logical
    raise CannotCarry(f"the type {str(name)[:40]!r} says nothing of the values")


# Numbers about one column


def _aggregate(function: str) -> Callable[[Asked], Answer]:
    def answer(asked: Asked) -> Answer:
        column = asked.column()
        return _of_number(asked, column, function.format(sql.number(column)))

    return answer


def _distinct_count(asked: Asked) -> Answer:
    column = asked.column()
    different = f"count(DISTINCT CASE WHEN {sql.present(column)} THEN {sql.name(column)} END)"
    return _of_number(asked, column, different)


def _distinct_share(asked: Asked) -> Answer:
    column = asked.column()
    different = f"count(DISTINCT CASE WHEN {sql.present(column)} THEN {sql.name(column)} END)"
    rows = f"count(*) FILTER (WHERE {sql.present(column)})"
    return _of_number(asked, column, f"CAST({different} AS DOUBLE) / {rows}")


def _of_number(asked: Asked, column: str, what: str) -> Answer:
    low, high = asked.take("min_value"), asked.take("max_value")
    demands = sql.demands(low, high, bool(asked.take("strict_min")), bool(asked.take("strict_max")))
    return [Piece(column, _query(asked, what, demand)) for demand in demands]


def _quantiles(asked: Asked) -> Answer:
    column, ranges = asked.column(), asked.take("quantile_ranges", {})
    if asked.take("allow_relative_error", False):
        raise CannotCarry("quantiles are exact here: allow_relative_error has no counterpart")
    asked.notes.append("a quantile is a value of the column (quantile_disc), as where a database answers")
    quantiles, limits = (
        ranges.get(key) if isinstance(ranges, Mapping) else None for key in ("quantiles", "value_ranges")
    )
    if not isinstance(quantiles, list) or not isinstance(limits, list) or len(quantiles) != len(limits):
        raise CannotCarry("quantile_ranges must have as many value_ranges as quantiles")
    pieces: list[Piece] = []
    for quantile, ends in zip(quantiles, limits, strict=True):
        if not isinstance(ends, list) or len(ends) != 2:
            raise CannotCarry("each of its value_ranges must be a lower and an upper limit")
        what = f"quantile_disc({sql.number(column)}, {sql.literal(quantile)})"
        pieces += [Piece(column, _query(asked, what, demand)) for demand in sql.demands(ends[0], ends[1])]
    if not pieces:
        raise CannotCarry("it names no quantile")
    return pieces


# Two columns, the table


def _greater(asked: Asked) -> Answer:
    return _pair(asked, ">=" if asked.take("or_equal") else ">")


def _equal(asked: Asked) -> Answer:
    return _pair(asked, "=")


def _pair(asked: Asked, sign: str) -> Answer:
    one, two, mostly = asked.column("column_A"), asked.column("column_B"), asked.mostly()
    there, both = (sql.present(one), sql.present(two)), asked.take("ignore_row_if", "both_values_are_missing")
    looked_at = {
        "both_values_are_missing": f"({there[0]} OR {there[1]})",
        "either_value_is_missing": f"({there[0]} AND {there[1]})",
        "neither": "TRUE",
    }.get(both)
    if looked_at is None:
        raise CannotCarry(f"ignore_row_if {both!r} is not known")
    bad = f"NOT ({there[0]} AND {there[1]} AND coalesce({sql.name(one)} {sign} {sql.name(two)}, FALSE))"
    return [Piece(one), Piece(two), Piece(None, sql.offending(bad, looked_at, mostly, **asked.about))]


def _rows(asked: Asked) -> Answer:
    demands = sql.demands(
        asked.take("min_value"),
        asked.take("max_value"),
        bool(asked.take("strict_min")),
        bool(asked.take("strict_max")),
    )
    return [Piece(None, {**asked.about, "metric": "rowCount", **demand}) for demand in demands]


def _rows_exactly(asked: Asked) -> Answer:
    (demand,) = sql.demands(asked.take("value"), None)
    return [Piece(None, {**asked.about, "metric": "rowCount", "mustBe": demand["mustBeGreaterOrEqualTo"]})]


def _exists(asked: Asked) -> Answer:
    column = asked.column()
    if asked.take("column_index") is not None:
        raise CannotCarry("columns have no place here: they are known by their names")
    there = f"count(*) FILTER (WHERE column_name = {sql.literal(column)})"
    return [Piece(column), _of_columns(asked, there, {"mustBe": 1})]


def _column_count(asked: Asked) -> Answer:
    low, high = asked.take("min_value"), asked.take("max_value")
    return [_of_columns(asked, "count(*)", demand) for demand in sql.demands(low, high)]


def _column_count_exactly(asked: Asked) -> Answer:
    return [_of_columns(asked, "count(*)", {"mustBe": asked.take("value")})]


def _column_set(asked: Asked) -> Answer:
    columns, exact = asked.some("column_set"), asked.take("exact_match", True)
    inside = f"count(*) FILTER (WHERE column_name IN {sql.listed(columns)})"
    lacking = f"{len(set(columns))} - {inside}"
    others = f" + count(*) FILTER (WHERE column_name NOT IN {sql.listed(columns)})" if exact else ""
    return [*(Piece(column) for column in columns), _of_columns(asked, lacking + others, {"mustBe": 0})]


def _column_list(asked: Asked) -> Answer:
    columns = asked.some("column_list")
    wanted = f"[{', '.join(map(sql.literal, columns))}]"
    wrong = f"CASE WHEN list(column_name ORDER BY ordinal_position) = {wanted} THEN 0 ELSE 1 END"
    return [*(Piece(column) for column in columns), _of_columns(asked, wrong, {"mustBe": 0})]


def _of_columns(asked: Asked, what: str, demand: Mapping[str, Any]) -> Piece:
    """A question about the file's columns; landing drops what is not declared before anybody asks."""
    asked.notes.append("about the columns as they were landed, in DuckDB")
    where = f"table_name = {sql.literal(asked.contract.name)}"
    query = f"SELECT {what} FROM information_schema.columns WHERE {where}"
    return Piece(None, {**asked.about, "type": "sql", "query": query, **demand})


def _unexpected_rows(asked: Asked) -> Answer:
    query = asked.take("unexpected_rows_query")
    if not isinstance(query, str) or "{batch}" not in query:
        raise CannotCarry("its query does not ask {batch}")
    text = query.strip().rstrip(";").replace("{batch}", sql.TABLE)
    asked.notes.append("DuckDB answers the query, and another engine did")
    rule = {**asked.about, "type": "sql", "query": f"SELECT count(*) FROM ({text})", "mustBe": 0}
    return [Piece(None, rule)]


# What they are made of


def _offending(asked: Asked, column: str, bad: str, known: str | None) -> Answer:
    rule = sql.offending(bad, sql.present(column), asked.mostly(), **asked.about)
    return [Piece(column, rule, type=known)]


def _query(asked: Asked, what: str, demand: Mapping[str, Any]) -> dict[str, Any]:
    return {**asked.about, "type": "sql", "query": f"SELECT {what} FROM {sql.TABLE}", **demand}


def _limit(value: Any) -> str:
    return f"CAST({sql.literal(value)} AS TIMESTAMP)" if isinstance(value, str) else sql.literal(value)


def _ignores(asked: Asked, usual: str) -> None:
    found = asked.take("ignore_row_if", usual)
    if found != usual:
        raise CannotCarry(f"rows are left out only where {usual.replace('_', ' ')}")


def _type_of(asked: Asked, column: str, values: list[Any]) -> str | None:
    """The logical type that these values take for granted, unless the column's is known."""
    if asked.contract.type_of(column):
        return None
    kinds = {_kind(value) for value in values}
    if len(kinds) > 1:
        raise CannotCarry(f"its values are of several types: {', '.join(sorted(kinds))}")
    (kind,) = kinds
    if kind == "string" and asked.type == "expect_column_values_to_be_between":
        return _kind_of_time(values)
    return kind


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "string" if isinstance(value, str) else "other values"


def _kind_of_time(values: list[str]) -> str:
    for kind, read in (("date", dt.date.fromisoformat), ("timestamp", dt.datetime.fromisoformat)):
        try:
            [read(value) for value in values]
        except ValueError:
            continue
        return kind
    raise CannotCarry("a limit must be a number, or a date as ISO 8601 writes it")


HANDLERS: Mapping[str, Callable[[Asked], Answer]] = {
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_null": _null,
    "expect_column_proportion_of_non_null_values_to_be_between": _non_null_share,
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _unique_together,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_distinct_values_to_be_in_set": _distinct_in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_distinct_values_to_contain_set": _contains_set,
    "expect_column_distinct_values_to_equal_set": _equals_set,
    "expect_column_values_to_be_between": _between,
    "expect_column_value_lengths_to_be_between": _lengths,
    "expect_column_value_lengths_to_equal": _length,
    "expect_column_values_to_match_regex": _regex,
    "expect_column_values_to_match_regex_list": _regex_list,
    "expect_column_values_to_not_match_regex": _not_regex,
    "expect_column_values_to_not_match_regex_list": _not_regex_list,
    "expect_column_values_to_match_like_pattern": _like,
    "expect_column_values_to_not_match_like_pattern": _not_like,
    "expect_column_values_to_match_strftime_format": _strftime,
    "expect_column_values_to_be_json_parseable": _json,
    "expect_column_values_to_be_of_type": _of_type,
    "expect_column_values_to_be_in_type_list": _of_types,
    "expect_column_type_to_be": _of_type,
    "expect_column_mean_to_be_between": _aggregate("avg({})"),
    "expect_column_median_to_be_between": _aggregate("median({})"),
    "expect_column_min_to_be_between": _aggregate("min({})"),
    "expect_column_max_to_be_between": _aggregate("max({})"),
    "expect_column_stdev_to_be_between": _aggregate("stddev_samp({})"),
    "expect_column_sum_to_be_between": _aggregate("sum({})"),
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_unique_value_count_to_be_between": _distinct_count,
    "expect_column_proportion_of_unique_values_to_be_between": _distinct_share,
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    "expect_column_pair_values_to_be_equal": _equal,
    "expect_table_row_count_to_be_between": _rows,
    "expect_table_row_count_to_equal": _rows_exactly,
    "expect_column_to_exist": _exists,
    "expect_table_column_count_to_be_between": _column_count,
    "expect_table_column_count_to_equal": _column_count_exactly,
    "expect_table_columns_to_match_set": _column_set,
    "expect_table_columns_to_match_ordered_list": _column_list,
    "unexpected_rows_expectation": _unexpected_rows,
}
WHY_NOT: Mapping[str, str] = {
    "expect_column_kl_divergence_to_be_less_than": (
        "how far a column moved is measured and judged here: write a criterion on psi or jensen_shannon"
    ),
    "expect_column_values_to_be_increasing": "rows have no order once they are landed",
    "expect_column_values_to_be_decreasing": "rows have no order once they are landed",
    "expect_table_row_count_to_equal_other_table": "a contract is about one table",
    "expect_query_results_to_match_comparison": "a contract is about one table",
    "expect_column_values_to_be_dateutil_parseable": (
        "only dateutil knows what it can read: declare the column as date or timestamp"
    ),
    "expect_column_value_z_scores_to_be_less_than": "a limit that moves with the batch it is asked of judges nothing",
    "expect_column_values_to_not_be_outliers": "a limit that moves with the batch it is asked of judges nothing",
}
