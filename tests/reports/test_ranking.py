"""Truth is the order that a reader is promised, written down."""

from __future__ import annotations

from governance.records import Measurement
from reports.ranking import ranking_rows, said_by


def feature(name: str, low: float, share: float | None) -> list[Measurement]:
    distance = Measurement(
        "jensen_shannon", low + 0.01, 900, "distance", "m", column=name, low=low, high=low + 0.1, noise_floor=0.02
    )
    weighted = Measurement(
        "drift_weighted_by_reliance",
        None if share is None else low * share,
        900,
        "distance",
        "m",
        column=name,
        reason="how much the model relies on it is unknown (x)" if share is None else None,
    )
    known = [] if share is None else [Measurement("reliance", share, 900, "share", "declared", column=name)]
    return [distance, *known, weighted]


FOUND = [
    *feature("still", 0.0, 0.2),
    *feature("unused", 0.9, 0.0),
    *feature("dark", 0.3, None),
    *feature("far", 0.4, 0.1),
    *feature("near", 0.1, 0.7),
    *feature("darker", 0.5, None),
    Measurement("psi", 0.3, 900, "nats", "m", column="near"),
]


def test_what_moved_and_matters_comes_first_then_the_unknown_and_what_the_model_does_not_use_last() -> None:
    rows = ranking_rows(FOUND)
    assert [row["feature"] for row in rows] == ["near", "far", "darker", "dark", "still", "unused"]
    assert [row["place"] for row in rows] == ["1", "2", "", "", "", ""]


def test_unknown_is_said_and_is_not_nought() -> None:
    rows = {row["feature"]: row for row in ranking_rows(FOUND)}
    assert rows["dark"]["reliance"] == "unknown" and rows["dark"]["weighted"] == "–" and rows["dark"]["reason"]
    assert rows["unused"]["reliance"] == rows["unused"]["weighted"] == "0"
    assert rows["near"] == {
        "place": "1",
        "feature": "near",
        "distance": "0.11",
        "noise_floor": "0.02",
        "certain": "0.1",
        "reliance": "0.7",
        "weighted": "0.07",
        "reason": "",
    }


def test_without_features_there_are_no_rows_and_without_reliance_nobody_is_quoted() -> None:
    assert ranking_rows(FOUND[-1:]) == []
    assert said_by(FOUND) == "declared" and said_by(feature("dark", 0.3, None)) == ""
