"""A first look at two files that nobody has declared: opened, counted, compared; nothing is kept.

Decides what is asked of which module, and refuses what cannot be asked. Statistics are in `monitors`, what looks
personal in `checks.personal`, words and drawings in `reports`.
"""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ibis.expr.types as ir

from assets.source.opening import Desk, Opened
from checks.personal import VALUE_SHAPES, looks_personal, why_personal
from governance.faults import UsageFault
from governance.records import Measurement
from monitors import facts as counting
from monitors import first_look as look
from monitors.facts import ColumnFacts
from monitors.freezing import freeze
from monitors.grid import RARE
from monitors.kinds import COMPARED, Kind, kind_of
from monitors.levels import Contrast
from monitors.measure import measure
from monitors.outcome_values import Binary, NotBinary, binary_of
from monitors.picture import Picture, picture_of
from monitors.profile import Profile
from monitors.profiling import profile
from monitors.staging import Plan, counted_as, how_to_count, shape_of, staged

# Rows are compared with each other up to here; the cost grows with rows, and memory with it.
COMPARED_ROWS = 5_000_000
HIDDEN = "(looks personal)"
# As many as a grid keeps of one attribute.
MAX_GROUPS = 50
Say = Callable[[str], None]
FAMILIES = {"integer": "numbers", "number": "numbers", "boolean": "booleans", "text": "text", "time": "times"}


@dataclass(frozen=True)
class Request:
    """What is asked."""

    reference: Path
    batch: Path
    label: str | None = None
    prediction: str | None = None
    score: str | None = None
    threshold: float | None = None
    groups: tuple[str, ...] = ()
    positive: str | None = None
    exclude: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Pair:
    """Both files opened, with the facts of their columns."""

    files: tuple[Opened, Opened]
    facts: tuple[dict[str, ColumnFacts], dict[str, ColumnFacts]]

    @property
    def tables(self) -> tuple[ir.Table, ir.Table]:
        return self.files[0].table, self.files[1].table

    @property
    def common(self) -> tuple[str, ...]:
        return tuple(name for name in self.facts[0] if name in self.facts[1])

    def rows(self, side: int) -> int:
        return next(iter(self.facts[side].values())).rows

    def kind(self, name: str) -> Kind:
        """As guessed from the reference; where that is empty, from the batch."""
        first = kind_of(self.facts[0][name])
        return first if first is not Kind.EMPTY else kind_of(self.facts[1][name])


def inspect(request: Request, say: Say) -> look.Inspection:
    """Everything that is seen at first sight. `say` is told what is being done.

    Raises
    ------
    UsageFault
        A file cannot be read, a column is not there, or an outcome is not binary.
    """
    _must_be_there(request)
    with tempfile.TemporaryDirectory(prefix="aims-inspect-", ignore_cleanup_errors=True) as folder:
        pair = _opened(Desk(Path(folder)), request, say)
        _must_fit(request, pair)
        plan, notes = _planned(request, pair)
        say("choosing bins")
        one, two = (staged(table, plan) for table in pair.tables)
        # From both files, not from the reference alone: docs/decisions/0010-a-first-look-bins-both-files.md.
        grid = freeze(one.union(two), shape_of(plan))
        say("counting")
        before, now = profile(one, grid), profile(two, grid)
        say("comparing")
        return _looked(request, pair, plan, (before, now), notes)


def _must_be_there(request: Request) -> None:
    for path in (request.reference, request.batch):
        if not path.exists():
            folder = path.parent if path.parent.is_dir() else Path()
            near = difflib.get_close_matches(path.name, [p.name for p in folder.iterdir()], n=3)
            hint = f" Near: {', '.join(map(repr, near))}." if near else ""
            raise UsageFault(f"There is no file {str(path)!r}.{hint}")


def _opened(desk: Desk, request: Request, say: Say) -> _Pair:
    say(f"reading {request.reference.name}")
    reference = desk.open(request.reference, "reference")
    say(f"reading {request.batch.name}")
    as_text = [name for name, kind in reference.types.items() if kind == "VARCHAR"]
    batch = desk.open(request.batch, "batch", as_text)
    found = []
    for opened in (reference, batch):
        say(f"looking at the columns of {opened.name}")
        found.append(counting.facts_of(opened.table, opened.unusable, VALUE_SHAPES))
    return _Pair((reference, batch), (found[0], found[1]))


