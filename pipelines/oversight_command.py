"""`aims audits`, `aims review`, `aims concerns`, `aims incidents`, and what is written for them beside the record."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from assets.kept.home import home
from governance.cases.concerns import Category
from governance.faults import UsageFault
from pipelines.acting import JSON, TOKEN, held_token, tell

if TYPE_CHECKING:
    from governance.people.acts import Act
    from governance.record.ledger import Event


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _events(kind: str) -> list[Event]:
    return home().register().events(kind) if home().exists else []


@click.command()
@JSON
def audits(as_json: bool) -> None:
    """The audit programme: what is planned, what was drawn and by which seed, what was found, what it came to."""
    from governance.oversight.audit import audits_of
    from pipelines.listing import show

    found = [audit.as_row() for audit in audits_of(_events("audit.*")).values()]
    if as_json:
        show(found, (), as_json=True, empty="")
        return
    rows = [{**row, "drawn": _drawn(row), "findings": _graded(row["findings"])} for row in found]
    columns = ("id", "scope", "state", "criteria", "auditors", "due", "drawn", "findings", "conclusion")
    show(rows, columns, as_json=False, empty="No audit is planned. Plan one: `aims act plan-audit SYSTEM`.")
    for row in found:
        for sample in row["samples"]:
            click.echo(
                f"{row['id']}: {len(sample['items'])} of {sample['population_size']} {sample['population']}, "
                f"seed {sample['seed'][:16]}…, population {sample['population_sha256'][:16]}…"
            )
            click.echo(f"  {', '.join(sample['items'])}")


def _drawn(row: dict[str, Any]) -> str | None:
    left = len(row["not_looked_at"])
    count = len({item for sample in row["samples"] for item in sample["items"]})
    return f"{count} items, {left} not looked at yet" if count else None


def _graded(findings: list[dict[str, Any]]) -> str | None:
    grades = [finding["grade"] for finding in findings]
    return ", ".join(f"{grades.count(grade)} {grade}" for grade in dict.fromkeys(grades)) or None


@click.command()
@click.argument("name", metavar="[REVIEW]", required=False)
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write the pack as Markdown.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write the pack as a page.")
@JSON
def review(name: str | None, markdown: Path | None, html: Path | None, as_json: bool) -> None:
    """Management reviews; with REVIEW what stands in front of it, the same today as on its day.

    `aims review now` shows what would stand in front of a review that was opened now.
    """
    from governance.oversight.review import reviews_of
    from pipelines.listing import show
    from reports import management_review as report

    _must_be_begun()
    if name is None:
        rows = [item.as_row() for item in reviews_of(_events("review.*")).values()]
        columns = ("id", "state", "at", "size", "occasion", "opened_by", "attendance", "conclusion")
        show(rows, columns, as_json=as_json, empty="No review was held. See `aims review now`.")
        return
    pack, found, decided = _pack(name)
    for path, made in ((markdown, report.markdown), (html, report.page)):
        if path:
            _write(path, made(pack, found, decided).encode())
    if as_json:
        show([{"review": found, "pack": pack, "decided": decided}], (), as_json=True, empty="")
    elif not (markdown or html):
        click.echo(report.markdown(pack, found, decided), nl=False)


def _pack(name: str) -> tuple[dict[str, Any], dict[str, Any] | None, list[dict[str, Any]]]:
    """What stands in front of a review, its row, and what it decided; of `now` only the first."""
    from governance.oversight.review import Review, decisions_of, pack_of, reviews_of
    from governance.record import ledger

    now = _now().isoformat(timespec="seconds")
    with home().register().reading() as connection:
        told = list(ledger.events(connection, kind="review.*"))
        if name == "now":
            size = ledger.head(connection)[0]
            return pack_of(connection, Review("now", size + 1, now, "", "")), None, []
        found = next((r for r in reviews_of(told).values() if r.id == name.upper()), None)
        if found is None:
            raise UsageFault(f"There is no review {name!r}. See `aims review`.")
        decided = [d.as_row(now[:10]) for d in decisions_of(told).values() if d.review == found.seq]
        return pack_of(connection, found), found.as_row(), decided


@click.command()
@JSON
def concerns(as_json: bool) -> None:
    """Concerns: what was taken in and what became of it. The texts are not in here (`aims concern read`)."""
    from governance.cases.concerns import concerns_of
    from pipelines.listing import show

    rows = [concern.as_row() for concern in concerns_of(_events("concern.*")).values()]
    columns = ("id", "system", "state", "category", "origin", "reporter", "reported_at", "assessed_by", "reason")
    show(rows, columns, as_json=as_json, empty="No concern was raised. Raise one: `aims concern report SYSTEM`.")


@click.group()
def concern() -> None:
    """Raise a concern, read what was written, erase it. The text stays out of the record."""


@concern.command()
@click.argument("system")
@click.option("--category", required=True, type=click.Choice(get_args(Category)), help="What it is about.")
@click.option("--outside", is_flag=True, help="It came from outside of the organisation.")
@click.option("--withheld", is_flag=True, help="Whose it is stays unsaid: for intake accounts, and from outside.")
@click.option(
    "--text-file", type=click.Path(path_type=Path, dir_okay=False), help="What was written; else standard input."
)
@TOKEN
@JSON
def report(
    system: str,
    category: str,
    outside: bool,
    withheld: bool,
    text_file: Path | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Raises a concern about SYSTEM (or `organisation`). Prints its number, by which its answer is found."""
    from assets.kept.intake import erase_text, keep_text
    from governance.cases.concerns import REPORT

    _must_be_begun()
    text, folder = _read(text_file), home().concerns
    held = held_token(token_file)
    home().register()
    kept = keep_text(folder, text)
    said = {
        "category": category,
        "origin": "outside" if outside else "inside",
        "reporter": "withheld" if withheld else "account",
        "text_sha256": kept,
    }
    try:
        event = _perform(REPORT, system, said, held)
    except UsageFault:
        erase_text(folder, kept)
        raise
    tell(event, as_json)
    click.echo(f"C-{event.seq}", err=as_json)


