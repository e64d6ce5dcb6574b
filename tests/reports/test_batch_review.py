"""Truth is planted: counts chosen by hand, and records whose every word must come back on the page."""

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from governance.records import Measurement, Outcome, Verdict
from monitors.grid import ColumnGrid, Grid
from monitors.profile import GridMismatch, Profile
from reports.batch_review import BatchReview, render

HOSTILE = "</script><script>alert('x')</script>"
DIGEST = "0123456789abcdef" * 4

AMOUNT = ColumnGrid("amount_eur", edges=(0.0, 1.5, 4.0, 10.0))
PRIORS = ColumnGrid("priors", edges=(0.0, 1.0, 2.0))
SEX = ColumnGrid("sex", categories=("female", "male", HOSTILE))
GRID = Grid((AMOUNT, PRIORS, SEX), None, (), None, None, None, None)


def profile(
    amount: tuple[int, ...] = (5, 300, 450, 200, 15, 20, 6, 3, 1),
    priors: tuple[int, ...] = (600, 300, 100, 0, 0, 0, 0, 0),
    sex: tuple[int, ...] = (480, 470, 30, 0, 20),
    grid: Grid = GRID,
) -> Profile:
    """1,000 rows; the means are of amounts inside their bins, and of whole numbers of priors."""
    counts = {name: np.array(n) for name, n in zip(("amount_eur", "priors", "sex"), (amount, priors, sex), strict=True)}
    moments = {"amount_eur": (970, 3067.5, 15000.0), "priors": (1000, 500.0, 700.0)}
    return Profile(grid, 1000, counts, moments, {})


REFERENCE = profile()
CURRENT = profile(amount=(0, 100, 450, 400, 50, 0, 0, 0, 0), sex=(300, 600, 50, 0, 50))


def measurement(metric: str = "psi", value: float | None = 0.3123, **more: Any) -> Measurement:
    return Measurement(metric, value, more.pop("n", 1000), "nats", "16 bins", **more)


def verdict(outcome: Outcome, reason: str, found: Measurement | None = None, criterion: str = "is_stable") -> Verdict:
    return Verdict(criterion, "all rows", outcome, found or measurement(), 0.1, 0.2, "above", "major", reason)


VERDICTS = (
    verdict(Outcome.CONFORMING, "well within", measurement(value=0.01, low=0.004, high=0.031)),
    verdict(Outcome.WARNING, "beyond the warning line"),
    verdict(Outcome.INCONCLUSIVE, "3 rows, need 30", measurement(value=None, n=3, reason="3 rows, need 30")),
    verdict(Outcome.BREACH, "near bound beyond", measurement(low=0.254, high=0.381, noise_floor=0.0091)),
    verdict(Outcome.NOT_EVALUATED, "was not measured", measurement(value=None, n=0, broken=True), "was_measured"),
)
ASSESSMENT = {
    "sha256": DIGEST,
    "version": 3,
    "approved_by": "A. Approver",
    "demonstration": False,
    "owners": {"is_stable": "Olga Owner"},
}
REVIEW = BatchReview(
    system_name="Recidivism risk",
    system_id="recidivism",
    batch="2014-04-01",
    batch_label="2014Q2",
    reference_label="2013",
    verdicts=VERDICTS,
    measurements=(
        measurement("roc_auc", None, reason="undefined (0 positives)"),
        measurement(column="priors"),
    ),
    assessment=ASSESSMENT,
    inputs={"data": DIGEST[::-1], "code": None},
    as_known_on="2016-04-01",
)


def html(review: BatchReview = REVIEW, reference: Profile | None = REFERENCE, current: Profile = CURRENT) -> str:
    return render(review, reference, current, seed="recidivism:2014-04-01")


def body(page: str) -> str:
    """What stands on the page before any script."""
    return page.split("<body", 1)[1].split("<script", 1)[0]


