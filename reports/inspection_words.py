"""The words of a first look, for the screen and for the page: what is said of a file, a column, a rate, a group.

Values and states are those of the records; nothing is computed from them but the form in which they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from governance.records import Measurement
from monitors.first_look import ALPHA, SIDES, ColumnLook, FileLook, Inspection, State
from monitors.grid import RARE
from monitors.kinds import Kind
from reports.tables import ABSENT, number

METRICS = {
    "accuracy": "accuracy",
    "precision": "precision",
    "true_positive_rate": "recall (true positive rate)",
    "false_positive_rate": "false positive rate",
    "false_negative_rate": "false negative rate",
    "roc_auc": "ROC AUC",
    "brier_score": "Brier score",
    "selection_rate": "share predicted positive",
    "outcome_rate": "share with positive outcome",
}
SHORT_KINDS = {
    Kind.CATEGORICAL: "category",
    Kind.TIME: "time",
    Kind.TEXT: "text",
    Kind.IDENTIFIER: "id",
    Kind.OTHER: "nested",
}
# Changes of a share smaller than this are not put in words.
TOLD = 0.005
LOUD = 0.05
OUTSIDE = 0.01
CONSTANT = "one value only"
LONGEST_NAME = 60
OBSERVATIONS = (
    "Observations, not verdicts: no limit exists until a system is declared and its impact assessment approved."
)


def share(value: float | None) -> str:
    """A share as people read it; `0 %` is none at all."""
    if value is None:
        return ABSENT
    if 0 < value < 0.001 or 0.999 < value < 1:
        return "<0.1 %" if value < 0.5 else ">99.9 %"
    return f"{100 * value:.1f}".removesuffix(".0") + " %"


def size(file: FileLook) -> str:
    """`11.8 MB`."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if file.size_bytes >= one:
            return f"{file.size_bytes / one:.3g} {unit}"
    return f"{file.size_bytes} bytes"


def shortened(text: str, most: int = LONGEST_NAME) -> str:
    """On one line, and no longer than `most`."""
    flat = " ".join(text.split()) or repr(text)
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def lead(inspection: Inspection) -> str:
    """The answer in one sentence."""
    counts = {state: len(inspection.of(state)) for state in State}
    compared = len(inspection.columns)
    columns = "column" if compared == 1 else "columns"
    parts = [f"{counts[State.MOVED]} of {compared} {columns} moved"]
    parts += [f"{n} {state}" for state in (State.TOO_FEW, State.WITHIN_NOISE) if (n := counts[state])]
    if counts[State.NOT_COMPARED]:
        parts.append(f"{counts[State.NOT_COMPARED]} not compared by value")
    return " · ".join(parts)


def multiplicity(inspection: Inspection) -> str:
    """How often a column is called moved when none has, and what the noise beside each value is."""
    if not inspection.tested:
        return ""
    alpha = f"{ALPHA / inspection.tested:.2g} ({ALPHA:g} shared over {inspection.tested} tests)"
    return (
        f"Moved: the near end of PSI’s interval is above zero, at alpha {alpha}; what is missing is a bin of its own. "
        f"If nothing changed, any column at all is called moved in at most {share(ALPHA)} of comparisons. "
        "Noise: what PSI shows at these row counts when nothing changed."
    )


def short(value: float | None) -> str:
    """Three decimals: `--json` has the others."""
    if value is None or abs(value) >= 100 or value == 0:
        return number(value)
    text = f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    return (text if float(text) else f"{value:.0e}").replace("-", "−")


def bounds(measurement: Measurement | None) -> str:
    """`[0.100, 0.200]`, or a dash."""
    if measurement is None or measurement.low is None or measurement.high is None:
        return ABSENT
    return f"[{short(measurement.low)}, {short(measurement.high)}]"


def valued(measurement: Measurement | None) -> str:
    """The value, or why there is none."""
    if measurement is None:
        return ABSENT
    return short(measurement.value) if measurement.value is not None else measurement.reason or "undefined"


def signed(measurement: Measurement | None) -> str:
    """A difference with its sign."""
    if measurement is None or measurement.value is None:
        return valued(measurement)
    return ("+" if measurement.value > 0 else "") + short(measurement.value)


def missing(column: ColumnLook) -> tuple[float | None, float | None]:
    """Shares of rows without a value in the reference and the batch."""
    before, now = (facts.nulls / facts.rows if facts.rows else None for facts in column.facts)
    return before, now


