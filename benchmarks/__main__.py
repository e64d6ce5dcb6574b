"""`python -m benchmarks`: makes the data, times ours and the peers, keeps the figures, shows them."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import files, ledger, nannyml_environment, pages, plan, running
from benchmarks.study import keeping
from benchmarks.study import pages as study_pages

HERE = Path(__file__).parent
DATA = click.option("--data", help="Folder of the made data (else AIMS_BENCH_DATA, else the user's cache).")
RESULTS = click.option(
    "--results", type=click.Path(path_type=Path), default=HERE / "results", help="Folder of the JSON."
)


class Command(click.Group):
    """Turns what cannot be met into one line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except files.Fault as fault:
            click.echo(f"benchmarks: {fault}", err=True)
            ctx.exit(2)


@click.group(cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """What a batch costs, beside the peers' own calls on the same files; and what was simulated."""


@main.command()
@click.argument("names", nargs=-1, metavar="[PART]...")
@click.option("--full", is_flag=True, help="Also 1e7 and 1e8 rows.")
@click.option("--peers/--without-peers", default=True, help="Time the peers, too.")
@DATA
@RESULTS
def run(names: tuple[str, ...], full: bool, peers: bool, data: str | None, results: Path) -> None:
    """Times all parts, or those named: small, rows like 1e6, rows and columns like 1e5x500."""
    folder = files.data_folder(data)
    parts = [plan.part_of(name, peers=peers) for name in names or (plan.FULL if full else plan.QUICK)]
    console, begun = _console(), time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - begun:6.0f} s  {line}", highlight=False, markup=False, soft_wrap=True)

    _make(folder, parts, say)
    if any(entry.own_environment for part in parts for entry in part.entries):
        _environment(folder, say)
    session, found = running.Session(folder, say), []
    for part in parts:
        found.append(session.run(part))
        running.keep(found[-1], results)
    pages.show(found, console)
    if results == HERE / "results":
        pages.write_into(HERE / "README.md", running.kept(results))
    own = [cost for result in found for key, cost in result["costs"].items() if not _is_peer(key)]
    sys.exit(1 if any("reason" in cost for cost in own) else 0)


@main.command()
@click.argument("names", nargs=-1, metavar="[PART]...")
@click.option("--full", is_flag=True, help="Also 1e7 and 1e8 rows.")
@DATA
def data(names: tuple[str, ...], full: bool, data: str | None) -> None:
    """Makes the data and times nothing."""
    parts = [plan.part_of(name) for name in names or (plan.FULL if full else plan.QUICK)]
    _make(files.data_folder(data), parts, click.echo)


@main.command()
@RESULTS
def table(results: Path) -> None:
    """Makes the tables anew from the kept figures, here and in README.md."""
    found = running.kept(results)
    pages.show(found, _console())
    if results == HERE / "results":
        pages.write_into(HERE / "README.md", found)


@main.command()
@DATA
def nannyml(data: str | None) -> None:
    """Makes NannyML's environment beforehand: the only step here that needs the package index."""
    _environment(files.data_folder(data), click.echo)


@main.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(keeping.PARTS)))
@click.option(
    "--runs-factor", "factor", type=click.FloatRange(min=0, min_open=True), default=1.0, help="Multiplies all runs."
)
def study(parts: tuple[str, ...], factor: float) -> None:
    """Simulates with known answers: false alarms, power, coverage. Other than all runs are shown and not kept."""
    begun = time.monotonic()

    def say(line: str) -> None:
        click.echo(f"{time.monotonic() - begun:6.0f} s  {line}")

    found = {name: keeping.run(name, factor, say) for name in parts or keeping.PARTS}
    if factor != 1:
        click.echo(study_pages.page(found))
        return
    for result in found.values():
        keeping.keep(result, keeping.FOLDER)
    keeping.PAGE.write_text(study_pages.page(keeping.kept(keeping.FOLDER)), encoding="utf-8")


@main.command("study-page")
def study_page() -> None:
    """Makes docs/simulation.md anew from the kept counts."""
    keeping.PAGE.write_text(study_pages.page(keeping.kept(keeping.FOLDER)), encoding="utf-8")


@main.command("ledger")
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(min=1))
def verify_ledger(events: int) -> None:
    """Times the verifier of exported ledgers; the export is made for it and taken away again."""
    with tempfile.TemporaryDirectory() as folder:
        ledger.make(Path(folder), events)
        size = (Path(folder) / "events.jsonl").stat().st_size
        cost = ledger.verified(Path(folder))
    click.echo(f"{events:,} events, {size / 1e6:,.0f} MB: {cost.seconds:.1f} s, {cost.peak_kib / 1024:.0f} MiB at most")
    sys.exit(cost.code)


@main.command("contract")
@click.argument("rows", default="1e6")
@DATA
def contract_alone(rows: str, data: str | None) -> None:
    """Times a contract of 60 expectations on ROWS rows, which are put into one file, and nothing else."""
    part = plan.part_of(rows)
    folder = files.data_folder(data)
    _make(folder, [part], click.echo)
    cost = running.contract_alone(folder, part, click.echo)
    facts = ", ".join(f"{n} {name}" for name, n in cost["facts"]["by_outcome"].items())
    click.echo(
        f"{part.rows:,} rows: {cost['cpu_s']:.2f} s of CPU, {cost['wall_s']:.2f} s, "
        f"{cost['memory_mb']:,.0f} MB; {facts}"
    )


def _console() -> Console:
    """As wide as the terminal; where there is none, wide enough for the tables."""
    return Console() if sys.stdout.isatty() else Console(width=150)


def _make(folder: Path, parts: list[plan.Part], say: running.Say) -> None:
    wanted = files.missing(running.sizes_of(folder, parts))
    if not wanted:
        return
    say(f"making {len(wanted)} files in {folder}: {sum(file.bytes_needed for file in wanted) / 1e9:.1f} GB at most")
    for number, file in enumerate(files.make(folder, wanted), 1):
        say(f"made {number} of {len(wanted)}: {file.rows:,} rows × {file.width:,} columns")


def _environment(folder: Path, say: running.Say) -> None:
    if nannyml_environment.python_of(folder):
        return
    say("making NannyML's own environment (once, a minute or two)")
    try:
        nannyml_environment.build(folder)
    except nannyml_environment.Unavailable as fault:
        say(f"NannyML will not be timed: {fault}")


def _is_peer(key: str) -> bool:
    return any(entry.key == key for entry in plan.PEERS)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
