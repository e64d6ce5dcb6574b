"""`aims act VERB SUBJECT`: every act of a person, generated from the processes in `governance`; and accounts.

The same door as for anything else that lets people act: what is refused there is refused here, with one sentence.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click

from assets.kept.home import Home, home
from governance.faults import UsageFault

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from governance.people.acts import Act
    from governance.record.ledger import Event

JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a row.")
TOKEN = click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that holds your token; else AIMS_TOKEN holds it.",
)


class Acts(click.Group):
    """The acts as commands. They are made when asked for, so that nothing else pays for them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from governance.processes import BY_VERB

        return sorted(BY_VERB)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from governance.processes import BY_VERB

        act = BY_VERB.get(cmd_name)
        return _command(act) if act else None


@click.group(cls=Acts)
def act() -> None:
    """What people do to the record, each with their own token: `aims act VERB SUBJECT`."""


@click.command()
@JSON
def accounts(as_json: bool) -> None:
    """Who may act: accounts, their roles, systems, teams, and the day on which their last token ends."""
    from governance.people.accounts import accounts_of, tokens_of
    from pipelines.listing import show

    register = home().register() if home().exists else None
    found = accounts_of(register.events("account.*")) if register else {}
    tokens = tokens_of(register.events("token.*")) if register else {}
    rows = []
    for account in found.values():
        ends = [t.expires_on.isoformat() for t in tokens.values() if t.account == account.id and not t.revoked]
        rows.append(
            {
                "id": account.id,
                "state": "closed" if account.closed else "demonstration" if account.demonstration else "open",
                "roles": sorted(account.roles),
                "systems": sorted(account.systems) or None,
                "teams": sorted(account.teams),
                "token_until": max(ends, default=None),
            }
        )
    columns = ("id", "state", "roles", "systems", "teams", "token_until")
    show(rows, columns, as_json=as_json, empty="There is no account. Open the first one: `aims token first ID`.")


@click.command()
@JSON
def exceptions(as_json: bool) -> None:
    """Exceptions from separations of duty: asked for, granted, expired."""
    from governance.people.exceptions import exemptions_of
    from pipelines.listing import show

    events = home().register().events("exception.*") if home().exists else []
    today = dt.datetime.now(dt.UTC).date()
    rows = [item.as_row(today) for item in exemptions_of(events).values()]
    columns = ("id", "duty", "account", "system", "state", "until", "requested_by", "granted_by", "reason", "instead")
    show(rows, columns, as_json=as_json, empty="No exception was asked for.")


@click.group()
def token() -> None:
    """Personal tokens: hashed in the record, for some acts or all of them, and they end on a day."""


@token.command()
@click.argument("account")
@click.option("--scope", "scopes", multiple=True, metavar="NOUN", help="Only acts on these, such as nonconformity.")
@click.option("--days", default=90, show_default=True, type=click.IntRange(0, 366), help="Days until it ends.")
@TOKEN
def issue(account: str, scopes: tuple[str, ...], days: int, token_file: Path | None) -> None:
    """A token for ACCOUNT, printed once. Takes the token of a governance lead."""
    _print_token(account, scopes, days, held=held_token(token_file))


@token.command()
@click.argument("account")
@click.option("--days", default=90, show_default=True, type=click.IntRange(0, 366), help="Days until its token ends.")
def first(account: str, days: int) -> None:
    """Opens the first account, a governance lead's, with its token; or a lead's new token where none is valid.

    For whoever holds AIMS_HOME: the record shows that the custodian did it.
    """
    from governance.people import appointing
    from governance.people.accounts import CUSTODIAN, OPENED
    from governance.people.acts import Before, perform
    from governance.record import ledger

    register, at = home().register(), dt.datetime.now(dt.UTC)
    opening = next(item for item in appointing.ACTS if item.kind == OPENED)
    with ledger.writing(register.engine) as connection:
        if account not in Before(connection, ledger.head(connection)[0] + 1, at).accounts:
            perform(connection, opening, account, {"roles": ("governance_lead",)}, account=CUSTODIAN, at=at)
        secret = _issue(connection, account, (), days, by=CUSTODIAN, with_token=None, at=at)
    click.echo(secret)


def _print_token(account: str, scopes: tuple[str, ...], days: int, *, held: str) -> None:
    from governance.people.acts import authenticate
    from governance.people.appointing import ISSUE
    from governance.record import ledger

    register, at = home().register(), dt.datetime.now(dt.UTC)
    with ledger.writing(register.engine) as connection:
        mine = authenticate(connection, held, ISSUE, at)
        secret = _issue(connection, account, scopes, days, by=mine.account, with_token=mine.id, at=at)
    # Printed only once it is kept; the record holds nothing that could bring it back.
    click.echo(secret)


def _issue(
    connection: Any, account: str, scopes: tuple[str, ...], days: int, *, by: str, with_token: str | None, at: Any
) -> str:
    from governance.people.accounts import new_secret
    from governance.people.acts import perform
    from governance.people.appointing import ISSUE

    name, secret, sha256 = new_secret()
    expires = (at + dt.timedelta(days=days)).date().isoformat()
    said = {"account": account, "sha256": sha256, "scopes": list(scopes) or ["all"], "expires_on": expires}
    perform(connection, ISSUE, name, said, account=by, token=with_token, at=at)
    return secret


