"""Batches in any order, with duplicates, crashes and corrections, end in the same state as in order.

The truth is computed by `histories.ends` from sets of keys, independently of the program. A crash is an exception in
the middle of a step, or a real SIGKILL of a process; whoever crashed starts the same step again, as a sensor does.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.kept.home import Site, site
from assets.landed import checking, landing, sharing
from assets.landed.checking import land_and_check
from assets.source.refusals import Held, NotArrived
from governance.batches import standings
from governance.declared.declarations import Declaration, load
from tests.assets.landed.histories import Ended, Version, batch, ends, rows_of
from tests.conftest import Made, made_rows, system_yaml, write_csv

Step = tuple[int, Version]
# Where a step can die: before its file is written, before the landing is recorded, before it is checked, before what
# it shares is looked at, in the middle of the batches that are looked at again.
CRASHES = ("write", "record", "check", "share", "settle")


class Crash(BaseException):
    """As good as a kill: nothing catches it."""


def declare(folder: Path, days: int) -> Made:
    """The made system with a batch a day; its reference is two days that are sent first."""
    made = Made(folder / "systems", folder / "incoming", folder / "home")
    made.incoming.mkdir(parents=True)
    declared = system_yaml(str(made.incoming))
    declared["reference"] |= {"from": "2024-01-01", "to": batch(0)}
    declared["batches"] = {"period": "day", "from": batch(0), "to": batch(days), "grace_days": 2}
    made.declare(system=declared)
    for day in ("2024-01-01", "2024-01-02"):
        write_csv(made.incoming / f"{day}.csv", [{**row, "day": day} for row in made_rows(day, rows=60)])
    return made


def at(index: int) -> dt.datetime:
    """The clock of a batch: it is looked at two days after its own, whatever the order."""
    return dt.datetime.fromisoformat(batch(index)).replace(tzinfo=dt.UTC) + dt.timedelta(days=2, hours=6)


def take(declaration: Declaration, index: int, place: Site) -> None:
    with suppress(Held, NotArrived):
        land_and_check(declaration, batch(index), "production", replace(place, at=at(index)))


@contextmanager
def dying(where: str | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A step that dies at this place, the first time it gets there."""

    def die(*_: Any, **__: Any) -> Any:
        raise Crash

    with monkeypatch.context() as patched:
        if where == "write":
            patched.setattr(landing, "write_parquet", die)
        elif where == "record":
            patched.setattr("governance.register.Register.turn", die)
        elif where == "check":
            patched.setattr(checking, "check", die)
        elif where == "share":
            patched.setattr(checking, "settle_sharing", die)
        elif where == "settle":
            patched.setattr(sharing, "_later", die)
        yield


def send(
    made: Made, declaration: Declaration, step: Step, crash: str | None, patch: pytest.MonkeyPatch, place: Site
) -> None:
    index, version = step
    write_csv(made.incoming / f"{batch(index)}.csv", rows_of(version, batch(index)))
    with dying(crash, patch), suppress(Crash):
        take(declaration, index, place)
    if crash:
        take(declaration, index, place)


def state(declaration: Declaration) -> dict[int, tuple[Any, ...]]:
    """Batch → digest in use, why it is held, when it came, what it corrects, what its last check said."""
    register = site().register
    found = {}
    for (name, part), stands in standings(register, declaration.id).items():
        if part != "production" or name < batch(0):
            continue
        index = (dt.date.fromisoformat(name) - dt.date.fromisoformat(batch(0))).days
        arrival = stands.usable.body["arrival"] if stands.usable else {}
        checked = register.last("batch.checked", f"{declaration.id}/{name}/production")
        found[index] = (
            stands.usable.body["digest"] if stands.usable else None,
            tuple(stands.held.body["kinds"]) if stands.held else None,
            stands.held.body.get("arrival") if stands.held else None,
            tuple(arrival.get(key) for key in ("timing", "days", "supersedes", "added", "removed", "changed")),
            [item["rule"] for item in checked.body["unmet"]] if checked else None,
        )
    return found