def _must_fit(request: Request, pair: _Pair) -> None:
    if not pair.common:
        sides = (f"{opened.name} has {_some(found)}" for opened, found in zip(pair.files, pair.facts, strict=True))
        raise UsageFault(f"The two files have no column in common: {'; '.join(sides)}. Is there a header line in both?")
    for option, names in (("exclude", request.exclude), ("personal", request.personal)):
        for name in names:
            _must_have(name, f"--{option}", {*pair.facts[0], *pair.facts[1]})
    for option in ("label", "prediction", "score"):
        name = getattr(request, option)
        if name is not None:
            _must_have(name, f"--{option}", pair.facts[0])
    if request.score is None and request.threshold is not None:
        raise UsageFault("--threshold needs --score: the column that it is a threshold of.")
    score = pair.facts[0].get(request.score or "")
    if score is not None and score.present and score.family not in ("number", "integer"):
        raise UsageFault(f"--score {request.score!r} does not hold numbers in {pair.files[0].name}.")


def _some(names: Iterable[str]) -> str:
    listed = [repr(name[:40]) for name in names]
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")


def _must_have(name: str, option: str, there: Iterable[str]) -> None:
    known = list(there)
    if name in known:
        return
    folded = {column.casefold(): column for column in known}
    near = [folded[n] for n in difflib.get_close_matches(name.casefold(), list(folded), n=3)] or known[:5]
    raise UsageFault(f"{option} {name!r}: there is no such column. Near: {', '.join(map(repr, near))}.")


def _planned(request: Request, pair: _Pair) -> tuple[Plan, tuple[str, ...]]:
    personal = _personal(request, pair)
    how = {
        name: "presence" if name in personal else how_to_count(pair.kind(name))
        for name in pair.common
        if name not in request.exclude
    }
    notes: list[str] = []
    label = _outcome("label", request.label, request, pair, notes)
    prediction = _outcome("prediction", request.prediction, request, pair, notes)
    probability = False
    if request.score is not None:
        probability = _is_probability(request.score, pair)
        notes.append(f"{request.score} is taken for a {'probability' if probability else 'score, not a probability'}")
    if prediction is None and request.threshold is not None:
        notes.append(f"predicted positive: {request.score} ≥ {request.threshold:g}")
    if request.label is not None and request.label not in pair.facts[1]:
        notes.append(f"{request.label} is not in the batch: how well predictions agree with it is not known yet")
    groupings = tuple(dict.fromkeys(_grouping(asked, request, pair, personal) for asked in request.groups))
    return (
        Plan(how, _booleans(pair, how), groupings, label, prediction, request.score, request.threshold, probability),
        tuple(notes),
    )


def _booleans(pair: _Pair, how: Mapping[str, str]) -> frozenset[str]:
    """Columns that are true and false on one side only, where the other side holds anything."""
    mixed = set()
    for name in how:
        one, two = (facts[name] for facts in pair.facts)
        families = {one.family, two.family}
        if one.present and two.present and "boolean" in families and len(families) == 2 and how[name] != "presence":
            mixed.add(name)
    return frozenset(mixed)


def _personal(request: Request, pair: _Pair) -> dict[str, str]:
    """Columns that look personal on either side, with the reason."""
    found: dict[str, str] = {}
    for facts in pair.facts:
        for name, column in facts.items():
            shares = {shape: n / column.present for shape, n in column.shapes.items()} if column.present else {}
            why = why_personal(name, shares) if may_be_personal(column) else None
            if why is not None:
                found.setdefault(name, why)
    return found | {name: "as you said" for name in request.personal}


def may_be_personal(column: ColumnFacts) -> bool:
    """Flags and small numbers say little of a person, whatever their column is called: `email_count`."""
    if column.family in ("boolean", "number"):
        return False
    return column.family != "integer" or (column.low is not None and column.low >= 1000)


