"""Lineage events for those who keep an OpenLineage backend (extra `openlineage`): names, counts and digests, no value.

Best effort and never evidence: the record is ours, and this tells others of it. Events are sent beside the work by a
thread of their own, so that a backend that is slow or down delays nothing; that it is down is told once, and no more is
sent by this process. Where the client sends them is its own settings' to say (`OPENLINEAGE_URL`, `OPENLINEAGE_CONFIG`).
"""

from __future__ import annotations

import atexit
import datetime as dt
import functools
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from assets.landed.column_sources import landed_from_body
from assets.source.refusals import Held, NotArrived
from checks.rules import DUCKDB_TYPES
from governance.declared.declarations import Declaration
from governance.recognised.reading import redacted

if TYPE_CHECKING:
    from assets.landed.checking import Checked

LOG = logging.getLogger("aims.openlineage")
PRODUCER = "https://pypi.org/project/aims-monitor/"
# How long the end of a process waits for events that are still to be sent.
LAST_WORDS_S = 3.0
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class Dataset:
    """A dataset as it is told of: its digest, its columns with types, and of which columns of others they are made."""

    name: str
    version: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    made_of: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    rows: int | None = None
    assertions: list[tuple[str, bool]] = field(default_factory=list)


@dataclass(slots=True)
class Told:
    """What a run read and wrote, filled in when it is done; `checked` is what a contract was held against."""

    inputs: Sequence[Dataset] = ()
    outputs: Sequence[Dataset] = ()
    checked: Dataset | None = None


def is_wanted() -> bool:
    """Whether anybody asked for events."""
    if os.environ.get("OPENLINEAGE_DISABLED", "").lower() == "true":
        return False
    named = os.environ.get("OPENLINEAGE_URL") or os.environ.get("OPENLINEAGE_CONFIG")
    return bool(named) or os.environ.get("AIMS_OPENLINEAGE") == "1"


