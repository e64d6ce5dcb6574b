"""A fair system, one exactly at its limit, and an unfair one, with 2 to 40 groups: who accuses, and who finds it.

Groups have the same number of people each, the hardest case for bounds of differences, which then move in whole steps;
or `spread`, from so many to half as many more, as in life. Ours are simultaneous bounds against a baseline group, held
against a limit; the oracle is the z-test that knows the true variances and the same joint law, at a value at which it
keeps its alpha. fairlearn's difference is largest less smallest, held against the limit as its guides do.
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
RUNS = 10_000
# Resamples of a percentile bootstrap, and on how many batches it is tried.
RESAMPLES, BOOTSTRAPPED = 200, 500
Record = dict[str, Any]


def run(factor: float, rng: np.random.Generator, say: Callable[[str], None]) -> list[Record]:
    """One record a cell of groups, people, base rate and kind of sizes. `factor` multiplies the number of runs."""
    found = []
    for groups, people, spread, rate in product(GROUPS, PEOPLE, (False, True), RATES):
        sizes = people + (rng.integers(0, people // 2, groups) if spread else np.zeros(groups, dtype=np.int64))
        found.append({"groups": groups, "people": people, "spread": spread, "rate": rate})
        found[-1] |= _cell(sizes, rate, max(round(RUNS * factor), 2), rng)
        say(f"groups: {groups} of {people:,}{' and more' if spread else ''}, rate {rate:g}")
    return found


def _cell(sizes: np.ndarray, rate: float, runs: int, rng: np.random.Generator) -> Record:
    groups = sizes.size
    laws = {"fair": _rates(groups, rate), "limit": _rates(groups, rate, LIMIT), "unfair": _rates(groups, rate, GAP, 1)}
    hits = {name: rng.binomial(sizes, law, (runs, groups)) for name, law in laws.items()}
    _check_with_fairlearn(hits["fair"][0], sizes)
    return {
        # Differences between the baseline and the group that stands out move in steps of this size.
        "step": float(np.gcd(sizes[0], sizes[1]) / (sizes[0] * sizes[1])),
        "runs": runs,
        "fair": _accused(hits["fair"], sizes, 0.0),
        "at_limit": _accused(hits["limit"], sizes, LIMIT),
        "power": _accused(hits["unfair"], sizes, LIMIT),
        "oracle": _oracle(hits["unfair"], laws["unfair"], hits["limit"], laws["limit"], sizes),
        "fairlearn_fair": int((np.ptp(hits["fair"] / sizes, axis=1) > LIMIT).sum()),
        "bootstrap_fair": _bootstrap(hits["fair"][:BOOTSTRAPPED], sizes, rng),
        "bootstrap_runs": min(BOOTSTRAPPED, runs),
    }


def _rates(groups: int, rate: float, gap: float = 0.0, others: int | None = None) -> np.ndarray:
    """The baseline's rate first; the `others` after it (else all) stand `gap` above it."""
    rates = np.full(groups, rate)
    rates[1 : None if others is None else 1 + others] += gap
    return rates


def _critical(rates: np.ndarray, sizes: np.ndarray) -> float:
    pairs = tuple((i, 0) for i in range(1, rates.size))
    return critical_value(ALPHA, [Block(pairs, rates * (1 - rates) / sizes)])


def _accused(hits: np.ndarray, sizes: np.ndarray, limit: float) -> int:
    """Batches in which some group's lower bound lies above the limit; the level is worked out from the first batch."""
    alpha = norm.sf(_critical((hits[0] + 1) / (sizes + 2), sizes))
    return int(is_above(limit, hits[:, 1:], sizes[1:], hits[:, :1], sizes[0], alpha).any(axis=1).sum())


def _oracle(hits: np.ndarray, rates: np.ndarray, at_limit: np.ndarray, limits: np.ndarray, sizes: np.ndarray) -> int:
    least = float(np.quantile(_largest(at_limit, limits, sizes), 1 - ALPHA))
    return int((_largest(hits, rates, sizes) > max(_critical(rates, sizes), least)).sum())


def _largest(hits: np.ndarray, rates: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The largest contrast of each batch less the limit, over its true standard error."""
    seen, variance = hits / sizes, rates * (1 - rates) / sizes
    apart = seen[:, 1:] - seen[:, :1] - LIMIT
    largest: np.ndarray = (apart / np.sqrt(variance[1:] + variance[0])).max(axis=1)
    return largest


def _bootstrap(hits: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> int:
    """Batches in which the percentile bootstrap's lower end of largest less smallest lies above the limit.

    Above zero it lies in nearly every batch, whatever the truth.
    """
    again = rng.binomial(sizes, hits[:, None, :] / sizes, (hits.shape[0], RESAMPLES, hits.shape[1])) / sizes
    return int((np.quantile(np.ptp(again, axis=2), ALPHA, axis=1) > LIMIT).sum())


def _check_with_fairlearn(hits: np.ndarray, sizes: np.ndarray) -> None:
    """What is counted as fairlearn's difference is what fairlearn itself says of one batch (rows as weights)."""
    from fairlearn.metrics import demographic_parity_difference

    groups = np.arange(hits.size)
    predicted = np.repeat([1, 0], hits.size)
    theirs = demographic_parity_difference(
        predicted,
        predicted,
        sensitive_features=np.concatenate([groups, groups]),
        sample_weight=np.concatenate([hits, sizes - hits]),
    )
    ours = float(np.ptp(hits / sizes))
    if abs(theirs - ours) > 1e-12:
        raise AssertionError(f"fairlearn's difference is {theirs}, largest less smallest is {ours}.")


def false_alarm_cells(found: list[Record]) -> Iterator[tuple[str, int, int, float]]:
    """(name, breaches, runs, nominal) of every cell in which a breach is false."""
    for record in found:
        sizes = "and more" if record["spread"] else "each"
        name = f"{record['groups']} groups of {record['people']:,} {sizes}, rate {record['rate']:g}"
        yield f"{name}, fair", record["fair"], record["runs"], ALPHA
        yield f"{name}, at the limit", record["at_limit"], record["runs"], ALPHA


def behind_the_oracle(record: Record) -> float:
    """How much less often the gap is found than by the oracle."""
    return float((record["oracle"] - record["power"]) / record["runs"])
