"""Training data is checked like production data, and a model says what its snapshot failed. Truth: planted faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from assets.judged.judging import judge_batch, write_report
from assets.judged.reference import freeze_reference
from assets.judged.taught import note_overlap
from assets.judged.training import train
from assets.landed.checking import land_and_check
from assets.landed.landing import Held, batch_part, land
from governance.approval.snapshots import Snapshot, snapshot_of
from tests import orders
from tests.assets.conftest import here
from tests.conftest import BATCHES, PROVENANCE, SECRET, Made, contract_yaml, made_rows, system_yaml, write_csv

Load = Callable[[], Any]


def declare(made: Made, rows: list[dict[str, Any]], **also: Any) -> None:
    """The made system with a candidate that is trained on these rows."""
    declared, contract = system_yaml(str(made.incoming)) | also.get("system", {}), contract_yaml()
    path = write_csv(made.incoming / "training.csv", rows)
    declared["sources"]["training"] = {"kind": "file", "path": str(path), "format": "csv", "provenance": PROVENANCE}
    contract["schema"][0]["properties"][2]["quality"] = also.get("quality", [])
    made.declare(system=declared, contract=contract)
    model = {"name": "ranking", "estimator": "logistic_regression", "features": ["income", "children"]}
    model |= {"release": [{"metric": "roc_auc", "limit": 0.6, "rationale": "Better than nothing."}]}
    (made.folder / "model.yaml").write_text(yaml.safe_dump(model | {"holdout_share": 0.25, "seed": 7}), "utf-8")


def taught(batch: str = "2023-01-01", rows: int = 400) -> list[dict[str, Any]]:
    return [r | {"late": int(r["income"] + 300 * r["children"] > 3400)} for r in made_rows(batch, rows=rows)]


def known() -> Snapshot:
    register = here().register
    trained = register.last("model.trained", "loans/ranking")
    assert trained is not None
    found = snapshot_of(register, trained)
    assert found is not None
    return found


def at_most(limit: float, severity: str | None = None) -> list[dict[str, Any]]:
    rule = {"type": "library", "metric": "nullValues", "mustBeLessThan": limit}
    return [rule | ({"severity": severity} if severity else {})]


def test_a_snapshot_goes_through_preparation_and_loses_what_is_personal(made: Made, load_made: Load) -> None:
    step = {"id": "adults", "reason": "For a test.", "parts": ["training"], "keep": "children < 3"}
    declare(made, taught(), system={"preparation": [step]})
    body = train(load_made(), here())
    event = here().register.last("batch.landed", "loans/training/training")
    assert event is not None
    rows = sum(row["children"] < 3 for row in taught())
    assert event.body["preparation"][0]["rows_after"] == event.body["observed"]["rows"] == rows
    assert event.body["observed"]["personal_dropped"] == ["full_name"]
    assert all(SECRET.encode() not in path.read_bytes() for path in (made.home / "lake").iterdir())
    assert body["snapshot"]["unmet"] == [] and body["snapshot"]["met"] > 0
    assert known().failed == () and "met its contract" in known().words


def test_a_warning_is_said_of_the_model_and_stops_nothing(made: Made, load_made: Load) -> None:
    rows = taught()
    for row in rows[:3]:
        row["income"] = ""
    rows = [row for row in rows if row["income"] != ""] + made_null(rows)
    declare(made, rows, quality=at_most(3, "warning"))
    body = train(load_made(), here())
    (unmet,) = body["snapshot"]["unmet"]
    assert not unmet["blocking"] and "3 of 400 rows" in unmet["reason"]
    assert known().failed == () and "3 of 400 rows" in known().words


def made_null(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Three rows without an income."""
    return [row | {"income": None} for row in rows[:3]]


def test_a_model_whose_snapshot_fails_a_later_contract_says_so_everywhere(made: Made, load_made: Load) -> None:
    rows = [*taught()[3:], *made_null(taught())]
    declare(made, rows, quality=at_most(4))
    train(load_made(), here())
    assert known().failed == ()
    declare(made, rows, quality=at_most(3))
    with pytest.raises(Held, match="3 of 400 rows"):
        train(load_made(), here())
    (why,) = known().failed
    assert "3 of 400 rows" in why
    assert len(here().register.events("model.trained")) == 1
    # Where people look: the systems, the status, and the page about a batch.
    assert "trained on a snapshot that failed" in made.aims("systems", "--json").stdout
    assert "model ranking: trained on a snapshot that failed" in made.aims("status").stdout
    made.send_all()
    declaration, site = load_made(), here()
    freeze_reference(declaration, site)
    land(declaration, BATCHES[2], batch_part(declaration, BATCHES[2]), site)
    judge_batch(declaration, BATCHES[2], site)
    page = write_report(declaration, BATCHES[2], site).read_text("utf-8")
    assert "The candidate model was trained on a snapshot that failed" in page
    # Back under a contract that it meets, and it is said no more.
    declare(made, rows, quality=at_most(4))
    train(load_made(), here())
    assert known().failed == ()


def test_rows_that_are_taught_and_judged_are_counted_by_batch(made: Made, load_made: Load) -> None:
    again = [row | {"late": 1} for row in made_rows(BATCHES[2])[:7]]
    declare(made, [*taught(), *again])
    made.send_all()
    declaration, site = load_made(), here()
    train(declaration, site)
    assert known().overlap is None
    for batch in BATCHES[2:4]:
        land_and_check(declaration, batch, "production", site)
    assert note_overlap(declaration, site) == {BATCHES[2]: 7, BATCHES[3]: 0}
    assert known().overlap == f"7 of its rows are in batches that it is judged on: {BATCHES[2]}"
    before = site.register.head()
    assert note_overlap(declaration, site) == {BATCHES[2]: 7, BATCHES[3]: 0}
    assert site.register.head() == before
    # A person is erased from the snapshot and a batch, and another batch comes.
    orders.erase(declaration, [f"{BATCHES[2]}-0"], "case", site)
    land(declaration, BATCHES[4], "production", site)
    assert note_overlap(declaration, site) == {BATCHES[2]: 6, BATCHES[3]: 0, BATCHES[4]: 0}


def test_a_clean_snapshot_has_no_rows_in_any_batch(made: Made, load_made: Load) -> None:
    declare(made, taught())
    made.send_all()
    declaration, site = load_made(), here()
    train(declaration, site)
    land_and_check(declaration, BATCHES[2], "production", site)
    assert note_overlap(declaration, site) == {BATCHES[2]: 0}
    assert known().overlap is None