def tells(job: str, of: Callable[[Declaration, R], Told]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Tells of every call: that it began, and how it ended. The first argument is the system's declaration.

    `of` says what a finished call read and wrote.
    """

    def around(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            if not is_wanted():
                return function(*args, **kwargs)
            declaration: Any = args[0]
            with _run(f"{declaration.id}.{job}") as told:
                result = function(*args, **kwargs)
                done = of(declaration, result)
                told.inputs, told.outputs = done.inputs, done.outputs
            if done.checked:
                # A check reads what was landed, and its results are facets of what a run reads.
                _send(_Event("COMPLETE", str(_new_run()), f"{declaration.id}.check", Told([done.checked])))
            return result

        return call

    return around


@contextmanager
def _run(job: str) -> Iterator[Told]:
    name, told = str(_new_run()), Told()
    _send(_Event("START", name, job, told))
    try:
        yield told
    except NotArrived:
        _send(_Event("ABORT", name, job, told, "there is nothing yet"))
        raise
    except Held as reason:
        _send(_Event("FAIL", name, job, told, redacted(str(reason))))
        raise
    except BaseException as error:
        _send(_Event("FAIL", name, job, told, type(error).__name__))
        raise
    _send(_Event("COMPLETE", name, job, told))


def landed(declaration: Declaration, checked: Checked) -> Told:
    """A landed part: its source, its columns and where they came from, and what the contract says of it."""
    landing = checked.landing
    source, name = f"{declaration.id}.{landing.part}_source", f"{declaration.id}.{landing.part}"
    found = landed_from_body(declaration, landing.part, landing.body)
    unmet = [(str(item["rule"]), False) for item in checked.unmet]
    return Told(
        [Dataset(source, landing.body["observed"]["source_sha256"])],
        [
            Dataset(
                name,
                landing.digest,
                {column: DUCKDB_TYPES[declaration.types[column]] for column in found},
                {column: [(source, one) for one in sources] for column, sources in found.items()},
                landing.rows,
            )
        ],
        Dataset(
            name,
            landing.digest,
            rows=landing.rows,
            assertions=[*unmet, ("contract is met", not unmet and not checked.not_evaluated)],
        ),
    )


def judged(declaration: Declaration, body: Mapping[str, Any]) -> Told:
    """A judged batch: its rows, its outcomes, the reference, and its results by their digest."""
    inputs, name = body["inputs"], declaration.id
    read = [(f"{name}.batch", "data"), (f"{name}.outcomes", "outcomes"), (f"{name}.reference", "reference")]
    return Told(
        [Dataset(dataset, inputs[key]) for dataset, key in read if inputs.get(key)],
        [Dataset(f"{name}.profile", inputs["profile"]), Dataset(f"{name}.measurements", body["results"])],
    )


def trained(declaration: Declaration, body: Mapping[str, Any]) -> Told:
    """A trained candidate: its snapshot, and the model by its digest."""
    return Told(
        [Dataset(f"{declaration.id}.training", body["inputs"]["data"])],
        [Dataset(f"{declaration.id}.model", body["model"])],
    )


@dataclass(frozen=True, slots=True)
class _Event:
    state: str
    run: str
    job: str
    told: Told
    message: str | None = None
    at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))


def as_run_event(event: _Event) -> Any:
    """The event in the client's own classes."""
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
    from openlineage.client.facet_v2 import error_message_run

    space = os.environ.get("OPENLINEAGE_NAMESPACE", "aims")
    facets: dict[str, Any] = {}
    if event.message:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(event.message, "python", producer=PRODUCER)
    return RunEvent(
        eventTime=event.at.isoformat(),
        producer=PRODUCER,
        eventType=RunState[event.state],
        run=Run(event.run, facets),
        job=Job(space, event.job),
        inputs=[
            InputDataset(space, one.name, facets=_facets(space, one), inputFacets=_input_facets(one))
            for one in event.told.inputs
        ],
        outputs=[
            OutputDataset(space, one.name, facets=_facets(space, one), outputFacets=_output_facets(one))
            for one in event.told.outputs
        ],
    )


def _facets(space: str, one: Dataset) -> dict[str, Any]:
    from openlineage.client.facet_v2 import column_lineage_dataset, dataset_version_dataset, schema_dataset

    facets: dict[str, Any] = {}
    if one.version:
        facets["version"] = dataset_version_dataset.DatasetVersionDatasetFacet(one.version, producer=PRODUCER)
    if one.columns:
        fields = [schema_dataset.SchemaDatasetFacetFields(name, kind) for name, kind in one.columns.items()]
        facets["schema"] = schema_dataset.SchemaDatasetFacet(fields, producer=PRODUCER)
    if one.made_of:
        came = {
            name: column_lineage_dataset.Fields(
                [column_lineage_dataset.InputField(space, dataset, column) for dataset, column in sources]
            )
            for name, sources in one.made_of.items()
        }
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(came, producer=PRODUCER)
    return facets


def _input_facets(one: Dataset) -> dict[str, Any]:
    from openlineage.client.facet_v2 import data_quality_assertions_dataset, data_quality_metrics_input_dataset

    facets: dict[str, Any] = {}
    if one.assertions:
        said = [data_quality_assertions_dataset.Assertion(name, held) for name, held in one.assertions]
        facet = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(said, producer=PRODUCER)
        facets["dataQualityAssertions"] = facet
    if one.rows is not None:
        # Columns are left out: a smallest or largest value is somebody's.
        metrics = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
            {}, rowCount=one.rows, producer=PRODUCER
        )
        facets["dataQualityMetrics"] = metrics
    return facets


def _output_facets(one: Dataset) -> dict[str, Any]:
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    if one.rows is None:
        return {}
    return {"outputStatistics": statistics.OutputStatisticsOutputDatasetFacet(rowCount=one.rows, producer=PRODUCER)}


class _Sender:
    """One thread that sends what waits, until something goes wrong."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self.open, self.stopped = 0, False
        self.lock = threading.Lock()
        threading.Thread(target=self._work, name="openlineage", daemon=True).start()
        atexit.register(self.drain, LAST_WORDS_S)

    def put(self, event: _Event) -> None:
        """Takes the event and returns at once."""
        if not self.stopped:
            with self.lock:
                self.open += 1
            self.waiting.put(event)

    def drain(self, seconds: float) -> None:
        """Waits until everything was sent or given up, at most so long."""
        end = time.monotonic() + seconds
        while self.open and not self.stopped and time.monotonic() < end:
            time.sleep(0.01)

    def _work(self) -> None:
        try:
            client = _client()
            while True:
                client.emit(as_run_event(self.waiting.get()))
                with self.lock:
                    self.open -= 1
        # What the client and its transports raise: requests' errors are OSErrors, wrong settings are the others.
        except (OSError, ValueError, RuntimeError, LookupError, TypeError, ImportError) as error:
            self.stopped = True
            LOG.warning(
                "OpenLineage events cannot be sent (%s); this process sends no more. Nothing else is touched.",
                type(error).__name__,
            )


def _client() -> Any:
    from openlineage.client import OpenLineageClient

    return OpenLineageClient()


@functools.cache
def sender() -> _Sender:
    """The one of this process, started when the first event is sent."""
    return _Sender()


def _send(event: _Event) -> None:
    sender().put(event)


def _new_run() -> Any:
    import uuid

    return uuid.uuid4()
