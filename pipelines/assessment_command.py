"""`aims assessment`, `aims replay`, `aims releases`: what was submitted, approved, asked and released."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from assets.kept.home import home, site
from governance.faults import UsageFault

if TYPE_CHECKING:
    from governance.approval.approvals import Reassessment, Version
    from governance.declared.declarations import Declaration

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
# Flips that a person is shown; --json has those that the record lists.
SHOWN = 10


@click.command()
@click.argument("system")
@JSON
def assessment(system: str, as_json: bool) -> None:
    """The impact assessment of SYSTEM: versions, what each changes, its replay, who approved it, what asks for more.

    The last version is the file as it stands, where nobody has submitted it: a draft.
    """
    from pipelines.listing import show

    declaration = _declared(system)
    known, asked, acceptance = _record(declaration)
    today = dt.datetime.now(dt.UTC).date()
    rows: list[dict[str, Any]] = [version.as_row(today) for version in known]
    draft = _draft(declaration, known)
    if as_json:
        asking = [[item.as_row() for item in asked if item.version == version.seq] for version in known]
        rows = [{**row, "asked": mine} for row, mine in zip(rows, asking, strict=True)]
        show([*rows, *([draft] if draft else [])], (), as_json=True, empty="")
        return
    click.echo(f"{declaration.system.name} ({declaration.id})")
    click.echo(f"reference: {acceptance}")
    for row in rows:
        _tell(row)
    if draft:
        _tell(draft)
    for item in asked:
        answer = f"{item.answer} by {item.answered_by}" if item.answer else "no answer yet"
        click.echo(f"RA-{item.seq}  {item.since}  {item.trigger.replace('_', ' ')}: {item.what} ({answer})")
    _tell_use(declaration)


@click.command()
@click.argument("system")
@JSON
def replay(system: str, as_json: bool) -> None:
    """What the past of SYSTEM would have looked like under the version that waits for approval, kept in the record."""
    from assets.judged.replaying import replay_pending
    from pipelines.listing import show

    declaration = _declared(system)
    if not home().exists:
        raise UsageFault(f"Nothing has run yet in {home().root}. Start with `aims run {system}`.")
    body = replay_pending(declaration, site(run="aims"))
    if body is None:
        raise UsageFault(f"No version of {system}'s assessment waits for approval and loosens anything.")
    if as_json:
        show(body["listed"], (), as_json=True, empty="")
        return
    for line in _replay_lines(body, whole=True):
        click.echo(line)


@click.command()
@click.option("--system", help="Only this system.")
@JSON
def releases(system: str | None, as_json: bool) -> None:
    """Model versions whose release was asked for: what was required, what was found, who decided."""
    from governance.approval.releases import releases_of
    from pipelines.listing import show

    events = home().register().events("release.*", f"{system}/" if system else "") if home().exists else []
    today = dt.datetime.now(dt.UTC).date()
    snapshots = _snapshots()
    rows = [{**item.as_row(today), "snapshot": snapshots.get(item.trained)} for item in releases_of(events).values()]
    columns = ("id", "system", "name", "model", "state", "requested_by", "decided_by", "until")
    show(rows, columns, as_json=as_json, empty="No release was asked for. `aims act request-release SYSTEM` does.")
    for row in rows if not as_json else ():
        for gate in row["gates"]:
            held = "holds" if gate["holds"] else f"excepted until {gate['until']}"
            click.echo(f"  {row['id']}  {gate['gate']}: {held}: {gate['found']}")
        if row["snapshot"]:
            click.echo(f"  {row['id']}  now: {row['snapshot']}")


def _snapshots() -> dict[int, str]:
    """Training → what its data is now known to be, where that is known."""
    from governance.approval.snapshots import snapshot_of

    register = home().register() if home().exists else None
    trained = register.events("model.trained") if register else []
    found = {event.seq: snapshot_of(register, event) for event in trained if register}
    return {seq: snapshot.words for seq, snapshot in found.items() if snapshot}


def _declared(system: str) -> Declaration:
    from governance.declared.declarations import load, systems_folder
    from governance.faults import DeclarationFaults

    if not (systems_folder() / system).is_dir():
        raise UsageFault(f"There is no system {system!r} in {systems_folder()}. See `aims systems`.")
    try:
        return load(systems_folder() / system)
    except DeclarationFaults as error:
        raise UsageFault(f"{system} has {len(error.faults)} faults in its declaration. See `aims check`.") from None


def _record(declaration: Declaration) -> tuple[list[Version], list[Reassessment], str]:
    from assets.judged.agreed import record_now
    from governance.approval.accepting import FROZEN, acceptance
    from governance.approval.approvals import reassessments, versions

    if not home().exists:
        return [], [], "nothing has run yet"
    with record_now(site(run="aims")) as before:
        frozen, accepted = before.last(FROZEN, declaration.id), acceptance(before, declaration.id)
        words = "not frozen yet"
        if frozen:
            stands = (
                f"accepted by {accepted.actor} on {accepted.at[:10]}" if accepted else "NOT accepted: not judged by"
            )
            words = f"{frozen.body['profile'][:12]}, {frozen.body['rows']} rows, {stands}"
        return versions(before, declaration.id), reassessments(before, declaration.id), words


def _draft(declaration: Declaration, known: list[Version]) -> dict[str, Any] | None:
    """The file as it stands, where it is no version of the record."""
    from governance.approval.approvals import in_force
    from governance.declared.changes import changes
    from governance.declared.declarations import assessment_of

    stands = [v for v in known if v.digest == declaration.assessment_digest and v.state in ("submitted", "approved")]
    if stands:
        return None
    now, found = in_force(known), {}
    if now:
        period = declaration.system.batches.period
        found = changes(assessment_of(now.text), declaration.assessment, period).as_body()
    return {
        "system": declaration.id,
        "version": declaration.assessment.version,
        "digest": declaration.assessment_digest,
        "state": "draft",
        "author": declaration.assessment.author,
        "review_by": declaration.assessment.review_by.isoformat(),
        "changes": found,
    }


def _tell(row: dict[str, Any]) -> None:
    from governance.declared.changes import changes_of

    state = {"approved": "in force"}.get(row["state"], row["state"])
    mark = " (demonstration)" if row.get("demonstration") else ""
    overdue = ", REVIEW OVERDUE" if row.get("overdue") else ""
    click.echo("")
    click.echo(f"version {row['version']}  {row['digest'][:12]}  {state}{mark}, review by {row['review_by']}{overdue}")
    click.echo(
        f"  written by {row['author']}" + (f", submitted {row['submitted_at'][:10]}" if "submitted_at" in row else "")
    )
    if row.get("decided_by"):
        click.echo(f"  decided by {row['decided_by']} on {row['decided_at'][:10]}: {row['statement']}")
    for line in changes_of(row["changes"]).lines():
        click.echo(f"  {line}")
    for line in _replay_lines(row["replay"]) if row.get("replay") else ():
        click.echo(f"  {line}")


def _replay_lines(body: dict[str, Any], *, whole: bool = False) -> list[str]:
    found = [
        f"replay: {body['flips']} of {body['questions']} past verdicts would have come out otherwise; "
        f"breaches {body['breaches_before']} → {body['breaches_after']}. Bounds are those that were measured."
    ]
    listed = body["listed"] if whole else body["listed"][:SHOWN]
    found += [f"  {f['batch']}  {f['criterion']}  [{f['segment']}]  {f['before']} → {f['after']}" for f in listed]
    more = body["flips"] - len(listed)
    return found + ([f"  and {more} more: `aims replay`, or --json"] if more else [])


def _tell_use(declaration: Declaration) -> None:
    """What the harms are weighed against, and who looks at what is not measured."""
    click.echo("")
    for benefit in declaration.assessment.benefits:
        click.echo(f"benefit: {benefit.strip()}")
    for harm in declaration.assessment.harms:
        watched = [c.id for c in declaration.assessment.criteria if c.harm == harm.id]
        by = ", ".join(watched) or f"not measured; looked at by {harm.reviewed_by or 'nobody named'}"
        click.echo(f"harm {harm.id} ({harm.severity}, {harm.likelihood}): {by}")
