"""Truth is planted: parts chosen by hand, whose words and rows must come back."""

from dataclasses import replace
from typing import Any

import pytest

from governance.records import Measurement, Outcome, Part, Verdict
from reports.explanations import BINS, beside, explanations, percent
from tests.reports.test_batch_review import CURRENT, REFERENCE, REVIEW, text
from tests.reports.test_batch_review import html as page_of

PSI = Measurement("psi", 0.32, 5000, "nats", "18 bins", column="RELP")
CHANGE = Measurement("outcome_rate_change", 0.62, 318, "share", "counts")
GAP = Measurement("selection_rate_difference", -0.142, 1835, "share", "counts", segment="sex: women − men")


def verdict(measurement: Measurement, outcome: Outcome = Outcome.BREACH, criterion: str = "is_stable") -> Verdict:
    return Verdict(criterion, "here", outcome, measurement, 0.1, 0.25, "above", "major", "because")


def causes(measurement: Measurement, by: str, rate: float, mix: float, note: str | None = None) -> list[Part]:
    whole = rate + mix
    shares = (rate / whole, mix / whole) if whole else (None, None)
    return [
        Part(measurement, "rate", by, rate, None, shares[0], 0.37, 0.99, 318, note),
        Part(measurement, "mix", by, mix, None, shares[1], 0.37, 0.99, 318),
    ]


def told(measurement: Measurement, parts: list[Part], outcome: Outcome = Outcome.BREACH) -> Any:
    (found,) = explanations([verdict(measurement, outcome)], parts, tuple(Outcome))
    return found


SENTENCES = {
    "a change at the same score": (CHANGE, "score bins", 0.93, 0.07, "93 % of the change is a different outcome at the same score; 7 % is other scores."),
    "nearly all": (CHANGE, "race", 0.6199, 0.0001, "Over 99 % of the change is a different outcome within the same race; under 1 % is another mix of race."),
    "all mix": (replace(CHANGE, metric="selection_rate_change"), "score bins", 0.0, 0.1, "All of the change is other scores."),
    "all rate": (CHANGE, "sex", 0.1, 0.0, "All of the change is a different outcome within the same sex."),
    "a difference": (GAP, "department", -0.1, -0.3, "25 % of the difference is a different decision within the same department; 75 % is another mix of department."),
    "causes that pull apart": (GAP, "department", 0.036, -0.178, "A different decision within the same department makes +0.0360, another mix of department makes −0.1780."),
    "causes that cancel": (CHANGE, "sex", 0.1, -0.1, "A different outcome within the same sex makes +0.1000, another mix of sex makes −0.1000."),
    "a rate of errors": (replace(GAP, metric="false_positive_rate_difference"), "sex", 0.1, 0.1, "50 % of the difference is a different false positive rate within the same sex; 50 % is another mix of sex."),
}  # fmt: skip


