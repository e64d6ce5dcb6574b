"""Batches judged in any order end with the same checks, measurements, verdicts and open cases as in order.

With a real contract, a frozen reference and a criterion that compares with earlier batches. What must come of each
batch is written down here by hand; the two orders are held against it, and against each other to the last number.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from assets.judged.judging import judge_batch, judge_restated
from assets.judged.reference import freeze_reference
from assets.kept.home import site
from assets.landed.checking import land_and_check
from assets.landed.landing import judged_and_in_use
from assets.source.refusals import Held, NotArrived
from governance.batches import standings
from governance.declared.declarations import Declaration, load
from tests.assets.landed.histories import batch
from tests.assets.landed.test_arrival_order import at
from tests.conftest import Made, assessment_yaml, made_rows, system_yaml, write_csv

ROWS = 80


@dataclass(frozen=True)
class File:
    """One file of a day: incomes moved by so many standard deviations, whose rows, and what is wrong with them."""

    shift: float = 0.0
    rows_of: int | None = None  # another day, whose rows come again
    key_of: int | None = None  # another day, one key of which stands in this one as well
    bad_regions: int = 0
    days_late: int = 0


SENT = {
    0: [File()],
    1: [File(shift=3.0), File()],  # corrected
    2: [File(), File()],  # sent again
    3: [File()],
    4: [File(bad_regions=2), File(days_late=9)],  # did not meet the contract, then did, late
    5: [File(shift=3.0, key_of=3)],  # overlaps, and would be in breach
    6: [File(rows_of=2)],  # a duplicate
    7: [File(), File(key_of=0)],  # its correction holds a row of another day
    8: [File(shift=3.0)],  # in breach
}
HELD = {5: "overlap", 6: "overlap", 7: "overlap"}
IN_BREACH = {8}


def declared(folder: Path) -> Made:
    made = Made(folder / "systems", folder / "incoming", folder / "home")
    made.incoming.mkdir(parents=True)
    system = system_yaml(str(made.incoming))
    system["reference"] |= {"from": "2024-01-01", "to": batch(0)}
    system["batches"] = {"period": "day", "from": batch(0), "to": batch(len(SENT)), "grace_days": 2}
    del system["groupings"]  # rates of groups are half of the time, and know no other batch
    assessment = assessment_yaml()
    first = assessment["criteria"][0]
    assessment["criteria"] = assessment["criteria"][:2]
    assessment["criteria"].append({**first, "id": "income_is_as_before", "against": {"previous": 4}, "limit": 0.6})
    made.declare(system=system, assessment=assessment)
    for day in ("2024-01-01", "2024-01-02"):
        write_csv(made.incoming / f"{day}.csv", [{**row, "day": day} for row in made_rows(day, rows=150)])
    return made


def rows(day: int, file: File) -> list[dict[str, Any]]:
    source = day if file.rows_of is None else file.rows_of
    found = [{**row, "day": batch(day)} for row in made_rows(batch(source), rows=ROWS, shift=file.shift)]
    if file.key_of is not None:
        found[0]["case"] = f"{batch(file.key_of)}-0"
    for row in found[: file.bad_regions]:
        row["region"] = "west"
    return found


def play(made: Made, steps: Sequence[tuple[int, File]]) -> Declaration:
    """What a run does of each file that comes: lands, checks, judges, and judges anew what is compared with it."""
    declaration, place = load(made.folder), site(at=at(0), run="test")
    freeze_reference(declaration, place)
    for day, file in steps:
        write_csv(made.incoming / f"{batch(day)}.csv", rows(day, file))
        here = replace(place, at=at(day + file.days_late))
        with suppress(Held, NotArrived):
            land_and_check(declaration, batch(day), "production", here)
            judge_batch(declaration, batch(day), here)
        judge_restated(declaration, batch(day), here)
    return declaration


def picked(found: list[dict[str, Any]], *names: str) -> list[str]:
    return sorted(repr([row[name] for name in names]) for row in found)


def ended(declaration: Declaration) -> dict[str, Any]:
    """The last state by content: nothing of when, in which order or under which number."""
    register = site().register
    used = {name for name in judged_and_in_use(declaration, site()) if name >= batch(0)}
    stands = {n: one for (n, part), one in standings(register, declaration.id).items() if part == "production"}
    checks = {name: register.last("batch.checked", f"{declaration.id}/{name}/production") for name in sorted(stands)}
    measured = {name: register.measurements(system=declaration.id, batch=name) for name in used}
    judged = {name: register.verdicts(system=declaration.id, batch=name) for name in used}
    open_cases = [case for case in register.nonconformities() if case.is_open]
    return {
        "used": {name: one.usable.body["digest"] if one.usable else None for name, one in stands.items()},
        "held": {name: list(one.held.body["kinds"]) for name, one in stands.items() if one.held},
        "checked": {
            name: {key: value for key, value in event.body.items() if key not in ("run", "reference")}
            for name, event in checks.items()
            if event
        },
        "measured": {
            name: picked(found, "metric", "column", "segment", "against", "value", "low", "high", "n", "reason")
            for name, found in sorted(measured.items())
        },
        "judged": {
            name: picked(found, "criterion", "segment", "verdict", "value", "low", "high", "limit", "n", "reason")
            for name, found in sorted(judged.items())
        },
        "open": sorted(
            (case.criterion, case.segment, sorted((set(case.batches) - set(case.restated)) & used))
            for case in open_cases
            if (set(case.batches) - set(case.restated)) & used
        ),
    }


def in_order() -> list[tuple[int, File]]:
    return [(day, file) for day, files in SENT.items() for file in files]


def shuffled(seed: int) -> list[tuple[int, File]]:
    """Those of one day keep their order."""
    waiting = {day: list(files) for day, files in SENT.items()}
    days = [day for day, _ in in_order()]
    random.Random(seed).shuffle(days)
    return [(day, waiting[day].pop(0)) for day in days]


@pytest.fixture(scope="module")
def end_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, list[tuple[int, File]]], dict[str, Any]]:
    def run(name: str, steps: list[tuple[int, File]]) -> dict[str, Any]:
        made = declared(tmp_path_factory.mktemp(name))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIMS_HOME", str(made.home))
            patch.setenv("AIMS_SYSTEMS", str(made.systems))
            return ended(play(made, steps))

    return run


@pytest.fixture(scope="module")
def ordered(end_of: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    return end_of("order", in_order())


def test_in_order_each_batch_ends_as_it_must(ordered: dict[str, Any]) -> None:
    days = {batch(day): day for day in SENT}
    held = {days[name]: kinds for name, kinds in ordered["held"].items()}
    assert held == {day: [kind] for day, kind in HELD.items()}
    assert {days[name] for name in ordered["judged"]} == SENT.keys() - HELD.keys()
    breaches = {days[name] for name, found in ordered["judged"].items() if any("'breach'" in row for row in found)}
    assert breaches == IN_BREACH
    assert {name for _, _, names in ordered["open"] for name in names} == {batch(day) for day in IN_BREACH}
    assert {criterion for criterion, _, _ in ordered["open"]} == {"income_is_stable", "income_is_as_before"}
    assert all(event["unmet"] == [] for event in ordered["checked"].values())


@pytest.mark.parametrize("seed", [3, 8])
def test_in_any_order_the_checks_measurements_verdicts_and_cases_are_the_same(
    ordered: dict[str, Any], end_of: Callable[..., dict[str, Any]], seed: int
) -> None:
    random_order = end_of(f"seed{seed}", shuffled(seed))
    for what, found in ordered.items():
        assert random_order[what] == found, what
