"""What is timed at which size, in which order, how often, and in whose environment."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from benchmarks import law
from benchmarks.files import Fault

QUICK = ("1e5", "small", "1e6", "1e5x250", "1e5x500", "1e5x1000", "1e5x2000")
FULL = (*QUICK, "1e7", "1e8")
SMALL_ROWS = 1000
# From here on a peer's call takes hours or more memory than there is.
PEERS_UP_TO = 1_000_000
REPEATED_UP_TO = 10_000_000


@dataclass(frozen=True)
class Entry:
    """One call to be timed."""

    key: str
    title: str
    task: str
    # Once more on its own input before it is timed, not only on the sample.
    warm: bool = False
    own_environment: bool = False
    runs: int = 1

    @property
    def is_peer(self) -> bool:
        """Whether somebody else's call is timed."""
        return self.task.startswith("benchmarks.peers:")


@dataclass(frozen=True)
class Part:
    """One table of results: a size, and what is timed on it. `reference` is the size whose grid it is counted on."""

    name: str
    rows: int
    width: int
    reference: int
    entries: tuple[Entry, ...]


FREEZE = Entry("freeze", "freeze the reference, and its profile", "benchmarks.ours:freeze_reference")
SCAN = Entry("scan", "bare scan", "benchmarks.ours:bare_scan", warm=True)
PROFILE = Entry("profile", "profile of the batch", "benchmarks.ours:profile_batch", warm=True)
AFTER = Entry("after", "after the profile: measure, judge", "benchmarks.ours:after_profile")
WHOLE = Entry("whole", "file to verdicts", "benchmarks.ours:whole")
SHARES = (
    Entry("drift", "file to drift", "benchmarks.ours:drift"),
    Entry("rates", "file to group rates", "benchmarks.ours:group_rates"),
    Entry("performance", "file to performance", "benchmarks.ours:performance"),
    Entry("contract", "contract of the same promises", "benchmarks.ours:contract"),
)
PEERS = (
    Entry("evidently", "Evidently DataDriftPreset", "benchmarks.peers:evidently_drift"),
    Entry("nannyml_drift", "NannyML UnivariateDriftCalculator", "benchmarks.peers:nannyml_drift", own_environment=True),
    Entry("fairlearn", "fairlearn MetricFrame × 3", "benchmarks.peers:fairlearn_rates"),
    Entry("nannyml", "NannyML PerformanceCalculator", "benchmarks.peers:nannyml_performance", own_environment=True),
    Entry("expectations", "Great Expectations, 60 in pandas", "benchmarks.peers:great_expectations"),
)


def part_of(name: str, *, peers: bool = True) -> Part:
    """The part of this name: `small`, a number of rows, or rows × columns."""
    if name == "small":
        return Part(name, SMALL_ROWS, law.WIDTH, 100_000, (*_often((replace(PROFILE, warm=False),), 5), WHOLE))
    found = re.fullmatch(r"(1e[0-9]|[1-9][0-9]*)(?:x([1-9][0-9]*))?", name)
    if not found:
        raise Fault(f"A part is small, a number of rows like 1e6, or rows and columns like 1e5x500, got {name!r}.")
    rows, width = int(float(found[1])), int(found[2] or law.WIDTH)
    once = (SCAN, PROFILE, AFTER)
    if width != law.WIDTH:
        return Part(name, rows, width, rows, (FREEZE, *once))
    reference = min(rows, REPEATED_UP_TO)
    several = _often((*once, WHOLE), 3 if rows <= REPEATED_UP_TO else 1)
    frozen = (FREEZE,) if reference == rows else ()
    compared = (*SHARES, *(PEERS if peers else ())) if rows <= PEERS_UP_TO else ()
    return Part(name, rows, width, reference, (*frozen, *several, *compared))


def _often(entries: tuple[Entry, ...], runs: int) -> tuple[Entry, ...]:
    return tuple(replace(entry, runs=runs) for entry in entries)
