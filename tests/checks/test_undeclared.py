"""Personal data in undeclared columns: planted in otherwise clean columns, with clean twins that must not raise it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import duckdb
import pytest

from checks.findings import CHANCE, FEWEST, SHARE, Finding, tail
from checks.undeclared import undeclared
from governance.recognised.forms import Grade
from governance.recognised.reading import Span
from tests import personal_corpus as corpus

ROWS = 1_000


def look(values: Sequence[str | None], column: str = "note", **more: object) -> list[Finding]:
    connection = duckdb.connect()
    name = column.replace('"', '""')
    connection.execute(f'CREATE TABLE made ("{name}" VARCHAR)')
    connection.execute("INSERT INTO made SELECT unnest(?::VARCHAR[])", [list(values)])
    return undeclared(connection, "SELECT * FROM made", [column], **more)  # type: ignore[arg-type]


def notes(count: int = ROWS) -> list[str]:
    return [f"order {number} of {number * 7 % 31} items came in box {number % 9}" for number in range(count)]


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("e-mail address", "write to jane.doe@example.org"),
        ("bank account number", "DE89 3704 0044 0532 0130 00"),
        ("payment card number", "paid with 4111-1111-1111-1111"),
        ("Italian tax code", "RSSMRA85T10A562S"),
        ("US social security number", "her SSN was 219-09-9998"),
        ("Dutch citizen service number", "bsn 111222333"),
        ("date of birth", "born on 4 July 1970"),
        ("name", '{"last_name": "Quixotrandom"}'),
    ],
    ids=str,
)
def test_one_value_is_found_where_one_is_enough(form: str, value: str) -> None:
    assert look(notes()) == []
    assert look([*notes(), value, None]) == [Finding("note", form, 1, ROWS + 1)]


def made(make: Callable[[random.Random], str], count: int) -> list[str]:
    draw = random.Random(3)
    return [make(draw) for _ in range(count)]


@pytest.mark.parametrize(
    ("form", "make"),
    [
        ("Dutch citizen service number", corpus.bsn),
        ("UK NHS number", corpus.nhs),
        ("Polish PESEL", corpus.pesel),
        ("Indian Aadhaar number", corpus.aadhaar),
        ("payment card number", corpus.card),
        ("Canadian social insurance number", corpus.canadian),
        ("Norwegian birth number", corpus.fodselsnummer),
        ("French social security number", corpus.nir),
    ],
    ids=lambda item: item if isinstance(item, str) else "",
)
def test_a_column_of_bare_numbers_is_found_by_its_check_digits(form: str, make: Callable[[random.Random], str]) -> None:
    numbers = made(make, 200)
    found = look(numbers)
    assert [(item.form, item.rows, item.of) for item in found] == [(form, 200, 200)]
    draw = random.Random(5)
    other = ["".join(draw.choice("123456789") for _ in numbers[0]) for _ in numbers]
    assert look(other) == []


def test_running_numbers_are_nobodys() -> None:
    """Without a check digit, and with one that every tenth of them passes by the way."""
    for start in (100_000_000, 24_010_100_000, 400_000_000_000, 4_111_111_111_111_111, 1_700_000_000):
        assert look([str(start + number) for number in range(5_000)], "order") == []


@pytest.mark.parametrize("rows", [FEWEST - 1, FEWEST], ids=["too few", "enough"])
def test_what_only_looks_alike_takes_several_rows(rows: int) -> None:
    found = look([*notes(100 - rows), *[f"555-123-45{number:02d}" for number in range(rows)]])
    assert [item.form for item in found] == (["telephone number"] if rows == FEWEST else [])


@pytest.mark.parametrize("rows", [9, 10], ids=["below the share", "at the share"])
def test_what_only_looks_alike_takes_a_share(rows: int) -> None:
    found = look([*notes(ROWS - rows), *[f"555-123-45{number:02d}" for number in range(rows)]])
    assert [(item.form, item.rows) for item in found] == ([("telephone number", rows)] if rows == SHARE * ROWS else [])


def test_the_name_of_a_column_says_what_its_numbers_are() -> None:
    assert look(["219099998", *notes(50)], "code") == []
    assert [item.form for item in look(["219099998", *notes(50)], "ssn")] == ["US social security number"]


def test_a_value_in_many_rows_is_looked_at_once_and_counted_as_often() -> None:
    found = look([*["jane.doe@example.org"] * 400, *notes(600)])
    assert (found[0].rows, found[0].of, found[0].at_least) == (400, 1_000, False)


def test_of_very_many_only_so_many_are_counted() -> None:
    found = look([f"p{number}@example.org" for number in range(3_000)])
    assert found[0].at_least and 1_000 <= found[0].rows <= 3_000
    assert "at least" in str(found[0])


def test_a_finding_quotes_no_value() -> None:
    assert "jane" not in str(look(["jane.doe@example.org"])[0])


def test_columns_with_any_name_can_be_looked_at() -> None:
    assert look(["jane.doe@example.org"], 'a "quoted" name')[0].form == "e-mail address"
    assert look([], "empty") == look([None, None]) == []


class Shouting:
    name = "made"

    def spans(self, text: str) -> list[Span]:
        return [Span("shout", 0, 1, Grade.SURE)] if text.isupper() else []


def test_other_recognisers_are_asked_beside_the_built_in_ones() -> None:
    assert look(["LOUD", "quiet"]) == []
    assert look(["LOUD", "quiet"], more=(Shouting(),)) == [Finding("note", "shout", 1, 2)]


def test_six_values_with_a_digit_of_ten_are_the_fewest_that_are_found() -> None:
    """0.1^6 is one in a million, which is just not below it."""
    assert tail(6, 6, 0.1) == pytest.approx(1e-6) and tail(7, 7, 0.1) < CHANCE
    numbers = made(corpus.aadhaar, 7)
    assert look(numbers[:5]) == [] and [item.rows for item in look(numbers)] == [7]
