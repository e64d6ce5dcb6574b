"""What the recognisers find of the made corpus, counted, and written into `docs/personal-data.md`.

`python -m tests.measured_recognisers` writes the tables anew; a test compares the counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from governance.recognised.forms import Grade
from governance.recognised.reading import Span, found_in
from tests.personal_corpus import decoys, planted

PAGE = Path(__file__).resolve().parents[1] / "docs" / "personal-data.md"
BEGINS, ENDS = "<!-- measured: begins -->", "<!-- measured: ends -->"
Find = Callable[[str], Iterable[Span]]


def tables(presidio: Find) -> str:
    """Both tables as Markdown."""
    return f"{_planted_table(presidio)}\n\n{_decoy_table(presidio)}"


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


def kept() -> str:
    """The tables as they stand on the page."""
    text = PAGE.read_text(encoding="utf-8")
    return text[text.index(BEGINS) + len(BEGINS) : text.index(ENDS)].strip()


def main() -> None:
    """Writes the tables into the page."""
    from checks.presidio import presidio

    text = PAGE.read_text(encoding="utf-8")
    made = tables(presidio(0).spans)
    before, after = text[: text.index(BEGINS)], text[text.index(ENDS) :]
    PAGE.write_text(f"{before}{BEGINS}\n{made}\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
