"""Takes a part of a batch in and checks it: provenance, contract, rows of its own (A.7.4, A.7.5).

What fails is held back. May be repeated: the same data under the same contract and beside the same reference is
checked once, and a check whose tool broke is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from assets.code import code_digest
from assets.erased import lake_file
from assets.home import Site
from assets.landing import Held, Landing, land
from assets.landing_sql import engine
from assets.sources import scratch
from assets.treating import key_id
from checks.overlap import Overlap, overlap
from checks.provenance import missing_facts
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.recognised.reading import redacted

if TYPE_CHECKING:
    from checks.expectations import RuleResult


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
    checked = check(declaration, landing, site)
    if checked.blocking:
        reason = redacted(_why_held(checked))
        subject = f"{declaration.id}/{batch}/{part}"
        body = {
            "reason": reason,
            "digest": landing.digest,
            "declaration": declaration.digest,
            "run": site.run,
        }
        site.register.turn("batch.held", "batch.landed", subject, body, keys=("reason", "digest"), at=site.at)
        raise Held(reason)
    _let_go(landing, site)
    return checked


def _why_held(checked: Checked) -> str:
    reasons = [item["reason"] for item in checked.unmet if item["blocking"]]
    reasons += [f"provenance lacks {name}" for name in checked.missing_facts]
    more = f" (and {len(reasons) - 5} more)" if len(reasons) > 5 else ""
    said = [f"The contract is not met: {'; '.join(reasons[:5])}{more}."] if reasons else []
    if checked.overlap and checked.overlap.rows:
        said.append(f"Rows of the reference come again: {checked.overlap.reason}. Send each batch its own rows.")
    return " ".join(said)


def _let_go(landing: Landing, site: Site) -> None:
    """What was held for its contract and now meets it (the contract changed) is landed again, in so many words."""
    subject = f"{landing.system}/{landing.batch}/{landing.part}"
    held, came = (site.register.last(kind, subject) for kind in ("batch.held", "batch.landed"))
    if held and came and held.seq > came.seq:
        site.register.record("batch.landed", subject, {**landing.body, "run": site.run}, at=site.at)


def check(declaration: Declaration, landing: Landing, site: Site) -> Checked:
    """Provenance, contract and own rows of a landed part. The outcome is an event; the same data is checked once."""
    subject = f"{declaration.id}/{landing.batch}/{landing.part}"
    body = settled(declaration, subject, landing.digest, site)
    if body is None:
        body = {
            "inputs": _check_inputs(declaration, subject, landing.digest, site),
            **_check_contract(declaration, landing),
            "overlap": _check_overlap(declaration, landing, site),
            "run": site.run,
        }
        site.register.record("batch.checked", subject, body, at=site.at)
    missing = missing_facts(landing.body)
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
    }


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
    reference = {batch: lake_file(site, digest) for batch, digest in beside.items()}
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


def _check_contract(declaration: Declaration, landing: Landing) -> dict[str, Any]:
    from checks.contract import read_contract
    from checks.expectations import RuleOutcome, check_contract

    # Outcomes bring two columns of the contract; the others are checked where they arrive.
    only = {declaration.system.the("key"), declaration.system.the("label")} if landing.part == "outcomes" else None
    results = check_contract(read_contract(declaration.contract_text), landing.path)
    kept = [r for r in results if only is None or r.column in only]
    by_outcome: dict[RuleOutcome, list[RuleResult]] = {outcome: [] for outcome in RuleOutcome}
    for result in kept:
        by_outcome[result.outcome].append(result)
    return {
        "met": len(by_outcome[RuleOutcome.MET]),
        "unmet": [_as_plain(r) for r in by_outcome[RuleOutcome.UNMET]],
        "not_evaluated": [_as_plain(r) for r in by_outcome[RuleOutcome.NOT_EVALUATED]],
        "tool_failed": any(r.tool_failed for r in by_outcome[RuleOutcome.NOT_EVALUATED]),
    }


def _as_plain(result: RuleResult) -> dict[str, Any]:
    return {"rule": result.rule, "blocking": result.blocking, "reason": result.reason}
