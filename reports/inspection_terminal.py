"""A first look on a screen: compact, within the width there is, in colour only where a terminal shows it."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from governance.records import Measurement
from monitors.first_look import ColumnLook, Grouping, Inspection, State, is_apart
from monitors.grid import RARE
from reports import inspection_words as words

# Columns that did not move beyond this many are counted, not listed.
LISTED = 40
NARROW, WIDE = 96, 120
STYLES = {State.MOVED: "bold yellow", State.TOO_FEW: "magenta", State.WITHIN_NOISE: "green", State.NOT_COMPARED: "dim"}
GROUP_METRICS = (
    ("selection_rate", "predicted +"),
    ("true_positive_rate", "recall"),
    ("false_positive_rate", "false pos. rate"),
)


def show(inspection: Inspection, console: Console) -> None:
    """Prints everything that fits; what does not is in `--json` and on the page."""
    _head(inspection, console)
    _columns(inspection, console)
    _rates(inspection, console)
    for grouping in inspection.groupings:
        _groups(grouping, console)
    _quality(inspection, console)
    console.print(Text("Next", style="bold"))
    for step in words.next_steps(inspection):
        _line(console, step)


def _head(inspection: Inspection, console: Console) -> None:
    table = _table()
    for heading, right in (("", False), ("file", False), ("form", False), ("rows", True), ("columns", True)):
        table.add_column(heading, justify="right" if right else "left", overflow="fold", no_wrap=right)
    table.add_column("size", justify="right", no_wrap=True)
    for file in inspection.files:
        name, columns = words.shortened(file.name, 40), f"{file.columns:,}"
        table.add_row(file.side, Text(name), file.form, f"{file.rows:,}", columns, words.size(file))
    console.print(table)
    console.print(Text(words.OBSERVATIONS))
    console.print()
    console.print(Text(words.lead(inspection), style="bold"))
    console.print(Text(words.multiplicity(inspection), style="dim"))
    console.print()


def _columns(inspection: Inspection, console: Console) -> None:
    shown = [c for c in inspection.columns if c.state is not State.NOT_COMPARED]
    quiet = sum(c.state is State.WITHIN_NOISE for c in shown)
    listed = [c for c in shown if c.state is not State.WITHIN_NOISE][: 2 * LISTED]
    listed += [c for c in shown if c.state is State.WITHIN_NOISE][: max(LISTED - len(listed), 0)]
    narrow = console.width < NARROW
    table = _table()
    table.add_column("column", max_width=20 if narrow else 24, no_wrap=True, overflow="ellipsis")
    table.add_column("kind", no_wrap=True)
    table.add_column("seen", no_wrap=True)
    table.add_column("PSI", justify="right", no_wrap=True)
    if not narrow:
        table.add_column("bounds", no_wrap=True)
    table.add_column("noise", justify="right", no_wrap=True)
    if console.width >= WIDE:
        for heading in ("JS", "KS"):
            table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("what changed", overflow="fold", ratio=1)
    for column in listed:
        table.add_row(*_column_cells(column, console.width))
    if listed:
        console.print(table)
    left = len(shown) - len(listed)
    if left:
        what = "columns" if left != quiet else "columns within noise"
        _line(console, f"and {left:,} more {what}: --json lists all", style="dim")
    aside = list(words.not_compared(inspection))
    if aside:
        names = [f"{words.shortened(name, 30)} ({why})" for name, why in aside if not why.startswith("looks personal")]
        if names:
            _line(console, f"Not compared by value: {words.listed(names)}.", style="dim")
        if found := words.personal(inspection):
            _line(console, found, style="dim")
    console.print()


def _column_cells(column: ColumnLook, width: int) -> list[Text]:
    psi = column.distance("psi")
    seen = "too few rows" if column.state is State.TOO_FEW else str(column.state)
    name = words.shortened(column.name, 60) + (f" ({column.roles[0]})" if column.roles else "")
    cells = [
        Text(name),
        Text(words.kind(column), style="dim"),
        Text(seen, style=STYLES[column.state]),
        Text(words.short(psi.value if psi else None)),
    ]
    if width >= NARROW:
        cells.append(Text(words.bounds(psi), style="dim"))
    cells.append(Text(words.short(psi.noise_floor if psi else None), style="dim"))
    if width >= WIDE:
        others = (column.distance(metric) for metric in ("jensen_shannon", "ks"))
        cells += [Text(words.short(other.value if other else None)) for other in others]
    return [*cells, Text("; ".join(words.what_changed(column)))]


def _rates(inspection: Inspection, console: Console) -> None:
    if not inspection.rates:
        return
    table, gap = _table(), " " if console.width >= NARROW else "\n"
    for heading in ("performance", "reference", "batch", "change"):
        table.add_column(heading, overflow="fold")
    for rate in inspection.rates:
        change = rate.change
        table.add_row(
            words.METRICS[rate.metric].split(" (")[0],
            Text(_with_bounds(rate.reference, gap)),
            Text(_with_bounds(rate.batch, gap)),
            _difference(change, gap) if change is not None else Text("–"),
        )
    console.print(table)
    notes = (*inspection.outcome_notes, "bounds 95 % each", "* bounds of a change leave out zero")
    _line(console, " · ".join(notes), style="dim")
    console.print()


def _groups(grouping: Grouping, console: Console) -> None:
    against = f"difference from {grouping.baseline}" if grouping.baseline else ""
    console.print(Text(f"By {grouping.name}, in the batch ({against})" if against else f"By {grouping.name}", "bold"))
    table, gap = _table(apart=1), " " if console.width >= NARROW else "\n"
    table.add_column("group", max_width=20, overflow="fold")
    table.add_column("rows", justify="right", no_wrap=True)
    for _, heading in GROUP_METRICS:
        table.add_column(heading, overflow="fold")
    for group in grouping.groups[:LISTED]:
        cells = []
        for metric, _ in GROUP_METRICS:
            rate, difference = group.rates.get(("batch", metric)), group.differences.get(metric)
            cell = Text(words.valued(rate))
            if difference is not None and difference.value is not None:
                cell = Text.assemble(cell, "\n", _difference(difference, gap))
            cells.append(cell)
        rows = group.rows[1]
        name = Text(words.shortened(group.group, 40))
        table.add_row(name, f"<{RARE}" if rows is None else f"{rows:,}", *cells)
    console.print(table)
    more = [words.withheld(grouping.withheld)] if grouping.withheld else []
    more += [f"{len(grouping.groups) - LISTED} more groups: --json"] if len(grouping.groups) > LISTED else []
    more.append("bounds share 5 % over the differences · * they leave out zero")
    _line(console, " · ".join(more), style="dim")
    console.print()


def _quality(inspection: Inspection, console: Console) -> None:
    found = words.quality(inspection)
    if not found:
        return
    console.print(Text("Data", style="bold"))
    for loud, sentence in found[:LISTED]:
        _line(console, sentence, style="bold yellow" if loud else "")
    if len(found) > LISTED:
        _line(console, f"and {len(found) - LISTED} more: --html or --json", style="dim")
    console.print()


def _difference(difference: Measurement, gap: str) -> Text:
    if difference.value is None:
        return Text(words.valued(difference))
    mark = "*" if is_apart(difference) else ""
    return Text(f"{words.signed(difference)}{gap}{words.bounds(difference)}{mark}", style="bold yellow" if mark else "")


def _with_bounds(measurement: Measurement, gap: str) -> str:
    return f"{words.valued(measurement)}{gap}{words.bounds(measurement)}".removesuffix(f"{gap}–")


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Padding(Text(text, style=style), (0, 0, 0, 2), expand=False))


def _table(apart: int = 2) -> Table:
    return Table(box=None, pad_edge=False, header_style="bold", padding=(0, apart, 0, 0))