def _outcome(
    option: str, name: str | None, request: Request, pair: _Pair, notes: list[str]
) -> tuple[str, Binary] | None:
    if name is None:
        return None
    values = [counting.common_values(t, name, 4) if name in t.columns else {} for t in pair.tables]
    merged = (
        values[0] if len(values[0]) == 2 else {v: max(s.get(v, 0) for s in values) for v in {**values[0], **values[1]}}
    )
    try:
        found = binary_of(merged, request.positive)
    except NotBinary as reason:
        hint = ""
        if option == "prediction" and pair.facts[0][name].family == "number":
            hint = " If it is a score, give it as --score with --threshold."
        raise UsageFault(f"--{option} {name!r} {reason}{_named_values(merged)}.{hint}") from None
    if found.mapped:
        notes.append(f"{name}: {found}")
    left_out = [sum(n for v, n in side.items() if v not in (*found.positive, *found.negative)) for side in values]
    notes += [
        f"{name}: rows with another value than these two are taken as not known ({side})"
        for side, n in zip(look.SIDES, left_out, strict=True)
        if n
    ]
    return name, found


def _named_values(values: Mapping[str, int]) -> str:
    common = [v for v, n in values.items() if n >= RARE and not looks_personal(v) and len(v) <= 40]
    return f" (for example {', '.join(map(repr, common[:3]))})" if common else ""


def _is_probability(name: str, pair: _Pair) -> bool:
    ends = [end for side in pair.facts if name in side for end in (side[name].low, side[name].high)]
    return all(end is None or 0.0 <= end <= 1.0 for end in ends)


def _grouping(asked: str, request: Request, pair: _Pair, personal: Mapping[str, str]) -> tuple[str, ...]:
    """The columns of `a`, `a,b` or `a*b`; a column that is called so as a whole comes first."""
    whole = asked in pair.facts[0]
    names = (asked,) if whole else tuple(part.strip() for part in asked.replace("*", ",").split(",") if part.strip())
    if len(set(names)) != len(names) or not names:
        raise UsageFault(f"--group {asked!r}: name each column once.")
    for name in names:
        _must_have(name, "--group", pair.common)
        if name in personal:
            raise UsageFault(f"--group {name!r} looks personal ({personal[name]}): its values would name the groups.")
        if pair.kind(name) not in (*COMPARED, Kind.EMPTY):
            raise UsageFault(f"--group {name!r} is taken for {pair.kind(name)}, which makes no groups.")
        values = {v for table in pair.tables for v in counting.common_values(table, name, MAX_GROUPS + 1)}
        if len(values) > MAX_GROUPS:
            raise UsageFault(
                f"--group {name!r} has more than {MAX_GROUPS} values, too many to compare. Join them first."
            )
        if any(map(looks_personal, values)):
            raise UsageFault(f"--group {name!r} holds values that look personal: they would name the groups.")
    return names


def _looked(
    request: Request, pair: _Pair, plan: Plan, profiles: tuple[Profile, Profile], notes: tuple[str, ...]
) -> look.Inspection:
    before, now = profiles
    groupings = [grouping for grouping in before.grid.groupings if grouping.by]
    contrasts = {g.name: look.largest_against_others(g, before, now) for g in groupings}
    every: list[Contrast] = [contrast for some in contrasts.values() for contrast in some]
    counted = [part for name, how in plan.how.items() for part in counted_as(name, how)]
    levels = look.levels_for(counted, every)
    seed = look.seed_of(before.digest, now.digest)
    sides: dict[str, Sequence[Measurement]] = {
        "reference": measure(before, None, every, levels, seed=seed),
        "batch": measure(now, before, every, levels, seed=seed),
    }
    columns = _columns(request, pair, plan, profiles, sides["batch"])
    asked = plan.label is not None or plan.prediction is not None or plan.score is not None
    whole = [{m.metric: m for m in found if not m.segment and not m.column} for found in sides.values()]
    return look.Inspection(
        files=(_file(0, pair), _file(1, pair)),
        columns=look.in_order(columns),
        only=_only(pair),
        excluded=tuple(name for name in request.exclude),
        tested=len(counted),
        rates=look.rates_of(whole[0], whole[1], profiles) if asked else (),
        groupings=tuple(look.groups_of(g, profiles, sides, contrasts[g.name]) for g in groupings),
        outcome_notes=notes,
        notes=_namesakes(pair),
        shared=_shared(pair),
        asked=asked,
    )