def _command(act: Act) -> click.Command:
    parameters: list[click.Parameter] = [click.Argument(["subject"], metavar=act.about.upper())]
    parameters += [_option(name, field) for name, field in act.says.model_fields.items()]
    parameters += [
        click.Option(["--token-file"], type=click.Path(dir_okay=False), help="File that holds your token."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print the event as JSON."),
    ]
    roles = ", ".join(sorted(role.replace("_", " ") for role in act.roles))

    def act_now(subject: str, token_file: str | None, as_json: bool, **said: Any) -> None:
        event = _perform(act, subject, said, held_token(Path(token_file) if token_file else None))
        tell(event, as_json)
        _follow(event)

    return click.Command(
        act.verb,
        callback=act_now,
        params=parameters,
        help=f"{act.summary}\n\nFor the role {roles}. Leaves the event {act.kind}.",
        short_help=act.summary,
    )


def _option(name: str, field: FieldInfo) -> click.Option:
    declaration, many, kind = f"--{name.replace('_', '-')}", False, field.annotation
    if get_origin(kind) is tuple:
        many, kind = True, get_args(kind)[0]
    if name.endswith("s") and many:
        declaration = f"--{name.removesuffix('s').replace('_', '-')}"
    words = field.description or ""
    if kind is bool:
        return click.Option(
            [f"--{name.replace('_', '-')}/--no-{name.replace('_', '-')}", name], default=None, help=words
        )
    return click.Option(
        [declaration, name], required=field.is_required(), multiple=many, type=_type_of(kind), help=words
    )


def _type_of(kind: Any) -> Any:
    """What the command line reads; the shape of the body checks the rest, in its own words."""
    choices = [c for part in (kind, *get_args(kind)) if get_origin(part) is Literal for c in get_args(part)]
    if choices:
        return click.Choice([str(choice) for choice in choices])
    for number in (int, float):
        if kind is number or number in get_args(kind):
            return number
    return str


def _perform(act: Act, subject: str, said: Mapping[str, Any], held: str) -> Event:
    from governance.people.acts import act_with

    place = home()
    if not place.exists:
        raise UsageFault(f"Nothing is recorded in {place.root}. Start with `aims demo`, or name it with AIMS_HOME.")
    _must_be_whole(act, subject, place)
    given = {name: value for name, value in said.items() if value is not None and value != ()}
    return act_with(place.register().engine, act, subject, given, token=held, at=dt.datetime.now(dt.UTC))


def _must_be_whole(act: Act, subject: str, place: Home) -> None:
    """A model whose file was altered is another model than the one that was measured: it is not released."""
    from governance.approval.releases import TRAINED, releases_of
    from governance.approval.releasing import RELEASE, REQUEST

    if act.kind not in (RELEASE.kind, REQUEST.kind):
        return
    from assets.judged.training import model_file
    from assets.kept.lake import Altered

    register = place.register()
    if act.kind == REQUEST.kind:
        trained = [e.body["model"] for e in register.events(TRAINED, f"{subject}/")][-1:]
    else:
        trained = [r.model for r in releases_of(register.events("release.*")).values() if r.id == subject]
    for model in trained:
        try:
            model_file(place, model)
        except Altered as altered:
            raise UsageFault(f"{subject} is not let through: {altered}") from None


def _follow(event: Event) -> None:
    """Attaches at once what the next step needs: causes and extent, what batches show, a replay."""
    from governance.approval.approvals import SUBMITTED
    from governance.cases.nonconformity import CONFIRMED, IMPLEMENTED, VERIFIED

    if event.kind in (CONFIRMED, IMPLEMENTED, VERIFIED, SUBMITTED):
        from assets.cases.following import follow
        from assets.kept.home import site
        from governance.declared.declarations import load_all, systems_folder

        follow(load_all(systems_folder()).sound, site(run="aims"))


def held_token(file: Path | None) -> str:
    """The text of the token that was given: in a file, or in AIMS_TOKEN."""
    if file is not None:
        try:
            return file.read_text("utf-8").strip()
        except OSError as error:
            raise UsageFault(f"The token file {file} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            # Without its cause: that would hold what the file holds.
            raise UsageFault(f"The token file {file} holds no token.") from None
    held = os.environ.get("AIMS_TOKEN", "")
    if not held:
        raise UsageFault("Acts take a personal token: set AIMS_TOKEN, or name a file with --token-file.")
    return held


def tell(event: Event, as_json: bool) -> None:
    """What was recorded, in a line or as JSON."""
    if as_json:
        row = {"seq": event.seq, "at": event.at, "actor": event.actor, "kind": event.kind, "subject": event.subject}
        click.echo(json.dumps({**row, "body": event.body}, ensure_ascii=False))
        return
    click.echo(f"recorded as event {event.seq}: {event.actor} · {event.kind} · {event.subject}")
