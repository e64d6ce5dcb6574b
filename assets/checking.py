"""Takes a part of a batch in and checks it: provenance and contract (A.7.4, A.7.5). What fails is held back.

May be repeated: the same data under the same contract is checked once, and a check whose tool broke is tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.code import code_digest
from assets.home import Site
from assets.landing import Held, Landing, land
from checks.provenance import missing_facts
from governance.declarations import Declaration

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


def land_and_check(declaration: Declaration, batch: str, part: Any, site: Site) -> Checked:
    """Lands one part of a batch and checks it.

    Raises
    ------
    Held
        It cannot be used: unreadable, not as declared, or a blocking rule of the contract is not met.
    NotArrived
        There is nothing yet.
    """
    landing = land(declaration, batch, part, site)
    checked = check(declaration, landing, site)
    if checked.blocking:
        reasons = [item["reason"] for item in checked.unmet if item["blocking"]]
        reasons += [f"provenance lacks {name}" for name in checked.missing_facts]
        reason = f"The contract is not met: {'; '.join(reasons[:5])}" + (
            f" (and {len(reasons) - 5} more)." if len(reasons) > 5 else "."
        )
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


def _let_go(landing: Landing, site: Site) -> None:
    """What was held for its contract and now meets it (the contract changed) is landed again, in so many words."""
    subject = f"{landing.system}/{landing.batch}/{landing.part}"
    held, came = (site.register.last(kind, subject) for kind in ("batch.held", "batch.landed"))
    if held and came and held.seq > came.seq:
        site.register.record("batch.landed", subject, {**landing.body, "run": site.run}, at=site.at)


def check(declaration: Declaration, landing: Landing, site: Site) -> Checked:
    """Provenance and contract of a landed part. The outcome is an event; the same data is checked once."""
    subject = f"{declaration.id}/{landing.batch}/{landing.part}"
    body = settled(declaration, subject, landing.digest, site)
    if body is None:
        body = {
            "inputs": _check_inputs(declaration, landing.digest),
            **_check_contract(declaration, landing),
            "run": site.run,
        }
        site.register.record("batch.checked", subject, body, at=site.at)
    missing = missing_facts(landing.body)
    blocking = bool(missing) or any(item["blocking"] for item in body["unmet"])
    return Checked(
        landing,
        missing,
        tuple(body["unmet"]),
        blocking,
        tuple(body["not_evaluated"]),
        body["met"],
        body["tool_failed"],
    )


def settled(declaration: Declaration, subject: str, digest: str, site: Site) -> dict[str, Any] | None:
    """What the same data gave under the same contract and code, unless a tool broke then."""
    last = site.register.last("batch.checked", subject)
    if last and last.body["inputs"] == _check_inputs(declaration, digest) and not last.body["tool_failed"]:
        return last.body
    return None


def _check_inputs(declaration: Declaration, digest: str) -> dict[str, str]:
    return {"digest": digest, "contract": declaration.digests["contract.yaml"], "code": code_digest()}


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
