"""Earlier batches as a reference, through the whole pipeline: what is summed, what is told, in what order it comes."""

import datetime as dt
from typing import Any

import pytest
from scipy.stats import ks_2samp

from assets.judged import judging
from assets.judged.judging import judge_batch, judge_restated
from assets.judged.reference import freeze_reference
from assets.kept.home import Site, home, site
from assets.landed.landing import batch_part, land
from governance.declared.declarations import Declaration, load
from tests.conftest import Made, assessment_yaml, made_rows, system_yaml, write_csv

# Two days of reference, then four; a Monday first.
DAYS = tuple((dt.date(2024, 1, 1) + dt.timedelta(days=n)).isoformat() for n in range(10))
FEW = DAYS[:6]
ROWS = 60


def rows_of_day(day: str, rows: int = ROWS, **how: Any) -> list[dict[str, Any]]:
    return [row | {"day": day} for row in made_rows(day, rows=rows, **how)]


def send(made: Made, *days: str, **how: Any) -> None:
    for day in days:
        write_csv(made.incoming / f"{day}.csv", rows_of_day(day, **how))


def daily(made: Made, first: str = DAYS[2], end: str = DAYS[6], **against: Any) -> Declaration:
    """Daily batches from `first` on, those before it as the reference; a criterion for each name in `against`."""
    system, assessment = system_yaml(str(made.incoming)), assessment_yaml()
    system["reference"] |= {"from": DAYS[0], "to": first}
    system["batches"] = {"period": "day", "from": first, "to": end}
    drift = assessment["criteria"][0] | {"metric": "ks", "columns": ["income"], "limit": 0.5, "min_n": 10}
    assessment["criteria"] = [drift] + [drift | {"id": name, "against": said} for name, said in against.items()]
    made.declare(system=system, assessment=assessment)
    return load(made.folder)


@pytest.fixture
def place(made: Made) -> Site:
    return site(at=dt.datetime(2024, 7, 1, tzinfo=dt.UTC), run="test")


def run(declaration: Declaration, day: str, place: Site) -> tuple[str, ...]:
    """Lands and judges one day, and then what is compared with it."""
    land(declaration, day, batch_part(declaration, day), place)
    judge_batch(declaration, day, place)
    return judge_restated(declaration, day, place)


def begun(made: Made, place: Site, **against: Any) -> Declaration:
    """All days sent, the reference frozen, nothing judged."""
    declaration = daily(made, **against)
    send(made, *FEW)
    freeze_reference(declaration, place)
    return declaration


def measured(day: str, against: str) -> dict[str, Any]:
    found = home().register().measurements(system="loans", batch=day)
    (row,) = [row for row in found if row["against"] == against]
    return dict(row)


def body(day: str) -> dict[str, Any]:
    event = home().register().last("batch.judged", f"loans/{day}")
    assert event is not None
    return event.body


def records(day: str) -> tuple[Any, str]:
    """The inputs of a day's judgement and the digest of all its measurements and verdicts."""
    return body(day)["inputs"], body(day)["results"]


def test_a_rolling_reference_is_the_sum_of_its_days_and_named_wherever_it_is_used(made: Made) -> None:
    daily(made, end=DAYS[5], rolling={"previous": 3})
    send(made, *DAYS[:5])
    made.aims("run", "loans")
    found = measured(DAYS[4], "previous 3")
    assert "against previous 3 (3 batches, 2024-01-02 … 2024-01-04; 180 rows)" in found["method"]
    before = [row["income"] for day in DAYS[1:4] for row in rows_of_day(day)]
    exact = ks_2samp(before, [row["income"] for row in rows_of_day(DAYS[4])]).statistic
    # Bins hold ten rows of the reference's 120: what lies within one is not seen.
    assert exact - 0.15 <= found["value"] <= exact + 1e-12
    named = {name: digest for name, digest in body(DAYS[4])["inputs"].items() if name.startswith("against ")}
    assert named == {f"against {day}": body(day)["inputs"]["profile"] for day in DAYS[1:4]}
    (verdict,) = [v for v in home().register().verdicts(batch=DAYS[4]) if v["criterion"] == "rolling"]
    assert " against previous 3, n = 60" in verdict["reason"]
    assert "previous 3" in made.aims("measurements", "--batch", DAYS[4]).output
    page = next((made.home / "reports" / "loans").glob(f"{DAYS[4]}-*.html")).read_text("utf-8")
    assert "income, against previous 3" in page
    # A corrected day restates those compared with it, and no other; and nothing is done twice.
    first = {day: records(day) for day in DAYS[:5]}
    send(made, DAYS[3], rows=80)
    assert f"{DAYS[4]} judged anew" in made.aims("run", "loans", DAYS[3]).output
    assert {day for day in DAYS[:5] if records(day) != first[day]} == set(DAYS[3:5])
    assert "200 rows" in measured(DAYS[4], "previous 3")["method"]
    head = home().register().head()
    assert "judged anew" not in made.aims("run", "loans").output
    assert home().register().head() == head


