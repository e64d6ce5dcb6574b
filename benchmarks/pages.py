"""The same tables for the terminal and for README.md, made from the results that are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.ratios import Ratio, ratios_of

BEGIN, END = "<!-- figures: made by `python -m benchmarks table` -->", "<!-- end of figures -->"
Result = dict[str, Any]
Rows = list[tuple[str, ...]]

RATIO_HEAD = ("Question", "Rows", "CPU", "Wall", "Peak memory", "Promised", "Holds", "")
COST_HEAD = ("Call", "Runs", "CPU s", "Wall s", "of which reading", "Peak MB")


def ratio_rows(results: Iterable[Result]) -> Rows:
    """One row for each comparison."""
    return [_ratio_row(ratio) for ratio in ratios_of(results)]


def cost_rows(result: Result) -> Rows:
    """One row for each timed call of a size."""
    return [_cost_row(result["titles"][key], cost) for key, cost in result["costs"].items()]


def heading(result: Result) -> str:
    """`1,000,000 rows × 34 columns`."""
    return f"{result['rows']:,} rows × {result['columns']:,} columns"


def versions_of(result: Result) -> str:
    """When, with how many cores, and which versions: the project's environment, then NannyML's."""
    found = [cost["versions"] for cost in result["costs"].values() if "versions" in cost]
    own = {**{k: v for versions in found if "nannyml" not in versions for k, v in versions.items()}}
    theirs = {k: v for versions in found if "nannyml" in versions for k, v in versions.items()}
    cores = own.pop("cores", "?")
    text = f"{result['date']}, {cores} cores; {_listed(own)}"
    theirs.pop("cores", None)
    return text + (f". NannyML's environment: {_listed(theirs)}" if theirs else "")


def show(results: Sequence[Result], console: Console) -> None:
    """All tables on the terminal."""
    for result in results:
        console.print(_table(heading(result), COST_HEAD, cost_rows(result)))
    console.print(_table("Beside each other", RATIO_HEAD, ratio_rows(results)))


def markdown(results: Sequence[Result]) -> str:
    """All tables for README.md."""
    parts = ["### Beside each other", _pipes(RATIO_HEAD, ratio_rows(results))]
    for result in results:
        parts += [f"### {heading(result)}", _pipes(COST_HEAD, cost_rows(result))]
    measured: dict[str, list[str]] = {}
    for result in results:
        measured.setdefault(versions_of(result), []).append(result["name"])
    parts += ["### Measured on", *(f"{', '.join(names)}: {versions}." for versions, names in measured.items())]
    return "\n\n".join(parts)


def write_into(readme: Path, results: Sequence[Result]) -> None:
    """Puts the tables between the two markers of a page."""
    text = readme.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    readme.write_text(f"{before}{BEGIN}\n\n{markdown(results)}\n\n{END}{after}", encoding="utf-8")


def _ratio_row(ratio: Ratio) -> tuple[str, ...]:
    units = (" s", " s", " MB") if ratio.unit else ("×", "×", "×")
    figures = (ratio.cpu, ratio.wall, ratio.memory)
    shown = [_figure(value) + (unit if value is not None else "") for value, unit in zip(figures, units, strict=True)]
    holds = {True: "yes", False: "**no**", None: ""}[ratio.holds]
    return (ratio.question, ratio.part, *shown, ratio.promise, holds, ratio.note)


def _cost_row(title: str, cost: dict[str, Any]) -> tuple[str, ...]:
    if "reason" in cost:
        return (title, "", "", "", "", f"not measured: {cost['reason']}")
    reading = cost["phases"].get("read")
    return (
        title,
        str(cost["runs"]),
        _figure(cost["cpu_s"]),
        _figure(cost["wall_s"]),
        _figure(reading["wall_s"]) if reading else "",
        f"{cost['memory_mb']:,.0f}",
    )


def _figure(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))


def _table(title: str, head: Sequence[str], rows: Rows) -> Table:
    table = Table(title=title, title_justify="left")
    for index, name in enumerate(head):
        table.add_column(name, justify="left" if index == 0 or name in ("Promised", "Holds", "") else "right")
    for row in rows:
        table.add_row(*(cell.replace("**", "") for cell in row))
    return table


def _pipes(head: Sequence[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
