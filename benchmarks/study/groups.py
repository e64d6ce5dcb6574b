"""A fair system, one exactly at its limit, and an unfair one, with 2 to 40 groups: who accuses, and who finds it.

Every group has the same number of people: the hardest case for bounds of differences, which then move in whole steps.
Ours are simultaneous bounds against a baseline group, held against a limit; the oracle is the z-test that knows the
true variances and the same joint law, at a value at which it keeps its alpha. fairlearn's difference is largest less
smallest, held against the limit as its guides do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
from scipy.stats import norm

from monitors.proportions import is_above
from monitors.simultaneous import Block, critical_value

ALPHA = 0.05
GROUPS = (2, 5, 10, 20, 40)
PEOPLE = (50, 100, 200, 500, 1_000, 10_000)
RATES = (0.1, 0.3, 0.5)
LIMIT, GAP = 0.10, 0.20
# Resamples of a percentile bootstrap, and on how many batches it is tried.
RESAMPLES, BOOTSTRAPPED = 200, 500


def run(runs: int, rng: np.random.Generator, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One record a cell of groups, people and base rate."""
    found = []
    for groups, people, rate in product(GROUPS, PEOPLE, RATES):
        fair, limit, unfair = (_rates(groups, rate, gap, one) for gap, one in ((0, False), (LIMIT, False), (GAP, True)))
        drawn = {
            name: _draw(law, people, runs, rng) for name, law in (("fair", fair), ("limit", limit), ("unfair", unfair))
        }
        found.append(
            {
                "groups": groups,
                "people": people,
                "rate": rate,
                "runs": runs,
                "fair": _accused(drawn["fair"], people, 0.0),
                "at_limit": _accused(drawn["limit"], people, LIMIT),
                "power": _accused(drawn["unfair"], people, LIMIT),
                "oracle": _oracle(drawn["unfair"], unfair, drawn["limit"], limit, people),
                "fairlearn_fair": int((np.ptp(drawn["fair"] / people, axis=1) > LIMIT).sum()),
                "bootstrap_fair": _bootstrap(drawn["fair"][:BOOTSTRAPPED], people, rng),
                "bootstrap_runs": min(BOOTSTRAPPED, runs),
            }
        )
        say(f"groups: {groups} of {people:,}, rate {rate:g}")
    return found


def _rates(groups: int, rate: float, gap: float, only_one: bool) -> np.ndarray:
    """The baseline's rate first; the others, or only the second, stand `gap` above it."""
    rates = np.full(groups, rate)
    rates[1 : 2 if only_one else groups] += gap
    return rates


def _draw(rates: np.ndarray, people: int, runs: int, rng: np.random.Generator) -> np.ndarray:
    drawn: np.ndarray = rng.binomial(people, rates, (runs, rates.size))
    return drawn


def _critical(rates: np.ndarray, people: int) -> float:
    pairs = tuple((i, 0) for i in range(1, rates.size))
    return critical_value(ALPHA, [Block(pairs, rates * (1 - rates) / people)])


def _accused(hits: np.ndarray, people: int, limit: float) -> int:
    """Batches in which some group's lower bound lies above the limit; the level is worked out from the first batch."""
    alpha = norm.sf(_critical((hits[0] + 1) / (people + 2), people))
    return int(is_above(limit, hits[:, 1:], people, hits[:, :1], people, alpha).any(axis=1).sum())


def _oracle(hits: np.ndarray, rates: np.ndarray, at_limit: np.ndarray, limits: np.ndarray, people: int) -> int:
    least = float(np.quantile(_largest(at_limit, limits, people), 1 - ALPHA))
    return int((_largest(hits, rates, people) > max(_critical(rates, people), least)).sum())


def _largest(hits: np.ndarray, rates: np.ndarray, people: int) -> np.ndarray:
    variance = rates * (1 - rates) / people
    apart = (hits[:, 1:] - hits[:, :1]) / people - LIMIT
    largest: np.ndarray = (apart / np.sqrt(variance[1:] + variance[0])).max(axis=1)
    return largest


def _bootstrap(hits: np.ndarray, people: int, rng: np.random.Generator) -> int:
    """Batches in which the percentile bootstrap's lower end of largest less smallest lies above the limit.

    Above zero it lies in nearly every batch, whatever the truth.
    """
    again = rng.binomial(people, hits[:, None, :] / people, (hits.shape[0], RESAMPLES, hits.shape[1])) / people
    return int((np.quantile(np.ptp(again, axis=2), ALPHA, axis=1) > LIMIT).sum())


def false_alarm_cells(found: list[dict[str, Any]]) -> Iterator[tuple[str, int, int, float]]:
    """(name, breaches, runs, nominal) of every cell in which a breach is false."""
    for record in found:
        name = f"{record['groups']} groups of {record['people']:,}, rate {record['rate']:g}"
        yield f"{name}, fair", record["fair"], record["runs"], ALPHA
        yield f"{name}, at the limit", record["at_limit"], record["runs"], ALPHA


def behind_the_oracle(record: dict[str, Any]) -> float:
    """How much less often the gap is found than by the oracle."""
    return float((record["oracle"] - record["power"]) / record["runs"])
