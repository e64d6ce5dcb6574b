"""`aims quality`: the measures of data quality of a batch, by family, and which are not measured and why."""

from __future__ import annotations

import click

from assets.kept.home import home, site
from governance.declared import periods
from governance.declared.declarations import load_all, systems_folder
from governance.faults import UsageFault
from pipelines.declared import the_system

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")


@click.command()
@click.argument("system")
@click.option("--batch", help="Start date or label of a batch; `training` for the training snapshot; else the newest.")
@JSON
def quality(system: str, batch: str | None, as_json: bool) -> None:
    """Measures of data quality by the families of ISO/IEC 5259-2: value, bounds, rows, and what it is counted from.

    Taken on demand from the landed file, which is verified first. Codes are read from lists that disagree; measures
    that are not taken say why.
    """
    from assets.kept.lake import Altered
    from assets.on_demand.quality import families_without, quality_of
    from governance.standard.data_quality import data_quality
    from pipelines.listing import show

    declaration = the_system(load_all(systems_folder()), system)
    if not home().exists:
        raise UsageFault(f"Nothing has run yet in {home().root}. Start with `aims run {system}`.")
    here = site(run="aims")
    wanted = batch if batch == "training" else periods.find_batch(declaration.system, batch) if batch else None
    if wanted is None:
        subjects = [event.subject.split("/") for event in here.register.events("batch.landed", f"{system}/")]
        known = [parts[1] for parts in subjects if parts[0] == system and parts[1] != "training"]
        if not known:
            raise UsageFault(f"{system} has nothing landed. Run `aims run {system}` first.")
        wanted = max(known)
    try:
        told = quality_of(declaration, wanted, here)
    except Altered as reason:
        raise UsageFault(str(reason)) from None
    columns = ("family", "measure", "code", "about", "state", "value", "low", "high", "noise_floor", "n", "reason")
    show([{"batch": wanted, **item.as_row()} for item in told], columns, as_json=as_json, empty="")
    if not as_json:
        without = ", ".join(families_without(told)) or "none"
        click.echo(f"Batch {wanted}. Families of which nothing is measured: {without}.")
        click.echo(f"Codes as of {data_quality().as_of}, from lists that disagree, and not from the standard itself.")


COMMANDS = (quality,)
