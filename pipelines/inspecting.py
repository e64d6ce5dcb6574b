"""`aims inspect` as its user meets it: progress on stderr, the answer on stdout, a page where one was asked for."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from assets.on_demand.inspection import Request, inspect
from governance.faults import UsageFault
from monitors.first_look import Inspection

# What a pipe gets: lines that fit where such output is usually read.
PLAIN_WIDTH = 100


def inspect_files(html: Path | None, as_json: bool, **asked: Any) -> None:
    """Looks, shows, and writes the page if `html` is given."""
    if html is not None:
        _must_be_writable(html)
    _end_cleanly()
    with progress() as say:
        found = inspect(Request(**asked), say)
        if html is not None:
            say(f"writing {html.name}")
            _write(found, html)
    _show(found, as_json)
    if html is not None:
        click.echo(f"Page: {html}", err=as_json)


def _show(found: Inspection, as_json: bool) -> None:
    if as_json:
        from pipelines.listing import show
        from reports.inspection_rows import KEYS, rows_of

        show(rows_of(found), KEYS, as_json=True, empty="")
        return
    from rich.console import Console

    from reports import inspection_terminal

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PLAIN_WIDTH)
    inspection_terminal.show(found, console)


def _write(found: Inspection, html: Path) -> None:
    from reports.inspection_page import render

    try:
        html.write_text(render(found), encoding="utf-8")
    except OSError as error:
        raise UsageFault(f"--html {html}: {(error.strerror or 'cannot be written').lower()}.") from None


def _must_be_writable(html: Path) -> None:
    """Before anything is read: a long look whose page cannot be written is a long look for nothing."""
    if not html.absolute().parent.is_dir():
        raise UsageFault(f"--html {html}: there is no folder {str(html.parent)!r}. Make it first.")


def _end_cleanly() -> None:
    """Asked to end, the temporary copies of the files go too."""

    def leave(*_: object) -> None:
        sys.exit(143)

    signal.signal(signal.SIGTERM, leave)


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """On a terminal a spinner with the time spent; elsewhere a line for each step. Always on stderr."""
    if not sys.stderr.isatty():
        yield lambda step: click.echo(f"{step} …", err=True)
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting", total=None)
        yield lambda step: progress.update(task, description=step)
