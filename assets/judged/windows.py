"""Several batches as a whole: their profiles are added, and what is asked of the sum reads no row again.

Declared windows are held against the criteria that name them, once all of their batches have been judged; a batch
that is restated restates its windows. The window over everything is measured and not judged.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from assets.code import code_digest
from assets.judged.agreed import Agreed, agreed
from assets.judged.judging import criteria_of, is_mature, judgement_of, look_back_days
from assets.judged.profiles import has_profile, keep_profile, read_profile
from assets.judged.reference import reference_profile
from assets.judged.relying import reliance_inputs
from assets.kept.home import Site
from assets.kept.lake import Altered
from assets.kept.stored import note
from assets.landed.landing import judged_and_in_use
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.declared.periods import BatchWindow
from governance.record.ledger import Event

if TYPE_CHECKING:
    from monitors.profile import Profile


def judge_windows(declaration: Declaration, batch: str, site: Site) -> tuple[str, ...]:
    """Judges every declared window that holds the batch and is complete. Returns the names of those judged anew."""
    windows = periods.windows_holding(declaration.system, batch)
    if not windows:
        return ()
    promised = agreed(declaration, site)
    judged = judged_and_in_use(declaration, site)
    reference = reference_profile(declaration, site)
    # Windows overlap: each profile is read once.
    read = functools.cache(functools.partial(read_profile, site))
    return tuple(w.name for w in windows if _judge_window(promised, w, judged, reference, read, site))


def _judge_window(
    promised: Agreed,
    window: BatchWindow,
    judged: dict[str, Event],
    reference: Profile,
    read: Callable[[str], Profile],
    site: Site,
) -> bool:
    declaration = promised.declaration
    profiles = _profiles(window.batches, judged)
    if profiles is None:
        return False
    inputs = {
        **profiles,
        "reference": reference.digest,
        "system": declaration.digests["system.yaml"],
        "assessment": promised.digest,
        "labels": "mature" if is_mature(declaration, window.batches[-1], site) else "immature",
        "code": code_digest(),
        "profile": None,
        **reliance_inputs(declaration, site),
    }
    last = judged.get(window.name)
    if last and {**last.body["inputs"], "profile": None} == inputs and has_profile(site, last.body):
        return False
    try:
        parts = [read(digest) for digest in profiles.values() if digest]
    except Altered as altered:
        # Counted again when its own batch is run, and then this is judged.
        note(site, altered, window=window.name)
        return False
    if any(part.grid.digest != reference.grid.digest for part in parts):
        # Counted before the reference was frozen anew; the batches will be counted again, and then this.
        return False
    whole = _sum(parts)
    inputs["profile"] = keep_profile(site, whole)
    criteria = criteria_of(promised, *window.kinds)
    judgement = judgement_of(promised, window.name, whole, reference, criteria, inputs, site)
    return site.register.keep(judgement, at=site.at, look_back_days=look_back_days())


def window_ending_with(declaration: Declaration, batch: str, kind: object) -> str | None:
    """The name of the window of this kind whose last batch this is."""
    windows = periods.windows_holding(declaration.system, batch)
    return next((w.name for w in windows if kind in w.kinds and w.batches[-1] == batch), None)


def review_window(declaration: Declaration, site: Site) -> str | None:
    """Measures everything judged so far, reference included, as one window. Returns the window's name."""
    judged = judged_and_in_use(declaration, site)
    batches = [batch for batch in periods.all_batches(declaration.system) if batch in judged]
    profiles = _profiles(batches, judged)
    if not batches or profiles is None:
        return None
    parts = [read_profile(site, digest) for digest in profiles.values() if digest]
    current = reference_profile(declaration, site).grid.digest
    if {part.grid.digest for part in parts} != {current}:
        return None
    whole = _sum(parts)
    window = f"{batches[0]}/{periods.end_of(declaration.system, batches[-1])}"
    inputs = profiles | {"code": code_digest(), "profile": keep_profile(site, whole)}
    site.register.keep(judgement_of(agreed(declaration, site), window, whole, None, (), inputs, site), at=site.at)
    return window


def _profiles(batches: Iterable[str], judged: dict[str, Event]) -> dict[str, str | None] | None:
    """`profile BATCH` → digest, as the inputs name them; None where one of the batches has not been judged."""
    found: dict[str, str | None] = {}
    for batch in batches:
        if batch not in judged:
            return None
        found[f"profile {batch}"] = judged[batch].body["inputs"]["profile"]
    return found


def _sum(parts: list[Profile]) -> Profile:
    return functools.reduce(operator.add, parts)
