"""What the recognisers find of the made corpus, counted, and written into `docs/personal-data.md`.

`python -m tests.measured_recognisers` writes the tables anew; a test compares the counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import duckdb

from checks.undeclared import undeclared
from governance.recognised.forms import Grade
from governance.recognised.reading import Span, found_in
from tests.number_corpus import NOBODYS, NUMBERED, persons, seeded, telephones, with_wrong_check
from tests.personal_corpus import decoys, planted

PAGE = Path(__file__).resolve().parents[1] / "docs" / "personal-data.md"
BEGINS, ENDS = "<!-- measured: begins -->", "<!-- measured: ends -->"
NUMBERS_BEGIN, NUMBERS_END = "<!-- measured numbers: begins -->", "<!-- measured numbers: ends -->"
COLUMNS_A_FORM, COLUMNS_A_KIND = 10, 40
Find = Callable[[str], Iterable[Span]]


def tables(presidio: Find) -> str:
    """Both tables of texts as Markdown."""
    return f"{_planted_table(presidio)}\n\n{_decoy_table(presidio)}"


def tables_of_numbers() -> str:
    """Both tables of columns of whole numbers as Markdown: how many of them would hold a batch back."""
    counted: dict[str, list[int]] = {
        form: [
            COLUMNS_A_FORM,
            sum(_is_held(persons(form, seeded(form, place), 200)) for place in range(COLUMNS_A_FORM)),
            sum(_is_held(with_wrong_check(form, seeded(form, place), 200)) for place in range(COLUMNS_A_FORM)),
        ]
        for form in NUMBERED
    }
    phones = [telephones(seeded("telephones", place), 200) for place in range(COLUMNS_A_FORM)]
    counted["telephone number, column `phone`"] = [
        COLUMNS_A_FORM,
        sum(_is_held(column, "phone") for column in phones),
        sum(_is_held(column, "phone_id") for column in phones),
    ]
    made = {kind: [_nobodys(kind, place) for place in range(COLUMNS_A_KIND)] for kind in NOBODYS}
    held = {kind: [len(columns), sum(map(_is_held, columns))] for kind, columns in made.items()}
    return "\n\n".join(
        [
            _listed(["Columns of whole numbers", "Planted", "Held", "Clean twins held"], counted),
            _listed(["Nobody's whole numbers", "Columns", "Held"], held),
        ]
    )


def _nobodys(kind: str, place: int) -> list[int]:
    draw = seeded(kind, place)
    return NOBODYS[kind](draw, draw.choice([30, 100, 300]))


def _is_held(numbers: list[int], column: str = "x") -> bool:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE made ({column} BIGINT)")
        connection.execute("INSERT INTO made SELECT unnest(?::BIGINT[])", [numbers])
        return bool(undeclared(connection, "SELECT * FROM made", [], numbers=[column]))


def _listed(head: list[str], counts: dict[str, list[int]]) -> str:
    total = [sum(row[place] for row in counts.values()) for place in range(len(head) - 1)]
    rows = [*counts.items(), ("**all**", total)]
    lines = [" | ".join(head), f"---|{'|'.join('--:' for _ in head[1:])}"]
    return "\n".join(
        f"| {line} |" for line in [*lines, *(f"{name} | {' | '.join(map(str, row))}" for name, row in rows)]
    )


def _planted_table(presidio: Find) -> str:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for item in planted():
        start = item.text.index(item.value)
        end = start + len(item.value)
        row = counts[item.form]
        row[0] += 1
        own = [s for s in found_in(item.text) if (s.start <= start and s.end >= end) or start <= s.start < s.end <= end]
        row[1] += any(s.grade is Grade.SURE for s in own)
        row[2] += bool(own)
        row[3] += any(s.start < end and s.end > start for s in presidio(item.text))
    total = [sum(row[place] for row in counts.values()) for place in range(4)]
    lines = ["| Form | Planted | Enough by itself | Found | Presidio |", "|---|--:|--:|--:|--:|"]
    lines += [f"| {form} | {' | '.join(map(str, row))} |" for form, row in counts.items()]
    return "\n".join([*lines, f"| **all** | {' | '.join(map(str, total))} |"])


def _decoy_table(presidio: Find) -> str:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for item in decoys():
        row, own = counts[item.kind], found_in(item.text)
        row[0] += 1
        row[1] += any(s.grade is Grade.SURE for s in own)
        row[2] += bool(own)
        row[3] += any(True for _ in presidio(item.text))
    total = [sum(row[place] for row in counts.values()) for place in range(4)]
    lines = ["| Nobody's | Texts | Taken for enough | Taken for possible | Presidio |", "|---|--:|--:|--:|--:|"]
    lines += [f"| {kind} | {' | '.join(map(str, row))} |" for kind, row in counts.items()]
    return "\n".join([*lines, f"| **all** | {' | '.join(map(str, total))} |"])


def without_presidio(made: str) -> list[list[str]]:
    """The cells of the tables but for the last column."""
    return [line.split("|")[1:-2] for line in made.splitlines() if line]


def kept(begins: str = BEGINS, ends: str = ENDS) -> str:
    """The tables as they stand on the page."""
    text = PAGE.read_text(encoding="utf-8")
    return text[text.index(begins) + len(begins) : text.index(ends)].strip()


def _put(made: str, begins: str, ends: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, after = text[: text.index(begins)], text[text.index(ends) :]
    PAGE.write_text(f"{before}{begins}\n{made}\n{after}", encoding="utf-8")


def main() -> None:
    """Writes the tables into the page."""
    from checks.presidio import presidio

    _put(tables_of_numbers(), NUMBERS_BEGIN, NUMBERS_END)
    _put(tables(presidio(0).spans), BEGINS, ENDS)


if __name__ == "__main__":
    main()
