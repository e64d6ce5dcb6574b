"""The pack of a management review as people read it: Markdown for the minutes, HTML for the screen.

Decides the order, the words and what is said where there is nothing. Every figure is that of
`governance.oversight.review_pack`; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.pages import template

NOTHING = "Nothing."
ABSENT = "–"


@dataclass(frozen=True)
class Section:
    """One input of the review: lines, then a table; either may be empty."""

    title: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to consider."""
        return not self.lines and not self.rows


def sections(pack: Mapping[str, Any]) -> tuple[Section, ...]:
    """The inputs in the order in which a review takes them up."""
    return (
        _table("Decisions of earlier reviews", pack["decisions"], "id", "state", "decision", "owner", "due", "done"),
        _changes("Changes of systems, assessments, documents and people", pack["changes"]),
        _changes("Risks and objectives", pack["risks_and_objectives"]),
        _nonconformities(pack["nonconformities"]),
        _monitoring(pack["monitoring"]),
        _table("Internal audits", pack["audits"], "id", "scope", "state", "items", "findings", "conclusion"),
        _table(
            "Exceptions from separations of duty",
            pack["exceptions"],
            "id", "duty", "account", "system", "state", "until", "granted_by", "reason", "instead",
        ),
        _concerns(pack["concerns"]),
        _incidents(pack["incidents"]),
        _table("What could be better", pack["improvements"], "from", "system", "what"),
    )  # fmt: skip


def markdown(pack: Mapping[str, Any], review: Mapping[str, Any] | None, decided: Sequence[Mapping[str, Any]]) -> str:
    """The pack, and where there is a review what it decided, as Markdown."""
    return "\n".join(_markdown(pack, review, decided)) + "\n"


def page(pack: Mapping[str, Any], review: Mapping[str, Any] | None, decided: Sequence[Mapping[str, Any]]) -> str:
    """The same as a page."""
    head = [line.replace("`", "") for line in _head(pack, review)]
    return template("management_review.html").render(head=head, sections=(*sections(pack), *_outcome(review, decided)))


def _markdown(
    pack: Mapping[str, Any], review: Mapping[str, Any] | None, decided: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    title, *rest = _head(pack, review)
    yield f"# {title}"
    for line in rest:
        yield ""
        yield line
    for section in (*sections(pack), *_outcome(review, decided)):
        yield ""
        yield f"## {section.title}"
        yield ""
        yield from _section_lines(section)


def _section_lines(section: Section) -> Iterator[str]:
    if section.is_empty:
        yield NOTHING
    for line in section.lines:
        yield f"- {_plain(line)}"
    if section.rows:
        if section.lines:
            yield ""
        yield f"| {' | '.join(section.columns)} |"
        yield f"|{'---|' * len(section.columns)}"
        for row in section.rows:
            yield f"| {' | '.join(map(_plain, row))} |"


def _plain(text: str) -> str:
    """What somebody wrote cannot end a cell or begin a tag."""
    return text.replace("\n", " ").replace("|", "\\|").replace("<", "&lt;")


def _head(pack: Mapping[str, Any], review: Mapping[str, Any] | None) -> tuple[str, ...]:
    since = (
        f"events {pack['since'] + 1:,} to {pack['size']:,}" if pack["since"] else f"the first {pack['size']:,} events"
    )
    made = f"Made from {since} of the record, as of {pack['at']}. Anybody can make it again from the same events."
    if review is None:
        return (
            "Management review: preview",
            made,
            "No review was opened on this. `aims act open-review organisation` does.",
        )
    opened = f"Opened by {review['opened_by']}: {review['occasion']}"
    return f"Management review {review['id']}", made, opened, f"Digest of the inputs: {review['pack_sha256'] or ABSENT}"


def _outcome(review: Mapping[str, Any] | None, decided: Sequence[Mapping[str, Any]]) -> Iterator[Section]:
    if review is None:
        return
    yield _table("What was decided", decided, "id", "category", "decision", "owner", "due", "state")
    if review["closed_at"]:
        lines = (
            f"Closed at {review['closed_at']}",
            f"Took part: {', '.join(review['attendance'])}",
            review["conclusion"],
        )
        yield Section("Conclusion", lines)


def _table(title: str, rows: Sequence[Mapping[str, Any]], *columns: str) -> Section:
    cells = tuple(tuple(_cell(row[name]) for name in columns) for row in rows)
    return Section(title, columns=tuple(name.replace("_", " ") for name in columns), rows=cells)


def _changes(title: str, found: Mapping[str, Any]) -> Section:
    if not found["events"]:
        return Section(title)
    listed = _table(title, found["events"], "at", "by", "kind", "about")
    return Section(title, (_cell(found["counts"]),), listed.columns, listed.rows)


def _nonconformities(found: Mapping[str, Any]) -> Section:
    names = ("opened", "confirmed", "rejected", "downgraded", "closed", "closed_without_action", "reopened")
    if not any(found[name] for name in names) and not found["open"]:
        return Section("Nonconformities and corrective action")
    contain, tried = found["days_to_contain"], found["effective_at_first_try"]
    lines = (
        "; ".join(f"{name.replace('_', ' ')}: {found[name]}" for name in names),
        f"Opened by source: {_cell(found['opened_by_source'])}; by system: {_cell(found['opened_by_system'])}",
        f"Days to contain: median {_cell(contain['median'])}, longest {_cell(contain['longest'])}, "
        f"of {contain['cases']} cases",
        f"Effective at the first try: {tried['effective']} of {tried['verified']} ({_cell(tried['share'])})",
        f"Open by state: {_cell(found['open_by_state'])}; by severity: {_cell(found['open_by_severity'])}",
    )
    columns = ("id", "system", "requirement", "segment", "state", "severity", "round", "owner")
    listed = _table("", found["open"], *columns)
    return Section("Nonconformities and corrective action", lines, listed.columns, listed.rows)


def _monitoring(found: Sequence[Mapping[str, Any]]) -> Section:
    columns = ("system", "looks", "verdicts", "absent", "held_back", "suspicions_rejected", "false_alarm_budget")
    return _table("Monitoring", [{**row, "false_alarm_budget": _budget(row)} for row in found], *columns)


def _budget(row: Mapping[str, Any]) -> str:
    budget = row["false_alarm_budget"]
    return f"at most {budget['at_most']} a {budget['per']}" if budget else ABSENT


def _concerns(found: Mapping[str, Any]) -> Section:
    if not found["raised"] and not found["not_assessed"]:
        return Section("Concerns")
    lines = (
        f"Raised: {found['raised']}; from: {_cell(found['by_origin'])}; about: {_cell(found['by_category'])}",
        f"What came of them: {_cell(found['by_outcome'])}",
        f"Not assessed yet: {_cell(found['not_assessed'])}",
    )
    return Section("Concerns", lines)


def _incidents(found: Sequence[Mapping[str, Any]]) -> Section:
    rows = [{**row, "clocks": "; ".join(_clock(clock) for clock in row["clocks"]) or None} for row in found]
    return _table("Incidents", rows, "id", "system", "state", "severity", "what", "aware_at", "clocks")


def _clock(clock: Mapping[str, Any]) -> str:
    late = f", {clock['late_hours']} hours late" if clock["late_hours"] else ""
    return f"{clock['clock']} by {clock['deadline']}: {clock['state']}{late}"


def _cell(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return ABSENT
    if isinstance(value, Mapping):
        return ", ".join(f"{str(name).replace('_', ' ')} {count}" for name, count in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
