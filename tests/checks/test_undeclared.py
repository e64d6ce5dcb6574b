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


def addresses(count: int, *, start: str = "") -> list[str]:
    draw = random.Random(9)
    return [
        f"{start or draw.randrange(11, 224)}.{'.'.join(str(draw.randrange(256)) for _ in '123')}" for _ in range(count)
    ]


def releases(count: int, third: Callable[[random.Random], int]) -> list[str]:
    draw = random.Random(9)
    return [f"{draw.randrange(2, 9)}.{draw.randrange(30)}.{third(draw)}.{draw.randrange(90)}" for _ in range(count)]


@pytest.mark.parametrize(
    ("column", "values", "held"),
    [
        ("x", releases(40, lambda draw: draw.randrange(90)), False),
        ("x", releases(19, lambda draw: draw.randrange(90)), True),
        ("x", [*releases(60, lambda draw: draw.randrange(90)), "81.2.3.200"], True),
        ("x", [f"10.0.{n % 3}.{n}" for n in range(90)], True),
        ("x", releases(200, lambda draw: draw.choice([draw.randrange(250), draw.randrange(1000, 9999)])), False),
        ("version", releases(4, lambda draw: draw.randrange(250)), False),
        ("client_version", releases(4, lambda draw: draw.randrange(250)), False),
        ("version", addresses(40), True),
        ("release", addresses(40, start="10"), True),
        ("ip_version", releases(4, lambda draw: draw.randrange(250)), True),
        ("x", addresses(40), True),
        ("x", [*addresses(40), "1.2.300.4", "999.1.1.1"], True),
        ("x", [*addresses(40), *releases(60, lambda draw: draw.randrange(1000, 9999))], True),
        ("remote_addr", addresses(3), True),
    ],
    ids=[
        "small releases", "too few to tell", "one of them is large", "machines counted up", "parts that no address has",
        "called so", "called so, of a client", "called so and addresses", "called so and addresses of a network",
        "called an address", "addresses", "addresses and slips of the pen", "addresses among releases", "addresses by name",
    ],
)  # fmt: skip
def test_releases_of_four_parts_are_told_from_addresses_by_their_column(
    column: str, values: list[str], held: bool
) -> None:
    assert [item.form for item in look(values, column)] == (["IP address"] if held else [])


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
