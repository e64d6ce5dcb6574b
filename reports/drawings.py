"""Evidently's report as plain data that stands inside our page, and Evidently's script that draws it.

Decides what is kept of Evidently: its plots of shares and its measures of distance, in our colours and words. What
it would flag as drift is taken out: verdicts are reached in `monitors.judge` only. The points that it draws come
from `reports.pseudo_sample`, the page around the drawings from `reports.batch_review`. No other file imports Evidently.
"""

from __future__ import annotations

import base64
import functools
import gzip
import html
import itertools
import json
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from monitors.profile import Profile

# Evidently's own names. The first needs no bins of Evidently's making, the second has none to make.
NUMERIC_METHOD, CATEGORY_METHOD = "wasserstein", "jensenshannon"
REFERENCE_COLOUR, CURRENT_COLOUR = "#8a8f98", "#0b5fa5"
# Enough for any plot, and without the last digits in which two machines may differ.
DRAWN_DIGITS = 9
# Numbers whose squares are numbers; the least part of the largest, and the least width, that can be cut into bins.
LARGEST, NARROW, SMALLEST = 1e150, 1e-12, 1e-300


def drawable(samples: Mapping[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], list[tuple[str, str]]]:
    """The samples without columns that Evidently cannot draw, and the reason for each of these."""
    undrawn = []
    for name in samples["current"].columns:
        columns = {side: sample[name].dropna() for side, sample in samples.items()}
        empty = [side for side, values in columns.items() if values.empty]
        reason = f"no value in the {' and the '.join(empty)}" if empty else _cannot_be_binned(list(columns.values()))
        if reason:
            undrawn.append((name, reason))
    names = [name for name, _ in undrawn]
    return {side: sample.drop(columns=names) for side, sample in samples.items()}, undrawn


def _cannot_be_binned(sides: Sequence[pd.Series]) -> str | None:
    """Why Evidently could not make bins of these values, of each side and of both; None where it can, and of words."""
    if not all(pd.api.types.is_numeric_dtype(values) for values in sides):
        return None
    for values in (*sides, pd.concat(sides)):
        low, high = float(values.min()), float(values.max())
        largest = max(abs(low), abs(high))
        if largest > LARGEST:
            return f"it reaches to {largest:.3g}"
        if low < high and high - low <= max(NARROW * largest, SMALLEST):
            return f"its values lie within {high - low:.3g} of each other"
    return None


def drawing(samples: Mapping[str, pd.DataFrame], profile: Profile) -> dict[str, Any]:
    """Evidently's report as the plain data that its script draws, without the flags it would raise."""
    evidently = _evidently()
    current, reference = samples["current"], samples.get("reference")
    numeric = {grid.name for grid in profile.grid.columns if grid.is_numeric}
    mapping = evidently.Mapping(
        target=None,
        prediction=None,
        numerical_features=[name for name in current if name in numeric],
        categorical_features=[name for name in current if name not in numeric],
    )
    metrics = (
        [evidently.Distribution(column_name=name) for name in current]
        if reference is None
        else [evidently.DriftTable(num_stattest=NUMERIC_METHOD, cat_stattest=CATEGORY_METHOD)]
    )
    colours = evidently.Colours(
        primary_color=CURRENT_COLOUR, current_data_color=CURRENT_COLOUR, reference_data_color=REFERENCE_COLOUR
    )
    report = evidently.Report(metrics=metrics, options=[colours])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # It also works out correlations, which are not shown, and complains where a column does not vary.
        warnings.simplefilter("ignore", RuntimeWarning)
        report.run(reference_data=reference, current_data=current, column_mapping=mapping)
        # Not public, and the one way to the data without the page around it. Its ids are counted, not random.
        _, info, graphs = report._build_dashboard_info()
    dashboard = json.loads(evidently.as_json(info))
    widgets = dashboard["widgets"]
    dashboard["widgets"] = list(_single_plots(widgets)) if reference is None else [_table(widgets)]
    shown = set(_part_ids(dashboard["widgets"]))
    return {
        "info": dashboard,
        "graphs": {i: _plain_plot(_as_plain(graph)) for i, graph in graphs.items() if i in shown},
    }


@functools.cache
def library() -> str:
    """Evidently's script, as base64 of gzip: a third of its size."""
    with open(os.path.join(_evidently().static, "index.js"), "rb") as file:
        return base64.b64encode(gzip.compress(file.read(), 9, mtime=0)).decode()


