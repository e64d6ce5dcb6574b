"""One altered byte anywhere in the index of keys never changes an answer: the file is named, and made anew.

The answers are worked out by hand from the keys that were sent. The clean twin is the index as it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from assets.kept.home import home, site
from assets.kept.lake import keep_file, keep_text
from assets.landed import key_index
from assets.landed.keyprints import Keyprints
from assets.landed.landing import land
from assets.on_demand.stored_files import look_at_all
from governance.declared.declarations import Declaration, load
from tests.assets.landed.histories import Version, batch, rows_of
from tests.assets.landed.test_arrival_order import declare
from tests.conftest import write_csv

# Day → its keys. The second day shares one with the first, the fourth one with the first and two with the third.
SENT = {
    0: ("a", "b", "c", "d"),
    1: ("a", "e", "f"),
    2: ("g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"),
    3: ("b", "g", "h", "r"),
}
LAST = 4  # shares one key with the first day and one with the last
LAST_KEYS = ("d", "r", "s")
SHARED = {(0, 1): 1, (0, 3): 1, (2, 3): 2}
SHARED_WITH_LAST = {**SHARED, (0, 4): 1, (3, 4): 1}


def told(shared: dict[tuple[int, int], int], days: int) -> dict[str, Any]:
    """Day → its keys, the days with which it shares how many rows, and the later ones of them."""
    sizes = {**{day: len(keys) for day, keys in SENT.items()}, LAST: len(LAST_KEYS)}
    both = {**shared, **{(b, a): n for (a, b), n in shared.items()}}
    return {
        batch(day): (
            sizes[day],
            [(batch(other), both[day, other], sizes[other]) for other in range(days) if (day, other) in both],
            [batch(other) for other in range(day + 1, days) if (day, other) in both],
        )
        for day in range(days)
    }


@dataclass
class Entered:
    """A home in which all days are landed, and all but the last are in the index; what the index was then."""

    declaration: Declaration
    digests: dict[str, str]
    clean: dict[str, bytes]

    @property
    def folder(self) -> Path:
        return home().keyprints / "loans"

    def restore(self) -> None:
        for path in self.folder.iterdir():
            path.unlink()
        for name, raw in self.clean.items():
            (self.folder / name).write_bytes(raw)

    def opened(self) -> Keyprints:
        return Keyprints(self.declaration, site(run="test"))

    def answers(self, index: Keyprints, days: int = LAST) -> dict[str, Any]:
        return {
            batch(day): (
                index.keys(self.digests[batch(day)]),
                [(one.batch, one.rows, one.keys) for one in index.sharing_with(self.digests[batch(day)])],
                index.later_than(batch(day)),
            )
            for day in range(days)
        }

    def with_the_last(self) -> dict[str, Any]:
        """What the index answers once the last day was entered as well."""
        index = self.opened()
        index.enter(batch(LAST), self.digests[batch(LAST)])
        return self.answers(index, LAST + 1)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Entered]:
    made = declare(tmp_path_factory.mktemp("keys"), 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIMS_HOME", str(made.home))
        entered = Entered(load(made.folder), {}, {})
        for day, keys in {**SENT, LAST: LAST_KEYS}.items():
            write_csv(made.incoming / f"{batch(day)}.csv", rows_of(Version(keys), batch(day)))
            entered.digests[batch(day)] = land(entered.declaration, batch(day), "production", site(run="test")).digest
            if day != LAST:
                entered.opened().enter(batch(day), entered.digests[batch(day)])
        entered.clean |= {path.name: path.read_bytes() for path in entered.folder.iterdir()}
        yield entered


@pytest.fixture
def entered(once: Entered) -> Entered:
    once.restore()
    return once


def named() -> list[str]:
    return [event.subject for event in home().register().events("file.altered")]


def test_the_answers_are_those_worked_out_by_hand(entered: Entered) -> None:
    before = named()
    assert entered.answers(entered.opened()) == told(SHARED, LAST)
    assert entered.with_the_last() == told(SHARED_WITH_LAST, LAST + 1)
    assert named() == before
    assert sorted(path.suffix for path in entered.folder.iterdir()).count(".npy") % 2 == 0


@pytest.mark.parametrize("start", range(3))
def test_an_altered_byte_changes_no_answer_and_is_named(entered: Entered, start: int) -> None:
    for name, raw in entered.clean.items():
        for place in range(start, len(raw), 31):
            entered.restore()
            (entered.folder / name).write_bytes(raw[:place] + bytes([raw[place] ^ 1 << place % 8]) + raw[place + 1 :])
            before = len(named())
            assert entered.with_the_last() == told(SHARED_WITH_LAST, LAST + 1), (name, place)
            assert named()[before:] == [f"keyprints/loans/{name}"], place


@pytest.mark.parametrize("left", [0, 1, 64, 65, 200, -1])
def test_what_was_cut_off_is_not_taken_for_a_smaller_index(entered: Entered, left: int) -> None:
    (entered.folder / "index").write_bytes(entered.clean["index"][:left])
    before = len(named())
    assert entered.answers(entered.opened()).keys() == entered.digests.keys() - {batch(LAST)}
    assert entered.with_the_last() == told(SHARED_WITH_LAST, LAST + 1)
    assert named()[before:] == ["keyprints/loans/index"]


def test_files_that_are_gone_are_made_anew_without_a_word(entered: Entered) -> None:
    before = named()
    for name in entered.clean:
        entered.restore()
        (entered.folder / name).unlink()
        assert entered.with_the_last() == told(SHARED_WITH_LAST, LAST + 1)
    assert named() == before


def test_an_altered_index_is_named_when_all_files_are_looked_at(entered: Entered) -> None:
    def states() -> dict[str, str]:
        found = look_at_all(home(), home().register())
        return {item.file: item.state for item in found if item.file.startswith("keyprints/")}

    whole = states()
    assert set(whole) == {f"keyprints/loans/{name}" for name in entered.clean if name != "lock"}
    assert set(whole.values()) == {"whole"}
    for file in whole:
        entered.restore()
        path = home().root / file
        path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
        assert states()[file] == "altered"


class Died(BaseException):
    """As good as a kill: nothing catches it."""


def dies_at(number: int, call: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but that the process dies instead of the call of this number."""
    counter = iter(range(number + 1))

    def called(*given: Any, **named: Any) -> Any:
        if next(counter) == number:
            raise Died
        return call(*given, **named)

    return called


