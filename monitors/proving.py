"""How often a criterion breaches in made batches: falsely, and when something did change.

The law is the system's own reference, read as shares. Reference and batch are both drawn from it, for the reference
is a sample, too; then they are measured and judged like real ones. Rows are drawn as independent: where entities are
declared, the bounds in use are wider than those tried here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import binom

from governance.declared.assessment import Criterion
from governance.declared.metrics import METRICS
from governance.records import Measurement, Outcome
from monitors import states
from monitors.column_drift import measurements, value_of
from monitors.estimation import estimated
from monitors.fairness import contrasts_alone
from monitors.grid import ColumnGrid
from monitors.judge import Labels, judge
from monitors.laws import ColumnLaw, column_profile, cube_profile
from monitors.levels import Contrast, Levels, covered_by, levels_of
from monitors.performance import overall
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
    if about != "column" and reference.grid.regression is not None:
        return States((), ("what became of numbers is kept as sums, from which nothing can be drawn",))
    if about == "contrast":
        return states.of_contrasts(criterion, reference, contrasts)
    make = states.of_columns if about == "column" else states.of_rows
    return make(criterion, reference, lambda before, now: _value(criterion.metric, before, now))


def _value(metric: str, before: Law, now: Law) -> float | None:
    """A metric in the laws themselves, of which a very large sample is as good as a copy."""
    one, other = ((law.shares * MANY).round().astype(np.int64) for law in (before, now))
    if isinstance(now, ColumnLaw):
        return value_of(metric, now.grid, one, other, one)
    found = _of_rows(metric, _profile(now, other), _profile(before, one), Levels({}))
    return found.value if found else None


def _of_rows(metric: str, current: Profile, reference: Profile, levels: Levels) -> Measurement | None:
    measured = estimated if metric.startswith("estimated_") else overall
    return next((m for m in measured(current, reference, levels) if m.metric == metric), None)


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
        before = state.reference.draw(self.trial.reference.rows, self.rng)
        now = state.batch.draw(rows, self.rng)
        outcomes = {judge(seen, self.criterion, _KNOWN).outcome for seen in self._measured(state, before, now)}
        breach = Outcome.BREACH in outcomes
        return Counted(1, int(breach), int(not breach and Outcome.INCONCLUSIVE in outcomes))

    def _measured(self, state: State, before: Counts, now: Counts) -> Iterator[Measurement]:
        """What a real batch with these counts would be measured as."""
        metric, levels = self.criterion.metric, levels_of([self.criterion], self.contrasts)
        current, reference = _profile(state.batch, now), _profile(state.reference, before)
        if isinstance(state.batch, ColumnLaw):
            yield self._of_column(state.batch.grid, current, reference, levels)
        elif self.contrasts:
            found = contrasts_alone(current, self.contrasts, levels)
            yield from (m for m in found if m.metric == metric and m.segment in state.asked)
        else:
            seen = _of_rows(metric, current, reference, levels)
            yield from [seen] if seen else ()

    def _of_column(self, grid: ColumnGrid, current: Profile, reference: Profile, levels: Levels) -> Measurement:
        """One distance; without its bounds, which cost most, where it is itself within the limit."""
        metric, name, frozen = self.criterion.metric, grid.name, self.trial.reference
        counts = reference.columns[name], current.columns[name], frozen.columns[name]
        value = value_of(metric, grid, *counts)
        if value is not None and value <= self.criterion.limit:
            # A lower bound is never above its value.
            return Measurement(metric, value, current.rows, "", "", column=name)
        found = measurements(name, current, reference, levels, self.rng, frozen)
        return next(m for m in found if m.metric == metric)


def _profile(law: Law, counts: Counts) -> Profile:
    return column_profile(law, counts) if isinstance(law, ColumnLaw) else cube_profile(law, counts)