def text(page: str) -> str:
    """What a reader sees of it."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body(page).replace("<wbr>", ""))).split())


@pytest.fixture(scope="module")
def page() -> str:
    return html()


def test_the_same_arguments_give_the_same_bytes_even_in_another_process(page: str) -> None:
    assert html() == page
    code = "import hashlib, test_batch_review as t; print(hashlib.sha256(t.html().encode()).hexdigest())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env={"PYTHONHASHSEED": "4711", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == hashlib.sha256(page.encode()).hexdigest()


def test_another_seed_changes_no_shown_number(page: str) -> None:
    other = render(REVIEW, REFERENCE, CURRENT, seed="another")
    assert body(other) == body(page)


def test_every_verdict_stands_there_with_value_bounds_limit_rows_reason_and_owner(page: str) -> None:
    seen = text(page)
    for one in VERDICTS:
        assert one.reason in seen
        assert one.criterion in seen
    for part in (
        "0.3123 nats",
        "[0.254, 0.381]",
        "0.0091",
        "at most 0.2",
        "1,000",
        "Olga Owner",
        "warning line 0.1",
    ):
        assert part in seen
    assert "not recorded" in seen, "the owner of the other criterion"
    assert "5 verdicts: 1 not evaluated, 1 breach, 1 inconclusive, 1 warning, 1 conforming." in seen


def test_what_is_not_known_stands_before_what_passed(page: str) -> None:
    words = re.findall(r'class="outcome \w+">([^<]+)<', page.split('id="parts"')[0])
    assert words == ["not evaluated", "breach", "inconclusive", "warning", "conforming"]


def test_an_undefined_value_shows_its_reason_and_never_nan_or_none(page: str) -> None:
    seen = text(page)
    assert seen.count("undefined") >= 3
    assert "undefined (0 positives)" in seen
    assert not re.search(r"\b(nan|none|null)\b", seen, flags=re.IGNORECASE)


def test_an_undefined_value_without_any_reason_says_that_too() -> None:
    silent = replace(REVIEW, measurements=(measurement(value=None),))
    assert "no reason recorded" in text(html(silent))


def test_nothing_on_the_page_is_taken_for_markup() -> None:
    hostile = verdict(Outcome.BREACH, HOSTILE, measurement(reason=HOSTILE), criterion=HOSTILE)
    written = replace(
        REVIEW,
        system_name=HOSTILE,
        reference_label=HOSTILE,
        verdicts=(hostile,),
        measurements=(measurement(HOSTILE, segment=HOSTILE),),
        inputs={HOSTILE: HOSTILE},
        assessment=ASSESSMENT | {"approved_by": HOSTILE, "owners": {HOSTILE: HOSTILE}},
    )
    page = html(written)
    assert "alert(" in page
    assert "<script>alert" not in page
    # The category of that name is inside the data of the drawings, which must end where it ends.
    assert page.count("</script>") == 3
    assert not set("<>&") & set(page.split('id="drawing-data">')[1].split("</script>")[0])


def test_a_page_with_nothing_approved_says_so_and_holds_no_verdict() -> None:
    seen = text(html(replace(REVIEW, assessment=None, verdicts=())))
    assert "Nothing is approved." in seen
    assert "There are no verdicts on this batch" in seen


def test_a_verdict_without_an_approved_assessment_is_refused() -> None:
    with pytest.raises(ValueError, match="5 verdicts without an approved assessment"):
        replace(REVIEW, assessment=None)


def test_the_budget_of_false_alarms_stands_at_the_head_where_there_is_one() -> None:
    budget = {"at_most": "0.5", "per": "quarter", "looks": {}}
    review = replace(REVIEW, assessment=ASSESSMENT | {"false_alarms": budget})
    words = "at most 0.5 expected a quarter, over all criteria and looks"
    assert words in text(html(review)) and words not in text(html(REVIEW))


@pytest.mark.parametrize("demonstration", [True, False])
def test_an_approval_for_demonstration_is_called_one(demonstration: bool) -> None:
    review = replace(REVIEW, assessment=ASSESSMENT | {"demonstration": demonstration})
    assert ("nothing here may be relied on" in text(html(review))) is demonstration


def test_digests_are_shown_in_full_and_a_missing_one_is_named(page: str) -> None:
    seen = text(page)
    assert DIGEST in seen
    assert DIGEST[::-1] in seen
    assert "code not recorded" in seen


def test_evidently_raises_no_flag_of_its_own(page: str) -> None:
    assert "These drawings are no verdicts." in text(page)
    assert not re.search(r"drift is|detected|data_drift", page, flags=re.IGNORECASE)


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    assert "http:" not in page
    assert "https:" not in page
    assert not re.search(r"""(src|href)\s*=|url\(|@import""", page)
    assert "default-src 'none'" in page


def test_without_a_reference_the_batch_is_drawn_alone() -> None:
    page = html(reference=None)
    assert "not compared with a reference" in text(page)
    data = page.split('id="drawing-data">')[1].split("</script>")[0]
    assert '"current"' in data
    assert "reference" not in data


def test_plots_show_the_shares_of_the_counts_and_nothing_counted_in_points(page: str) -> None:
    drawing = json.loads(page.split('id="drawing-data">')[1].split("</script>")[0])
    row = next(r for r in drawing["info"]["widgets"][0]["params"]["data"] if r["column_name"] == "sex")
    (part,) = row["details"]["parts"]
    plot = drawing["graphs"][part["id"]]["params"]["data"]
    assert len(plot) == 2
    shown = {trace["name"]: dict(zip(trace["x"], trace["y"], strict=True)) for trace in plot}
    named = escape(HOSTILE, quote=False)
    assert shown["current"] == {"male": 60, "female": 30, named: 5, "(missing)": 5}
    assert shown["reference"] == {"female": 48, "male": 47, named: 3, "(missing)": 2}
    assert "updatemenus" not in page


def test_a_column_without_a_value_is_named_and_the_others_are_drawn() -> None:
    page = html(current=profile(priors=(0, 0, 0, 0, 1000, 0, 0, 0)))
    assert "Not drawn: priors (no value in the current)." in text(page)
    assert "priors 0 of 1,000 1,000 of 1,000" in text(page)
    assert '"column_name":"amount_eur"' in page
    assert '"column_name":"priors"' not in page


def test_an_empty_batch_has_a_page_without_drawings() -> None:
    empty = Profile(GRID, 0, {c.name: np.zeros(c.size, dtype=int) for c in GRID.columns}, {}, {})
    for reference in (REFERENCE, None):
        assert "Nothing can be drawn" in text(html(reference=reference, current=empty))


def test_counts_on_different_bins_are_not_compared() -> None:
    other = Grid((replace(AMOUNT, edges=(0.0, 1.5, 4.0, 11.0)), PRIORS, SEX), None, (), None, None, None, None)
    with pytest.raises(GridMismatch, match="different bins"):
        html(current=profile(grid=other))


def test_categories_that_few_rows_hold_are_counted_beside_the_drawings() -> None:
    few = profile(sex=(520, 471, 9, 0, 0))
    assert "fewer than 10 rows (sex: 1)" in text(html(reference=None, current=few))