def as_ended(declaration: Declaration) -> dict[int, tuple[tuple[str, ...] | None, str | None]]:
    """Batch → the rows in use, and the kind of what holds it back."""
    found = state(declaration)
    rows = rows_in_use([one[0] for one in found.values() if one[0]])
    return {i: (rows[one[0]] if one[0] else None, one[1][0] if one[1] else None) for i, one in found.items()}


def rows_in_use(digests: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Digest → its rows, read past the program."""
    if not digests:
        return {}
    files = [str(site().home.lake / f"{digest}.parquet") for digest in digests]
    query = 'SELECT filename, "case", income FROM read_parquet(?, filename = true) ORDER BY 2, 3'
    found: dict[str, list[str]] = {}
    for name, key, income in duckdb.execute(query, [files]).fetchall():
        found.setdefault(Path(name).stem, []).append(f"{key}:{income:g}")
    return {digest: tuple(rows) for digest, rows in found.items()}


def expected(histories: Mapping[int, Sequence[Version]]) -> dict[int, tuple[tuple[str, ...] | None, str | None]]:
    def rows(index: int, ended: Ended) -> tuple[str, ...] | None:
        made = rows_of(ended.used, batch(index)) if ended.used else None
        return tuple(sorted(f"{row['case']}:{row['income']:g}" for row in made)) if made else None

    return {index: (rows(index, one), one.held) for index, one in ends(histories).items()}


def counted(_declaration: Declaration, found: landing.Landing, _site: Site) -> dict[str, Any]:
    """The contract's one rule by hand: Great Expectations takes five times as long as all the rest of a landing."""
    query = f"SELECT count(*) FROM read_parquet('{found.path}') WHERE region NOT IN ('north', 'south')"
    (bad,) = duckdb.sql(query).fetchone() or (0,)
    unmet = [{"rule": "region", "blocking": True, "reason": f"{bad} regions are unknown", "unexpected": bad}]
    return {"met": 1, "unmet": unmet if bad else [], "not_evaluated": [], "not_declared": [], "tool_failed": False}


@pytest.fixture(scope="module")
def light_contract() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(checking, "contract_outcome", counted)
    yield
    patch.undo()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, light_contract: None) -> Callable[..., Made]:
    def make(name: str, days: int) -> Made:
        made = declare(tmp_path / name, days)
        monkeypatch.setenv("AIMS_HOME", str(made.home))
        monkeypatch.setenv("AIMS_SYSTEMS", str(made.systems))
        return made

    return make


def play(made: Made, steps: Sequence[tuple[Step, str | None]], patch: pytest.MonkeyPatch) -> Declaration:
    declaration, place = load(made.folder), site(run="test")
    for step, crash in steps:
        send(made, declaration, step, crash, patch, place)
    return declaration


def shuffled(histories: Mapping[int, Sequence[Version]], rng: random.Random) -> list[Step]:
    """The steps of all batches in any order; those of one batch keep theirs."""
    waiting = {index: list(versions) for index, versions in histories.items()}
    order = [index for index, versions in histories.items() for _ in versions]
    rng.shuffle(order)
    return [(index, waiting[index].pop(0)) for index in order]


def keys_of(index: int, n: int = 4) -> tuple[str, ...]:
    return tuple(f"k{index}-{i}" for i in range(n))


def a_thousand(rng: random.Random, n: int) -> dict[int, list[Version]]:
    """Most batches as they should be; some corrected, some sent wrong, some with rows of earlier ones, some mended."""
    histories: dict[int, list[Version]] = {}
    for index in range(n):
        own = keys_of(index)
        other = keys_of(rng.randrange(n))
        kind = rng.random()
        good = Version(own)
        if kind < 0.76:
            histories[index] = [good]
        elif kind < 0.82:
            histories[index] = [good, Version(own[1:], revision=1)]
        elif kind < 0.86:
            histories[index] = [Version(own, "contract"), good]
        elif kind < 0.89:
            histories[index] = [good, Version(own, rng.choice(("contract", "columns")))]
        elif kind < 0.94:
            histories[index] = [Version((*own, other[0]))]
        elif kind < 0.97:
            histories[index] = [Version(other), good]
        else:
            histories[index] = [Version(other)]
    return histories


