"""`aims import` and `aims init`: drafts of declarations, out of other tools' documents or out of a file of data."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from governance.faults import UsageFault

if TYPE_CHECKING:
    from checks.imports.carried import Imported

KINDS = ("great-expectations", "evidently", "sagemaker")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")


@click.command(name="import")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--into", type=click.Path(path_type=Path), metavar="FOLDER", required=True, help="A new folder for the draft."
)
@JSON
def import_(kind: str, files: tuple[Path, ...], into: Path, as_json: bool) -> None:
    """Drafts a contract out of what another tool was told to check, and tells of each part what became of it.

    FILES: a Great Expectations suite (or the checkpoint that names it), an Evidently definition (JSON, YAML, or the
    Python call), or SageMaker's constraints.json and statistics.json.
    """
    from checks.imports.carried import Became, identifier
    from pipelines.listing import show
    from pipelines.writing import write_new

    name = identifier(into.resolve().name)
    found = _imported(kind, files, name)
    written = write_new(into, _files(found, name))
    rows = [item.as_row() for item in found.told]
    show(rows, ("became", "what", "how"), as_json=as_json, empty="It asks for nothing.")
    counts = {became: len(found.having(became)) for became in Became}
    click.echo(
        f"{counts[Became.CARRIED]} carried, {counts[Became.PARTLY]} in part, {counts[Became.NOT_CARRIED]} not carried.",
        err=as_json,
    )
    _next(into, written, as_json)


def _imported(kind: str, files: tuple[Path, ...], name: str) -> Imported:
    from checks.imports.carried import NotKnown

    if len(files) > (2 if kind == "sagemaker" else 1):
        raise UsageFault(
            f"{kind} takes {'two files at most' if kind == 'sagemaker' else 'one file'}, got {len(files)}."
        )
    found = []
    for path in files:
        try:
            found.append(_READERS[kind](path, name))
        except NotKnown as why:
            raise UsageFault(f"{path} is no {_NOUNS[kind]}: {why}.") from None
    return found[0] if len(found) == 1 else _together(found[0], found[1])


def _suite(path: Path, _: str) -> Imported:
    from checks.imports.great_expectations import import_suite, suite_named_by

    text = _text(path)
    for _step in range(2):  # a checkpoint names a validation definition, which names a suite
        named = suite_named_by(text)
        if named is None:
            break
        folder, file = named
        path = path.resolve().parent.parent / folder / f"{file}.json"
        if not path.is_file():
            raise UsageFault(f"It names {file!r}, and {path} is not there. Import the suite's own file.")
        text = _text(path)
    return import_suite(text)


def _definition(path: Path, name: str) -> Imported:
    from checks.imports.evidently import import_definition

    return import_definition(_text(path), name)


def _of_sagemaker(path: Path, name: str) -> Imported:
    from checks.imports.sagemaker import import_constraints, import_statistics, is_statistics

    text = _text(path)
    return import_statistics(text, name) if is_statistics(text) else import_constraints(text, name)


_READERS: Mapping[str, Callable[[Path, str], Imported]] = {
    "great-expectations": _suite,
    "evidently": _definition,
    "sagemaker": _of_sagemaker,
}
_NOUNS = {
    "great-expectations": "Great Expectations suite",
    "evidently": "Evidently definition",
    "sagemaker": "constraints.json or statistics.json of SageMaker",
}


def _together(one: Imported, two: Imported) -> Imported:
    """Constraints and statistics of the same data: rules from the one, the summary from the other."""
    rules, numbers = (two, one) if one.summary else (one, two)
    if rules.summary or not numbers.summary:
        raise UsageFault("Two files must be constraints.json and statistics.json, got the same kind twice.")
    return replace(rules, summary=numbers.summary, told=(*rules.told, *numbers.told))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageFault(f"{path}: {(error.strerror or 'cannot be read').lower()}.") from None
    except UnicodeDecodeError:
        raise UsageFault(f"{path} is no UTF-8 text.") from None


def _files(found: Imported, name: str) -> dict[str, str]:
    from checks.skeleton import SystemDraft, assessment_text, contract_text, summary_text, system_text, todo

    contract = {**found.contract, "id": name}
    columns = {
        prop["name"]: {"roles": [todo("time, key, entity, feature, attribute, score, prediction or label")]}
        for prop in contract["schema"][0]["properties"]
    }
    draft = SystemDraft(
        id=name,
        columns={**columns, **found.system.get("columns", {})},
        task=found.system.get("task"),
        score_is_probability=found.system.get("score_is_probability", False),
        guesses=[f"columns: the roles come from elsewhere ({found.source})"] if found.system else (),
    )
    files = {
        "system.yaml": system_text(draft),
        "contract.yaml": contract_text(
            contract, [f"the rules come from elsewhere ({found.source}); set status to active"]
        ),
        "impact_assessment.yaml": assessment_text(draft, found.criteria),
    }
    return files | ({"reference_summary.yaml": summary_text(found.summary)} if found.summary else {})


def _next(into: Path, written: list[Path], as_json: bool) -> None:
    click.echo(f"Written: {', '.join(path.name for path in written)} in {into}", err=as_json)
    click.echo(f"Next: AIMS_SYSTEMS={into.resolve().parent} aims check", err=as_json)


@click.command()
@click.argument("name")
@click.option(
    "--from", "source", type=click.Path(path_type=Path), metavar="FILE", required=True, help="CSV, Parquet or Arrow."
)
@click.option("--into", type=click.Path(path_type=Path), metavar="FOLDER", help="Where the folder NAME is made.")
@JSON
def init(name: str, source: Path, into: Path | None, as_json: bool) -> None:
    """Drafts the declaration of a system from a file of its data: columns, contract, and an assessment to be written.

    Without --into the folder is made in AIMS_SYSTEMS, or here. Nothing runs until somebody has decided every guess
    and written what no file can know: `aims check` lists what is left.
    """
    from assets.on_demand.drafting import draft
    from pipelines.inspecting import progress
    from pipelines.listing import show
    from pipelines.writing import write_new

    folder = (into or Path(os.environ.get("AIMS_SYSTEMS") or ".")) / name
    if folder.exists():
        raise UsageFault(f"{folder} is there already, and nothing is overwritten. Give another NAME, or --into.")
    with progress() as say:
        made = draft(source, name, folder, say)
    written = write_new(folder, made.files)
    row = {"system": name, "rows": made.rows, "columns": made.columns, "personal": sorted(made.personal)}
    row |= {"left_out": made.left, "folder": str(folder)}
    show([row], ("system", "rows", "columns", "personal", "left_out"), as_json=as_json, empty="")
    _next(folder, written, as_json)


COMMANDS = (import_, init)
