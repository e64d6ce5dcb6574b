"""`aims check`: whether declarations are sound, assessments approved, and promises measured; exit 1 where not."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args

import click

from assets.kept.home import home, site
from governance.approval.coverage import approval_gap, measuring_gaps, never_measured, notes, questions
from governance.declared.acquisition import refused, required_facts
from governance.declared.declarations import Declaration, Declarations
from governance.declared.sources import Part
from governance.faults import UsageFault
from pipelines.organisation_command import check_organisation

if TYPE_CHECKING:
    from assets.kept.home import Site


def check_all(found: Declarations, folder: object) -> None:
    """Says of every system and of the organisation what is missing and what one should know; exit 1 if anything is."""
    for fault in (fault for several in found.faults.values() for fault in several):
        click.echo(str(fault))
    now = site(run="aims") if home().exists else None
    gaps = sum(_check(declaration, now) for declaration in found.sound.values())
    faulty = {**found.faults, **check_organisation(found)}
    faults = sum(map(len, faulty.values()))
    if faults:
        click.echo(f"{faults} fault{'s' * (faults != 1)} in {', '.join(faulty)}.", err=True)
    if gaps:
        click.echo(f"{gaps} thing{'s' * (gaps != 1)} missing.", err=True)
    if faults or gaps:
        sys.exit(1)
    if not found.sound:
        raise UsageFault(f"No system is declared in {folder}. Name another folder with AIMS_SYSTEMS.")


def _check(declaration: Declaration, now: Site | None) -> int:
    """Tells about one system; returns how much is missing."""
    missing = [*_not_acquired(declaration), *_missing(declaration, now)]
    version = declaration.assessment.version
    if not missing:
        demonstration = " by a demonstration person" if _is_demonstration(declaration, now) else ""
        click.echo(f"{declaration.id}: sound; assessment version {version} approved{demonstration}")
    for gap in missing:
        click.echo(f"{declaration.id}: missing: {gap}")
    for note in (*notes(declaration), *_asked(declaration, now)):
        click.echo(f"{declaration.id}: note: {note}")
    return len(missing)


def _not_acquired(declaration: Declaration) -> Iterator[str]:
    """Sources of which nothing would be taken in, and why (A.7.3)."""
    required, today = required_facts(declaration.contract_text), dt.datetime.now(dt.UTC).date()
    for part in get_args(Part):
        source = declaration.system.source(part)
        why = refused(source.provenance, required, part, today) if source else None
        yield from [why] if why else []


def _missing(declaration: Declaration, now: Site | None) -> Iterator[str]:
    from assets.judged.agreed import agreed_in, record_now

    if now is None:
        gap = approval_gap(declaration, None, dt.datetime.now(dt.UTC).date())
        yield from [gap] if gap else []
        return
    with record_now(now) as before:
        gap = approval_gap(declaration, before, now.at.date())
        promised = agreed_in(before, declaration)
    yield from [gap] if gap else []
    rows = [row for row in _judged(declaration, promised.digest, now) if "/" not in row["batch"]]
    last = max((row["batch"] for row in rows), default=None)
    yield from measuring_gaps(promised.declaration, [row for row in rows if row["batch"] == last])


def _judged(declaration: Declaration, digest: str | None, now: Site) -> list[dict[str, Any]]:
    """Verdicts by the version in force."""
    return [row for row in now.register.verdicts(system=declaration.id) if row["assessment"] == digest]


def _asked(declaration: Declaration, now: Site | None) -> list[str]:
    from assets.judged.agreed import agreed_in, record_now

    if now is None:
        return []
    with record_now(now) as before:
        promised = agreed_in(before, declaration)
        asked = list(questions(before, declaration.id))
    return [*asked, *never_measured(promised.declaration, _judged(declaration, promised.digest, now))]


def _is_demonstration(declaration: Declaration, now: Site | None) -> bool:
    from assets.judged.agreed import record_now
    from governance.approval.approvals import in_force, versions

    if now is None:
        return declaration.is_demonstrated
    with record_now(now) as before:
        version = in_force(versions(before, declaration.id))
    return version.demonstration if version else declaration.is_demonstrated
