"""`make peers`: every published example through the import and back, as a table; exit 1 when one must not be so."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.peers import examples
from tests.peers.baselines import baseline_trip
from tests.peers.contracts import contract_trip
from tests.peers.definitions import definition_trip
from tests.peers.repositories import CONTRACTS, EVIDENTLY, GREAT_EXPECTATIONS, SAGEMAKER, Repository
from tests.peers.suites import Suites
from tests.peers.trip import Trip

Find = Callable[[Repository], Iterator[tuple[str, str]]]
HEAD = ("file", "items", "carried", "in part", "told", "refused", "equal", "verdicts asked")


def main() -> int:
    """All peers, or those that are named."""
    wanted = sys.argv[1:]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for peer, repositories, find, trip in _peers(Path(folder)):
            if not wanted or peer in wanted:
                failed += report(peer, repositories, find, trip)
    return 1 if failed else 0


def _peers(folder: Path) -> Iterator[tuple[str, Sequence[Repository], Find, Callable[[str], Trip]]]:
    suites = Suites(folder)
    yield "great-expectations", GREAT_EXPECTATIONS, examples.suites, suites.trip
    yield "evidently", EVIDENTLY, examples.definitions, definition_trip
    yield "sagemaker", SAGEMAKER, examples.baselines, lambda text: baseline_trip(text, folder)
    yield "contracts", CONTRACTS, examples.contracts, contract_trip


def report(peer: str, repositories: Sequence[Repository], find: Find, trip: Callable[[str], Trip]) -> int:
    """Prints what became of each file; how many did not come back, or lost a part."""
    failed, reasons, totals = 0, Counter[str](), []
    for repository in repositories:
        print(f"\n{peer}: {repository.name} {repository.release}, {repository.commit}")
        print(" | ".join(HEAD))
        trips = []
        for path, text in find(repository):
            found = trip(text)
            trips.append(found)
            print(" | ".join([path, *map(str, _row(found))]), flush=True)
            for word, what in (("LOST", found.lost), ("NOT EQUAL", found.unequal)):
                for one in what:
                    print(f"    {word}: {one}")
            failed += found.failed
            reasons += found.not_carried
            reasons += Counter([f"refused: {found.refused}"] if found.refused else [])
        totals.append((repository, trips))
    print(f"\n{peer}: why not carried")
    for reason, count in reasons.most_common():
        print(f"{count} | {reason}")
    print(f"\n{peer}: in all")
    print(" | ".join(("repository", "files", *HEAD[1:])))
    for repository, trips in totals:
        sums = [sum(column) for column in zip(*(_row(one)[:4] for one in trips), strict=True)] or [0] * 4
        tail = [sum(bool(t.refused) for t in trips), sum(t.equal for t in trips), sum(t.asked for t in trips)]
        print(" | ".join(map(str, (f"{repository.name} {repository.release}", len(trips), *sums, *tail))))
    return failed


def _row(trip: Trip) -> tuple[int | str, ...]:
    told = sum(trip.not_carried.values())
    return trip.items, trip.carried, trip.partly, told, trip.refused, trip.equal, trip.asked


if __name__ == "__main__":
    sys.exit(main())
