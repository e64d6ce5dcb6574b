"""The words and rows of the page's tables: each record in the form in which people read it.

Decides how a number is written, which word stands for an outcome, what comes first, and what is said where there is
no value. Values, limits and outcomes are those of the records: nothing is computed from them. The page around the
tables is `reports.batch_review`, their markup `templates/batch_review.html`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from governance.records import Measurement, Outcome, Verdict

ORDER = (Outcome.NOT_EVALUATED, Outcome.BREACH, Outcome.INCONCLUSIVE, Outcome.WARNING, Outcome.CONFORMING)
WORDS = {
    Outcome.NOT_EVALUATED: "not evaluated",
    Outcome.BREACH: "breach",
    Outcome.INCONCLUSIVE: "inconclusive",
    Outcome.WARNING: "warning",
    Outcome.CONFORMING: "conforming",
}
LIMIT_WORDS = {"above": "at most {}", "below": "at least {}", "either": "within ±{}"}
ABSENT = "–"


def counted(verdicts: Sequence[Verdict]) -> str:
    """`9 verdicts: 1 not evaluated, 2 breach, 6 conforming.`"""
    if not verdicts:
        return "No verdicts."
    numbers = [(sum(v.outcome is outcome for v in verdicts), WORDS[outcome]) for outcome in ORDER]
    total = f"{len(verdicts)} verdict{'s' if len(verdicts) > 1 else ''}"
    return f"{total}: {', '.join(f'{n} {word}' for n, word in numbers if n)}."


def verdict_rows(verdicts: Sequence[Verdict], owners: Mapping[str, str]) -> list[dict[str, str]]:
    """What is not known stands before what passed; within one outcome, the order of the records."""
    return [_verdict_row(v, owners) for v in sorted(verdicts, key=lambda v: ORDER.index(v.outcome))]


def _verdict_row(verdict: Verdict, owners: Mapping[str, str]) -> dict[str, str]:
    measurement = verdict.measurement
    return {
        "outcome": verdict.outcome.value,
        "word": WORDS[verdict.outcome],
        "criterion": verdict.criterion,
        "metric": measurement.metric,
        "segment": verdict.segment,
        "limit": _limit(verdict),
        "warn": ABSENT if verdict.warn is None else number(verdict.warn),
        "severity": verdict.severity,
        "owner": owners.get(verdict.criterion) or "not recorded",
        **_measured(measurement),
        "reason": verdict.reason or measurement.reason or "no reason recorded",
    }


def _limit(verdict: Verdict) -> str:
    return LIMIT_WORDS[verdict.direction].format(number(verdict.limit))


def _measured(measurement: Measurement) -> dict[str, str]:
    value = number(measurement.value)
    return {
        "value": "undefined" if value == ABSENT else f"{value} {_unit(measurement)}".strip(),
        "interval": _interval(measurement),
        "n": f"{measurement.n:,}",
        "noise_floor": number(measurement.noise_floor),
    }


def _unit(measurement: Measurement) -> str:
    """Shares and ratios are plain numbers; so is a count in a row that says what it counts."""
    return "" if measurement.unit in ("share", "ratio", "rows") else measurement.unit


def _interval(measurement: Measurement) -> str:
    low, high = number(measurement.low), number(measurement.high)
    if (low, high) == (ABSENT, ABSENT):
        return ABSENT
    return f"[{low if low != ABSENT else '−∞'}, {high if high != ABSENT else '∞'}]"


def measurement_tables(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Whole batch, then groups, then columns; tables without rows are left out."""
    columns = [m for m in measurements if m.column]
    groups = [m for m in measurements if m.segment and not m.column]
    whole = [m for m in measurements if not m.segment and not m.column]
    parts = (
        ("Rows, labels and performance, whole batch", "", whole),
        ("Groups and contrasts", "Group or contrast", groups),
        ("Distance of each column from the reference", "Column", columns),
    )
    return [
        {"caption": caption, "about": about, "rows": [_measurement_row(m) for m in rows]}
        for caption, about, rows in parts
        if rows
    ]


def _measurement_row(measurement: Measurement) -> dict[str, str]:
    against = f"against {measurement.against}" if measurement.against else None
    where = [part for part in (measurement.column, measurement.segment, against) if part]
    reason = measurement.reason or ("" if measurement.value is not None else "no reason recorded")
    return {
        "metric": measurement.metric,
        "about": ", ".join(where),
        **_measured(measurement),
        "detectable": number(measurement.detectable),
        "method": measurement.method or ABSENT,
        "reason": f"did not run: {reason}" if measurement.broken else reason,
    }


def number(value: float | None) -> str:
    """Four significant digits; whole numbers in full; an en dash for what is undefined."""
    if value is None or math.isnan(value):
        return ABSENT
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def breakable(name: str) -> Markup:
    """The name, escaped, with a place to break the line after each underscore."""
    return Markup("_<wbr>").join(name.split("_"))
