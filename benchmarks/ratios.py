"""What the costs say beside each other, and beside what was promised of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.law import WIDTH

Result = dict[str, Any]
MEMORY_LIMIT_MB = 2000
# Less than this is within what the same call varies by from run to run: no ratio is made of it.
LEAST_MB = 1.0
GAIN, MEMORY_GAIN = 50, 10
SCAN_BAR, AFTER_BAR_S, SMALL_BAR_S = 10, 2.0, 0.3
PROMISED_SIZES = ("1e7", "1e8")


@dataclass(frozen=True)
class Ratio:
    """A cost against another one, or (`unit`) by itself. `holds` is None where nothing is promised."""

    question: str
    part: str
    cpu: float | None = None
    wall: float | None = None
    memory: float | None = None
    unit: bool = False
    promise: str = ""
    holds: bool | None = None
    note: str = ""


def ratios_of(results: Iterable[Result]) -> list[Ratio]:
    """Every comparison that these results allow."""
    found: list[Ratio] = []
    wide: list[Result] = []
    for result in results:
        if result["columns"] != WIDTH:
            wide.append(result)
        elif result["name"] == "small":
            found += _small(result)
        else:
            found += _own(result) + _against_peers(result)
    return found + _by_width(wide)


def _own(result: Result) -> list[Ratio]:
    name, costs = result["name"], result["costs"]
    found = []
    profile, scan, after = (_cost(costs, key) for key in ("profile", "scan", "after"))
    if profile and scan:
        ratio = _divided("our profile ÷ bare scan", name, profile, scan)
        if name in PROMISED_SIZES:
            ratio = _promised(ratio, f"CPU ≤ {SCAN_BAR}", ratio.cpu is not None and ratio.cpu <= SCAN_BAR)
        found.append(ratio)
    if after:
        cost = _alone("everything after the profile", name, after)
        found.append(_promised(cost, f"CPU < {AFTER_BAR_S:g} s", after["cpu_s"] < AFTER_BAR_S))
    if profile and name == "1e8":
        cost = _alone("memory of the profile", name, profile)
        found.append(_promised(cost, f"< {MEMORY_LIMIT_MB:,} MB", profile["memory_mb"] < MEMORY_LIMIT_MB))
    return found


def _small(result: Result) -> list[Ratio]:
    profile = _cost(result["costs"], "profile")
    if not profile:
        return []
    cost = _alone("profile of a small batch, warm, compilation included", f"{result['rows']:,}", profile)
    return [_promised(cost, f"wall < {SMALL_BAR_S:g} s", profile["wall_s"] < SMALL_BAR_S)]


SAME_QUESTIONS = ("evidently", "fairlearn", "nannyml")
ALL_CALLS = ("evidently", "nannyml_drift", "fairlearn", "nannyml", "expectations")
PAIRS = (
    ("Evidently drift ÷ ours", ("evidently",), ("drift",)),
    ("NannyML drift ÷ ours", ("nannyml_drift",), ("drift",)),
    ("fairlearn group rates ÷ ours", ("fairlearn",), ("rates",)),
    ("NannyML performance ÷ ours", ("nannyml",), ("performance",)),
    ("Great Expectations in pandas ÷ our contract", ("expectations",), ("contract",)),
    ("these three ÷ our file to verdicts and freezing", SAME_QUESTIONS, ("freeze", "whole")),
    ("all five calls ÷ our file to verdicts and contract", ALL_CALLS, ("whole", "contract")),
)


def _against_peers(result: Result) -> list[Ratio]:
    same = _pair(result, "Evidently, fairlearn, NannyML performance ÷ our file to verdicts", SAME_QUESTIONS, ("whole",))
    if same and result["name"] == "1e6":
        quick = min(same.cpu or 0, same.wall or 0) >= GAIN
        small = (same.memory or 0) >= MEMORY_GAIN
        same = _promised(same, f"CPU and wall ≥ {GAIN}, memory ≥ {MEMORY_GAIN}", quick and small)
    pairs = [_pair(result, what, theirs, ours) for what, theirs, ours in PAIRS]
    return [ratio for ratio in (*pairs[:5], same, *pairs[5:]) if ratio]


def _pair(result: Result, what: str, theirs: Sequence[str], ours: Sequence[str]) -> Ratio | None:
    """Theirs ÷ ours. What of theirs has no figure is left out of the sum, named, and makes the ratio too small."""
    costs = result["costs"]
    asked = [key for key in theirs if key in costs]
    present = [cost for key in asked if (cost := _cost(costs, key))]
    mine = [_cost(costs, key) for key in ours]
    if not asked or not all(mine):
        return None
    left = [f"{result['titles'][key]} {costs[key]['reason']}" for key in asked if not _cost(costs, key)]
    missing = f"not measured: {'; '.join(left)}" if left else ""
    if not present:
        return Ratio(what, result["name"], note=missing)
    return replace(_divided(what, result["name"], _sum(present), _sum([cost for cost in mine if cost])), note=missing)


def _by_width(wide: list[Result]) -> list[Ratio]:
    """CPU per column, against the narrowest of the wide tables: 1 is in proportion."""
    steps = [(r["columns"], [_cost(r["costs"], key) for key in ("profile", "after")]) for r in wide]
    known = [(columns, _sum([cost for cost in costs if cost])) for columns, costs in steps if all(costs)]
    if not known:
        return []
    first, least = known[0]
    return [
        Ratio(
            f"profile to verdicts, per column, {columns:,} ÷ {first:,} columns",
            wide[0]["name"].split("x")[0],
            cpu=(cost["cpu_s"] / columns) / (least["cpu_s"] / first),
            wall=(cost["wall_s"] / columns) / (least["wall_s"] / first),
            memory=(cost["memory_mb"] / columns) / (least["memory_mb"] / first) if least["memory_mb"] else None,
            promise="in proportion: about 1",
        )
        for columns, cost in known[1:]
    ]


def _cost(costs: dict[str, Any], key: str) -> dict[str, Any] | None:
    cost = costs.get(key)
    return cost if cost and "reason" not in cost else None


def _sum(costs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Times add; of memory the largest counts, as the calls are made one after another."""
    return {
        "cpu_s": sum(cost["cpu_s"] for cost in costs),
        "wall_s": sum(cost["wall_s"] for cost in costs),
        "memory_mb": max((cost["memory_mb"] for cost in costs), default=0.0),
    }


def _divided(question: str, part: str, above: dict[str, Any], below: dict[str, Any]) -> Ratio:
    cpu, wall = (above[key] / below[key] if below[key] else None for key in ("cpu_s", "wall_s"))
    memory = above["memory_mb"] / below["memory_mb"] if below["memory_mb"] >= LEAST_MB else None
    return Ratio(question, part, cpu, wall, memory)


def _alone(question: str, part: str, cost: dict[str, Any]) -> Ratio:
    return Ratio(question, part, cost["cpu_s"], cost["wall_s"], cost["memory_mb"], unit=True)


def _promised(ratio: Ratio, promise: str, holds: bool) -> Ratio:
    return replace(ratio, promise=promise, holds=holds)
