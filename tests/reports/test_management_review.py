"""The pack on paper: nothing is lost on the way, nothing that somebody wrote breaks the page."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from reports.management_review import markdown, page, sections

EVIL = "<script>alert(1)</script> | a\nb"


def pack(**changed: Any) -> dict[str, Any]:
    """Every section with something in it; the figures are made up, and all different."""
    listed = {
        "counts": {"account.opened": 7},
        "events": [{"at": "2026-03-01", "by": "lead", "kind": "account.opened", "about": "account/eve"}],
    }
    whole: dict[str, Any] = {
        "size": 1234, "since": 200, "at": "2026-03-02T09:00:00+00:00",
        "decisions": [{"id": "D-11", "state": "overdue", "decision": EVIL, "owner": "eve", "due": "2026-01-01", "done": None}],
        "changes": listed, "risks_and_objectives": {"counts": {}, "events": []},
        "nonconformities": {
            "opened": 21, "confirmed": 22, "rejected": 23, "downgraded": 24, "closed": 25, "closed_without_action": 26, "reopened": 27,
            "opened_by_source": {"audit": 28}, "opened_by_system": {"loans": 29},
            "days_to_contain": {"cases": 31, "median": 32.5, "longest": 33.25},
            "effective_at_first_try": {"verified": 34, "effective": 35, "share": 0.3625},
            "open_by_state": {"cause_found": 36}, "open_by_severity": {"major": 37},
            "open": [{"id": "NC-38", "system": "loans", "requirement": "9.1", "segment": "s", "state": "confirmed", "severity": "major", "round": 39, "owner": "eve", "opened_at": "2026"}],
        },
        "monitoring": [{"system": "houses", "looks": 41, "verdicts": {"not_evaluated": 42, "breach": 43}, "absent": 44, "held_back": 45, "suspicions_rejected": 46, "false_alarm_budget": {"at_most": 47.5, "per": "year"}}],
        "audits": [{"id": "AU-51", "scope": "loans", "state": "concluded", "items": 52, "findings": {"major": 53}, "conclusion": "Kept to."}],
        "exceptions": [{"id": "EX-54", "duty": "author_approver", "account": "eve", "system": "loans", "state": "granted", "until": "2026-04-01", "granted_by": "bob", "reason": "alone", "instead": "a look"}],
        "concerns": {"raised": 61, "by_origin": {"outside": 62}, "by_category": {"privacy": 63}, "by_outcome": {"dismissed": 64}, "not_assessed": ["C-65"]},
        "incidents": [{"id": "IN-66", "system": "loans", "state": "open", "severity": "minor", "what": "A list.", "aware_at": "2026-03-01", "clocks": [{"clock": "gdpr_33.authority", "deadline": "2026-03-04", "state": "late", "late_hours": 67.5}]}],
        "improvements": [{"from": "C-68", "system": "loans", "what": "A shorter form."}],
    }  # fmt: skip
    return {**whole, **changed}


REVIEW = {
    "id": "MR-9", "opened_by": "lead", "occasion": "Planned.", "pack_sha256": "ab" * 32, "closed_at": "2026-03-03",
    "attendance": ["lead", "eve"], "conclusion": "It works.",
}  # fmt: skip
DECIDED = [
    {"id": "D-71", "category": "change", "decision": "Hire.", "owner": "lead", "due": "2026-06-01", "state": "open"}
]
FIGURES = [*range(21, 30), 31, "32.5", "33.25", 34, 35, "0.3625", *range(36, 40), *range(41, 47), "47.5", *range(51, 55), *range(61, 67), "67.5", 68, 71]  # fmt: skip


class Text(HTMLParser):
    """What a reader of the page reads, and its tags."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(made: str) -> str:
    return " ".join(" ".join(Text(made).words).split())


@pytest.mark.parametrize("figure", FIGURES, ids=str)
def test_every_figure_stands_on_both(figure: Any):
    for text in (markdown(pack(), REVIEW, DECIDED), read(page(pack(), REVIEW, DECIDED))):
        assert re.search(rf"(?<![\d.]){re.escape(str(figure))}(?![\d]|\.\d)", text), figure


def test_what_somebody_wrote_breaks_neither():
    text, made = markdown(pack(), None, ()), page(pack(), None, ())
    assert "<script>" not in text and "<script>" not in made and "script" not in Text(made).tags
    (row,) = [line for line in text.splitlines() if "D-11" in line]
    assert row.replace("\\|", "").count("|") == 7, "six cells, whatever was written in them"
    assert html.unescape(row).count("<script>") == 1


def test_nothing_is_said_to_be_nothing():
    empty = pack(
        decisions=[], changes={"counts": {}, "events": []}, monitoring=[], audits=[], exceptions=[], incidents=[], improvements=[],
        concerns={"raised": 0, "by_origin": {}, "by_category": {}, "by_outcome": {}, "not_assessed": []},
        nonconformities={**{name: 0 for name in ("opened", "confirmed", "rejected", "downgraded", "closed", "closed_without_action", "reopened")}, "open": []},
    )  # fmt: skip
    assert all(section.is_empty for section in sections(empty))
    assert (
        markdown(empty, None, ()).count("Nothing.")
        == len(sections(empty))
        == read(page(empty, None, ())).count("Nothing.")
    )


def test_a_preview_says_that_it_is_one_and_a_review_who_held_it():
    assert markdown(pack(), None, ()).startswith("# Management review: preview\n")
    text = markdown(pack(), REVIEW, DECIDED)
    assert text.startswith("# Management review MR-9\n")
    assert "events 201 to 1,234" in text and "ab" * 32 in text and "Took part: lead, eve" in text


def test_an_undefined_share_is_no_zero():
    none = {**pack()["nonconformities"], "effective_at_first_try": {"verified": 0, "effective": 0, "share": None}}
    assert "Effective at the first try: 0 of 0 (–)" in markdown(pack(nonconformities=none), None, ())
