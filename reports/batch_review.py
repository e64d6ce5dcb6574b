"""The page that people read about one batch: our verdicts on top, Evidently's drawings below.

Records in, document out: every number in the tables comes from the records, and nothing is judged here. The
drawings are Evidently's, made from pseudo-samples that repeat the counts of a profile. They hold no person's row,
and what Evidently itself would flag as drift is taken out: verdicts are reached in `monitors.judge` only.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import html
import itertools
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from governance.records import Measurement, Outcome, Verdict
from monitors.grid import MISSING, OTHER, RARE, ColumnGrid
from monitors.profile import Counts, GridMismatch, Profile

POINTS = 2000
# More bars than this cannot be told apart; the smallest categories are drawn as `(other)`.
DRAWN_CATEGORIES = 30
# Evidently's own names. The first needs no bins of Evidently's making, the second has none to make.
NUMERIC_METHOD, CATEGORY_METHOD = "wasserstein", "jensenshannon"
REFERENCE_COLOUR, CURRENT_COLOUR = "#8a8f98", "#0b5fa5"
# Enough for any plot, and without the last digits in which two machines may differ.
DRAWN_DIGITS = 9

ORDER = (Outcome.NOT_EVALUATED, Outcome.BREACH, Outcome.INCONCLUSIVE, Outcome.WARNING, Outcome.CONFORMING)
WORDS = {
    Outcome.NOT_EVALUATED: "not evaluated",
    Outcome.BREACH: "breach",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.WARNING: "warning",
    Outcome.CONFORMING: "conforming",
}
LIMIT_WORDS = {"above": "at most {}", "below": "at least {}", "either": "within ±{}"}
ABSENT = "–"


@dataclass(frozen=True)
class BatchReview:
    """Everything the tables show. The page computes nothing.

    Attributes
    ----------
    batch, batch_label, reference_label : str
        Partition key (start date) and what people call the period; what the batch is compared with.
    assessment : mapping or None
        `sha256`, `version`, `approved_by`, `demonstration`; where known `approved_on`, and `owners`, a mapping
        of criterion to the person who owns it. `None`: nothing is approved, so all numbers are observations.
    inputs : mapping of name to SHA-256 or None
        Digests of data, profile, reference and code.
    as_known_on : str
        The day up to which labels were taken into account.
    """

    system_name: str
    system_id: str
    batch: str
    batch_label: str
    reference_label: str
    verdicts: tuple[Verdict, ...]
    measurements: tuple[Measurement, ...]
    assessment: dict[str, Any] | None
    inputs: dict[str, str | None]
    as_known_on: str

    def __post_init__(self) -> None:
        if self.assessment is None and self.verdicts:
            raise ValueError(
                f"{len(self.verdicts)} verdicts without an approved assessment: only approved criteria are judged."
            )


def render(review: BatchReview, reference: Profile | None, current: Profile, *, seed: str) -> str:
    """One self-contained HTML page about a batch. The same arguments give the same bytes.

    Parameters
    ----------
    reference : Profile or None
        `None` where nothing is compared, as for the batches of the reference period: the page then shows the
        batch alone.
    seed : str
        Orders the points of each pseudo-sample, so that no two columns seem to go together.

    Raises
    ------
    GridMismatch
        Reference and batch were counted into different bins.
    """
    if reference is not None and reference.grid.digest != current.grid.digest:
        raise GridMismatch("Reference and batch were counted into different bins: profile both on one grid.")
    sides = {"current": current} if reference is None else {"reference": reference, "current": current}
    samples, undrawn = _drawable({side: pseudo_sample(p, sides, seed + side) for side, p in sides.items()})
    drawing = _drawing(samples, current) if not samples["current"].empty else None
    owners = (review.assessment or {}).get("owners") or {}
    return _template().render(
        review=review,
        counted=_counted(review.verdicts),
        verdicts=[_verdict_row(v, owners) for v in sorted(review.verdicts, key=lambda v: ORDER.index(v.outcome))],
        tables=_measurement_tables(review.measurements),
        compared=reference is not None,
        drawing=_as_script(drawing) if drawing else None,
        library=Markup(_library()) if drawing else None,
        undrawn=undrawn,
        valueless=list(_valueless(sides)),
        folded=list(_folded(sides)),
        points=POINTS,
        drawn_categories=DRAWN_CATEGORIES,
        rare=RARE,
    )


# The pseudo-sample


def pseudo_sample(profile: Profile, sides: Mapping[str, Profile], seed: str, points: int = POINTS) -> pd.DataFrame:
    """`points` values per column that fall into the bins of `profile` as its rows do, within one point per bin.

    Columns are drawn apart from each other: what two of them show together means nothing. `sides` are all profiles
    of the page; they decide together which categories are drawn and where in its bin a number is put.
    """
    columns = {}
    for grid in profile.grid.columns:
        values = _numbers(grid, profile, sides, points) if grid.is_numeric else _words(grid, profile, sides, points)
        columns[grid.name] = _generator(seed, grid.name).permutation(values)
    return pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})


def allocate(counts: Counts, points: int) -> Counts:
    """`points` shared out like `counts`, by largest remainder: each is within one of its exact part."""
    total = int(counts.sum())
    if total == 0:
        return np.zeros_like(counts)
    exact = counts * (points / total)
    whole = np.floor(exact).astype(np.int64)
    largest = np.argsort(whole - exact, kind="stable")[: points - int(whole.sum())]
    whole[largest] += 1
    return whole


def _numbers(grid: ColumnGrid, profile: Profile, sides: Mapping[str, Profile], points: int) -> np.ndarray:
    """Evenly spread inside each bin; NULL, NaN and the infinities as NaN; the open end bins at their one edge."""
    edges = np.asarray(grid.edges)
    allotted = allocate(profile.columns[grid.name], points)
    inside = allotted[: len(edges) + 1]
    # The value just above the last edge is the nearest that still belongs to the last bin.
    upper = np.append(edges, np.nextafter(edges[-1], np.inf))
    lower = np.append(edges[0], upper[:-1])
    if _values_are_edges(grid, next(iter(sides.values()))):
        lower = upper
    lower[-1] = upper[-1]
    nth = np.arange(inside.sum()) - np.repeat(np.cumsum(inside) - inside, inside)
    part = (nth + 0.5) / np.repeat(inside, inside)
    low, high = np.repeat(lower, inside), np.repeat(upper, inside)
    return np.concatenate([high - (high - low) * part, np.full(int(allotted[-4:].sum()), np.nan)])


def _values_are_edges(grid: ColumnGrid, profile: Profile) -> bool:
    """Whether bins hold single values, such as whole numbers: then the recorded mean is that of the upper edges."""
    rows, total, _ = profile.moments.get(grid.name, (0, 0.0, 0.0))
    if rows == 0:
        return True
    edges = np.asarray(grid.edges)
    inside = profile.columns[grid.name][: len(edges) + 1]
    upper = np.append(edges, edges[-1])
    middle = (upper + np.append(edges[0], edges)) / 2
    return bool(abs(inside @ upper - total) <= abs(inside @ middle - total))


def _words(grid: ColumnGrid, profile: Profile, sides: Mapping[str, Profile], points: int) -> np.ndarray:
    drawn = _drawn(grid, sides)
    names = [name if drawn[i] else OTHER for i, name in enumerate((*grid.categories, OTHER, MISSING))]
    return np.repeat(np.array(names, dtype=object), allocate(profile.columns[grid.name], points))


def _drawn(grid: ColumnGrid, sides: Mapping[str, Profile]) -> np.ndarray:
    """Which categories get a bar of their own: the largest, and none that fewer than `RARE` rows hold."""
    known = len(grid.categories)
    counts = np.stack([profile.columns[grid.name][:known] for profile in sides.values()])
    drawn = np.zeros(grid.size, dtype=bool)
    drawn[np.argsort(-counts.sum(axis=0), kind="stable")[:DRAWN_CATEGORIES]] = True
    drawn[:known] &= counts.max(axis=0, initial=0) >= RARE
    drawn[known:] = True
    return drawn


def _generator(seed: str, column: str) -> np.random.Generator:
    state = hashlib.sha256(json.dumps([seed, column]).encode()).digest()
    return np.random.default_rng(int.from_bytes(state[:8], "big"))


def _drawable(samples: Mapping[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], list[tuple[str, str]]]:
    """The samples without columns that Evidently cannot draw, and the reason for each of these."""
    undrawn = []
    for name in samples["current"].columns:
        empty = [side for side, sample in samples.items() if not sample[name].notna().any()]
        if empty:
            undrawn.append((name, f"no value in the {' and the '.join(empty)}"))
    names = [name for name, _ in undrawn]
    return {side: sample.drop(columns=names) for side, sample in samples.items()}, undrawn


# Evidently


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


@functools.cache
def _library() -> str:
    """Evidently's script, as base64 of gzip: a third of its size."""
    with open(os.path.join(_evidently().static, "index.js"), "rb") as file:
        return base64.b64encode(gzip.compress(file.read(), 9, mtime=0)).decode()