@pytest.mark.parametrize("order", [(5, 4, 3, 2, 1, 0), (4, 2, 0, 5, 3, 1)], ids=["backwards", "every other one first"])
def test_a_backfill_in_any_order_ends_with_the_same_records(made: Made, place: Site, order: tuple[int, ...]) -> None:
    declaration = begun(made, place, rolling={"previous": 2}, matched={"same": "month", "last": 3})
    for number in order:
        run(declaration, DAYS[number], place)
    mixed = {day: records(day) for day in FEW}
    made.home.rename(made.home.with_name("mixed"))
    ordered = site(at=place.at, run="test")
    freeze_reference(declaration, ordered)
    for day in FEW:
        assert run(declaration, day, ordered) == ()
    assert mixed == {day: records(day) for day in FEW}


def test_what_is_missing_is_named_and_its_coming_restates_the_batch_without_reading_its_rows(
    made: Made, place: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    declaration = begun(made, place, rolling={"previous": 3})
    run(declaration, DAYS[4], place)
    assert measured(DAYS[4], "previous 3")["reason"] == "undefined (no earlier batch)"
    (verdict,) = [v for v in place.register.verdicts(batch=DAYS[4]) if v["criterion"] == "rolling"]
    assert (verdict["verdict"], verdict["reason"]) == (
        "inconclusive",
        "undefined (no earlier batch) against previous 3",
    )
    assert run(declaration, DAYS[2], place) == (DAYS[4],)
    lacking = "1 of 3 batches; not there: 2024-01-02, 2024-01-04"
    assert measured(DAYS[4], "previous 3")["reason"] == lacking
    (verdict,) = [v for v in place.register.verdicts(batch=DAYS[4]) if v["criterion"] == "rolling"]
    assert f" against previous 3 ({lacking})" in verdict["reason"]
    land(declaration, DAYS[3], "production", place)
    judge_batch(declaration, DAYS[3], place)
    with monkeypatch.context() as patched:
        patched.setattr(judging, "profile_of_batch", None)
        assert judge_restated(declaration, DAYS[3], place) == (DAYS[4],)
    run(declaration, DAYS[1], place)
    assert measured(DAYS[4], "previous 3")["reason"] is None
    # What was said first is kept.
    kept = {row["reason"] for row in place.register.measurements(batch=DAYS[4], superseded=True) if row["against"]}
    assert {"undefined (no earlier batch)", lacking, None} <= kept
    assert place.register.faults() == []


def test_a_batch_that_arrives_while_another_is_judged_is_not_overlooked(
    made: Made, place: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    declaration = begun(made, place, rolling={"previous": 1})
    honest = judging.judgement_of

    def meanwhile(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(judging, "judgement_of", honest)
        assert run(declaration, DAYS[2], place) == ()
        return honest(*given, **more)

    land(declaration, DAYS[3], "production", place)
    monkeypatch.setattr(judging, "judgement_of", meanwhile)
    judge_batch(declaration, DAYS[3], place)
    assert measured(DAYS[3], "previous 1")["value"] is None
    assert judge_restated(declaration, DAYS[3], place) == (DAYS[3],)
    assert measured(DAYS[3], "previous 1")["value"] is not None


def test_a_reference_frozen_anew_is_not_mixed_with_profiles_in_older_bins(made: Made, place: Site) -> None:
    declaration = begun(made, place, rolling={"previous": 2})
    for day in FEW:
        run(declaration, day, place)
    send(made, DAYS[0], rows=90)
    freeze_reference(declaration, place)
    assert run(declaration, DAYS[4], place) == ()
    assert measured(DAYS[4], "previous 2")["reason"] == "undefined (no earlier batch)"
    for day in FEW:
        run(declaration, day, place)
    assert measured(DAYS[4], "previous 2")["reason"] is None


def test_an_assessment_nobody_approved_is_measured_against_earlier_batches_all_the_same(
    made: Made, place: Site
) -> None:
    begun(made, place, rolling={"previous": 1})
    (made.folder / "approval.yaml").unlink()
    for day in DAYS[1:3]:
        run(load(made.folder), day, place)
    assert measured(DAYS[2], "previous 1")["value"] is not None
    assert place.register.verdicts() == []


def test_what_a_weekday_always_shows_is_no_drift_and_on_another_day_it_is(made: Made, place: Site) -> None:
    """On Mondays people earn more: loud beside the whole week, quiet beside the Monday before."""
    declaration = daily(made, first=DAYS[7], end=DAYS[9], matched={"same": "weekday"})
    send(made, *DAYS[:9], rows=200)
    send(made, DAYS[0], DAYS[7], DAYS[8], rows=200, shift=3)
    freeze_reference(declaration, place)
    for day in DAYS[:9]:
        run(declaration, day, place)
    found = {(v["batch"], v["criterion"]): v["verdict"] for v in place.register.verdicts()}
    assert found[DAYS[7], "income_is_stable"] == "breach"
    assert found[DAYS[7], "matched"] != "breach"
    assert found[DAYS[8], "matched"] == "breach"
