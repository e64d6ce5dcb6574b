"""`aims lineage` on a made system that was really run: both ways, from any digest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from assets.judged.judging import judge_batch, write_report
from assets.judged.reference import freeze_reference
from assets.landed.landing import batch_part, land
from tests.assets.conftest import here
from tests.conftest import BATCHES, Made, system_yaml

BATCH = BATCHES[2]


def rows(made: Made, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in made.aims("lineage", *arguments, "--json").stdout.splitlines()]


def test_from_the_source_to_the_page_and_back(made: Made, load_made: Callable[[], Any]) -> None:
    step = {"id": "adults", "reason": "Nobody else gets a loan.", "keep": "children < 3"}
    made.declare(system=system_yaml(str(made.incoming)) | {"preparation": [step]})
    made.send_all()
    declaration, site = load_made(), here()
    freeze_reference(declaration, site)
    landing = land(declaration, BATCH, batch_part(declaration, BATCH), site)
    body = judge_batch(declaration, BATCH, site)
    write_report(declaration, BATCH, site)
    source = landing.body["observed"]["source_sha256"]
    down = rows(made, source[:10], "--down")
    assert [row["kind"] for row in down] == ["source", "preparation", "rows", "profile", "verdicts", "page"]
    assert down[2]["digest"] == landing.digest and down[4]["digest"] == body["results"]
    page = down[-1]["digest"]
    up = rows(made, page, "--up")
    assert {row["digest"] for row in up} >= {source, landing.digest, body["results"], body["inputs"]["reference"]}
    assert sum(row["kind"] == "source" for row in up) == 3  # its own, and two of the reference
    assert {row["id"] for row in rows(made, f"loans/{BATCH}", "--down")} == {
        row["id"] for row in rows(made, "loans/2024-03", "--down")
    }
    both = rows(made, landing.digest[:8])
    assert {row["direction"] for row in both} == {"asked", "up", "down"}

    shown = made.aims("lineage", source[:10]).stdout
    assert "came from nothing" in shown and "led to" in shown
    assert f"keep adults: 300 → {landing.rows} rows, 0 changed; Nobody else gets a loan." in shown
    assert f"{BATCH}.csv" in shown and "superseded" not in shown

    made.send(BATCH, shift=2.0)
    land(declaration, BATCH, batch_part(declaration, BATCH), site)
    shown = made.aims("lineage", source[:10]).stdout
    assert shown.count("superseded") >= 2


def test_what_the_record_does_not_know_is_one_line_and_exit_2(made: Made) -> None:
    assert "Nothing is recorded" in made.aims("lineage", "0" * 8, check=2).stderr
    here()
    assert "No digest in the record begins with" in made.aims("lineage", "0" * 8, check=2).stderr