def _drawing(samples: Mapping[str, pd.DataFrame], profile: Profile) -> dict[str, Any]:
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


def _as_script(drawing: dict[str, Any]) -> Markup:
    """JSON that can stand inside `<script>`, whatever a category or a column is called."""
    text = json.dumps(_rounded(drawing), separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_rounded(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.{DRAWN_DIGITS}g}")
    return value.item() if isinstance(value, np.generic) else value


# The words and rows of the tables


def _counted(verdicts: Sequence[Verdict]) -> str:
    """`9 verdicts: 1 not evaluated, 2 breach, 6 conforming.`"""
    if not verdicts:
        return "No verdicts."
    numbers = [(sum(v.outcome is outcome for v in verdicts), WORDS[outcome]) for outcome in ORDER]
    total = f"{len(verdicts)} verdict{'s' if len(verdicts) > 1 else ''}"
    return f"{total}: {', '.join(f'{n} {word}' for n, word in numbers if n)}."


def _verdict_row(verdict: Verdict, owners: Mapping[str, str]) -> dict[str, str]:
    measurement = verdict.measurement
    return {
        "outcome": verdict.outcome.value,
        "word": WORDS[verdict.outcome],
        "criterion": verdict.criterion,
        "metric": measurement.metric,
        "segment": verdict.segment,
        "limit": _limit(verdict),
        "warn": ABSENT if verdict.warn is None else number(verdict.warn),
        "severity": verdict.severity,
        "owner": owners.get(verdict.criterion) or "not recorded",
        **_measured(measurement),
        "reason": verdict.reason or measurement.reason or "no reason recorded",
    }


def _limit(verdict: Verdict) -> str:
    return LIMIT_WORDS[verdict.direction].format(number(verdict.limit))


def _measured(measurement: Measurement) -> dict[str, str]:
    value = number(measurement.value)
    return {
        "value": "undefined" if value == ABSENT else f"{value} {_unit(measurement)}".strip(),
        "interval": _interval(measurement),
        "n": f"{measurement.n:,}",
        "noise_floor": number(measurement.noise_floor),
    }


def _unit(measurement: Measurement) -> str:
    """Shares and ratios are plain numbers; so is a count in a row that says what it counts."""
    return "" if measurement.unit in ("share", "ratio", "rows") else measurement.unit


def _interval(measurement: Measurement) -> str:
    low, high = number(measurement.low), number(measurement.high)
    if (low, high) == (ABSENT, ABSENT):
        return ABSENT
    return f"[{low if low != ABSENT else '−∞'}, {high if high != ABSENT else '∞'}]"


def _measurement_tables(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Whole batch, then groups, then columns; tables without rows are left out."""
    columns = [m for m in measurements if m.column]
    groups = [m for m in measurements if m.segment and not m.column]
    whole = [m for m in measurements if not m.segment and not m.column]
    parts = (
        ("Rows, labels and performance, whole batch", "", whole),
        ("Groups and contrasts", "Group or contrast", groups),
        ("Distance of each column from the reference", "Column", columns),
    )
    return [
        {"caption": caption, "about": about, "rows": [_measurement_row(m) for m in rows]}
        for caption, about, rows in parts
        if rows
    ]


def _measurement_row(measurement: Measurement) -> dict[str, str]:
    where = [part for part in (measurement.column, measurement.segment) if part]
    reason = measurement.reason or ("" if measurement.value is not None else "no reason recorded")
    return {
        "metric": measurement.metric,
        "about": ", ".join(where),
        **_measured(measurement),
        "detectable": number(measurement.detectable),
        "method": measurement.method or ABSENT,
        "reason": f"did not run: {reason}" if measurement.broken else reason,
    }


def number(value: float | None) -> str:
    """Four significant digits; whole numbers in full; an en dash for what is undefined."""
    if value is None or math.isnan(value):
        return ABSENT
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def breakable(name: str) -> Markup:
    """The name, escaped, with a place to break the line after each underscore."""
    return Markup("_<wbr>").join(name.split("_"))


def _valueless(sides: Mapping[str, Profile]) -> Iterator[tuple[str, list[str]]]:
    """Numeric columns in which some rows hold no finite number, with their counts on each side."""
    for grid in next(iter(sides.values())).grid.columns:
        counts = [int(profile.columns[grid.name][-4:].sum()) for profile in sides.values()]
        if grid.is_numeric and any(counts):
            rows = [profile.rows for profile in sides.values()]
            yield grid.name, [f"{n:,} of {of:,}" for n, of in zip(counts, rows, strict=True)]


def _folded(sides: Mapping[str, Profile]) -> Iterator[tuple[str, int]]:
    """Columns some of whose categories are drawn as `(other)`, and how many these are."""
    for grid in next(iter(sides.values())).grid.columns:
        hidden = 0 if grid.is_numeric else int((~_drawn(grid, sides)).sum())
        if hidden:
            yield grid.name, hidden


@functools.cache
def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    return environment.get_template("batch_review.html")
