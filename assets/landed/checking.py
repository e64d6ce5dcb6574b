"""Takes a part of a batch in and checks it: provenance, contract, rows of its own (A.7.4, A.7.5).

What fails is held back. May be repeated: the same data under the same contract and beside the same reference is
checked once, and a check whose tool broke is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from assets.code import code_digest
from assets.kept.home import Site
from assets.kept.stored import found_whole
from assets.landed import lineage_events
from assets.landed.contract_check import contract_outcome
from assets.landed.landing import Held, Landing, NotArrived, batch_part, land, landed
from assets.landed.lookups import land_lookups, lookup_digests
from assets.landed.preceding import PARTS, asks_about_it, next_in_use, rests_on
from assets.landed.sharing import settle_sharing
from assets.persons.erased import lake_file
from assets.persons.treating import key_id
from assets.source.landing_sql import engine
from assets.source.sources import scratch
from checks.overlap import Overlap, overlap
from checks.provenance import missing_facts
from governance.batches import RELEASED, SHARED, Standing, accepted_rules, kinds_of, standing
from governance.declared import periods
from governance.declared.acquisition import required_facts
from governance.declared.declarations import Declaration
from governance.recognised.reading import redacted


@dataclass(frozen=True)
class Checked:
    """What the data checks of one landed part said."""

    landing: Landing
    missing_facts: tuple[str, ...]
    unmet: tuple[dict[str, Any], ...]
    blocking: bool
    not_evaluated: tuple[dict[str, Any], ...]
    met: int
    tool_failed: bool
    overlap: Overlap | None
    not_declared: tuple[str, ...] = ()


@lineage_events.tells("land", lineage_events.landed)
def land_and_check(declaration: Declaration, batch: str, part: Any, site: Site) -> Checked:
    """Lands one part of a batch and checks it.

    Raises
    ------
    Held
        It cannot be used: unreadable, not as declared, a blocking rule of the contract is not met, or rows of the
        reference come again.
    NotArrived
        There is nothing yet.
    """
    landing = land(declaration, batch, part, site)
    land_lookups(declaration, site)
    checked = check(declaration, landing, site)
    subject = f"{declaration.id}/{batch}/{part}"
    released = site.register.history(subject, (RELEASED,))
    accepted = accepted_rules(released, landing.digest, declaration.digests["contract.yaml"])
    reasons = {} if _broken_rules(checked) <= accepted else _why_held(checked, accepted)
    if reasons:
        body = {**reasons, "digest": landing.digest, "declaration": declaration.digest, "run": site.run}
        body |= {"contract": declaration.digests["contract.yaml"], "rows": landing.rows}
        site.register.turn("batch.held", "batch.landed", subject, body, keys=("reason", "digest"), at=site.at)
    else:
        _let_go(landing, site)
    shared = settle_sharing(declaration, batch, part, site)
    _ask_the_next(declaration, batch, part, site)
    if reasons:
        raise Held(reasons["reason"], kind=reasons["kinds"][0])
    if shared:
        raise Held(shared.body["reason"], kind=SHARED)
    _must_be_in_use(landing, standing(site.register, subject))
    return checked


def _broken_rules(checked: Checked) -> set[str]:
    """Everything for which the batch is held, as a person names it who lets it through."""
    rules = {item["rule"] for item in checked.unmet if item["blocking"]}
    rules |= {f"provenance {name}" for name in checked.missing_facts}
    return rules | ({"rows of the reference"} if checked.overlap and checked.overlap.rows else set())


def _must_be_in_use(landing: Landing, stands: Standing) -> None:
    if stands.usable is None and stands.discarded:
        why = stands.discarded.body["reason"]
        raise NotArrived(f"{landing.system}: the batch {landing.batch} was discarded after review ({why}).")


def _why_held(checked: Checked, accepted: frozenset[str]) -> dict[str, Any]:
    """The reason in words, and of which kinds and for which rules it is: what a person let through is none."""
    unmet = [item for item in checked.unmet if item["blocking"] and item["rule"] not in accepted]
    lacking = [name for name in checked.missing_facts if f"provenance {name}" not in accepted]
    again = checked.overlap.rows if checked.overlap and "rows of the reference" not in accepted else None
    reasons = [*(item["reason"] for item in unmet), *(f"provenance lacks {name}" for name in lacking)]
    more = f" (and {len(reasons) - 5} more)" if len(reasons) > 5 else ""
    said = [f"The contract is not met: {'; '.join(reasons[:5])}{more}."] if reasons else []
    if again and checked.overlap:
        said.append(f"Rows of the reference come again: {checked.overlap.reason}. Send each batch its own rows.")
    found = {"contract": unmet, "provenance": lacking, "reference_overlap": again}
    counted = [int(item["unexpected"]) for item in unmet if item.get("unexpected") is not None]
    return {
        "reason": redacted(" ".join(said)),
        "kinds": [kind for kind, what in found.items() if what],
        "rules": sorted(_broken_rules(checked) - accepted),
        "offending": max([*counted, *([again] if again else [])], default=None),
    }


def _let_go(landing: Landing, site: Site) -> None:
    """What was held for its contract and now meets it (the contract changed) is landed again, in so many words."""
    subject = f"{landing.system}/{landing.batch}/{landing.part}"
    held = standing(site.register, subject).held
    if held and kinds_of(held) != (SHARED,):
        site.register.record("batch.landed", subject, {**landing.body, "run": site.run}, at=site.at)


def check(declaration: Declaration, landing: Landing, site: Site) -> Checked:
    """Provenance, contract and own rows of a landed part. The outcome is an event; the same data is checked once."""
    subject = f"{declaration.id}/{landing.batch}/{landing.part}"
    body = settled(declaration, subject, landing.digest, site)
    if body is None:
        body = {
            "inputs": _check_inputs(declaration, subject, landing.digest, site),
            **contract_outcome(declaration, landing, site),
            "overlap": _check_overlap(declaration, landing, site),
            "run": site.run,
        }
        site.register.record("batch.checked", subject, body, at=site.at)
    missing = missing_facts(landing.body, required_facts(declaration.contract_text))
    again = Overlap(**body["overlap"]) if body["overlap"] else None
    blocking = bool(missing or (again and again.rows)) or any(item["blocking"] for item in body["unmet"])
    return Checked(
        landing,
        missing,
        tuple(body["unmet"]),
        blocking,
        tuple(body["not_evaluated"]),
        body["met"],
        body["tool_failed"],
        again,
        tuple(body["not_declared"]),
    )


def settled(declaration: Declaration, subject: str, digest: str, site: Site) -> dict[str, Any] | None:
    """What the same data gave under the same contract and code, unless a tool broke then."""
    last = site.register.last("batch.checked", subject)
    if (
        last
        and last.body["inputs"] == _check_inputs(declaration, subject, digest, site)
        and not last.body["tool_failed"]
    ):
        return last.body
    return None


def _check_inputs(declaration: Declaration, subject: str, digest: str, site: Site) -> dict[str, Any]:
    _, batch, part = subject.split("/")
    return {
        "digest": digest,
        "contract": declaration.digests["contract.yaml"],
        "code": code_digest(),
        "reference": _reference_beside(declaration, batch, part, site),
        **({"lookups": lookup_digests(declaration, site)} if declaration.system.sources.lookups else {}),
        **rests_on(declaration, batch, part, site),
    }


def _ask_the_next(declaration: Declaration, batch: str, part: str, site: Site) -> None:
    """Checks the batch after this one again, where a level asks about the time between them and only this one changed.

    What else has changed since is for that batch's own run, which can hold it back. An altered file is for it, too.
    """
    after = next_in_use(declaration, batch, site) if part in PARTS and asks_about_it(declaration) else None
    if after is None:
        return
    later, event = after
    digest, its = event.body["digest"], batch_part(declaration, later)
    subject = f"{declaration.id}/{later}/{its}"
    last = site.register.last("batch.checked", subject)
    inputs = _check_inputs(declaration, subject, digest, site)
    if last is None or last.body["inputs"] == inputs or {**last.body["inputs"], "before": inputs["before"]} != inputs:
        return
    if found_whole(site, lambda: lake_file(site, declaration.id, digest), part=subject):
        landing = landed(declaration, later, its, site)
        assert landing is not None
        check(declaration, landing, site)


def _reference_beside(declaration: Declaration, batch: str, part: str, site: Site) -> dict[str, str] | None:
    """Batch of the frozen reference → digest of its rows; None for what is not compared with it, or before it is."""
    if part != "production" or periods.part_of(declaration.system, batch) == "reference":
        return None
    event = site.register.last("reference.frozen", declaration.id)
    return dict(event.body["inputs"]["batches"]) if event else None


def _check_overlap(declaration: Declaration, landing: Landing, site: Site) -> dict[str, Any] | None:
    """Whether rows of the reference come again; None for what is not compared with the reference."""
    if landing.part != "production" or periods.part_of(declaration.system, landing.batch) == "reference":
        return None
    system, beside = declaration.system, _reference_beside(declaration, landing.batch, landing.part, site)
    if beside is None:
        return asdict(Overlap(None, "not evaluated: the reference has not been frozen"))
    key, time = system.the("key"), system.the("time") or ""
    if key is not None and key == system.the("entity"):
        return asdict(Overlap(0, "the key is the entity: its rows may come again, and count for what they are worth"))
    other = _other_key(declaration, landing, beside, site)
    if other:
        return asdict(Overlap(None, f"not evaluated: {other}"))
    reference = {batch: lake_file(site, declaration.id, digest) for batch, digest in beside.items()}
    with scratch() as folder, engine(folder) as connection:
        return asdict(overlap(connection, landing.path, reference, key, time))


def _other_key(declaration: Declaration, landing: Landing, beside: Mapping[str, str], site: Site) -> str | None:
    """Why keys of the batch and of the reference cannot be told to be the same: they were pseudonymised apart."""
    name = declaration.system.the("key")
    if name is None or name not in landing.body["observed"].get("personal", {}).get("pseudonymise", ()):
        return None
    mine, digests = key_id(landing.body), set(beside.values())
    landings = [e for e in site.register.events("batch.landed", f"{declaration.id}/") if e.body["digest"] in digests]
    if {key_id(event.body) for event in landings} <= {mine}:
        return None
    return f"the batch and the reference were pseudonymised with different keys, so that {name!r} cannot be compared"
