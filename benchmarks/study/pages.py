"""`docs/simulation.md`: the words of `page.md`, the tables from the kept counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import binom

from benchmarks.study import bounds, columns, groups

WORDS = Path(__file__).parent / "page.md"
Record = dict[str, Any]
Rows = list[Sequence[str]]


def page(found: dict[str, Any]) -> str:
    """The words of `page.md` with the tables of the kept parts in their places."""
    text = WORDS.read_text(encoding="utf-8")
    for name, (part, made) in TABLES.items():
        shown = made(found[part]["records"]) if part in found else "Not run."
        text = text.replace(f"<!-- {name} -->", shown)
    text = text.replace("<!-- what holds -->", "\n".join(f"- {line}" for line in what_holds(found)))
    return text.replace("<!-- run with -->", "\n".join(_told(result) for result in found.values()))


def what_holds(found: dict[str, Any]) -> Iterator[str]:
    """One sentence a promise, whether it is kept or not."""
    cells_of = {
        "columns": ("False alarms of drift", columns.false_alarm_cells),
        "groups": ("False alarms of fairness", groups.false_alarm_cells),
        "bounds": ("Drawn bounds beyond the truth", bounds.sampled_cells),
    }
    for part, (what, cells) in cells_of.items():
        if part in found:
            all_of_it = list(cells(found[part]["records"]))
            against = [name for name, *_ in refuted_cells(all_of_it)]
            told = f"**{len(against)} refute it**: {'; '.join(against)}" if against else "none refutes what is promised"
            chance, (name, count, runs, _) = min((_chance(cell), cell) for cell in all_of_it)
            least = f"least likely is {name} ({count:,} of {runs:,}, chance {chance:.2g})"
            yield f"{what}: of {len(all_of_it)} cells {told}; {least}."
    if "bounds" in found:
        for metric in ("rate", "difference", "change", "ratio"):
            mine = [r for r in found["bounds"]["records"] if r["metric"] == metric]
            parts = [_part(record, side) for record in mine for side in ("low", "high")]
            above = sum(part > 1 + 1e-9 for part in parts)
            worst = f"; **in {above} more often**, up to {max(parts):.2f} × alpha" if above else ""
            held = f"in {len(parts) - above} of {len(parts)} cells at most alpha"
            yield f"Enumerated bounds of a {metric}: {held}{worst}."
    if "groups" in found:
        for kind, spread in (("several sizes", True), ("one size", False)):
            mine = [record for record in found["groups"]["records"] if record["spread"] is spread]
            behind = [groups.behind_the_oracle(record) for record in mine]
            near = sum(points <= 0.03 for points in behind)
            yield (
                f"Power with groups of {kind}: within 3 points of the oracle in {near} of {len(mine)} cells, "
                f"at worst {100 * max(behind):.1f} points behind."
            )


def unchanged_table(records: list[Record]) -> str:
    """False alarms by rows."""
    rows: Rows = []
    for record in records:
        if record["shift"] == 0:
            ours = [_family(count, record["runs"], int(k)) for k, count in record["breaches"].items()]
            others = [
                _family(record["cries"][peer], record["peer_runs"], k)
                for peer in ("evidently", "ks")
                for k in columns.FAMILIES
            ]
            runs = f"{record['runs']:,} / {record['peer_runs']:,}"
            rows.append([f"{record['rows']:,}", runs, *ours, *others])
    names = (f"{peer}, {k}" for peer in ("ours", "Evidently", "KS") for k in columns.FAMILIES)
    return table(("Rows", "Runs, ours / theirs", *names), rows)


def unchanged_words(records: list[Record]) -> str:
    """All sizes together: at one of 500 columns, each alone sees too few runs."""
    mine = [record for record in records if record["shift"] == 0]
    runs = sum(record["runs"] for record in mine)
    told = [
        f"{sum(record['breaches'][str(k)] for record in mine):,} at the part of {k} (promised at most "
        f"{runs * columns.ALPHA / k:.3g})"
        for k in columns.FAMILIES
    ]
    return f"All sizes together, of {runs:,} columns that had not changed were called a breach: {', '.join(told)}."


def limit_table(records: list[Record]) -> str:
    """False alarms of one column at the limit."""
    rows: Rows = []
    for record in records:
        if record["limit"] and columns.is_false(record):
            shares = [_of(count, record["runs"]) for count in record["breaches"].values()]
            rows.append([f"{record['rows']:,}", f"{record['runs']:,}", *shares])
    return table(("Rows", "Runs", *(f"among {k}" for k in columns.FAMILIES)), rows)


def power_table(records: list[Record]) -> str:
    """How often one moved column is found, by rows and shift."""
    rows: Rows = []
    for n in columns.SIZES:
        mine = [record for record in records if record["rows"] == n and not columns.is_false(record)]
        beyond = next(record for record in mine if record["limit"])
        for record in mine:
            if not record["limit"]:
                ours = [_percent(count / record["runs"]) for count in record["breaches"].values()]
                others = [_percent(record["cries"][peer] / record["peer_runs"]) for peer in ("evidently", "ks")]
                last = record["shift"] == beyond["shift"]
                proven = " / ".join(_percent(count / beyond["runs"]) for count in beyond["breaches"].values())
                rows.append([f"{n:,}", f"{record['shift']:g}", *ours, *others, proven if last else ""])
    names = (f"ours, {k}" for k in columns.FAMILIES)
    return table(("Rows", "Shift", *names, "Evidently", "KS", "beyond 0.1, among 5 / 50 / 500"), rows)


def group_table(records: list[Record]) -> str:
    """Worst over the rates, by groups and people."""
    rows: Rows = []
    for count in groups.GROUPS:
        for people in groups.PEOPLE:
            mine = [record for record in records if (record["groups"], record["people"]) == (count, people)]
            behind = max(mine, key=groups.behind_the_oracle)
            rows.append(
                [
                    str(count),
                    f"{people:,}",
                    *(_percent(max(r[key] / r["runs"] for r in mine)) for key in ("fair", "at_limit")),
                    _percent(min(r["power"] / r["runs"] for r in mine)),
                    f"{round(100 * groups.behind_the_oracle(behind), 1) + 0.0:.1f}",
                    _percent(max(r["fairlearn_fair"] / r["runs"] for r in mine)),
                    _percent(max(r["bootstrap_fair"] / r["bootstrap_runs"] for r in mine)),
                ]
            )
    head = ("Groups", "People", "Fair", "At the limit", "Found", "Points behind the oracle", "fairlearn", "Bootstrap")
    return table(head, rows)


def group_words(records: list[Record]) -> str:
    """The means over all cells, and how far the power stays behind."""
    fair, limit = (sum(r[key] / r["runs"] for r in records) / len(records) for key in ("fair", "at_limit"))
    worst = max(records, key=groups.behind_the_oracle)
    points, more = groups.behind_the_oracle(worst), sum(groups.behind_the_oracle(record) > 0.03 for record in records)
    return (
        f"Mean over {len(records)} cells of {records[0]['runs']:,} runs: {_percent(fair)} of fair systems, "
        f"{_percent(limit)} at the limit. Furthest behind the oracle: {100 * points:.1f} points "
        f"({worst['groups']} groups of {worst['people']:,}, rate {worst['rate']:g}, where the difference moves in "
        f"steps of {worst['step']:.2g}); more than 3 points in {more} of {len(records)} cells."
    )


def bound_table(records: list[Record]) -> str:
    """Mean and worst share of misses as parts of alpha, by metric, how it was found, and alpha."""
    rows: Rows = []
    refuted = {name for name, *_ in refuted_cells(bounds.sampled_cells(records))}
    for metric in dict.fromkeys(record["metric"] for record in records):
        row = [metric.replace("_", " ")]
        mine = [record for record in records if record["metric"] == metric]
        runs = mine[0]["runs"]
        row.append(f"{runs:,} runs" if runs else "enumerated")
        for alpha in bounds.ALPHAS:
            parts = [_part(r, side) for r in mine if r["alpha"] == alpha for side in ("low", "high")]
            row += [str(len(parts)), f"{sum(parts) / len(parts):.2f}", f"{max(parts):.2f}"]
        against = sum(name.startswith(f"{metric}, ") for name in refuted)
        above = sum(_part(r, side) > 1 + 1e-9 for r in mine for side in ("low", "high"))
        row.append((f"**{against} refuted**" if against else "none refuted") if runs else f"{above} above 1")
        rows.append(row)
    each = (f"{what}, {alpha:g}" for alpha in bounds.ALPHAS for what in ("cells", "mean", "worst"))
    return table(("Metric", "How", *each, "Cells that miss too often"), rows)


def worst_table(records: list[Record]) -> str:
    """The cell of each metric and alpha that misses most often."""
    rows: Rows = []
    for metric in dict.fromkeys(record["metric"] for record in records):
        for alpha in bounds.ALPHAS:
            mine = [r for r in records if r["metric"] == metric and r["alpha"] == alpha]
            worst, side = max(((r, side) for r in mine for side in ("low", "high")), key=lambda pair: _part(*pair))
            missed = f"{100 * bounds.share_missed(worst, side):.2f} %"
            rows.append([metric.replace("_", " "), f"{alpha:g}", worst["rows"], worst["case"], side, missed])
    return table(("Metric", "Alpha", "Rows", "Case", "Bound", "Beyond the truth"), rows)


def refuted_cells(cells: Iterable[tuple[str, int, int, float]]) -> list[tuple[str, int, int, float]]:
    """Cells whose count refutes that its rate is at most nominal: exact binomial test, Holm at 5 % over all."""
    tested = sorted((_chance(cell), cell) for cell in cells)
    found = []
    for place, (chance, cell) in enumerate(tested):
        if chance > 0.05 / (len(tested) - place):
            break
        found.append(cell)
    return found


def _chance(cell: tuple[str, int, int, float]) -> float:
    """Of so many or more, at the nominal rate."""
    _, count, runs, rate = cell
    return float(binom.sf(count - 1, runs, rate))


def table(head: Sequence[str], rows: Rows) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _part(record: Record, side: str) -> float:
    return bounds.share_missed(record, side) / float(record["alpha"])


def _family(count: int, runs: int, columns_of_batch: int) -> str:
    if count:
        return _percent(columns.any_of(count, runs, columns_of_batch))
    most = 1 - 0.05 ** (1 / runs)
    return f"0 (< {100 * (1 - (1 - most) ** columns_of_batch):.0f} %)"


def _of(count: int, runs: int) -> str:
    return f"{100 * count / runs:.2g} %" if count else "0"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _of_sizes(spread: bool, made: Callable[[list[Record]], str]) -> Callable[[list[Record]], str]:
    return lambda records: made([record for record in records if record["spread"] is spread])


def _told(result: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    seed, seconds = result["seed"], result["cpu_s"]
    return f"- {result['part']}: {result['date']}, seed {seed}, {seconds} s of CPU; {versions}."


# What stands in which place of the words, and from which part it is made.
TABLES: dict[str, tuple[str, Callable[[list[Record]], str]]] = {
    "unchanged": ("columns", unchanged_table),
    "unchanged, all sizes": ("columns", unchanged_words),
    "at the limit": ("columns", limit_table),
    "found": ("columns", power_table),
    "groups of several sizes": ("groups", _of_sizes(True, group_table)),
    "groups of several sizes, together": ("groups", _of_sizes(True, group_words)),
    "groups of one size": ("groups", _of_sizes(False, group_table)),
    "groups of one size, together": ("groups", _of_sizes(False, group_words)),
    "bounds": ("bounds", bound_table),
    "worst bounds": ("bounds", worst_table),
}
