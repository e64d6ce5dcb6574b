"""A batch looked at row by row, from its declaration to the register: drawn the same each time, and nothing of it kept."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.judged.judging import judge_batch
from assets.judged.reference import freeze_reference
from assets.judged.sampling import places
from assets.kept.home import Site
from assets.landed.landing import batch_part, land
from governance.faults import DeclarationFaults
from tests.assets.conftest import here
from tests.conftest import BATCHES, Made, assessment_yaml, contract_yaml, system_yaml, write_csv

METRIC = "domain_classifier_auc"


def rows(batch: str, rho: float, *, n: int = 1_000, people: int = 0) -> list[dict[str, Any]]:
    """Loans of one month; `rho` ties the number of children to the income, and moves neither.

    With `people`, as many borrowers have several loans each, with one income and one number of children.
    """
    rng = np.random.default_rng(int(batch.replace("-", "")))
    many = people or n
    pairs = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], many)
    who = rng.integers(many, size=n) if people else np.arange(n)
    start = dt.date.fromisoformat(batch)
    return [
        {
            "case": f"{batch}-{i}",
            "day": (start + dt.timedelta(days=i % 28)).isoformat(),
            "income": round(3000 + 500 * pairs[who[i], 0], 2),
            "children": int(np.searchsorted([-0.7, 0, 0.7], pairs[who[i], 1])),
            "region": ("north", "south")[i % 2],
            "score": round(0.2 + 0.6 * (i % 10) / 10, 4),
            "late": int(i % 3 == 0),
            "borrower": f"Borrower {batch}-{who[i]}",
        }
        for i in range(n)
    ]


def judged(made: Made, load: Callable[[], Any], rho: float, **how: Any) -> dict[str, dict[str, Any]]:
    """Measurements of the first batch after the reference, by metric; those of a column or segment left out."""
    for batch in BATCHES[:3]:
        write_csv(made.incoming / f"{batch}.csv", rows(batch, rho if batch == BATCHES[2] else 0.0, **how))
    place, declaration = here(), load()
    return measured(declaration, place, BATCHES[2])


def measured(declaration: Any, place: Site, batch: str) -> dict[str, dict[str, Any]]:
    freeze_reference(declaration, place)
    land(declaration, batch, batch_part(declaration, batch), place)
    judge_batch(declaration, batch, place)
    found = place.register.measurements(system="loans", batch=batch)
    return {row["metric"]: row for row in found if not row["column"] and not row["segment"]}


def declare(made: Made, *, entity: bool = False, criterion: dict[str, Any] | None = None, **system: Any) -> None:
    """The made system with `borrower` as its entity, or personal; and with more in `system.yaml`."""
    declared, contract, assessment = system_yaml(str(made.incoming)), contract_yaml(), assessment_yaml()
    if entity:
        declared["columns"]["borrower"] = {"roles": ["entity"]}
        contract["schema"][0]["properties"].append({"name": "borrower", "logicalType": "string"})
    if criterion:
        assessment["criteria"].append({**assessment["criteria"][0], "columns": [], **criterion})
    made.declare(system={**declared, **system}, contract=contract, assessment=assessment)


def test_a_changed_correlation_is_found_in_a_declared_sample_and_its_size_is_stated(
    made: Made, load_made: Callable[[], Any]
) -> None:
    declare(made, multivariate={"sample": 400})
    found = judged(made, load_made, 0.9)[METRIC]
    assert found["low"] > 0.6 and found["n"] == 200
    assert "a sample of 400 of 2,000 reference rows and 400 of 1,000 batch rows, seed " in found["method"]
    assert found["reason"] in ("told apart by income, children", "told apart by children, income")


def test_unchanged_rows_are_not_told_apart(made: Made, load_made: Callable[[], Any]) -> None:
    declare(made, multivariate={"sample": 1_000})
    found = judged(made, load_made, 0.0)[METRIC]
    assert found["low"] <= 0.5 <= found["high"]


def test_nobody_asked_and_nothing_is_drawn(made: Made, load_made: Callable[[], Any]) -> None:
    assert METRIC not in judged(made, load_made, 0.9)


def test_a_criterion_that_names_it_is_asking_and_its_verdict_is_a_breach(
    made: Made, load_made: Callable[[], Any]
) -> None:
    declare(made, criterion={"id": "rows_look_alike", "metric": METRIC, "limit": 0.55})
    found = judged(made, load_made, 0.9)[METRIC]
    assert "a sample of 2,000 of 2,000 reference rows and 1,000 of 1,000" in found["method"]
    verdicts = here().register.verdicts(system="loans", batch=BATCHES[2])
    assert [row["verdict"] for row in verdicts if row["criterion"] == "rows_look_alike"] == ["breach"]


def test_the_reference_is_not_held_against_itself(made: Made, load_made: Callable[[], Any]) -> None:
    declare(made, multivariate={})
    made.send_all()
    assert METRIC not in measured(load_made(), here(), BATCHES[0])


def test_the_same_files_give_the_same_record_in_another_home(
    made: Made, load_made: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    declare(made, multivariate={"sample": 300}, entity=True)
    found = []
    for name in ("one", "two"):
        monkeypatch.setenv("AIMS_HOME", str(tmp_path / name))
        (tmp_path / name / "keys").mkdir(parents=True)
        (tmp_path / name / "keys" / "entities").write_text("f" * 64)
        found.append(judged(made, load_made, 0.9, people=700)[METRIC])
    assert [{**row, "id": ""} for row in found[:1]] == [{**row, "id": ""} for row in found[1:]]


def test_with_an_entity_one_row_of_each_is_drawn(made: Made, load_made: Callable[[], Any]) -> None:
    declare(made, multivariate={"sample": 5_000}, entity=True)
    found = judged(made, load_made, 0.9, people=200)[METRIC]
    borrowers = [len({row["borrower"] for row in rows(b, 0.0, people=200)}) for b in BATCHES[:3]]
    before, now = sum(borrowers[:2]), borrowers[2]
    said = f"a sample of {before} of {before} reference entities and {now} of {now} batch entities, one row of each"
    assert said in found["method"] and found["low"] > 0.5


def test_of_the_rows_nothing_is_in_the_register_but_an_area_and_names_of_columns(
    made: Made, load_made: Callable[[], Any]
) -> None:
    declare(made, multivariate={}, entity=True)
    judged(made, load_made, 0.9, people=700)
    with sqlite3.connect(made.home / "register.db") as connection:
        dumped = "\n".join(connection.iterdump())
    assert METRIC in dumped and "Borrower" not in dumped
    assert not list((made.home / "spill").iterdir())


def test_a_time_is_looked_at_by_its_hour_and_not_as_what_tells_every_batch_apart(
    made: Made, load_made: Callable[[], Any]
) -> None:
    declared, contract = system_yaml(str(made.incoming)), contract_yaml()
    declared["columns"]["day"]["roles"] = ["time", "feature"]
    made.declare(system={**declared, "multivariate": {}}, contract=contract)
    found = judged(made, load_made, 0.0)[METRIC]
    assert found["value"] < 0.6


@pytest.mark.parametrize("rows_each", [(10,), (3, 4, 3)], ids=["one file", "three files"])
def test_each_row_is_as_likely_to_be_drawn_as_any_other(rows_each: tuple[int, ...], tmp_path: Path) -> None:
    files = [tmp_path / f"{i}.parquet" for i in range(len(rows_each))]
    for file, n in zip(files, rows_each, strict=True):
        pq.write_table(pa.table({"x": range(n)}), file)
    starts, times, drawn = np.cumsum([0, *rows_each[:-1]]), 500, np.zeros(10)
    for i in range(times):
        found, of = places(files, 4, (f"{i:x}", 0))
        mine = starts[found["file"]] + found["row"]
        assert of == 10 and len(set(mine)) == 4
        drawn[mine] += 1
    # A row's count is binomial (500, 0.4): five standard deviations are 55.
    assert np.abs(drawn - 0.4 * times).max() < 55


def test_what_cannot_be_looked_at_is_a_fault_of_the_declaration(made: Made, load_made: Callable[[], Any]) -> None:
    columns = system_yaml(str(made.incoming))["columns"]
    for name in ("income", "children"):
        columns[name] = {"roles": ["attribute"]}
    declare(made, columns=columns, multivariate={})
    with pytest.raises(DeclarationFaults, match="no column has the role feature"):
        load_made()
    declare(made, columns=columns, criterion={"id": "rows_look_alike", "metric": METRIC, "limit": 0.55})
    with pytest.raises(DeclarationFaults, match="looks at columns with the role feature, and there is none"):
        load_made()
    declare(made, multivariate={"sample": 10})
    with pytest.raises(DeclarationFaults, match="multivariate.sample"):
        load_made()


def test_a_restated_batch_is_drawn_anew(made: Made, load_made: Callable[[], Any]) -> None:
    declare(made, multivariate={})
    first = judged(made, load_made, 0.0)[METRIC]
    again = judged(made, load_made, 0.9)[METRIC]
    assert again["low"] > first["high"] and again["method"] != first["method"]
