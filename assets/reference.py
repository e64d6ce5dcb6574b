"""The frozen reference: its batches, the bins that every later profile counts into, and its own profile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assets.checking import land_and_check
from assets.code import code_digest
from assets.home import Site
from assets.landing import NotArrived, batch_part, landed_batches
from assets.profiles import keep_profile, read_profile
from governance import periods
from governance.declarations import Declaration
from governance.ledger import Event

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from monitors.profile import Profile
    from monitors.profiling import Shape


def freeze_reference(declaration: Declaration, site: Site) -> str:
    """Lands and checks the reference batches, freezes their bins, keeps their profile. Returns its digest.

    Raises
    ------
    Held, NotArrived
        A reference batch cannot be used: without all of them there is no reference.
    """
    system = declaration.system
    batches = periods.reference_batches(system)
    for batch in batches:
        land_and_check(declaration, batch, batch_part(declaration, batch), site)
    landings = dict(landed_batches(declaration, site, batches))
    inputs = {
        "batches": {batch: landing.digest for batch, landing in landings.items()},
        "outcomes": _outcome_digests(declaration, batches, site),
        "declaration": declaration.digests["system.yaml"],
        "code": code_digest(),
    }
    last = site.register.last("reference.frozen", declaration.id)
    if last and last.body["inputs"] == inputs and (site.home.profiles / f"{last.body['profile']}.parquet").exists():
        return str(last.body["profile"])
    profile = _profile_reference(declaration, [landing.path for landing in landings.values()])
    digest = keep_profile(site.home.profiles, profile)
    body = {
        "inputs": inputs,
        "profile": digest,
        "grid": profile.grid.digest,
        "rows": profile.rows,
        "run": site.run,
    }
    site.register.record("reference.frozen", declaration.id, body, at=site.at)
    return digest


def reference_profile(declaration: Declaration, site: Site) -> Profile:
    """The frozen reference.

    Raises
    ------
    NotArrived
        It was never frozen.
    """
    event = site.register.last("reference.frozen", declaration.id)
    if event is None:
        raise NotArrived(f"{declaration.id}: the reference has not been frozen; run its reference first.")
    return read_profile(site.home.profiles, event.body["profile"])


def shape_of(declaration: Declaration) -> Shape:
    """What of this system's data is counted."""
    from monitors.profiling import Shape

    system = declaration.system
    watched = [
        name
        for name, column in system.columns.items()
        if {"feature", "attribute", "score", "prediction"} & set(column.roles)
    ]
    attributes = set(system.having("attribute"))
    return Shape(
        numeric=tuple(n for n in watched if declaration.kind(n) == "numeric" and n not in attributes),
        categorical=tuple(n for n in watched if declaration.kind(n) != "numeric" or n in attributes),
        groupings=tuple(grouping.by for grouping in system.groupings),
        label=system.the("label"),
        prediction=system.the("prediction"),
        score=system.the("score"),
        threshold=system.threshold,
        score_is_probability=system.score_is_probability,
    )


def _profile_reference(declaration: Declaration, paths: Sequence[Path]) -> Profile:
    from monitors.profiling import freeze, profile

    table = table_of(paths)
    return profile(table, freeze(table, shape_of(declaration)))


def table_of(paths: Sequence[Path]) -> ir.Table:
    """Landed files as one table of the engine."""
    import ibis

    return ibis.duckdb.connect().read_parquet([str(path) for path in paths])


def _outcome_digests(declaration: Declaration, batches: Sequence[str], site: Site) -> dict[str, str]:
    if not declaration.system.sources.outcomes:
        return {}
    found: dict[str, Event | None] = {
        batch: site.register.last("batch.landed", f"{declaration.id}/{batch}/outcomes") for batch in batches
    }
    return {batch: event.body["digest"] for batch, event in found.items() if event}
