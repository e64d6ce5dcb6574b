"""Asks an engine of Great Expectations for each metric once, and spares what shared a query with one that failed.

By itself Great Expectations (1.24) gives every failed metric three tries, and in each of them asks every other one of
its query again, alone: where an engine cannot read a column, or is gone, that is a query of minutes some hundred
times. Here a query that failed is asked again without the columns that the file does not give; then half by half, until
what fails is alone. What an engine answered or failed at is remembered, and not asked again.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any


class NotAsked(Exception):
    """The metric was not asked for: its column cannot be read, or its turn comes later."""


class Asking:
    """Stands before the two methods of an execution engine with which it answers metrics.

    Parameters
    ----------
    engine : great_expectations.execution_engine.ExecutionEngine
        From now on, it is asked through this.
    unreadable : callable
        The plain names of the columns that cannot be read. Called when something failed, at most once.
    """

    def __init__(self, engine: Any, unreadable: Callable[[], frozenset[str]]) -> None:
        self._engine, self._look = engine, unreadable
        self._resolve, self._bundle = engine.resolve_metrics, engine.resolve_metric_bundle
        self._unreadable: frozenset[str] | None = None
        self._bundled = False
        self._answers: dict[Any, Any] = {}
        self._faults: dict[Any, BaseException] = {}
        engine.resolve_metrics, engine.resolve_metric_bundle = self.resolve_metrics, self.resolve_metric_bundle

    def resolve_metrics(
        self, metrics_to_resolve: Iterable[Any], metrics: Any = None, runtime_configuration: Any = None
    ) -> dict[Any, Any]:
        """Answers, or the failures of one kind at a time: Great Expectations tells one reason for all of them."""
        from great_expectations.exceptions import MetricResolutionError

        wanted = list(metrics_to_resolve)
        new = [metric for metric in wanted if metric.id not in self._answers]
        together = [metric for metric in new if self._is_bundled(metric)]
        for group in ([metric] for metric in new if metric not in together):
            self._ask(group, metrics, runtime_configuration)
        self._ask(together, metrics, runtime_configuration)
        failed = [metric for metric in wanted if metric.id in self._faults]
        if failed:
            fault = self._faults[failed[0].id]
            alike = [metric for metric in failed if type(self._faults[metric.id]) is type(fault)]
            raise MetricResolutionError(message="", failed_metrics=alike) from fault
        return {metric.id: self._answers[metric.id] for metric in wanted}

    def resolve_metric_bundle(self, metric_fn_bundle: Iterable[Any]) -> Any:
        """One query; what Great Expectations asks again by itself after it failed, is asked later."""
        if self._bundled:
            raise NotAsked
        self._bundled = True
        return self._bundle(metric_fn_bundle)

    def _is_bundled(self, metric: Any) -> bool:
        from great_expectations.expectations.registry import get_metric_provider

        _, asks = get_metric_provider(metric_name=metric.metric_name, execution_engine=self._engine)
        return asks is None

    def _ask(self, group: list[Any], known: Any, runtime: Any) -> None:
        from great_expectations.exceptions import MetricResolutionError

        asked = self._sparing(group)
        if not asked:
            return
        self._bundled = False
        try:
            self._answers |= self._resolve(asked, known, runtime)
        except MetricResolutionError as failure:
            if self._unreadable is None:
                self._unreadable = self._look()
            readable = self._sparing(asked)
            if len(readable) < len(asked):
                self._ask(readable, known, runtime)
            elif len(asked) == 1:
                self._faults[asked[0].id] = _first(failure)
            else:
                for half in (asked[: len(asked) // 2], asked[len(asked) // 2 :]):
                    self._ask(half, known, runtime)

    def _sparing(self, metrics: list[Any]) -> list[Any]:
        """The metrics without those of columns that are known to be unreadable: for them that is the end of it."""
        torn = [metric for metric in metrics if not (self._unreadable or frozenset()).isdisjoint(_columns(metric))]
        self._faults |= {metric.id: NotAsked() for metric in torn}
        return [metric for metric in metrics if metric.id not in self._faults]


def _columns(metric: Any) -> set[str]:
    """The columns, by their plain names, that a metric is about."""
    said: list[Mapping[str, Any]] = [metric.metric_domain_kwargs, metric.metric_value_kwargs]
    lists = [kwargs.get("column_list") or () for kwargs in said]
    return {name for names in lists for name in names} | {kwargs["column"] for kwargs in said if kwargs.get("column")}


def _first(failure: BaseException) -> BaseException:
    """The engine's own exception: Great Expectations wraps it, at times in several."""
    while True:
        inner = failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__)
        if inner is None:
            return failure
        failure = inner
