"""Rows for a person (a table) or for a program (`--json`: one object a line, keys that do not change)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

WHOLE_LINES = 10_000
# On a screen: left out for its length, and folded into several lines where there is no room.
LONG = frozenset({"reason"})
FOLDED = frozenset({"name", "metric", "column", "criterion", "segment", "batches", "owner", "opened_at"})


def show(rows: Iterable[dict[str, Any]], columns: Sequence[str], *, as_json: bool, empty: str) -> None:
    """Prints the rows; `columns` are those of the table, JSON has them all."""
    found = list(rows)
    if as_json:
        for row in found:
            click.echo(json.dumps(row, ensure_ascii=False, allow_nan=False))
        return
    if not found:
        click.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table

    console = Console()
    # A pipe gets whole lines with everything; a screen gets what fits, its numbers and verdicts never cut.
    wide = not console.is_terminal
    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = [name for name in columns if wide or name not in LONG]
    cells = [[_cell(row[name]) for name in shown] for row in found]
    for place, name in enumerate(shown):
        width = max(len(name), *(len(line[place]) for line in cells))
        table.add_column(name, overflow="fold", min_width=width if wide or name not in FOLDED else 12)
    for line in cells:
        table.add_row(*line)
    (Console(width=WHOLE_LINES) if wide else console).print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e6 and value != int(value) else f"{value:.0f}"
    if isinstance(value, (list, tuple)):
        return escape(", ".join(map(str, value)))
    return escape(str(value))