def _read(file: Path | None) -> str:
    try:
        return sys.stdin.read() if file is None else file.read_text("utf-8")
    except OSError as error:
        raise UsageFault(f"The file {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageFault("The text of the concern is not UTF-8.") from None


@concern.command()
@click.argument("name", metavar="CONCERN")
def read(name: str) -> None:
    """Prints what was written with CONCERN, once it is sure that nobody has altered it."""
    from assets.kept.intake import text_of

    click.echo(text_of(home().concerns, _the_concern(name).text_sha256))


@concern.command()
@click.argument("name", metavar="CONCERN")
@click.option("--reason", required=True, help="Why: retention is over, somebody asked for it.")
@TOKEN
@JSON
def erase(name: str, reason: str, token_file: Path | None, as_json: bool) -> None:
    """Erases what was written with CONCERN, and its salt. The record stays whole, and says that it was erased."""
    from assets.kept.intake import erase_text
    from governance.cases.concerns import ERASE

    found = _the_concern(name)
    event = _perform(ERASE, name, {"reason": reason}, held_token(token_file))
    erase_text(home().concerns, found.text_sha256)
    tell(event, as_json)


def _the_concern(name: str) -> Any:
    from governance.cases.concerns import concerns_of

    found = next((c for c in concerns_of(_events("concern.*")).values() if c.id == name.upper()), None)
    if found is None:
        raise UsageFault(f"There is no concern {name!r}. See `aims concerns`.")
    return found


@click.command()
@click.option("--clocks", is_flag=True, help="List the clocks that there are instead, with their source.")
@JSON
def incidents(clocks: bool, as_json: bool) -> None:
    """Incidents, and within what time who has to be told. Exit 1 where a clock ran out and nobody was told."""
    from governance.cases.incidents import incidents_of
    from pipelines.listing import show

    if clocks:
        show(_clock_rows(), ("clock", "within", "when", "to", "as_of"), as_json=as_json, empty="There is no clock.")
        return
    found = [incident.as_row(_now()) for incident in incidents_of(_events("incident.*")).values()]
    flat = [{**row, **clock} for row in found for clock in (row["clocks"] or ({"clock": None},))]
    shown = ("id", "system", "severity", "what", "aware_at", "clock", "deadline", "state", "hours", "late_hours")
    rows = found if as_json else [{name: row.get(name) for name in shown} for row in flat]
    show(rows, shown, as_json=as_json, empty="No incident was declared.")
    if any(row.get("clock") and row["state"] == "late" for row in flat):
        sys.exit(1)


def _clock_rows() -> Iterable[dict[str, Any]]:
    from governance.standard.regimes import terms

    for term in terms().values():
        within = f"{term.clock.hours} hours" if term.clock.hours else f"{term.clock.days} days"
        regime = term.regime
        yield {
            "clock": term.id,
            "within": within,
            "when": term.clock.when,
            "to": regime.to,
            "as_of": regime.as_of.isoformat(),
            "source": regime.source,
        }


@click.command()
@click.argument("name", metavar="INCIDENT")
@click.argument("clock")
@click.option("--to", "target", type=click.Path(path_type=Path, dir_okay=False), help="File; else below AIMS_HOME.")
@TOKEN
@JSON
def notice(name: str, clock: str, target: Path | None, token_file: Path | None, as_json: bool) -> None:
    """Drafts a notice about INCIDENT for CLOCK, such as gdpr_33.authority. It is a draft: nothing is sent."""
    from governance.cases.incidents import DRAFT
    from governance.record.canonical import digest_of_bytes

    text = _draft(name, clock).encode()
    sha256 = digest_of_bytes(text)
    path = target or home().notices / f"{name.upper()}-{clock}-{sha256[:12]}.md"
    # The file first: a digest in the record of a draft that nobody has proves nothing.
    _write(path, text)
    event = _perform(DRAFT, name, {"clock": clock, "draft_sha256": sha256}, held_token(token_file))
    tell(event, as_json)
    click.echo(f"Draft: {path}", err=as_json)


def _draft(name: str, clock: str) -> str:
    from governance.cases.incidents import incidents_of
    from governance.standard.regimes import terms
    from reports.notices import notice as drafted

    found = next((i for i in incidents_of(_events("incident.*")).values() if i.id == name.upper()), None)
    if found is None:
        raise UsageFault(f"There is no incident {name!r}. See `aims incidents`.")
    now, running, term = _now(), found.clock(clock), terms().get(clock)
    cases = home().register().nonconformities(found.system)
    return drafted(
        found.as_row(now),
        running.as_row(now),
        regime=term.regime.name if term else clock,
        wanted=term.regime.notice if term else ("what the rule asks for",),
        case=next((case.as_row() for case in cases if case.id == found.case), None),
        drafted_at=now.isoformat(timespec="seconds"),
    )


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageFault(f"{path} cannot be written: {error.strerror}.") from None


def _perform(act: Act, subject: str, said: dict[str, Any], held: str) -> Event:
    from governance.people.acts import act_with

    _must_be_begun()
    return act_with(home().register().engine, act, subject, said, token=held, at=_now())


def _must_be_begun() -> None:
    if not home().exists:
        raise UsageFault(f"Nothing is recorded in {home().root}. Start with `aims demo`, or name it with AIMS_HOME.")


COMMANDS: tuple[click.Command, ...] = (audits, review, concerns, concern, incidents, notice)
