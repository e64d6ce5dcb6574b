"""How far a nonconformity reaches (10.2 b): the same criterion over every batch of its system, and over every system
that shares data, model or features with it.

Stored measurements are held against the criterion as it was when the case was found; no row is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from assets.home import Site
from assets.rejudging import labels_of
from governance.cases.nonconformity import Nonconformity
from governance.declared.assessment import Criterion
from governance.declared.declarations import Declaration
from governance.declared.system import FileSource, PackageSource, Part, Role, System, TableSource
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
        shared = list(shares(own.system, declaration.system, _model(own), _model(declaration)))
        if shared:
            found.append(_line(name, shared, asked, case.segment, site))
        else:
            found.append({"system": name, "shares": [], "verdicts": {}, "breaches": [], "words": "shares nothing"})
    return found


def shares(one: System, other: System, model: str | None = None, its: str | None = None) -> Iterator[str]:
    """What two systems have in common, in words: sources, a model, columns that they take or compare people by."""
    common = set(_addresses(one)) & set(_addresses(other))
    yield from (f"data: {address}" for address in sorted(common))
    if model and model == its:
        yield f"model: {model}"
    for role in ROLES:
        columns = set(one.having(role)) & set(other.having(role))
        yield from (f"{role}: {column}" for column in sorted(columns))


def _model(declaration: Declaration) -> str | None:
    return declaration.model.name if declaration.model else None


def _addresses(system: System) -> Iterator[str]:
    for part in PARTS:
        source = system.source(part)
        if isinstance(source, PackageSource):
            yield f"{source.package} {source.member}"
        elif isinstance(source, FileSource):
            yield source.path
        elif isinstance(source, TableSource):
            # Without the address of the database, which is nobody's business here.
            yield f"table {source.table}"


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
