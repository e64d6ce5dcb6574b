"""Enters the approval of a demonstration into the record, as acts of accounts that are no real people.

`approval.yaml` beside an assessment is such an approval, for its very bytes. A real one is an act of a person, and no
file can stand for it. Every step may be repeated, by several processes at once.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from assets.judged.agreed import record_now
from assets.judged.replaying import replay_pending
from assets.kept.home import Site
from governance.approval.accepting import ACCEPT, FROZEN, acceptance
from governance.approval.approvals import demonstration_is_due, in_force, is_demonstration, pending, versions
from governance.approval.assessing import APPROVE, submitting
from governance.declared.declarations import Declaration
from governance.people.accounts import OPENED
from governance.people.acts import SERVICE, Act, Before, perform
from governance.people.appointing import ACTS as APPOINTING
from governance.record import ledger

OPEN = next(act for act in APPOINTING if act.kind == OPENED)
STATED = "Entered from approval.yaml, which is a demonstration: no real person has looked at it."


def enter_demonstration(declaration: Declaration, site: Site) -> None:
    """Opens its accounts, submits and approves the assessment, and accepts the reference, where that was not done.

    What a person withdrew or refused since is not entered again, and a real approval is never replaced.

    Raises
    ------
    Refused
        The record does not let these accounts do it: they are real people's, or the version was approved with other
        bytes.
    """
    if not wants_demonstration(declaration, site):
        return
    with ledger.writing(site.register.engine) as connection:
        if _wants_approval(_now(connection, site), declaration):
            _submit(connection, declaration, site)
    # Reckoned outside the transaction, since it reads much; whoever is first keeps it.
    replay_pending(declaration, site)
    with ledger.writing(site.register.engine) as connection:
        if _is_pending(_now(connection, site), declaration):
            _approve(connection, declaration, site)
        if _wants_acceptance(_now(connection, site), declaration):
            approver, said = _approval(declaration).approved_by, {"statement": STATED}
            perform(connection, ACCEPT, declaration.id, said, account=approver, at=site.at)


def wants_demonstration(declaration: Declaration, site: Site) -> bool:
    """Whether a demonstration stands beside the assessment that is not in the record yet."""
    if not declaration.is_demonstrated:
        return False
    with record_now(site) as before:
        return _wants_approval(before, declaration) or _wants_acceptance(before, declaration)


def _now(connection: sa.Connection, site: Site) -> Before:
    return Before(connection, ledger.head(connection)[0] + 1, site.at)


def _wants_approval(before: Before, declaration: Declaration) -> bool:
    return demonstration_is_due(before, declaration.id, declaration.assessment_digest)


def _is_pending(before: Before, declaration: Declaration) -> bool:
    waiting = pending(versions(before, declaration.id))
    if waiting is None or waiting.digest != declaration.assessment_digest:
        return False
    return is_demonstration(before, waiting.submitted_by)


def _wants_acceptance(before: Before, declaration: Declaration) -> bool:
    now = in_force(versions(before, declaration.id))
    stands = now is not None and now.demonstration and now.digest == declaration.assessment_digest
    return stands and before.last(FROZEN, declaration.id) is not None and acceptance(before, declaration.id) is None


def _submit(connection: sa.Connection, declaration: Declaration, site: Site) -> None:
    author, approver = declaration.assessment.author, _approval(declaration).approved_by
    _open(connection, author, ["engineer"], site)
    _open(connection, approver, ["governance_lead"], site)
    if not _is_pending(_now(connection, site), declaration):
        _do(connection, submitting(declaration), declaration, {"reason": STATED}, author, site)


def _approve(connection: sa.Connection, declaration: Declaration, site: Site) -> None:
    approval = _approval(declaration)
    said = {"statement": approval.statement, "digest": declaration.assessment_digest}
    _do(connection, APPROVE, declaration, said, approval.approved_by, site)


def _open(connection: sa.Connection, name: str, roles: list[str], site: Site) -> None:
    if name not in _now(connection, site).accounts:
        said = {"roles": roles, "demonstration": True}
        perform(connection, OPEN, name, said, account=SERVICE, at=site.at)


def _do(
    connection: sa.Connection, act: Act, declaration: Declaration, said: dict[str, Any], account: str, site: Site
) -> None:
    perform(connection, act, declaration.id, said, account=account, at=site.at)


def _approval(declaration: Declaration) -> Any:
    assert declaration.approval is not None
    return declaration.approval
