"""How often a criterion breaches in made batches: falsely, and when something did change.

The law is the system's own reference, read as shares. Reference and batch are both drawn from it, for the reference
is a sample, too; then they are measured and judged like real ones. Rows are drawn as independent: where entities are
declared, the bounds in use are wider than those tried here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import binom

from governance.assessment import Criterion
from governance.metrics import METRICS
from governance.records import Measurement, Outcome
from monitors import states
from monitors.judge import Labels, judge
from monitors.laws import ColumnLaw, column_profile, cube_profile
from monitors.levels import EVERY, Contrast, Levels, covered_by, levels_of
from monitors.measure import measure
from monitors.profile import Counts, Profile
from monitors.states import CHANGES, MANY, Law, State, States

# How sure a rate must be to lie above its alpha before a proof fails, over all criteria of a system.
DOUBT = 0.01
_KNOWN = Labels(1.0, True)


@dataclass(frozen=True, slots=True)
class Counted:
    """How often one kind of made batch came to a breach, and how often nothing could be said."""

    runs: int = 0
    breaches: int = 0
    inconclusive: int = 0

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.runs + other.runs, self.breaches + other.breaches, self.inconclusive + other.inconclusive)

    @property
    def rate(self) -> float:
        """Share of breaches."""
        return self.breaches / self.runs


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of one criterion.

    Attributes
    ----------
    questions : int
        Columns or contrasts that it covers.
    unchanged, at_limit : tuple of Counted
        One for each column, whose laws are drawn by themselves; one for a family of contrasts, drawn together.
    changed : mapping of size (standard deviations) to Counted
        Breaches of the questions about what moved.
    notes : tuple of str
        What was not tried, and why.
    """

    criterion: str
    alpha: float | None
    questions: int
    unchanged: tuple[Counted, ...] = ()
    at_limit: tuple[Counted, ...] = ()
    changed: Mapping[float, Counted] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def false_alarms_unchanged(self) -> float | None:
        """Expected breaches in one look when nothing changed; they add over columns, whatever depends on what."""
        return sum(counted.rate for counted in self.unchanged) if self.unchanged else None

    @property
    def false_alarms_at_limit(self) -> float | None:
        """Expected breaches in one look when everything stands exactly at the limit."""
        return sum(counted.rate for counted in self.at_limit) if self.at_limit else None

    def exceeds(self, criteria: int) -> bool:
        """Whether more breached than `alpha` allows, surer than `DOUBT` shared over all criteria (exact binomial)."""
        if self.alpha is None:
            return False
        return any(
            binom.sf(sum(c.breaches for c in counted) - 1, counted[0].runs, self.alpha) < DOUBT / criteria
            for counted in (self.unchanged, self.at_limit)
            if counted
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """Where proofs are made: the reference, the contrasts of its groups, rows of batches, and how many runs."""

    reference: Profile
    contrasts: tuple[Contrast, ...]
    sizes: tuple[int, ...]
    runs: int


def prove(criterion: Criterion, trial: Trial, *, seed: str) -> Proof:
    """Draws batches in each state and judges them as if they were real.

    Parameters
    ----------
    seed : str
        Hexadecimal; the same gives the same draws.
    """
    asked = covered_by(criterion, trial.contrasts)
    if criterion.evidence == "point":
        notes = ("the estimate alone decides: outside of the budget",)
        return Proof(criterion.id, criterion.alpha, len(asked), notes=notes)
    contrasts = tuple(c for c in trial.contrasts if c.segment in asked)
    tried = _Tried(criterion, trial, contrasts, np.random.default_rng([int(seed[:16], 16), *criterion.id.encode()]))
    found = _states(criterion, trial.reference, contrasts)
    false = [(state, tried.counted(state, trial.runs)) for state in found.states if state.size is None]
    return Proof(
        criterion.id,
        criterion.alpha,
        len(asked),
        tuple(counted for state, counted in false if not state.at_limit),
        tuple(counted for state, counted in false if state.at_limit),
        _changed(tried, found.states, trial.runs, by_itself=METRICS[criterion.metric].about == "column"),
        found.notes,
    )


def _states(criterion: Criterion, reference: Profile, contrasts: tuple[Contrast, ...]) -> States:
    about = METRICS[criterion.metric].about
    if about == "contrast":
        return states.of_contrasts(criterion, reference, contrasts)

    def value(before: Law, now: Law) -> float | None:
        """The metric in the laws themselves, of which a very large sample is as good as a copy."""
        one, other = (_profile(law, (law.shares * MANY).round().astype(np.int64)) for law in (before, now))
        where = other.grid.columns[0].name if about == "column" else EVERY
        found = measure(other, one, (), Levels({}), seed="0" * 16)
        return next(m.value for m in found if m.metric == criterion.metric and (m.column or EVERY) == where)

    make = states.of_columns if about == "column" else states.of_rows
    return make(criterion, reference, value)


def _changed(tried: _Tried, found: Sequence[State], runs: int, *, by_itself: bool) -> dict[float, Counted]:
    """Columns are tried with all runs each; groups that move in turn share them."""
    changed = {}
    for size in CHANGES:
        mine = [state for state in found if state.size == size]
        each = runs if by_itself else -(-runs // max(len(mine), 1))
        counted = sum((tried.counted(state, each) for state in mine), Counted())
        if counted.runs:
            changed[size] = counted
    return changed


@dataclass
class _Tried:
    """One criterion in its trial: draws, measures, judges and counts."""

    criterion: Criterion
    trial: Trial
    contrasts: tuple[Contrast, ...]
    rng: np.random.Generator

    def counted(self, state: State, runs: int) -> Counted:
        """What came of so many made batches; a breach of any question asked counts once."""
        return sum((self._judged(state, run) for run in range(runs)), Counted())

    def _judged(self, state: State, run: int) -> Counted:
        rows = self.trial.sizes[run % len(self.trial.sizes)]
        before = _profile(state.reference, state.reference.draw(self.trial.reference.rows, self.rng))
        now = _profile(state.batch, state.batch.draw(rows, self.rng))
        outcomes = {judge(seen, self.criterion, _KNOWN).outcome for seen in self._measured(now, before, state.asked)}
        breach = Outcome.BREACH in outcomes
        return Counted(1, int(breach), int(not breach and Outcome.INCONCLUSIVE in outcomes))

    def _measured(self, current: Profile, reference: Profile, asked: Sequence[str]) -> list[Measurement]:
        levels, seed = levels_of([self.criterion], self.contrasts), f"{int(self.rng.integers(2**62)):016x}"
        found = measure(current, reference, self.contrasts, levels, seed=seed)
        return [m for m in found if m.metric == self.criterion.metric and (m.column or m.segment or EVERY) in asked]


def _profile(law: Law, counts: Counts) -> Profile:
    return column_profile(law, counts) if isinstance(law, ColumnLaw) else cube_profile(law, counts)