def what_changed(column: ColumnLook) -> list[str]:
    """What a person would look at first; for columns that did not move only what is new or gone."""
    said = []
    if column.state is State.MOVED:
        before, now = missing(column)
        if before is not None and now is not None and abs(now - before) >= TOLD:
            said.append(f"missing {share(before)} → {share(now)}")
    rows = column.facts[1].rows
    said += [f"new: {_quoted(value)} {share(n / rows)}" for value, n in column.new[:3]]
    said += [f"gone: {_quoted(value)}" for value, _ in column.vanished[:3]]
    more = max(len(column.new) - 3, 0) + max(len(column.vanished) - 3, 0)
    if more:
        said.append(f"{more} more new or gone")
    if column.state is not State.MOVED:
        return said
    shift, shares = column.shift, column.shares
    if shift is not None and number(shift.before) != number(shift.now):
        said.append(f"{shift.what} {number(shift.before)} → {number(shift.now)}")
    if shares is not None and not column.new and abs(shares.now - shares.before) >= TOLD:
        said.append(f"{_quoted(shares.category)} {share(shares.before)} → {share(shares.now)}")
    return said


def _quoted(category: str) -> str:
    return f"“{shortened(category, 24)}”"


def kind(column: ColumnLook) -> str:
    """The kind, short enough for a screen."""
    return SHORT_KINDS.get(column.kind, str(column.kind))


def not_compared(inspection: Inspection) -> Iterator[tuple[str, str]]:
    """Columns whose values are not compared, each with the reason."""
    for column in inspection.columns:
        if column.compared == "values":
            continue
        why = f"looks personal ({column.personal})" if column.personal else str(column.kind)
        yield column.name, why
    for name in inspection.excluded:
        yield name, "excluded, as you said"


def quality(inspection: Inspection) -> list[tuple[bool, str]]:
    """What else a reader must know of the data, the loud things first: whether it is loud, and the sentence."""
    said = [(True, f"Only in the {side}: {listed(names)}.") for side, names in _sides(inspection.only) if names]
    said += [(True, f"{text}.") for text in inspection.notes]
    for column in inspection.columns:
        said += _of_column(column)
    constant = [c.name for c in inspection.columns if any(r.startswith(CONSTANT) for r in c.remarks)]
    if constant:
        said.append((False, f"One value only, on one side at least: {listed(constant)}."))
    for file in inspection.files:
        said += [(True, f"{file.side}: {note}.") for note in file.notes]
        if file.repeated:
            part = share(file.repeated / file.rows)
            said.append((False, f"{file.side}: {file.repeated:,} rows ({part}) repeat another row."))
    if inspection.shared:
        rows = inspection.files[1].rows
        text = f"{inspection.shared:,} of {rows:,} rows of the batch are also in the reference."
        said.append((inspection.shared == rows, text))
    return sorted(said, key=lambda pair: not pair[0])


def _sides(pair: Sequence[Sequence[str]]) -> Iterator[tuple[str, Sequence[str]]]:
    return zip(SIDES, pair, strict=True)


def _of_column(column: ColumnLook) -> list[tuple[bool, str]]:
    before, now = missing(column)
    name, said = shortened(column.name, 40), []
    if before is not None and now is not None and abs(now - before) >= TOLD and column.state is State.MOVED:
        text = f"{name}: missing in {share(before)} of the reference, {share(now)} of the batch."
        said.append((abs(now - before) >= LOUD, text))
    said += [(True, f"{name}: {remark}.") for remark in column.remarks if not remark.startswith(CONSTANT)]
    if column.outside and (part := column.outside / column.facts[1].present) >= OUTSIDE:
        said.append((False, f"{name}: {share(part)} of the batch lies outside the reference’s range."))
    return said


def personal(inspection: Inspection) -> str:
    """Which columns look personal, and what follows; empty where none does."""
    found = [column.name for column in inspection.columns if column.personal]
    if not found:
        return ""
    return f"Look personal, so only missing values are compared, and no value is shown: {listed(found)}."


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names in a row, the first `most` of them."""
    shown = ", ".join(shortened(name, 40) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def withheld(count: int) -> str:
    """`2 groups of fewer than 10 rows are not shown`."""
    groups = "1 group of fewer than {} rows is" if count == 1 else f"{count} groups of fewer than {{}} rows are"
    return groups.format(RARE) + " not shown"


def next_steps(inspection: Inspection) -> tuple[str, str, str]:
    """Three lines on what to do now."""
    if not inspection.asked:
        first = (
            "Add --label C --prediction C (or --score C --threshold X) and --group C for performance and group rates."
        )
    elif not inspection.groupings:
        first = "Add --group C, or --group A,B for an intersection, for rates by group."
    else:
        first = "Read every number with its method: --json; a page to pass on: --html FILE."
    return (
        first,
        "Mark what a guess got wrong with --exclude C or --personal C.",
        "For limits, verdicts and a register declare the system: docs/declarations.md (four files, no code).",
    )