@pytest.mark.parametrize("where", ["index", "anew"])
def test_whoever_comes_after_a_killed_process_gets_the_same_answers(
    entered: Entered, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before each file is written, and in the midst of removing what is not needed any more."""
    before, died = named(), 0
    for owner, name, call in (
        (key_index, "keep_file", keep_file),
        (key_index, "keep_text", keep_text),
        (Path, "unlink", Path.unlink),
    ):
        for number in range(20):
            entered.restore()
            if where == "anew":
                (entered.folder / "index").unlink()
            with monkeypatch.context() as patched:
                patched.setattr(owner, name, dies_at(number, call))
                try:
                    entered.with_the_last()
                except Died:
                    died += 1
                else:
                    break
            assert entered.with_the_last() == told(SHARED_WITH_LAST, LAST + 1), (name, number)
            assert files_of_the_next_to_write(entered) == 2 + 2 * runs(entered), "nothing is left lying about"
    assert died >= (4 if where == "index" else 12)
    assert named() == before


def runs(entered: Entered) -> int:
    index = key_index.KeyFiles(entered.folder).read()
    assert index is not None
    return len(index.runs)


def files_of_the_next_to_write(entered: Entered) -> int:
    files = key_index.KeyFiles(entered.folder)
    index = files.read()
    assert index is not None
    files.write(index)
    return len(list(entered.folder.iterdir()))


@pytest.mark.parametrize("begins", ["empty", "gone", "altered"])
def test_several_at_once_lose_nothing_of_each_other(entered: Entered, begins: str) -> None:
    """Each opens the index before any other enters its own; where it is gone or altered, each finds it so."""
    days, before = [batch(day) for day in range(LAST + 1)], named()
    by = entered.opened()._by
    (entered.folder / "index").unlink()
    if begins == "empty":
        key_index.KeyFiles(entered.folder).write(key_index.Index(by))
    elif begins == "altered":
        (entered.folder / "index").write_bytes(b"altered")
    with ThreadPoolExecutor(len(days)) as pool:
        opened = list(pool.map(lambda _: entered.opened(), days))
        list(pool.map(lambda index, day: index.enter(day, entered.digests[day]), opened, days))
    assert entered.answers(entered.opened(), LAST + 1) == told(SHARED_WITH_LAST, LAST + 1)
    assert named()[len(before) :] == (["keyprints/loans/index"] if begins == "altered" else [])


def test_the_database_of_an_older_version_goes(entered: Entered) -> None:
    """It held digests of keys, of persons who may have been erased since."""
    (entered.folder / "index").unlink()
    left = [home().keyprints / name for name in ("loans.db", "loans.db-wal", "loans.3.keys.npy")]
    other = home().keyprints / "loans_2.db"
    for path in (*left, other):
        path.write_bytes(b"older")
    assert entered.with_the_last() == told(SHARED_WITH_LAST, LAST + 1)
    assert [path.exists() for path in (*left, other)] == [False, False, False, True]
    other.unlink()