def _columns(
    request: Request, pair: _Pair, plan: Plan, profiles: tuple[Profile, Profile], measured: Iterable[Measurement]
) -> list[look.ColumnLook]:
    personal = _personal(request, pair)
    distances: dict[str, list[Measurement]] = {}
    for m in measured:
        if m.column is not None and m.metric in look.DISTANCES:
            distances.setdefault(m.column, []).append(m)
    ranges = {
        name: (float(facts.low), float(facts.high))
        for name in plan.how
        if name not in personal
        and pair.kind(name) is Kind.NUMERIC
        and (facts := pair.facts[0][name]).low is not None
        and facts.high is not None
    }
    outside = counting.out_of_range(pair.tables[1], ranges) if ranges else {}
    found = []
    for name in plan.how:
        parts = [(part, tuple(distances[part])) for part in counted_as(name, plan.how[name])]
        found.append(_column(request, name, pair, plan, profiles, parts, outside.get(name), personal.get(name)))
    return found


def _column(
    request: Request,
    name: str,
    pair: _Pair,
    plan: Plan,
    profiles: tuple[Profile, Profile],
    parts: Sequence[tuple[str, tuple[Measurement, ...]]],
    outside: int | None,
    personal: str | None,
) -> look.ColumnLook:
    before, now = profiles
    by_values = plan.how[name] != "presence"
    part, measured = look.farthest(parts)
    state, reason = look.state_of(measured[0])
    alpha = look.ALPHA / len(plan.how)
    shift = look.shift_of(part, before, now, next((m for m in measured if m.metric == "ks"), None))
    new, vanished = look.one_sided(name, before, now, alpha) if plan.how[name] == "name" else ((), ())
    kind, facts = pair.kind(name), (pair.facts[0][name], pair.facts[1][name])
    return look.ColumnLook(
        name,
        kind,
        "values" if by_values else "presence",
        state if by_values or state is look.State.MOVED else look.State.NOT_COMPARED,
        reason,
        distances=measured,
        facts=facts,
        outside=outside,
        shift=_named_after_view(shift, part.removeprefix(name)) if by_values else None,
        shares=_presentable(look.largest_share_shift(part, before, now)) if by_values else None,
        new=_shown(new),
        vanished=_shown(vanished),
        remarks=look.remarks_on(facts, kind, pair.files[0].types[name], pair.files[1].types[name]),
        personal=personal,
        roles=_roles(request, name),
        picture=_drawn(picture_of(part, before, now)) if by_values else None,
    )


def _shown(values: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple((HIDDEN if looks_personal(value) else value, n) for value, n in values)


def _named_after_view(shift: look.Shift | None, view: str) -> look.Shift | None:
    """`median (length)` where a column is counted by its length."""
    return replace(shift, what=shift.what + view) if shift is not None else None


def _drawn(picture: Picture | None) -> Picture | None:
    if picture is None:
        return None
    return replace(picture, labels=tuple(HIDDEN if looks_personal(label) else label for label in picture.labels))


def _presentable(shift: look.ShareShift | None) -> look.ShareShift | None:
    if shift is None or not looks_personal(shift.category):
        return shift
    return look.ShareShift(HIDDEN, shift.before, shift.now)


def _roles(request: Request, name: str) -> tuple[str, ...]:
    roles = [role for role in ("label", "prediction", "score") if getattr(request, role) == name]
    grouped = any(name in asked.replace("*", ",").split(",") or name == asked for asked in request.groups)
    return (*roles, *(("group",) if grouped else ()))


def _file(side: int, pair: _Pair) -> look.FileLook:
    opened, rows = pair.files[side], pair.rows(side)
    repeated = counting.repeated_rows(opened.table) if rows <= COMPARED_ROWS else None
    name = look.SIDES[side]
    return look.FileLook(
        name, opened.name, opened.form, opened.size_bytes, rows, len(pair.facts[side]), repeated, opened.notes
    )


def _shared(pair: _Pair) -> int | None:
    if max(pair.rows(0), pair.rows(1)) > COMPARED_ROWS:
        return None
    return counting.shared_rows(pair.tables[1], pair.tables[0], pair.common)


def _only(pair: _Pair) -> tuple[tuple[str, ...], tuple[str, ...]]:
    one, two = pair.facts
    return tuple(n for n in one if n not in two), tuple(n for n in two if n not in one)


def _namesakes(pair: _Pair) -> tuple[str, ...]:
    """Columns of one file that stand in the other under nearly the same name."""
    mine, theirs = _only(pair)
    folded = {name.strip().casefold(): name for name in theirs}
    return tuple(
        f"{name!r} in the reference and {folded[name.strip().casefold()]!r} in the batch are not taken for the same"
        for name in mine
        if name.strip().casefold() in folded
    )
