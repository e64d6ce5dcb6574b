"""`aims prove`: the false alarms and the power of a system's criteria, on its own reference and batch sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assets.judged.contrasts import contrasts_for
from assets.judged.reference import reference_profile
from governance.declared import periods
from governance.declared.assessment import Criterion
from governance.declared.budget import looks

if TYPE_CHECKING:
    from assets.kept.home import Site
    from governance.declared.declarations import Declaration
    from monitors.proving import Proof


@dataclass(frozen=True, slots=True)
class Proven:
    """All proofs of a system beside its budget."""

    at_most: float
    per: str
    looks: dict[str, int]
    proofs: tuple[Proof, ...]

    @property
    def unchanged(self) -> float:
        """Expected false alarms in the period when nothing changed."""
        return sum((proof.false_alarms_unchanged or 0) * self.looks[proof.criterion] for proof in self.proofs)

    @property
    def at_limit(self) -> float:
        """Expected false alarms in the period when everything stands exactly at its limit."""
        return sum((proof.false_alarms_at_limit or 0) * self.looks[proof.criterion] for proof in self.proofs)

    @property
    def exceeded(self) -> tuple[str, ...]:
        """Criteria that breach more often than their alpha allows."""
        return tuple(proof.criterion for proof in self.proofs if proof.exceeds(len(self.proofs)))

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row a criterion, under stable keys."""
        for proof in self.proofs:
            yield {
                "criterion": proof.criterion,
                "questions": proof.questions,
                "alpha": proof.alpha,
                "looks": self.looks[proof.criterion],
                "unchanged": proof.false_alarms_unchanged,
                "at_limit": proof.false_alarms_at_limit,
                **{f"power_{size:g}_sd": None for size in proof_sizes()},
                **{f"power_{size:g}_sd": counted.rate for size, counted in proof.changed.items()},
                "note": "; ".join(proof.notes) or None,
            }


def proof_sizes() -> tuple[float, ...]:
    """The sizes of change that are tried, in standard deviations."""
    from monitors.states import CHANGES

    return CHANGES


def prove(declaration: Declaration, site: Site, *, runs: int, say: Callable[[str], None]) -> Proven:
    """Proves every criterion of the assessment as it stands, approved or not.

    Raises
    ------
    NotArrived
        The reference has not been frozen.
    """
    from monitors import proving

    reference = reference_profile(declaration, site)
    contrasts, proofs = contrasts_for(declaration, reference), []
    for criterion in declaration.criteria:
        trial = proving.Trial(reference, contrasts, _sizes(declaration, criterion, reference.rows, site), runs)
        proofs.append(proving.prove(criterion, trial, seed=reference.digest))
        say(criterion.id)
    budget, period = declaration.assessment.false_alarms, declaration.system.batches.period
    counted = {criterion.id: looks(criterion.window, period, budget.per) for criterion in declaration.criteria}
    return Proven(budget.at_most, budget.per, counted, tuple(proofs))


def _sizes(declaration: Declaration, criterion: Criterion, rows: int, site: Site) -> tuple[int, ...]:
    """Rows of what this criterion has been held against; before anything was, of an even part of the reference."""
    found = []
    for name, event in site.register.judged_batches(declaration.id).items():
        if name in periods.reference_batches(declaration.system) or _kind(criterion) != ("/" in name):
            continue
        measurements, _ = site.register.records_of(event)
        found += [m.n for m in measurements if m.metric == "rows" and m.segment is None and m.n]
    return tuple(found) or (max(rows // max(len(periods.reference_batches(declaration.system)), 1), 1),)


def _kind(criterion: Criterion) -> bool:
    """Whether it is held against windows, which are named by two dates."""
    return criterion.window != "batch"
