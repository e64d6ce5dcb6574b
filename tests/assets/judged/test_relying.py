"""How much the model relies on each feature, from whoever says so, to the register. Truth: scikit-learn's own call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import joblib
import pandas as pd
import pytest
import yaml
from sklearn.inspection import permutation_importance
from sklearn.model_selection import train_test_split

from assets.judged import training
from assets.judged.judging import is_current, judge_batch
from assets.judged.reference import freeze_reference
from assets.judged.training import train
from assets.landed.landing import batch_part, land
from governance.faults import DeclarationFaults
from tests.assets.conftest import here
from tests.conftest import BATCHES, PROVENANCE, Made, made_rows, system_yaml, write_csv

FEATURES = ["income", "children", "region"]


def with_model(made: Made, *, reliance: dict[str, float] | None = None) -> None:
    """The made system with a candidate that takes income, children and region; every third row's lateness is theirs."""
    declared = system_yaml(str(made.incoming))
    for name, value in (reliance or {}).items():
        declared["columns"][name]["reliance"] = value
    declared["columns"]["region"]["roles"] = ["feature", "attribute"]
    path = made.incoming / "training.csv"
    declared["sources"]["training"] = {
        "kind": "file",
        "path": str(path),
        "format": "csv",
        "provenance": PROVENANCE,
    }
    rows = made_rows("2023-01-01", rows=900)
    write_csv(path, [row | {"late": int(row["income"] + 300 * row["children"] > 3400)} for row in rows])
    made.declare(system=declared)
    model = {"name": "reminder_ranking", "estimator": "gradient_boosting", "features": FEATURES[:2]}
    release = [{"metric": "roc_auc", "limit": 0.6, "rationale": "Better than nothing."}]
    model |= {"holdout_share": 0.25, "seed": 7, "release": release}
    (made.folder / "model.yaml").write_text(yaml.safe_dump(model), encoding="utf-8")


def weighed(declaration: Any, batch: str = BATCHES[2]) -> dict[tuple[str, str], dict[str, Any]]:
    place = here()
    freeze_reference(declaration, place)
    land(declaration, batch, batch_part(declaration, batch), place)
    judge_batch(declaration, batch, place)
    rows = place.register.measurements(system="loans", batch=batch)
    wanted = ("reliance", "drift_weighted_by_reliance")
    return {(row["metric"], row["column"]): row for row in rows if row["metric"] in wanted}


def test_importances_are_scikit_learns_own_on_the_same_held_out_rows(
    made: Made, load_made: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "IMPORTANCE_ROWS", 150)
    with_model(made)
    place, declaration = here(), load_made()
    body = train(declaration, place)
    rows = pd.read_parquet(place.home.lake / f"{body['inputs']['data']}.parquet")
    _, held_out = train_test_split(rows, test_size=0.25, random_state=7, stratify=rows["late"])
    held_out = held_out.head(150)
    pipeline = joblib.load(place.home.models / f"{body['model']}.joblib")
    expected = permutation_importance(
        pipeline, held_out[FEATURES[:2]], held_out["late"], scoring="roc_auc", n_repeats=5, random_state=7
    )
    assert body["reliance"]["rows"] == 150
    assert body["reliance"]["importances"] == dict(zip(FEATURES[:2], expected.importances_mean, strict=True))
    assert body["reliance"]["importances"]["income"] > body["reliance"]["importances"]["children"] > 0


def test_the_candidate_weighs_what_moved_and_says_nothing_of_what_it_does_not_take(
    made: Made, load_made: Callable[[], Any]
) -> None:
    with_model(made)
    made.send_all()
    made.send(BATCHES[2], shift=1.0)
    declaration = load_made()
    train(declaration, here())
    found = weighed(declaration)
    shares = {column: row["value"] for (metric, column), row in found.items() if metric == "reliance"}
    assert set(shares) == {"income", "children"} and sum(shares.values()) == pytest.approx(1)
    assert (
        "of the candidate reminder_ranking, which need not be the model in use" in found["reliance", "income"]["method"]
    )
    product = {column: row["value"] for (metric, column), row in found.items() if metric.startswith("drift")}
    assert product["income"] > 5 * product["children"] >= 0 and product["region"] is None
    assert "is unknown" in found["drift_weighted_by_reliance", "region"]["reason"]


def test_a_candidate_trained_anew_restates_what_rested_on_it(made: Made, load_made: Callable[[], Any]) -> None:
    with_model(made)
    made.send_all()
    declaration, place = load_made(), here()
    assert ("reliance", "income") not in weighed(declaration)
    before = place.register.last("batch.judged", f"loans/{BATCHES[2]}")
    train(declaration, place)
    assert not is_current(declaration, BATCHES[2], "production", place)
    assert ("reliance", "income") in weighed(declaration)
    after = place.register.last("batch.judged", f"loans/{BATCHES[2]}")
    assert before is not None and after is not None
    trained = place.register.last("model.trained", "loans/reminder_ranking")
    assert trained is not None and after.body["inputs"]["model"] == trained.body["model"]
    assert "model" not in before.body["inputs"]
    weighed(declaration)
    again = place.register.last("batch.judged", f"loans/{BATCHES[2]}")
    assert again is not None and again.seq == after.seq


def test_what_is_declared_wins_over_the_candidate_and_only_its_shares_count(
    made: Made, load_made: Callable[[], Any]
) -> None:
    with_model(made, reliance={"income": 3, "children": 1})
    made.send_all()
    declaration = load_made()
    train(declaration, here())
    found = weighed(declaration)
    assert [found["reliance", name]["value"] for name in FEATURES[:2]] == [0.75, 0.25]
    assert found["reliance", "income"]["method"] == "declared in system.yaml"
    judged = here().register.last("batch.judged", f"loans/{BATCHES[2]}")
    assert judged is not None and "model" not in judged.body["inputs"]


@pytest.mark.parametrize(
    "column, value, said",
    [
        ("score", 0.5, "said of a column with the role feature"),
        ("income", -1, "greater than or equal to 0"),
        ("income", 0, "0 for every feature that has one"),
    ],
)
def test_a_reliance_that_means_nothing_is_refused(
    column: str, value: float, said: str, made: Made, load_made: Callable[[], Any]
) -> None:
    declared = system_yaml(str(made.incoming))
    declared["columns"][column]["reliance"] = value
    made.declare(system=declared)
    with pytest.raises(DeclarationFaults, match=said):
        load_made()


def test_a_candidate_that_cannot_be_trained_stops_no_batch(made: Made) -> None:
    with_model(made)
    made.send_all()
    (made.incoming / "training.csv").unlink()
    said = made.aims("run", "loans", BATCHES[2], check=1).output
    assert "loans 2024-03: 3 conforming" in said and "loans window: done" in said
    assert "training.csv is not there (yet)" in said.splitlines()[-1]