def as_script(drawn: dict[str, Any]) -> Markup:
    """JSON that can stand inside `<script>`, whatever a category or a column is called."""
    text = json.dumps(_rounded(drawn), separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


@functools.cache
def _evidently() -> Any:
    """Evidently's report and two of its metrics; slow to import, and quiet: it reports to nobody."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently.legacy import metrics, report
    from evidently.legacy.options import ColorOptions
    from evidently.legacy.pipeline.column_mapping import ColumnMapping
    from evidently.legacy.utils.dashboard import STATIC_PATH, dashboard_info_to_json

    class Evidently:
        Colours, Mapping, Report = ColorOptions, ColumnMapping, report.Report
        DriftTable, Distribution = metrics.DataDriftTable, metrics.ColumnDistributionMetric
        as_json, static = staticmethod(dashboard_info_to_json), STATIC_PATH

    return Evidently


def _table(widgets: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Evidently's drift table without its heading, its column of flags and its plots over the order of rows."""
    table = next(widget for widget in widgets if widget["type"] == "big_table")
    titles = {
        "column_name": "Column",
        "column_type": "Type",
        "reference_distribution": "Reference",
        "current_distribution": "Current",
        "stattest_name": "Evidently's measure",
        "drift_score": "Its value",
    }
    params = table["params"]
    params["columns"] = [
        column | {"title": titles[column["field"]]} for column in params["columns"] if column["field"] in titles
    ]
    for column in params["columns"]:
        if column["field"] == "reference_distribution":
            column["options"]["color"] = REFERENCE_COLOUR
    for row in params["data"]:
        del row["data_drift"]
        row["column_type"] = {"num": "number", "cat": "category"}[row["column_type"]]
        row["stattest_name"] = row["stattest_name"].removesuffix(" (normed)").removesuffix(" distance")
        row["drift_score"] = float(f"{row['drift_score']:.3g}")
        row["details"]["parts"] = [p for p in row["details"]["parts"] if p["title"] == "DATA DISTRIBUTION"]
    params["rowsPerPage"] = len(params["data"])
    return table | {"title": ""}


def _single_plots(widgets: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Evidently's plots side by side, each under the name of its column."""
    names = [widget["params"]["counters"][0]["label"] for widget in widgets[::2]]
    for name, plot in zip(names, widgets[1::2], strict=True):
        title = name.removeprefix("Distribution for column '").removesuffix("'.")
        yield _plain_plot(plot) | {"title": title, "size": 1}


def _part_ids(widgets: Sequence[dict[str, Any]]) -> Iterator[str]:
    for widget in widgets:
        for row in widget["params"].get("data", []):
            yield from (part["id"] for part in row.get("details", {}).get("parts", []))


def _plain_plot(plot: dict[str, Any]) -> dict[str, Any]:
    """The plot of shares only: the other one counts points of a pseudo-sample, which nobody should read as rows."""
    params = plot["params"]
    params["data"] = [trace | {"visible": True} for trace in params["data"][1::2]]
    for trace in params["data"]:
        trace["x"] = _bar_places(trace["x"], len(trace["y"]))
    layout = params["layout"]
    del layout["template"], layout["updatemenus"]
    layout["yaxis"]["title"] = {"text": "percent of values"}
    layout |= {"bargap": 0.1, "paper_bgcolor": "#fff", "plot_bgcolor": "#fff", "height": 280}
    layout |= {"margin": {"t": 10, "r": 10, "b": 45, "l": 60}}
    layout["yaxis"] |= {"gridcolor": "#e3e5e8", "rangemode": "tozero"}
    return plot


def _bar_places(places: Sequence[Any], bars: int) -> list[Any]:
    """The middle of each bin where Evidently gives edges; names as text, which Plotly would read as markup."""
    if len(places) == bars + 1:
        return [(low + high) / 2 for low, high in itertools.pairwise(places)]
    return [html.escape(place, quote=False) if isinstance(place, str) else place for place in places]


def _as_plain(graph: Any) -> dict[str, Any]:
    return graph if isinstance(graph, dict) else graph.dict()


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_rounded(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DRAWN_DIGITS}g}")
    return value.item() if isinstance(value, np.generic) else value
