"""The graph as Dagster sees it: loaded, queried over its real webserver, and run from its command line."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.factory import PARTITIONS, assets_of
from assets.kept.home import site
from governance.declared.declarations import load_all
from pipelines import automation
from pipelines.automation import cadence_schedules, landing_sensor, run_failure_sensor, watchdog_sensor
from pipelines.definitions import declared_systems, defs
from pipelines.instance import prepare
from tests.assets.conftest import arrow, declare, write_table
from tests.conftest import BATCHES, PROVENANCE, Made, made_rows

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = load_all(ROOT / "data" / "systems").sound


def test_every_asset_has_an_owner_a_group_and_a_description() -> None:
    graph = dg.Definitions(assets=[a for d in SHIPPED.values() for a in assets_of(d)]).resolve_asset_graph()
    assert len(list(graph.materializable_asset_keys)) == 14
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.owners, key
        assert node.group_name == key.path[0]
        assert node.description, key


def test_every_criterion_of_an_assessment_is_a_check_of_its_system_and_no_other() -> None:
    graph = dg.Definitions(assets=[a for d in SHIPPED.values() for a in assets_of(d)]).resolve_asset_graph()
    for name, declaration in SHIPPED.items():
        key = dg.AssetKey([name, "measurements"])
        names = {check.name for check in graph.asset_check_keys if check.asset_key == key}
        assert names == {criterion.id for criterion in declaration.assessment.criteria}


def test_systems_of_one_cadence_share_one_schedule_and_one_partitioning() -> None:
    assert {schedule.name for schedule in cadence_schedules(SHIPPED)} == {"every_quarter", "every_year"}
    keys = PARTITIONS["quarter"].get_partition_keys(current_time=dt.datetime(2015, 2, 1, tzinfo=dt.UTC))
    assert keys[-1] == "2014-10-01"


@pytest.mark.parametrize(
    ("tick", "batches"),
    [
        (dt.datetime(2014, 7, 2, 6, tzinfo=dt.UTC), ["2014-04-01"]),
        (dt.datetime(2016, 1, 2, 6, tzinfo=dt.UTC), []),
    ],
    ids=["a quarter that is expected", "a quarter after the declared range"],
)
def test_a_tick_asks_for_the_batch_that_has_just_ended(tick: dt.datetime, batches: list[str]) -> None:
    (quarterly,) = [schedule for schedule in cadence_schedules(SHIPPED) if schedule.name == "every_quarter"]
    with dg.build_schedule_context(scheduled_execution_time=tick) as context:
        requests = list(quarterly(context))
    assert [request.partition_key for request in requests] == batches


def landing_requests(made: Made, cursor: str | None = None) -> dg.SensorResult:
    sensor = landing_sensor(load_all(made.systems).sound)
    with dg.build_sensor_context(cursor=cursor, definitions=dg.Definitions(assets=[])) as context:
        return sensor(context)


def test_the_landing_sensor_asks_for_the_reference_then_for_what_is_new_and_then_for_nothing(made: Made) -> None:
    made.send_all()
    (first,) = landing_requests(made).run_requests
    assert [key.path for key in first.asset_selection] == [["loans", "reference"]]
    made.aims("run", "loans", "2024-03")
    requests = landing_requests(made).run_requests
    assert [request.partition_key for request in requests] == list(BATCHES[3:])
    made.aims("run", "loans")
    result = landing_requests(made)
    assert result.run_requests == []
    made.send(BATCHES[4], rows=250)
    again = landing_requests(made, result.cursor).run_requests
    assert [request.partition_key for request in again] == [BATCHES[4]]
    assert again[0].run_key != requests[-1].run_key, "new content is a new run"


def write_loans(made: Made, raised_by: float = 0.0) -> dict[str, Any]:
    rows = [{**row, "income": row["income"] + raised_by} for batch in BATCHES[:3] for row in made_rows(batch)]
    write_table(f"sqlite:///{made.incoming}/loans.db", "loans", arrow(rows))
    return {"kind": "table", "url": f"sqlite:///{made.incoming}/loans.db", "table": "loans", "provenance": PROVENANCE}


def test_a_table_is_asked_once_a_day_for_what_has_not_come_and_read_again_on_every_run(made: Made) -> None:
    declare(made, {"production": write_loans(made)})
    made.aims("run", "loans", BATCHES[2])
    judged = site().register.last("batch.judged", f"loans/{BATCHES[2]}")
    assert judged is not None
    first, second = landing_requests(made).run_requests, landing_requests(made).run_requests
    assert [request.partition_key for request in first] == list(BATCHES[3:])
    assert [request.run_key for request in first] == [request.run_key for request in second]
    assert "nothing new" in made.aims("run", "loans", BATCHES[2]).output
    write_loans(made, raised_by=1.0)
    made.aims("run", "loans", BATCHES[2])
    again = site().register.last("batch.judged", f"loans/{BATCHES[2]}")
    assert again is not None
    assert again.body["inputs"]["data"] != judged.body["inputs"]["data"]


@pytest.mark.parametrize(
    ("part", "today", "landed", "asks"),
    [
        ("production", "2024-03-31", False, False),
        ("production", "2024-04-01", False, True),
        ("production", "2026-01-01", False, True),
        ("production", "2024-04-01", True, True),
        ("production", "2024-04-02", True, False),
        ("outcomes", "2024-05-01", True, True),
        ("outcomes", "2024-05-02", True, False),
    ],
)
def test_a_landed_table_is_asked_again_while_rows_may_come(
    made: Made, part: str, today: str, landed: bool, asks: bool
) -> None:
    """No days of grace; outcomes count as known 30 days after the end of March."""
    declaration = load_all(made.systems).sound["loans"]
    day = dt.date.fromisoformat(today)
    assert automation._table_may_have_more(declaration, part, BATCHES[2], day, landed=landed) is asks


def test_a_source_that_cannot_be_looked_at_hides_no_other(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(automation.LOG, "warning", lambda form, fault: told.append(form % fault))
    made.send_all()
    made.aims("run", "loans", BATCHES[2])
    source = {"kind": "file", "format": "csv", "provenance": PROVENANCE}
    for path, words in (("${NOWHERE}/{batch}.csv", "variable NOWHERE"), ("s3://bucket/{batch}.csv", "package s3fs")):
        declare(made, {"outcomes": {**source, "path": path}})
        made.aims("run", "loans", BATCHES[2], check=1)
        requests = landing_requests(made).run_requests
        assert {request.partition_key for request in requests} >= set(BATCHES[3:])
        assert words in told[-1]


def test_an_object_store_is_watched_by_its_listing(made: Made) -> None:
    made.send_all()
    source = {"kind": "file", "path": f"{made.incoming.as_uri()}/{{batch}}.csv", "format": "csv"}
    declare(made, {"production": {**source, "provenance": PROVENANCE}})
    made.aims("run", "loans", BATCHES[2])
    requests = landing_requests(made).run_requests
    assert [request.partition_key for request in requests] == list(BATCHES[3:])
    assert "nothing new" in made.aims("run", "loans", BATCHES[2]).output
    made.send(BATCHES[2], rows=250)
    again = landing_requests(made).run_requests
    assert [request.partition_key for request in again] == list(BATCHES[2:])


def test_the_watchdog_enters_absent_batches_once_and_tells_of_them(
    made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    sensor = watchdog_sensor(load_all(made.systems).sound)
    with dg.build_sensor_context(definitions=dg.Definitions(assets=[])) as context:
        first, second = sensor(context), sensor(context)
    nothing = "0 facts, 0 observations and 0 reminders new"
    assert first.skip_message == f"5 newly absent, {nothing}, 5 alerts sent"
    assert second.skip_message == f"0 newly absent, {nothing}, 0 alerts sent"
    assert "absent: loans/2024-03-01" in caplog.text


def test_a_run_that_breaks_is_a_matter_for_operations(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    @dg.op(name="loans__measured")
    def broken() -> None:
        raise RuntimeError("a fault of ours")

    @dg.job
    def breaks() -> None:
        broken()

    with dg.DagsterInstance.ephemeral() as instance:
        done = breaks.execute_in_process(instance=instance, raise_on_error=False)
        sensor = run_failure_sensor(load_all(made.systems).sound)
        context = dg.build_run_status_sensor_context(
            "run_failures",
            dagster_event=done.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=done.dagster_run,
        )
        sensor(context.for_run_failure())
    (event,) = site().register.events("run.failed")
    assert event.subject == f"loans/{done.dagster_run.run_id}"
    assert "run failed (operations): loans/" in caplog.text
    assert site().register.nonconformities() == []


def test_a_system_with_faults_is_left_out_and_shown(made: Made) -> None:
    (made.systems / "broken").mkdir()
    found = defs()
    keys = {key.path[0] for key in found.resolve_asset_graph().materializable_asset_keys}
    assert keys == {"loans", "aims"}
    alone = declared_systems(load_all(made.systems))
    result = dg.materialize(alone, instance=dg.DagsterInstance.ephemeral())
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert "broken/system.yaml:1: The file is missing." in (check.description or "")


def dagster(made: Made, *arguments: str) -> subprocess.CompletedProcess[str]:
    from assets.kept.home import Home

    prepare(Home(made.home))
    environment = {**made.environment, "DAGSTER_HOME": str(made.home / "dagster")}
    command = [sys.executable, "-m", "dagster", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)


def test_the_definitions_validate_from_the_workspace(made: Made) -> None:
    done = dagster(made, "definitions", "validate", "-w", "workspace.yaml")
    assert done.returncode == 0, done.stderr


def test_one_batch_is_materialised_from_dagsters_own_command_line(made: Made) -> None:
    made.send_all()
    made.send(BATCHES[2], shift=1.0)
    module = ("-m", "pipelines.definitions")
    done = dagster(made, "asset", "materialize", *module, "--select", 'key:"loans/reference"')
    assert done.returncode == 0, done.stderr[-2000:]
    selection = " or ".join(f'key:"loans/{name}"' for name in ("batch", "profile", "measurements", "report"))
    done = dagster(made, "asset", "materialize", *module, "--select", selection, "--partition", BATCHES[2])
    assert done.returncode == 0, done.stderr[-2000:]
    rows = map(json.loads, made.aims("verdicts", "--json").stdout.splitlines())
    assert {row["criterion"]: row["verdict"] for row in rows}["income_is_stable"] == "breach"


@pytest.fixture
def webserver(made: Made) -> Iterator[str]:
    """The real thing on a free port, over this home."""
    from assets.kept.home import Home

    prepare(Home(made.home))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**made.environment, "DAGSTER_HOME": str(made.home / "dagster")}
    environment.pop("AIMS_SYSTEMS")
    arguments = ["dev", "-w", "workspace.yaml", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield wait_for(f"http://127.0.0.1:{port}/graphql")
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(address: str) -> str:
    for _ in range(240):
        try:
            if ask(address, "{ version }")["version"]:
                return address
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.5)
    raise AssertionError(f"no answer from {address}")


def ask(address: str, query: str) -> dict[str, Any]:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)["data"]
    return found


def test_the_real_webserver_shows_both_systems_their_graph_and_their_checks(webserver: str) -> None:
    query = "{ assetNodes { assetKey { path } groupName dependencyKeys { path } opName } }"
    nodes = {"/".join(node["assetKey"]["path"]): node for node in ask(webserver, query)["assetNodes"]}
    for name in SHIPPED:
        assert {
            f"{name}/{asset}" for asset in ("reference", "batch", "profile", "measurements", "report", "review")
        } <= set(nodes)
        assert {"path": [name, "batch"]} in nodes[f"{name}/profile"]["dependencyKeys"]
        path = json.dumps([name, "measurements"])
        query = (
            f"{{ assetChecksOrErrors: assetNodeOrError(assetKey: {{path: {path}}}) {{ ... on AssetNode {{ "
            "assetChecksOrError { ... on AssetChecks { checks { name description } } } } } }"
        )
        checks = ask(webserver, query)["assetChecksOrErrors"]["assetChecksOrError"]["checks"]
        said = {check["name"]: check["description"] for check in checks}
        assert said == {c.id: c.rationale for c in SHIPPED[name].assessment.criteria}
