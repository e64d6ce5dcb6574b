"""Persons kept as whole numbers: planted in columns, with twins whose check digits are drawn, and hard decoys."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import duckdb
import pytest

from checks.findings import CHANCE, Finding, tail
from checks.undeclared import undeclared
from checks.undeclared_numbers import CHECKED, FEWEST_DISTINCT, LEAST, OF_NOBODYS
from tests.number_corpus import NOBODYS, NUMBERED, persons, seeded, telephones, with_wrong_check

ROWS = 200


def look(values: list[int | float | None], column: str = "x", kind: str = "BIGINT") -> list[Finding]:
    with duckdb.connect() as connection:
        name = column.replace('"', '""')
        connection.execute(f'CREATE TABLE made ("{name}" {kind})')
        of_values = "DOUBLE" if kind == "DOUBLE" else "BIGINT"
        connection.execute(f"INSERT INTO made SELECT unnest(?::{of_values}[])", [values])
        return undeclared(connection, "SELECT * FROM made", [], numbers=[column])


@pytest.mark.parametrize("form", NUMBERED, ids=str)
def test_a_column_of_one_form_is_found_and_its_twin_with_drawn_check_digits_is_not(form: str) -> None:
    numbers = persons(form, seeded(form), ROWS)
    long = sum(number >= LEAST for number in numbers)
    assert look(list(numbers)) == [Finding("x", form, long, ROWS)]
    assert look(list(with_wrong_check(form, seeded(form), ROWS))) == []


@pytest.mark.parametrize("kind", ["BIGINT", "UBIGINT", "HUGEINT", "DECIMAL(18,0)", "DECIMAL(38,0)", "DOUBLE"], ids=str)
def test_it_is_the_same_in_every_type_that_a_whole_number_can_have(kind: str) -> None:
    """A column with gaps comes as DOUBLE out of pandas."""
    numbers = persons("payment card number", seeded(kind), ROWS)
    assert look([*numbers, *[None] * 300], kind=kind) == [Finding("x", "payment card number", ROWS, ROWS)]


def test_numbers_with_a_fraction_are_none() -> None:
    numbers = persons("Dutch citizen service number", seeded("fraction"), ROWS)
    assert look([number + 0.5 for number in numbers], kind="DOUBLE") == []
    assert look([number / 100 for number in numbers], kind="DOUBLE") == []


def test_what_cannot_be_counted_with_breaks_nothing() -> None:
    odd = [float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 0.0, None]
    assert look([*odd], kind="DOUBLE") == look([], kind="DOUBLE") == look([None, None]) == []
    assert look([2**63 - 1, -(2**63), 0, None]) == []
    numbers = persons("payment card number", seeded("odd"), ROWS)
    assert [item.rows for item in look([*map(float, numbers), *odd], kind="DOUBLE")] == [ROWS]


@pytest.mark.parametrize(
    ("form", "number"),
    [
        # Noughts put back by hand: 01.01.2000 in Norway, 2000 in Poland and Belgium, 010101 in Scotland.
        ("Norwegian birth number", "01010050053"),
        ("Polish PESEL", "00210100017"),
        ("Brazilian CPF", "00123456797"),
        ("Belgian national number", "00101500177"),
        ("UK NHS number", "0101011237"),
        ("Swedish personal number", "0101011239"),
    ],
    ids=str,
)
def test_noughts_that_a_whole_number_has_lost_are_put_back(form: str, number: str) -> None:
    by_name = {item.name: item for item in CHECKED}
    assert by_name[form].written_out(int(number)) == number
    assert by_name[form].written_out(int(number) // 10_000) is None


def test_persons_of_some_rows_are_found_among_other_numbers() -> None:
    """A column of two kinds: every tenth row holds a national number, the others a short number of their own."""
    numbers = persons("Polish PESEL", seeded("some"), 60)
    assert look([*numbers, *range(540)]) == [Finding("x", "Polish PESEL", sum(n >= LEAST for n in numbers), 600)]
    one_in_two_hundred = [*numbers[:60], *range(12_000)]
    assert look([*one_in_two_hundred]) == []


def test_a_column_with_faulty_numbers_is_found_all_the_same() -> None:
    draw = seeded("faulty")
    found = look([*persons("Brazilian CPF", draw, 120), *with_wrong_check("Brazilian CPF", draw, 80)])
    assert [item.form for item in found] == ["Brazilian CPF"]


def test_one_value_is_never_enough_however_often_it_comes() -> None:
    number = persons("payment card number", seeded("one"), 1)
    assert look([*number * 5_000, *range(100)]) == []


def test_the_fewest_values_that_are_found_follow_from_the_bound() -> None:
    """All pass: 0.2^n must be below one in a million shared by 13 forms, so that n is 11.

    0.2^10 = 1.02e-7 is above 1e-6 / 13 = 7.7e-8, and 0.2^11 = 2.0e-8 below.
    """
    assert len(CHECKED) == 13
    numbers = persons("Indian Aadhaar number", seeded("few"), 11)
    assert look([*numbers[:10]]) == [] and [item.rows for item in look([*numbers])] == [11]
    assert FEWEST_DISTINCT <= 10


def test_the_more_columns_are_looked_at_the_more_it_takes() -> None:
    """Twelve of twelve: 0.2^12 = 4.1e-9, below 1e-6 / 13 / 10 and above 1e-6 / 13 / 20."""
    numbers = persons("Indian Aadhaar number", seeded("wide"), 12)

    def beside(columns: int) -> list[str]:
        others = ", ".join(f"x + {10**10} AS other_{place}" for place in range(columns - 1))
        names = ["x", *(f"other_{place}" for place in range(columns - 1))]
        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE made AS SELECT unnest(?::BIGINT[]) AS x", [numbers])
            query = f"SELECT x, {others} FROM made"
            return [item.column for item in undeclared(connection, query, [], numbers=names)]

    assert beside(10) == ["x"] and beside(20) == []


@pytest.mark.parametrize("name", ["pesel", "customer_pesel"], ids=str)
def test_a_column_that_is_called_so_takes_fewer(name: str) -> None:
    """0.2^6 = 6.4e-5 is below one in ten thousand, 0.2^5 = 3.2e-4 is not."""
    numbers = [n for n in persons("Polish PESEL", seeded("named"), 12) if n >= LEAST][:6]
    assert look([*numbers]) == [] and look([*numbers[:5]], name) == []
    assert [item.form for item in look([*numbers], name)] == ["Polish PESEL"]


@pytest.mark.parametrize(
    ("column", "held"),
    [
        ("phone", True),
        ("Phone_Number", True),
        ("home_phone_2", True),
        ("mobilePhone", True),
        ("téléphone", True),
        ("customer_mobile_no", True),
        ("TELEFON", True),
        ("phone_id", False),
        ("phone_verified_at", False),
        ("mobile_revenue", False),
        ("sales_by_phone", False),
        ("call_duration", False),
        ("contact", False),
        ("x", False),
    ],
)
def test_telephones_are_told_by_the_name_of_their_column_and_their_digits(column: str, held: bool) -> None:
    numbers = telephones(seeded("phones"), ROWS)
    found = look([*numbers], column)
    assert found == ([Finding(column, "telephone number", ROWS, ROWS)] if held else [])


def test_a_column_called_phone_with_few_digits_or_few_long_numbers_is_no_telephone() -> None:
    numbers = telephones(seeded("short"), ROWS)
    assert look([*range(10_000_000, 10_000_200)], "phone") == []
    assert look([*numbers[:49], *range(51)], "phone") == []
    assert [item.rows for item in look([*numbers[:50], *range(50)], "phone")] == [50]
    assert look([*numbers[:2]], "phone") == [] and len(look([*numbers[:3]], "phone")) == 1
    assert look([number * 10**5 for number in numbers], "phone") == []


def test_social_security_numbers_have_no_check_and_are_told_by_name() -> None:
    numbers = [100_010_001 + 10_007 * place for place in range(ROWS)]
    assert look([*numbers]) == look([*numbers], "social_score") == []
    assert look([*numbers], "ssn") == [Finding("ssn", "US social security number", ROWS, ROWS)]
    assert look([*numbers], "customer_social_security_number")[0].form == "US social security number"


@pytest.mark.parametrize("kind", NOBODYS, ids=str)
def test_what_systems_count_out_is_nobodys(kind: str) -> None:
    """Eight columns of each kind; `python -m tests.measured_recognisers` looks at many more of them."""
    for place in range(8):
        draw = seeded(kind, place)
        numbers = NOBODYS[kind](draw, draw.choice([30, 100, 300, 1_000]))
        assert look([*numbers]) == [], (kind, place)


def test_of_more_distinct_values_than_are_looked_at_the_rows_are_a_lower_bound() -> None:
    found = look([*persons("Canadian social insurance number", seeded("many"), 5_000)])
    assert found[0].at_least and found[0].rows == 2_000 and found[0].of == 5_000


@pytest.mark.parametrize(
    ("hits", "of"), [(11, 11), (5, 12), (40, 100), (30, 100), (21, 100), (20, 100), (0, 9), (0, 0)]
)
def test_the_tail_is_exact(hits: int, of: int) -> None:
    """Summed in fractions, term by term."""
    p = Fraction(OF_NOBODYS).limit_denominator(10)
    exact = sum((comb(of, k) * p**k * (1 - p) ** (of - k) for k in range(hits, of + 1)), Fraction(0))
    expected = float(exact) if hits > of * p else 1.0
    assert tail(hits, of, OF_NOBODYS) == pytest.approx(expected, rel=1e-9)
    assert CHANCE == 1e-6
