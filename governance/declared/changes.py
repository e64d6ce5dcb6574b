"""What one version of an impact assessment changes against another, reckoned and never typed (6.3, 8.4).

Loosened is whatever lets something pass that did not pass before: a wider limit, but also more rows asked for, since
a look with fewer then says nothing. Where it depends on the data which of two ways of judging is the stricter, the
change counts as loosening: it costs a replay, and hides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from governance.declared import budget
from governance.declared.assessment import Criterion, ImpactAssessment
from governance.declared.system import Period

# Fields of a criterion that decide about nothing.
WORDS = ("harm", "owner", "controls", "rationale")
# What makes it another question: old and new verdicts cannot be told stricter or less strict.
QUESTION = ("metric", "grouping", "window", "against", "evidence")
SEVERITIES = ("minor", "major", "critical")


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One field of one criterion; `before` and `after` as text, `all` or `none` where nothing is named."""

    criterion: str
    field: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.criterion}.{self.field}: {self.before} → {self.after}"

    def as_body(self) -> dict[str, str]:
        """As the ledger holds it."""
        return {"criterion": self.criterion, "field": self.field, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that differs. `other` names fields of the assessment itself, `changed` those that decide nothing."""

    criteria_added: tuple[str, ...] = ()
    criteria_removed: tuple[str, ...] = ()
    loosened: tuple[Change, ...] = ()
    tightened: tuple[Change, ...] = ()
    changed: tuple[Change, ...] = ()
    harms_added: tuple[str, ...] = ()
    harms_removed: tuple[str, ...] = ()
    harms_changed: tuple[str, ...] = ()
    measures_added: tuple[str, ...] = ()
    measures_removed: tuple[str, ...] = ()
    measures_changed: tuple[str, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def loosens(self) -> bool:
        """Whether anything is promised less strictly than before: the past is judged again before that is approved."""
        return bool(self.criteria_removed or self.loosened)

    @property
    def touched(self) -> frozenset[str]:
        """Criteria whose past verdicts could come out more leniently."""
        return frozenset(self.criteria_removed) | {change.criterion for change in self.loosened}

    def as_body(self) -> dict[str, Any]:
        """As the ledger holds it: lists of text, empty ones left out."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: [item.as_body() if isinstance(item, Change) else item for item in items]
            for name, items in found.items()
            if items
        }

    def lines(self) -> list[str]:
        """For people, what is looser first."""
        found = [f"criterion removed: {name}" for name in self.criteria_removed]
        found += _grouped("loosened", self.loosened)
        found += _grouped("tightened", self.tightened)
        found += [f"criterion added: {name}" for name in self.criteria_added]
        found += [f"changed: {change.criterion}.{change.field}" for change in self.changed]
        for kind in ("harms", "measures"):
            for what in ("removed", "added", "changed"):
                found += [f"{kind[:-1]} {what}: {name}" for name in getattr(self, f"{kind}_{what}")]
        return found + [f"changed: {name}" for name in self.other]


def changes_of(body: Mapping[str, Any]) -> Changes:
    """As the ledger holds it, read again."""
    read: dict[str, Any] = {
        name: tuple(Change(**item) if isinstance(item, dict) else item for item in items)
        for name, items in body.items()
    }
    return Changes(**read)


def changes(old: ImpactAssessment, new: ImpactAssessment, period: Period) -> Changes:
    """What `new` says otherwise than `old`; the batches' period settles what each criterion gets of the budget."""
    before = {c.id: c for c in budget.with_alphas(old, period)}
    after = {c.id: c for c in budget.with_alphas(new, period)}
    loosened, tightened, changed = list[Change](), list[Change](), list[Change]()
    for name in before.keys() & after.keys():
        for change, way in _differences(before[name], after[name]):
            {1: loosened, -1: tightened, 0: changed}[way].append(change)
    return Changes(
        criteria_added=_added(before, after),
        criteria_removed=_added(after, before),
        loosened=tuple(sorted(loosened)),
        tightened=tuple(sorted(tightened)),
        changed=tuple(sorted(changed)),
        **_listed("harms", old.harms, new.harms),
        **_listed("measures", old.measures, new.measures),
        other=_fields(old, new, {"criteria", "harms", "measures", "version", "id", "system"}),
    )


def _grouped(way: str, found: tuple[Change, ...]) -> list[str]:
    """A line each; but one for all alphas, which move together when the budget is shared by more or fewer."""
    alphas = [change for change in found if change.field == "alpha"]
    lines = [f"{way}: {change}" for change in found if change.field != "alpha" or len(alphas) == 1]
    if len(alphas) > 1:
        lines.append(f"{way}: alpha of {len(alphas)} criteria, for instance {alphas[0]}")
    return lines


def _added(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(name for name in after if name not in before)


def _listed(name: str, old: Iterable[Any], new: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    before, after = {item.id: item for item in old}, {item.id: item for item in new}
    both = [i for i in before if i in after and before[i] != after[i]]
    return {
        f"{name}_added": _added(before, after),
        f"{name}_removed": _added(after, before),
        f"{name}_changed": tuple(both),
    }


def _fields(old: Any, new: Any, without: set[str]) -> tuple[str, ...]:
    names = [name for name in type(new).model_fields if name not in without]
    return tuple(name for name in names if getattr(old, name) != getattr(new, name))


def _differences(old: Criterion, new: Criterion) -> Iterable[tuple[Change, int]]:
    """Each field that differs, and whether it is looser (1), tighter (-1), or says nothing about that (0)."""
    for name in _fields(old, new, {"id"}):
        before, after = getattr(old, name), getattr(new, name)
        yield Change(old.id, name, _text(before), _text(after)), _way(name, before, after, old, new)


def _way(name: str, before: Any, after: Any, old: Criterion, new: Criterion) -> int:
    if name in WORDS:
        return 0
    if name in QUESTION:
        return 1
    if name in ("limit", "warn"):
        return _way_of_limit(before, after, new.direction)
    if name in ("columns", "contrasts"):
        return _way_of_list(before, after)
    if name == "direction":
        # From below, a change of the other sign was a breach at a smaller size than it is under `either`.
        return -1 if (before, after) == ("above", "either") else 1
    if name == "severity":
        return 1 if SEVERITIES.index(after) < SEVERITIES.index(before) else -1
    if name == "on_inconclusive":
        return 1 if after == "report" else -1
    if name == "alpha":
        # None where the estimate alone decides: then `evidence` differs as well, and says so.
        return 0 if before is None or after is None else _sign(before - after)
    # Rows or labels asked for: the more, the fewer looks say anything.
    return _sign(after - before)


def _way_of_limit(before: float | None, after: float | None, direction: str) -> int:
    if before is None or after is None:
        return 1 if after is None else -1
    return _sign(before - after) if direction == "below" else _sign(after - before)


def _way_of_list(before: tuple[Any, ...], after: tuple[Any, ...]) -> int:
    """Naming none means all of them."""
    if not before or not after:
        return 1 if after else -1
    return 1 if set(before) - set(after) else -1


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(" − ".join(item) if isinstance(item, tuple) else str(item) for item in value) or "all"
    return f"{value:g}" if isinstance(value, float) else str(getattr(value, "name", value))
