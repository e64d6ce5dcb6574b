"""What a verdict's value is made of, in words and rows, for the page and for the terminal.

Everything is taken from the parts that were kept with the measurements (`monitors.decomposition`): nothing is
computed here, only chosen and written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from governance.declared.metrics import METRICS
from governance.records import Measurement, Outcome, Part, Verdict
from monitors.decomposition import rate_of
from monitors.strata import SCORE
from reports.tables import ABSENT, ORDER, WORDS, number

FINDINGS = (Outcome.BREACH, Outcome.WARNING)
# Columns named beside verdicts that are not about a column.
DRIFTED = 5
BINS = ("reference", "batch", "of the distance", "makes")
CAUSES = ("rate makes", "mix makes", "rate, {0}", "rate, {1}", "share, {0}", "share, {1}")
# What people who are alike do not share, where "another rate" would be a poor word.
DIFFERENT = {"outcome_rate": "outcome", "selection_rate": "decision"}
WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; `width` is that of its bar, in per cent."""

    cells: tuple[str, ...]
    width: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """A measurement, cut by one thing: a sentence, what one must know of it, and the parts one by one."""

    by: str
    sentence: str
    caption: str
    titles: tuple[str, ...]
    rows: tuple[Row, ...]
    note: str | None = None
    bars: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """One verdict and what its value is made of."""

    criterion: str
    segment: str
    outcome: str
    word: str
    metric: str
    value: str
    cuts: tuple[Cut, ...]


def explanations(
    verdicts: Iterable[Verdict],
    parts: Iterable[Part],
    outcomes: Sequence[Outcome] = FINDINGS,
) -> list[Explanation]:
    """One for each verdict with one of these `outcomes`, breaches first."""
    found: dict[Measurement, list[Part]] = {}
    for part in parts:
        found.setdefault(part.measurement, []).append(part)
    wanted = sorted((v for v in verdicts if v.outcome in outcomes), key=lambda v: ORDER.index(v.outcome))
    return [_explanation(v, found.get(v.measurement, [])) for v in wanted]


def _explanation(verdict: Verdict, parts: list[Part]) -> Explanation:
    measurement = verdict.measurement
    cuts = [_cut(by, list(some)) for by, some in groupby(parts, key=lambda part: part.by)]
    return Explanation(
        verdict.criterion,
        verdict.segment,
        verdict.outcome.value,
        WORDS[verdict.outcome],
        measurement.metric,
        "undefined" if measurement.value is None else number(measurement.value),
        tuple(cuts) or (_nothing(measurement),),
    )


def _nothing(measurement: Measurement) -> Cut:
    if measurement.value is None:
        why = f"There is no value to take apart: {measurement.reason or 'no reason recorded'}."
    elif rate_of(measurement.metric):
        why = "It is not taken apart: no declared intersection holds another attribute of these groups."
    else:
        why = "This measure has no parts that add up to it."
    return Cut("", why, "", (), ())


def _cut(by: str, parts: list[Part]) -> Cut:
    if parts[0].kind == "bin":
        rows = tuple(_bin_row(part) for part in parts)
        return Cut(by, _bins_told(parts), f"{by}, bin by bin", (by, *BINS), rows, bars=True)
    whole = {part.kind: part for part in parts if part.about is None}
    rate, mix = whole["rate"], whole["mix"]
    sides = ("baseline", "group") if rate.measurement.segment else ("reference", "batch")
    titles = (by, *(title.format(*sides) for title in CAUSES))
    return Cut(by, _causes_told(rate, mix), f"By {by}", titles, tuple(_cause_rows(parts)), rate.note)


def _bin_row(part: Part) -> Row:
    shares = [WITHHELD if part.n is None else percent(side) for side in (part.before, part.after)]
    width = round(100 * min(max(part.share or 0.0, 0.0), 1.0))
    return Row((part.about or "", *shares, percent(part.share, 0), signed(part.value)), width)


