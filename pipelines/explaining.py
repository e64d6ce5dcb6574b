"""`aims explain`: what the verdicts on one batch are made of, for a person or for a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from assets.kept.home import Home
from governance.faults import UsageFault
from governance.records import Outcome
from governance.register import PART_KEYS, Register
from pipelines.listing import show

# One row for each part of a verdict's measurement; a verdict without parts has one row, whose `kind` is null.
KEYS = (
    "system", "batch", "criterion", "segment", "verdict", "measurement", "metric", "column",
    "kind", "by", "about", "value", "share", "before", "after", "n", "noise_floor", "note",
)  # fmt: skip
# The columns that moved most, in rows of this kind at the end: they stand beside the verdicts, and are parts of none.
BESIDE = "beside"


def explain_batch(place: Home, system: str, batch: str, criterion: str | None, *, as_json: bool) -> None:
    """Prints what was kept of the newest look at this batch; without a criterion, its breaches and warnings.

    Raises
    ------
    UsageFault
        The batch was not judged, or not by this criterion.
    """
    register = place.register() if place.exists else None
    if register is None or register.last("batch.judged", f"{system}/{batch}") is None:
        raise UsageFault(f"{system}: the batch {batch} has not been judged. Run `aims run {system}` first.")
    known = {row["criterion"] for row in register.verdicts(system=system, batch=batch)}
    if criterion and criterion not in known:
        judged = f"it was judged by {', '.join(sorted(known)) or 'none'}"
        raise UsageFault(f"{system}: no criterion {criterion!r} judged {batch}; {judged}.")
    if as_json:
        show(_rows(register, system, batch, criterion), KEYS, as_json=True, empty="")
        return
    for line in _lines(register, system, batch, criterion):
        click.echo(line)


def _lines(register: Register, system: str, batch: str, criterion: str | None) -> Iterator[str]:
    from reports.explanations import FINDINGS, beside, explanations

    measurements, verdicts = register.records(system, batch)
    wanted = [v for v in verdicts if criterion in (None, v.criterion)]
    outcomes = tuple(Outcome) if criterion else FINDINGS
    found = explanations(wanted, register.part_records(system, batch), outcomes)
    if not found:
        yield "No verdict on this batch is a breach or a warning." if verdicts else "Nothing on this batch is judged."
    for item in found:
        yield f"{item.criterion} [{item.segment}]: {item.word}, {item.metric} {item.value}"
        for cut in item.cuts:
            yield f"  {cut.sentence}"
            if cut.note:
                yield f"  ! {cut.note}"
            yield from _table([cut.titles, *(row.cells for row in cut.rows)])
        yield ""
    yield from filter(None, [beside(found, measurements)])


def _table(lines: list[tuple[str, ...]]) -> Iterator[str]:
    if len(lines) < 2:
        return
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *numbers in lines:
        cells = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(numbers, widths[1:], strict=True))]
        yield f"    {'  '.join(cells)}".rstrip()


def _rows(register: Register, system: str, batch: str, criterion: str | None) -> Iterator[dict[str, Any]]:
    from reports.explanations import FINDINGS, moved

    measured = {row["id"]: row for row in register.measurements(system=system, batch=batch)}
    parts: dict[str, list[dict[str, Any]]] = {}
    for part in register.parts(system=system, batch=batch):
        parts.setdefault(part["measurement"], []).append(part)
    nothing = {**dict.fromkeys(KEYS), "system": system, "batch": batch}
    metrics = []
    for verdict in register.verdicts(system=system, batch=batch):
        if verdict["criterion"] != criterion and (criterion or verdict["verdict"] not in FINDINGS):
            continue
        about = measured[verdict["measurement"]]
        metrics.append(about["metric"])
        base = nothing | {key: verdict[key] for key in ("criterion", "segment", "verdict", "measurement")}
        base |= {"metric": about["metric"], "column": about["column"]}
        own = parts.get(verdict["measurement"], [])
        yield from (base | {key: part[key] for key in PART_KEYS if key in KEYS} for part in own)
        if not own:
            yield base | {"note": about["reason"] or "no parts add up to this measurement"}
    for m in moved(metrics, register.records(system, batch)[0]):
        told = {"value": m.value, "n": m.n, "noise_floor": m.noise_floor}
        yield nothing | {"metric": m.metric, "column": m.column, "kind": BESIDE, **told}
