"""How far a nonconformity reaches (10.2 b): the same criterion over every batch of its system, and over every system
that shares data, model or features with it.

Stored measurements are held against the criterion as it was when the case was found; no row is read.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from assets.judged.rejudging import labels_of
from assets.kept.home import Site
from governance.cases.nonconformity import Nonconformity
from governance.declared.assessment import Criterion
from governance.declared.columns import Role
from governance.declared.declarations import Declaration
from governance.declared.sources import FileSource, PackageSource, Part, TableSource
from governance.records import Measurement, Outcome
from monitors.judge import judge

PARTS: tuple[Part, ...] = ("production", "reference", "outcomes", "training")
ROLES: tuple[Role, ...] = ("feature", "attribute")


def sweep(case: Nonconformity, declarations: Mapping[str, Declaration], site: Site) -> list[dict[str, Any]]:
    """A line for each system: what it shares, how often each verdict came, and where it was a breach.

    A system that shares nothing is named too: that it was looked at is part of the answer.
    """
    asked = Criterion.model_validate(case.evidence["criterion"])
    own = declarations.get(case.system)
    found = [_line(case.system, ["it is the system itself"], asked, case.segment, site)]
    for name, declaration in declarations.items():
        if name == case.system or own is None:
            continue
        shared = list(shares(own, declaration))
        if shared:
            found.append(_line(name, shared, asked, case.segment, site))
        else:
            found.append({"system": name, "shares": [], "verdicts": {}, "breaches": [], "words": "shares nothing"})
    return found


def shares(one: Declaration, other: Declaration) -> Iterator[str]:
    """What two systems have in common, in words: sources, a model, columns that they take or compare people by."""
    mine, its = _sources(one), _sources(other)
    yield from sorted({f"data: {mine[address]}" for address in mine.keys() & its.keys()})
    if one.model and other.model and one.model.name == other.model.name:
        yield f"model: {one.model.name}"
    for role in ROLES:
        columns = set(one.system.having(role)) & set(other.system.having(role))
        yield from (f"{role}: {column}" for column in sorted(columns))


def _sources(declaration: Declaration) -> dict[tuple[str, str], str]:
    """Where data come from → what the record says of it: no folder, and no address of a database."""
    found: dict[tuple[str, str], str] = {}
    for part in PARTS:
        source = declaration.system.source(part)
        if isinstance(source, PackageSource):
            found[source.package, source.member] = f"{source.package} {source.member}"
        elif isinstance(source, FileSource):
            # A relative path starts at its own system's folder: the same words are not the same file.
            path = source.path if "://" in source.path else os.path.normpath(declaration.folder / source.path)
            found["file", path] = source.path.rsplit("/", 1)[-1]
        elif isinstance(source, TableSource):
            found[source.url, source.table] = f"table {source.table}"
    return found


def _line(name: str, shared: list[str], asked: Criterion, segment: str, site: Site) -> dict[str, Any]:
    verdicts: Counter[str] = Counter()
    breaches, segments = list[str](), Counter[str]()
    for batch, look in sorted(site.register.judged_batches(name).items()):
        if ("/" in batch) != (asked.window != "batch"):
            continue
        labels = labels_of(look)
        for seen in site.register.measured_in(look).values():
            if _is_asked(seen, asked):
                outcome = judge(seen, asked, labels).outcome
                verdicts[str(outcome)] += 1
                if outcome is Outcome.BREACH:
                    breaches.append(f"{batch} [{_of(seen)}]")
                    segments[_of(seen)] += 1
    others = sorted(set(segments) - {segment})
    words = (
        f"{sum(segments.values())} breaches of {sum(verdicts.values())} answers"
        f"{', also in ' + ', '.join(others) if others else ''}"
        if verdicts
        else f"{asked.metric} is not measured there"
    )
    return {"system": name, "shares": shared, "verdicts": dict(verdicts), "breaches": breaches, "words": words}


def _is_asked(seen: Measurement, asked: Criterion) -> bool:
    """Same metric, held against the same: of any column, group or contrast, not only those that are declared."""
    return seen.metric == asked.metric and seen.against == asked.compared_with


def _of(seen: Measurement) -> str:
    return seen.column or seen.segment or "all rows"