@pytest.mark.parametrize(("measurement", "by", "rate", "mix", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_two_causes_are_told_in_one_sentence(
    measurement: Measurement, by: str, rate: float, mix: float, sentence: str
) -> None:
    (cut,) = told(measurement, causes(measurement, by, rate, mix)).cuts
    assert cut.sentence == sentence


def test_a_paradox_is_told_beside_its_sentence() -> None:
    (cut,) = told(GAP, causes(GAP, "department", 0.036, -0.178, "Simpson's paradox: ...")).cuts
    assert cut.note == "Simpson's paradox: ..."


BINNED = [
    Part(PSI, "bin", "RELP", 0.18, "17", 0.5625, 0.0523, 0.189, 945),
    Part(PSI, "bin", "RELP", 0.09, "16", 0.28125, 0.022, 0.087, 436),
    Part(PSI, "bin", "RELP", 0.05, "(rest)", 0.15625),
]


def test_bins_are_told_with_what_they_make_and_what_is_too_small_is_withheld() -> None:
    (cut,) = told(PSI, BINNED).cuts
    assert cut.sentence == "RELP 17 went from 5.2 % to 18.9 % of the rows and makes 56 % of the distance."
    assert cut.titles == ("RELP", *BINS)
    assert cut.rows[0].cells == ("17", "5.2 %", "18.9 %", "56 %", "+0.1800")
    assert cut.rows[2].cells == ("(rest)", "withheld", "withheld", "16 %", "+0.0500")


def test_where_the_first_bin_makes_less_than_half_the_next_is_told_too() -> None:
    first = replace(BINNED[0], share=0.4)
    (cut,) = told(PSI, [first, *BINNED[1:]]).cuts
    assert cut.sentence.endswith("makes 40 % of the distance; 16 went from 2.2 % to 8.7 % and makes 28 %.")


def test_where_every_bin_is_too_small_that_is_said() -> None:
    (cut,) = told(PSI, BINNED[2:]).cuts
    assert cut.sentence.startswith("Nothing of it may be told bin by bin")


@pytest.mark.parametrize(
    ("measurement", "why"),
    [
        (replace(GAP, value=None, reason="undefined (0 positives)"), "There is no value to take apart: undefined (0 positives)."),
        (GAP, "It is not taken apart: no declared intersection holds another attribute of these groups."),
        (replace(PSI, metric="ks"), "This measure has no parts that add up to it."),
    ],
    ids=["undefined", "no intersection", "no parts"],
)  # fmt: skip
def test_a_verdict_without_parts_says_why(measurement: Measurement, why: str) -> None:
    (cut,) = told(measurement, []).cuts
    assert (cut.sentence, cut.rows) == (why, ())


def test_only_breaches_and_warnings_are_explained_breaches_first() -> None:
    found = [verdict(PSI, outcome, str(outcome)) for outcome in Outcome]
    assert [item.outcome for item in explanations(found, BINNED)] == ["breach", "warning"]


def test_columns_that_moved_stand_beside_what_is_not_about_a_column() -> None:
    def moved(column: str, value: float, **more: Any) -> Measurement:
        return Measurement("jensen_shannon", value, 100, "distance", "", column=column, noise_floor=0.1, **more)

    measured = [moved("a", 0.2), moved("b", 0.05), moved("c", 0.3), moved("d", 0.9, against="previous 4")]
    said = "Columns that moved most, by Jensen-Shannon distance (noise floor): c 0.3 (0.1), a 0.2 (0.1)."
    assert beside(explanations([verdict(CHANGE)], []), measured) == said
    assert beside(explanations([verdict(PSI)], []), measured) is None
    assert beside(explanations([verdict(CHANGE)], []), measured[1:2]) is None


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0 %"), (-0.0, "0 %"), (1.0, "100 %"), (0.0001, "under 0.1 %"), (0.99999, "over 99.9 %"), (0.5, "50 %"), (0.0523, "5.2 %"), (None, "–")],
)  # fmt: skip
def test_only_none_is_0_per_cent_and_only_all_is_100(value: float | None, said: str) -> None:
    assert percent(value) == said


def test_the_page_holds_the_words_the_rows_and_nothing_taken_for_markup() -> None:
    hostile = "</td><script>alert('x')</script>"
    parts = tuple([*(replace(part, about=hostile) for part in BINNED[:1]), *BINNED[1:]])
    gap = tuple(causes(GAP, hostile, 0.036, -0.178, "Simpson's paradox: it turns round"))
    review = replace(REVIEW, verdicts=(verdict(PSI), verdict(GAP, criterion="alike")), parts=parts + gap)
    page = page_of(review, REFERENCE, CURRENT)
    seen = text(page)
    assert "What the findings are made of" in seen
    assert "Simpson's paradox: it turns round" in seen
    assert "withheld withheld 16 %" in seen
    assert "<script>alert" not in page
    assert 'style="width: 56%"' in page


def test_a_page_without_findings_has_no_such_part() -> None:
    quiet = replace(REVIEW, verdicts=(verdict(PSI, Outcome.CONFORMING),), parts=tuple(BINNED))
    assert "What the findings are made of" not in text(page_of(quiet, REFERENCE, CURRENT))
