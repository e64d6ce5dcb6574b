"""Forms of personal data: planted values with check digits worked out elsewhere, official examples, and their twins."""

from __future__ import annotations

import random
import re

import duckdb
import pytest

from governance.recognised.forms import Form, Grade
from governance.recognised.reading import FORMS, found_in, redacted
from governance.recognised.sieves import LIKELY, NUMBERS, SURE, WORDS
from tests.measured_recognisers import (
    COLUMNS_A_FORM,
    COLUMNS_A_KIND,
    NUMBERS_BEGIN,
    NUMBERS_END,
    kept,
    tables,
    without_presidio,
)
from tests.number_corpus import NOBODYS
from tests.number_corpus import NUMBERED as WHOLE
from tests.personal_corpus import MADE, decoys, planted

BY_NAME = {form.name: form for form in FORMS}

# Published by those who give the numbers out, or by the standard; and the same with one place changed.
OFFICIAL = [
    ("bank account number", "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 33"),
    ("bank account number", "DE89370400440532013000", "DE88370400440532013000"),
    ("payment card number", "4111 1111 1111 1111", "4111 1111 1111 1112"),
    ("payment card number", "3782-822463-10005", "3782-822463-10006"),
    ("Italian tax code", "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
    ("Finnish identity code", "131052-308T", "131052-308U"),
    ("Swiss insurance number", "756.9217.0769.85", "756.9217.0769.84"),
    ("Brazilian CPF", "123.456.789-09", "123.456.789-08"),
    ("French social security number", "2 69 05 49 588 157 80", "2 69 05 49 588 157 81"),
    ("German tax number", "36 574 261 809", "36 574 261 808"),
    ("Belgian national number", "85.07.30-033.28", "85.07.30-033.29"),
]


@pytest.mark.parametrize(("form", "value", "twin"), OFFICIAL, ids=[f"{form}: {value}" for form, value, _ in OFFICIAL])
def test_one_written_number_is_enough_and_its_twin_with_a_wrong_digit_is_none(form: str, value: str, twin: str) -> None:
    found = found_in(f"see {value}.")
    assert [(span.form, span.grade, span.start) for span in found] == [(form, Grade.SURE, 4)]
    assert form not in [span.form for span in found_in(f"see {twin}.")]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("mail jane.doe@example.org now", "mail <e-mail address> now"),
        ("https://x.example/u?mail=jane%40example.org&p=1", "https://x.example/u?mail=<e-mail address>&p=1"),
        ('{"first_name": "Jane", "dob": "1970-07-04"}', '{"first_name": "<name>", "dob": "<date of birth>"}'),
        ("Mrs. Jane van Doe called", "Mrs. <name> called"),
        ("from 203.0.113.9 by 00:1a:2b:3c:4d:5e", "from <IP address> by <address of a network card>"),
        ("call +49 151 23456789 at 12:30", "call <telephone number> at 12:30"),
        ("run 123e4567-e89b-12d3-a456-426614174000 at 2024-01-01T12:00:00+00:00",) * 2,
        (f"lake/{'12345678' * 8}.parquet",) * 2,
        ("12 of 300000 values in 2014Q2, limit 0.123456789",) * 2,
        ("", ""),
    ],
    ids=str,
)
def test_a_text_is_redacted_and_what_is_nobodys_stays(text: str, left: str) -> None:
    assert redacted(text) == left


def test_nothing_that_was_found_is_left_in_a_redacted_text() -> None:
    for item in planted():
        if any(item.value in item.text[s.start : s.end] for s in found_in(item.text)):
            assert item.value not in redacted(item.text).replace(f"<{item.form}>", ""), item


def test_what_is_redacted_holds_nothing_any_more() -> None:
    texts = [item.text for item in planted()] + [item.text for item in decoys()]
    again = [text for text in texts if found_in(redacted(text))]
    assert again == []


def test_the_engine_lets_through_whatever_python_finds() -> None:
    """The sieves are written by hand: a value that they hold back would never be looked at."""
    texts = [item.text for item in planted()] + [item.text for item in decoys()]
    connection = duckdb.connect()
    query = (
        "SELECT regexp_matches(text, ?) OR (regexp_matches(text, ?) AND regexp_matches(text, ?)), "
        "regexp_matches(text, ?) FROM (SELECT unnest(?) AS text)"
    )
    let = connection.execute(query, [SURE, NUMBERS, WORDS, LIKELY, texts]).fetchall()
    for text, (sure, likely) in zip(texts, let, strict=True):
        grades = [span.grade for span in found_in(text)]
        assert sure or Grade.SURE not in grades, text
        assert likely or sure or Grade.LIKELY not in grades, text


NUMBERED = [form for form in FORMS if form.bare and form.chance < 0.5]


@pytest.mark.parametrize("form", NUMBERED, ids=lambda form: form.name)
def test_made_up_digits_pass_no_more_often_than_is_said(form: Form) -> None:
    """With whatever the rest must be, days of birth included: only the check digits are drawn."""
    draw, passed, tries = random.Random(7), 0, 4_000
    make = MADE[form.name][0]
    checks = {
        "Belgian national number": 2,
        "Norwegian birth number": 2,
        "Brazilian CPF": 2,
        "French social security number": 2,
    }
    for _ in range(tries):
        number = re.sub(r"\D", "", make(draw))
        last = checks.get(form.name, 1)
        drawn = number[:-last] + "".join(draw.choice("0123456789") for _ in range(last))
        passed += form.grade(drawn) is not Grade.NONE
    # Four standard errors: one in 30,000 by chance.
    assert passed / tries <= form.chance + 4 * (form.chance / tries) ** 0.5


@pytest.mark.parametrize("name", MADE, ids=str)
def test_every_made_number_is_valid_for_the_form(name: str) -> None:
    """The corpus works its check digits out by itself: where the two disagree, one of them is wrong."""
    draw, form = random.Random(11), BY_NAME.get(name)
    same = [item for item in FORMS if item.name == name]
    for _ in range(50):
        value = MADE[name][0](draw)
        assert any(item.grade(value) for item in same), (name, form)


def test_the_page_shows_what_is_found() -> None:
    """Presidio's column is counted when the page is written: it takes half a minute."""
    now = tables(lambda _: ())
    assert without_presidio(kept()) == without_presidio(now), "run python -m tests.measured_recognisers"


def test_the_page_shows_which_columns_of_whole_numbers_are_held() -> None:
    """Every planted column, and of the clean ones no more than are told; the counts are made when the page is written."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in kept(NUMBERS_BEGIN, NUMBERS_END).splitlines()]
    counts = {row[0]: [int(cell) for cell in row[1:]] for row in rows if row and row[-1].isdigit()}
    planted_columns = [row for name, row in counts.items() if len(row) == 3 and name != "**all**"]
    assert len(planted_columns) == len(WHOLE) + 1 and set(NOBODYS) <= set(counts)
    assert all(row == [COLUMNS_A_FORM, COLUMNS_A_FORM, 0] for row in planted_columns)
    assert all(counts[kind][0] == COLUMNS_A_KIND for kind in NOBODYS)


def test_presidio_finds_what_it_knows_without_a_language_model_and_without_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import socket

    from checks.presidio import presidio

    def refused(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    found = {span.form: span.grade for span in presidio(0).spans("jane.doe@example.org paid with 4111111111111111")}
    assert found == {"email address": Grade.SURE, "credit card": Grade.SURE}
