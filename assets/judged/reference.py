"""The frozen reference: its batches, the bins that every later profile counts into, and its own profile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assets.code import code_digest
from assets.judged.profiles import is_kept, keep_profile, read_profile
from assets.kept.home import Site
from assets.kept.kept_keys import kept_key
from assets.landed.checking import land_and_check
from assets.landed.landing import NotArrived, batch_part, landed_batches
from assets.source.engines import table_of
from governance.declared import periods
from governance.declared.columns import VIEWS
from governance.declared.declarations import Declaration
from governance.record.canonical import digest_of_bytes
from governance.record.ledger import Event

if TYPE_CHECKING:
    from monitors.freezing import Shape
    from monitors.profile import Profile


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
        **_key_beside(declaration, site),
    }
    last = site.register.last("reference.frozen", declaration.id)
    if last and last.body["inputs"] == inputs and is_kept(site, last.body["profile"]):
        return str(last.body["profile"])
    profile = _profile_reference(declaration, [landing.path for landing in landings.values()], site)
    digest = keep_profile(site, profile)
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
    return read_profile(site, event.body["profile"])


def shape_of(declaration: Declaration) -> Shape:
    """What of this system's data is counted."""
    from monitors.freezing import Shape

    system = declaration.system
    watched = [
        name
        for name, column in system.columns.items()
        if {"feature", "attribute", "score", "prediction"} & set(column.roles)
        # A class is told by its rate; the label of a regression is a number that can drift.
        or (system.task == "regression" and "label" in column.roles)
    ]
    kinds = {kind: tuple(name for name in watched if declaration.kind(name) == kind) for kind in VIEWS}
    return Shape(
        numeric=kinds["numeric"],
        categorical=kinds["categorical"],
        timestamps=kinds["timestamp"],
        texts=kinds["text"],
        entity=system.the("entity"),
        groupings=tuple(grouping.by for grouping in system.groupings),
        label=system.the("label"),
        prediction=system.the("prediction"),
        score=system.the("score"),
        threshold=system.threshold,
        score_is_probability=system.score_is_probability,
        task=system.task,
        error=system.error,
    )


def _profile_reference(declaration: Declaration, paths: Sequence[Path], site: Site) -> Profile:
    from monitors.freezing import freeze
    from monitors.profiling import profile

    table, key = table_of(declaration.system.engine, paths, site.home.spill), entity_key(declaration, site)
    return profile(table, freeze(table, shape_of(declaration), entity_key=key), entity_key=key)


def entity_key(declaration: Declaration, site: Site) -> str:
    """The secret under which this installation hashes entities; made when a system first needs it."""
    if not declaration.system.the("entity"):
        return ""
    harm, instead = "entities would be hashed into other buckets", "remove the file and run the reference"
    return kept_key(site, "entities", harm=harm, instead=instead)


def _key_beside(declaration: Declaration, site: Site) -> dict[str, str]:
    """By which key entities are hashed, as a digest: under another one the reference is counted anew."""
    key = entity_key(declaration, site)
    return {"entity_key": digest_of_bytes(key.encode())} if key else {}


def _outcome_digests(declaration: Declaration, batches: Sequence[str], site: Site) -> dict[str, str]:
    if not declaration.system.sources.outcomes:
        return {}
    found: dict[str, Event | None] = {
        batch: site.register.last("batch.landed", f"{declaration.id}/{batch}/outcomes") for batch in batches
    }
    return {batch: event.body["digest"] for batch, event in found.items() if event}
