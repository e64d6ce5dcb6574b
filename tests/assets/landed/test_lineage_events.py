"""OpenLineage events through the official client: by its file transport, and to a backend that refuses them."""

from __future__ import annotations

import http.server
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState

from assets.landed import lineage_events
from assets.landed.checking import land_and_check
from assets.source.refusals import Held, NotArrived
from tests.assets.conftest import here
from tests.conftest import BATCHES, SECRET, Made, contract_yaml, system_yaml

Load = Callable[[], Any]
BATCH = BATCHES[2]


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """A sender of its own for each test: one that has given up stays so."""
    lineage_events.sender.cache_clear()
    yield
    lineage_events.sender.cache_clear()


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Everything that was sent, as it stands in the client's file."""
    path, config = tmp_path / "events.jsonl", tmp_path / "openlineage.yml"
    config.write_text(yaml.safe_dump({"transport": {"type": "file", "log_file_path": str(path), "append": True}}))
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(config))

    def read() -> list[dict[str, Any]]:
        lineage_events.sender().drain(20)
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]

    return read


def as_classes(event: dict[str, Any]) -> RunEvent:
    """Built again with the client's classes, whose validators refuse what is no event."""
    return RunEvent(
        eventTime=event["eventTime"],
        producer=event["producer"],
        eventType=RunState[event["eventType"]],
        run=Run(event["run"]["runId"], event["run"].get("facets")),
        job=Job(event["job"]["namespace"], event["job"]["name"]),
        inputs=[InputDataset(i["namespace"], i["name"]) for i in event["inputs"]],
        outputs=[OutputDataset(i["namespace"], i["name"]) for i in event["outputs"]],
    )


def test_a_landing_begins_and_ends_with_schema_columns_version_and_what_the_contract_says(
    made: Made, load_made: Load, written: Callable[[], list[dict[str, Any]]]
) -> None:
    step = {"id": "wage", "reason": "For a test.", "derive": {"column": "income", "expression": "score * children"}}
    made.declare(system=system_yaml(str(made.incoming)) | {"preparation": [step]})
    made.send(BATCH)
    checked = land_and_check(load_made(), BATCH, "production", here())
    events = written()
    assert all(as_classes(event) for event in events)
    assert [(e["eventType"], e["job"]["name"]) for e in events] == [
        ("START", "loans.land"),
        ("COMPLETE", "loans.land"),
        ("COMPLETE", "loans.check"),
    ]
    assert events[0]["run"]["runId"] == events[1]["run"]["runId"]
    (output,) = events[1]["outputs"]
    facets = output["facets"]
    assert facets["version"]["datasetVersion"] == checked.landing.digest
    assert {f["name"]: f["type"] for f in facets["schema"]["fields"]}["score"] == "DOUBLE"
    came = {f["field"] for f in facets["columnLineage"]["fields"]["income"]["inputFields"]}
    assert came == {"score", "children"}
    (source,) = events[1]["inputs"]
    assert source["facets"]["version"]["datasetVersion"] == checked.landing.body["observed"]["source_sha256"]
    (looked,) = events[2]["inputs"]
    assert looked["inputFacets"]["dataQualityMetrics"] == {
        **looked["inputFacets"]["dataQualityMetrics"],
        "rowCount": 300,
        "columnMetrics": {},
    }
    (assertion,) = looked["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (assertion["assertion"], assertion["success"]) == ("contract is met", True)
    assert SECRET not in json.dumps(events) and "south" not in json.dumps(events)


def test_what_is_held_fails_and_what_is_not_there_is_broken_off(
    made: Made, load_made: Load, written: Callable[[], list[dict[str, Any]]]
) -> None:
    with pytest.raises(NotArrived):
        land_and_check(load_made(), BATCH, "production", here())
    contract = contract_yaml()
    contract["schema"][0]["properties"][4]["quality"][0]["arguments"]["validValues"] = ["north"]
    made.declare(contract=contract)
    made.send(BATCH)
    with pytest.raises(Held):
        land_and_check(load_made(), BATCH, "production", here())
    events = written()
    assert [event["eventType"] for event in events] == ["START", "ABORT", "START", "FAIL"]
    message = events[3]["run"]["facets"]["errorMessage"]["message"]
    assert message.startswith("The contract is not met") and "south" not in message


class Refusing(http.server.BaseHTTPRequestHandler):
    """A backend that lets nobody in."""

    seen: list[bytes] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.seen.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(403)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return None


def test_a_backend_that_refuses_is_told_once_and_the_batch_lands_as_it_would(
    made: Made, load_made: Load, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made.send_all()
    plain = land_and_check(load_made(), BATCH, "production", here())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{server.server_port}")
        with caplog.at_level(logging.WARNING, logger="aims.openlineage"):
            found = [land_and_check(load_made(), BATCH, "production", here()).landing.digest for _ in range(2)]
            lineage_events.sender().drain(20)
        server.shutdown()
    assert found == [plain.landing.digest] * 2
    assert [r.name for r in caplog.records].count("aims.openlineage") == 1
    assert "cannot be sent (HTTPError)" in caplog.text
    assert len(Refusing.seen) == 1


def test_a_backend_that_does_not_answer_delays_nothing(
    made: Made, load_made: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()

    class Slow:
        def emit(self, event: Any) -> None:
            waits.wait(600)

    monkeypatch.setattr(lineage_events, "_client", Slow)
    monkeypatch.setenv("AIMS_OPENLINEAGE", "1")
    made.send(BATCH)
    with pytest.raises(NotArrived):
        land_and_check(load_made(), BATCHES[3], "production", here())
    lineage_events.sender().drain(0.1)
    assert lineage_events.sender().open > 0, "landing ended while nothing had been answered"
    waits.set()
    lineage_events.sender().drain(20)
    assert lineage_events.sender().open == 0


def test_nothing_is_sent_or_imported_where_nobody_asked(
    made: Made, load_made: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "AIMS_OPENLINEAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(lineage_events, "_send", lambda event: pytest.fail("sent"))
    made.send(BATCH)
    assert land_and_check(load_made(), BATCH, "production", here()).landing.rows == 300
    monkeypatch.setenv("AIMS_OPENLINEAGE", "1")
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    assert not lineage_events.is_wanted()
