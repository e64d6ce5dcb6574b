"""What an expression of a declaration may be. Truth: the engine's own catalogue says which functions are scalar."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.expressions import FUNCTIONS, ExpressionFault, columns_in, literal_fits, typed

COLUMNS = {"income": "number", "children": "integer", "region": "string", "day": "date", "late": "boolean"}


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("income > 1000", "BOOLEAN"),
        ("income BETWEEN 1 AND 2 AND region IN ('north', 'south') AND late IS NOT NULL", "BOOLEAN"),
        ("region LIKE 'no%' OR NOT late", "BOOLEAN"),
        ("CASE WHEN children = 0 THEN 'none' ELSE upper(trim(region)) END", "VARCHAR"),
        ("income / (1 + children)", "DOUBLE"),
        ("coalesce(children, 0) // 2", "BIGINT"),
        ("CAST(year(day) AS BIGINT)", "BIGINT"),
        ("'a; DROP TABLE rows; --' || region", "VARCHAR"),
        ("income > 1 -- as the plan has it", "BOOLEAN"),
    ],
)
def test_what_looks_at_its_row_has_a_type(expression: str, found: str) -> None:
    assert typed(expression, COLUMNS) == found


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("random() < 0.5", "random"),
        ("day < now()", "now"),
        ("day < current_date", "current_date"),
        ("income > (SELECT avg(income) FROM rows)", "subquery"),
        ("income IN (SELECT 1)", "subquery"),
        ("EXISTS (SELECT 1)", "subquery"),
        ("income > avg(income)", "avg"),
        ("row_number() OVER () = 1", "window"),
        ("sum(income) OVER (PARTITION BY region) > 1", "window"),
        ("read_text('/etc/passwd') IS NOT NULL", "read_text"),
        ("getenv('HOME') = region", "getenv"),
        ("current_setting('threads') = '1'", "current_setting"),
        ("nextval('s') = 1", "nextval"),
        ("uuid() = region", "uuid"),
        ("wage > 1", "'wage'"),
        ("rows.income > 1", "'rows.income'"),
        ("*", "star|no expression"),
        ("?", "parameter|more than one"),
        ("list_filter([1], x -> x > 1) IS NOT NULL", "list_filter"),
        ("income > 1), (SELECT 1", "no expression|more than one"),
        ("income) FROM read_csv('/etc/passwd') --", "no expression|more than one"),
        ("1) AS a FROM rows; COPY rows TO '/tmp/x'; SELECT (1", "no expression|more than one"),
        ("1) FROM rows UNION ALL SELECT (1", "more than one"),
        ("1) FROM rows WHERE (true", "no expression|more than one"),
        ("", "no expression"),
        ("income >", "no expression"),
        ("region + income", "does not fit"),
        ("strptime(children, 'x') IS NULL", "does not fit"),
    ],
)
def test_what_does_more_or_less_is_refused(expression: str, why: str) -> None:
    with pytest.raises(ExpressionFault, match=why):
        typed(expression, COLUMNS)


def test_every_function_on_the_list_is_scalar_and_always_gives_the_same() -> None:
    query = "SELECT DISTINCT function_type, stability FROM duckdb_functions() WHERE function_name = ?"
    with duckdb.connect() as connection:
        kinds = {name: connection.execute(query, [name]).fetchall() for name in FUNCTIONS}
    wrong = {
        name: found
        for name, found in kinds.items()
        # nullif, ifnull and if are the parser's; those of macros are made of listed functions.
        for kind, stability in found
        if not (kind == "macro" or (kind == "scalar" and stability == "CONSISTENT"))
    }
    assert wrong == {}


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40))
def test_no_text_at_all_does_anything_but_have_a_type_or_be_refused(text: str) -> None:
    try:
        typed(text, COLUMNS)
    except ExpressionFault:
        return
    assert set(columns_in(text)) <= set(COLUMNS)


@pytest.mark.parametrize(
    ("value", "logical", "fits"),
    [
        (1, "integer", True),
        (1.0, "integer", True),
        (1.5, "integer", False),
        (True, "integer", False),
        (True, "boolean", True),
        ("1", "number", False),
        ("a", "string", True),
        (1, "string", False),
        ("2024-02-29", "date", True),
        ("2023-02-29", "date", False),
    ],
)
def test_a_constant_fits_only_a_column_of_its_own_type(value: object, logical: str, fits: bool) -> None:
    assert literal_fits(value, logical) is fits
