"""How sure each measurement has to be: the error rate that the criteria ask of it.

Measuring knows no limit, but bounds need a level. All that a criterion covers shares its `alpha`; what no criterion
asks for gets 95 % two-sided bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from governance.declared.assessment import Criterion
from governance.declared.metrics import METRICS
from governance.declared.system import Grouping
from monitors.grid import MOST_FAVOURED, Grid

DEFAULT_ALPHA = 0.025
EVERY = ""


@dataclass(frozen=True)
class Contrast:
    """One group against another, within one grouping; or, if the baseline is `MOST_FAVOURED`, against the best.

    `favoured` says then what people would rather be.
    """

    grouping: str
    group: str
    baseline: str
    favoured: Literal["selected", "not_selected"] | None = None

    @property
    def segment(self) -> str:
        """`race: African-American − Caucasian`."""
        return f"{self.grouping}: {self.group} − {self.baseline}"


@dataclass(frozen=True, slots=True)
class Family:
    """Questions that share one error rate: `alpha` is the chance of any false breach among all of them.

    `members` are the columns or segments that are asked about together; `mixed` if each can be wrong to either side.
    """

    alpha: float
    members: tuple[str, ...]
    mixed: bool = False

    @property
    def alpha_each(self) -> float:
        """An even share of alpha (Bonferroni)."""
        return self.alpha / len(self.members)


@dataclass(frozen=True)
class Levels:
    """(metric, column or segment) → the family it is asked in; the strictest where several criteria ask.

    `several` has all of them where there are several, for those who share alpha in another way than evenly. `earlier`
    holds the same for what is compared with earlier batches, by the name of that comparison.
    """

    by_question: Mapping[tuple[str, str], Family]
    several: Mapping[tuple[str, str], tuple[Family, ...]] = field(default_factory=dict)
    earlier: Mapping[str, Levels] = field(default_factory=dict)

    def family(self, metric: str, where: str = EVERY) -> Family:
        """With whom this measurement shares its error rate; by itself where no criterion asks for it."""
        return self.by_question.get((metric, where), Family(DEFAULT_ALPHA, (where,)))

    def families(self, metric: str, where: str = EVERY) -> tuple[Family, ...]:
        """All families that ask for this measurement."""
        return self.several.get((metric, where), (self.family(metric, where),))

    def alpha(self, metric: str, where: str = EVERY) -> float:
        """Error rate of each one-sided bound of this measurement."""
        return self.family(metric, where).alpha_each


def contrasts_of(grouping: Grouping, grid: Grid, criteria: Iterable[Criterion]) -> tuple[Contrast, ...]:
    """Every declared group against the baseline or the most favoured, then further contrasts that criteria name."""
    groups = next(g for g in grid.groupings if g.name == grouping.name)
    baseline = grouping.baseline or MOST_FAVOURED
    found = [Contrast(grouping.name, g, baseline) for g in groups.groups if g in groups.declared and g != baseline]
    found += [c for criterion in criteria for c in _named(criterion) if c.grouping == grouping.name]
    known = [replace(c, favoured=grouping.most_favoured) if c.baseline == MOST_FAVOURED else c for c in found]
    return tuple(dict.fromkeys(known))


def covered_by(criterion: Criterion, contrasts: Iterable[Contrast]) -> tuple[str, ...]:
    """The columns or segments that a criterion is about, in order; `""` is all rows."""
    if criterion.columns:
        return criterion.columns
    if criterion.contrasts:
        return tuple(contrast.segment for contrast in _named(criterion))
    if METRICS[criterion.metric].about == "grouping":
        return (criterion.grouping or EVERY,)
    if criterion.grouping:
        against = [c for c in contrasts if c.grouping == criterion.grouping]
        baseline = against[0].baseline if against else None
        return tuple(c.segment for c in against if c.baseline == baseline)
    return (EVERY,)


def levels_of(criteria: Iterable[Criterion], contrasts: Iterable[Contrast]) -> Levels:
    """What each criterion covers is one family; criteria that compare with earlier batches stand apart."""
    known, asked = tuple(contrasts), tuple(criteria)
    names = dict.fromkeys(criterion.compared_with for criterion in asked)
    levels = {name: _levels([c for c in asked if c.compared_with == name], known) for name in names}
    frozen = levels.pop(None, Levels({}))
    earlier = {name: found for name, found in levels.items() if name}
    return replace(frozen, earlier=earlier)


def _levels(criteria: Iterable[Criterion], contrasts: tuple[Contrast, ...]) -> Levels:
    levels: dict[tuple[str, str], Family] = {}
    several: dict[tuple[str, str], dict[Family, None]] = {}
    for criterion in criteria:
        # Where the estimate alone decides, bounds are as wide as where nobody asks.
        family = Family(
            criterion.alpha or DEFAULT_ALPHA, covered_by(criterion, contrasts), criterion.direction == "either"
        )
        for where in family.members:
            several.setdefault((criterion.metric, where), {})[family] = None
            before = levels.get((criterion.metric, where), family)
            levels[criterion.metric, where] = min(before, family, key=lambda f: f.alpha_each)
    return Levels(levels, {question: tuple(families) for question, families in several.items()})


def _named(criterion: Criterion) -> tuple[Contrast, ...]:
    return tuple(Contrast(criterion.grouping or "", group, baseline) for group, baseline in criterion.contrasts)
