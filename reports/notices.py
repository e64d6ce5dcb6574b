"""The draft of a notice about an incident: facts from the record, gaps for people, and DRAFT on it (A.8.4).

Computes nothing and sends nothing. What it does not know it leaves open, in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

GAP = "[to be filled in by a person]"


def notice(
    incident: Mapping[str, Any],
    clock: Mapping[str, Any],
    *,
    regime: str,
    wanted: Sequence[str],
    case: Mapping[str, Any] | None,
    drafted_at: str,
) -> str:
    """Markdown.

    Parameters
    ----------
    incident, clock : mapping
        Rows of the incident and of the clock that the notice is for.
    regime : str
        By which rule somebody has to be told.
    wanted : sequence of str
        What a notice under that rule must say.
    case : mapping or None
        Row of the nonconformity that the incident belongs to.
    """
    return "\n".join(_lines(incident, clock, regime, wanted, case, drafted_at)) + "\n"


def _lines(
    incident: Mapping[str, Any],
    clock: Mapping[str, Any],
    regime: str,
    wanted: Sequence[str],
    case: Mapping[str, Any] | None,
    drafted_at: str,
) -> Iterator[str]:
    yield f"# DRAFT: notice about incident {incident['id']}"
    yield ""
    yield "**DRAFT, not sent.** Filled from the record; a person checks it, completes it, decides, and sends it."
    yield ""
    yield f"- Under: {regime} (as read on {clock['as_of']})"
    yield f"- To: {clock['to']}"
    yield f"- Aware since: {incident['aware_at']}"
    yield f"- Deadline: {clock['deadline']}"
    yield f"- Drafted: {drafted_at}"
    yield ""
    yield "## Known from the record"
    yield ""
    yield f"- System: {incident['system']}"
    yield f"- What happened: {incident['what']}"
    yield f"- Severity: {incident['severity']}"
    yield f"- Affected: {', '.join(incident['affected'])}"
    yield from _case_lines(case)
    yield ""
    yield "## What such a notice says"
    for item in wanted:
        yield ""
        yield f"### {item[:1].upper()}{item[1:]}"
        yield ""
        yield GAP
    yield ""
    yield "**DRAFT, not sent.**"


def _case_lines(case: Mapping[str, Any] | None) -> Iterator[str]:
    if case is None:
        yield "- Nonconformity: none is linked"
        return
    evidence = case["evidence"]
    yield f"- Nonconformity: {case['id']}, {case['state'].replace('_', ' ')}, {case['severity']}: {evidence['reason']}"
    if case["batches"]:
        yield f"- Seen in: {', '.join(case['batches'])}"
    if evidence.get("value") is not None:
        bounds = f" (bounds {evidence['low']} to {evidence['high']})" if evidence.get("low") is not None else ""
        limit = f"limit {evidence['limit']}, n {evidence['n']}"
        yield f"- Measured: {evidence['metric']} {evidence['value']} {evidence['unit']}{bounds}, {limit}"