def test_a_thousand_batches_in_random_order_end_as_they_must(
    world: Callable[..., Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(20261124)
    histories = a_thousand(rng, 1_000)
    made = world("random", 1_000)
    steps = [(step, rng.choice(CRASHES) if rng.random() < 0.05 else None) for step in shuffled(histories, rng)]
    twice = [(step, None) for step, _ in rng.sample(steps, 40) if step[1] == histories[step[0]][-1]]
    declaration = play(made, steps, monkeypatch)
    before = site().register.head()
    play(made, twice, monkeypatch)
    assert as_ended(declaration) == expected(histories)
    assert site().register.head() == before, "the same file sent again leaves nothing in the record"
    assert sum(one.held == "overlap" for one in ends(histories).values()) > 40


versions = st.lists(
    st.tuples(
        st.sampled_from([None, None, None, "contract", "columns"]),
        st.sets(st.integers(0, 9), max_size=2),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
)


def as_version(index: int, number: int, fault: str | None, others: set[int], own: bool) -> Version:
    """A file with keys of its own, of others', of both, or one that nobody else has."""
    keys = dict.fromkeys((*(keys_of(index, 2) if own else ()), *(f"k{other}-0" for other in sorted(others))))
    return Version(tuple(keys) or (f"z{index}",), fault, number)


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    sent=st.lists(versions, min_size=10, max_size=10),
    seed=st.integers(0, 2**16),
    crashes=st.lists(st.sampled_from([None, None, *CRASHES]), min_size=30, max_size=30),
)
def test_any_history_ends_as_it_does_in_order(
    sent: list[Any],
    seed: int,
    crashes: list[str | None],
    tmp_path_factory: pytest.TempPathFactory,
    light_contract: None,
) -> None:
    histories = {
        index: [as_version(index, number, *one) for number, one in enumerate(some)] for index, some in enumerate(sent)
    }
    steps = shuffled(histories, random.Random(seed))
    in_order = sorted(steps, key=lambda step: step[0])
    seen = []
    for name, some in (
        ("order", [(step, None) for step in in_order]),
        ("random", list(zip(steps, crashes, strict=False))),
    ):
        patch = pytest.MonkeyPatch()
        made = declare(tmp_path_factory.mktemp(name), 10)
        patch.setenv("AIMS_HOME", str(made.home))
        try:
            declaration = play(made, some, patch)
            assert as_ended(declaration) == expected(histories)
            seen.append(state(declaration))
        finally:
            patch.undo()
    assert seen[0] == seen[1]


KILLED = {
    0: [Version(keys_of(0))],
    1: [Version((*keys_of(1), "k0-1"))],
    2: [Version(keys_of(2), "contract"), Version(keys_of(2))],
    3: [Version((*keys_of(3), "k5-2")), Version(keys_of(3), revision=1)],
    4: [Version(keys_of(4))],
    5: [Version(keys_of(5))],
    6: [Version(keys_of(4))],
    7: [Version(keys_of(7), "columns")],
}


def test_killed_processes_started_again_end_as_they_must(world: Callable[..., Made]) -> None:
    """SIGKILL, at moments that nobody chose: the ledger's growth is watched and the process is killed in its midst."""
    made = world("killed", 8)
    register, rng = site().register, random.Random(7)
    command = [sys.executable, "-m", "tests.assets.landed.sending", str(made.systems.parent), "7"]
    for events in (4, 11, 17):
        process = subprocess.Popen(command, env=made.environment, start_new_session=True)
        while process.poll() is None and register.head()[0] < events:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.02)
        assert process.poll() is None, "it was over before it could be killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command, env=made.environment, check=True, capture_output=True)
    assert as_ended(load(made.folder)) == expected(KILLED)
    assert register.faults() == []
