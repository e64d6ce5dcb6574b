"""Rows for a person (a table) or for a program (`--json`: one object a line, keys that do not change)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

WHOLE_LINES = 10_000


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

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold" if name == columns[-1] else "ellipsis", no_wrap=name != columns[-1])
    for row in found:
        table.add_row(*(_cell(row[name]) for name in columns))
    console = Console()
    # A pipe gets whole lines: what is wrapped or cut cannot be searched.
    (console if console.is_terminal else Console(width=WHOLE_LINES)).print(table)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e6 and value != int(value) else f"{value:,.0f}"
    if isinstance(value, (list, tuple)):
        return escape(", ".join(map(str, value)))
    return escape(str(value))