def _bins_told(parts: list[Part]) -> str:
    """`RELP 17 went from 5.2 % to 18.9 % of the rows and makes 55 % of the distance.`; another where it is less."""
    named = [part for part in parts if part.n is not None and part.share is not None]
    if not named:
        return "Nothing of it may be told bin by bin: what moved holds fewer than 10 rows, or nothing moved."
    first, *others = named
    told = (
        f"{first.by} {first.about} went from {percent(first.before)} to {percent(first.after)} of the rows and makes "
        f"{percent(first.share, 0)} of the distance"
    )
    if others and (first.share or 0.0) < 0.5:
        second = others[0]
        told += (
            f"; {second.about} went from {percent(second.before)} to {percent(second.after)} and makes "
            f"{percent(second.share, 0)}"
        )
    return f"{told}."


def _causes_told(rate: Part, mix: Part) -> str:
    """Which part of it is another rate among people who are alike, and which part is other people."""
    metric, by = rate_of(rate.measurement.metric) or "", rate.by
    what = DIFFERENT.get(metric, metric.replace("_", " "))
    within = f"a different {what} {'at the same score' if by == SCORE else f'within the same {by}'}"
    other = "other scores" if by == SCORE else f"another mix of {by}"
    whole = "difference" if rate.measurement.segment else "change"
    if 0 in (rate.share, mix.share):
        return f"All of the {whole} is {other if rate.share == 0 else within}."
    if rate.share is None or mix.share is None or min(rate.share, mix.share) < 0:
        return f"{_sentence(within)} makes {signed(rate.value)}, {other} {_makes(mix)} {signed(mix.value)}."
    return _sentence(f"{percent(rate.share, 0)} of the {whole} is {within}; {percent(mix.share, 0)} is {other}.")


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _makes(mix: Part) -> str:
    return "make" if mix.by == SCORE else "makes"


def _cause_rows(parts: Sequence[Part]) -> Iterator[Row]:
    strata = [part for part in parts if part.about is not None]
    for about, some in groupby(strata, key=lambda part: part.about):
        by_kind = {part.kind: part for part in some}
        mix, rate = by_kind["mix"], by_kind.get("rate")
        shares = [WITHHELD if mix.n is None else percent(side) for side in (mix.before, mix.after)]
        rates = [percent(side) for side in (rate.before, rate.after)] if rate else [ABSENT, ABSENT]
        yield Row((about or "", signed(rate.value) if rate else ABSENT, signed(mix.value), *rates, *shares))


def moved(metrics: Iterable[str], measurements: Iterable[Measurement]) -> list[Measurement]:
    """The columns farthest from the reference, and farther than noise alone would put them.

    They stand beside verdicts on all rows or on groups (`metrics`); where all are about columns, there are none.
    """
    if all(metric not in METRICS or METRICS[metric].about == "column" for metric in metrics):
        return []
    found = [m for m in measurements if m.metric == "jensen_shannon" and m.against is None]
    far = [(m.value, m) for m in found if m.value is not None and m.value > (m.noise_floor or 0.0)]
    return [m for _, m in sorted(far, key=lambda pair: -pair[0])][:DRIFTED]


def beside(found: Iterable[Explanation], measurements: Iterable[Measurement]) -> str | None:
    """What columns did, in words; None where there is nothing to tell."""
    named = [
        f"{m.column} {number(m.value)} ({number(m.noise_floor)})"
        for m in moved((item.metric for item in found), measurements)
    ]
    if not named:
        return None
    return f"Columns that moved most, by Jensen-Shannon distance (noise floor): {', '.join(named)}."


def percent(value: float | None, digits: int = 1) -> str:
    """A share as people read it: only none at all is `0 %`, and only all of it `100 %`."""
    if value is None:
        return ABSENT
    least = 10.0**-digits
    if 0 < value < least / 200:
        return f"under {least:g} %"
    if 1 - least / 200 < value < 1:
        return f"over {100 - least:g} %"
    text = f"{100 * value + 0.0:.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−") + " %"


def signed(value: float) -> str:
    """A contribution, with its sign."""
    return f"{value:+.4f}".replace("-", "−")
