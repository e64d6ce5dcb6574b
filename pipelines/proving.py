"""The words of `aims prove`."""

from __future__ import annotations

import sys

import click

from assets.kept.home import home, site
from assets.landed.landing import NotArrived
from assets.on_demand.proving import Proven, proof_sizes, prove
from governance.declared.declarations import Declaration
from governance.faults import UsageFault
from pipelines.listing import show

COLUMNS = ("criterion", "questions", "alpha", "looks", "unchanged", "at_limit")


def prove_system(declaration: Declaration, runs: int, as_json: bool) -> None:
    """Proves, prints, and ends with 1 when the budget is exceeded."""
    if not home().exists:
        raise UsageFault(f"Nothing has run yet in {home().root}. Start with `aims run {declaration.id}`.")
    try:
        found = _proved(declaration, runs)
    except NotArrived as reason:
        raise UsageFault(str(reason)) from None
    power = tuple(f"power_{size:g}_sd" for size in proof_sizes())
    show(found.rows(), (*COLUMNS, *power, "note"), as_json=as_json, empty="No criterion is declared.")
    if not as_json:
        for line in _summary(found, runs):
            click.echo(line)
    if found.exceeded:
        click.echo(
            f"The budget is exceeded: {', '.join(found.exceeded)} breach more often than alpha allows.", err=True
        )
        sys.exit(1)


def _proved(declaration: Declaration, runs: int) -> Proven:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=len(declaration.criteria))
        return prove(
            declaration,
            site(run="aims"),
            runs=runs,
            say=lambda name: progress.update(task, advance=1, description=name),
        )


def _summary(found: Proven, runs: int) -> tuple[str, ...]:
    return (
        "",
        f"False alarms expected in a {found.per}, over {runs} made batches in each state:",
        f"  when nothing changed                     {found.unchanged:.3g}",
        f"  when everything stands at its limit      {found.at_limit:.3g}",
        f"  budget                                   {found.at_most:g}",
    )
