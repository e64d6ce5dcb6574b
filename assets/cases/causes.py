"""What may have caused a breach, as far as the record shows it: candidates for a person who decides (10.2 b).

Nothing is measured anew. Which bins, groups or causes the value is made of; which features moved most in that batch;
which rules of the contract it did not meet; what else differs from the last batch that conformed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from assets.kept.home import Site
from governance.cases.nonconformity import Nonconformity
from governance.record.ledger import Event
from governance.records import Outcome

# So many of each kind are named; the page about the batch has them all.
NAMED = 5
# What went into a look besides the batch's own data, in words.
INPUTS = {
    "reference": "the reference",
    "system": "system.yaml",
    "assessment": "the impact assessment",
    "code": "this program",
    "model": "the candidate model",
}
CAUSES = {"mix": "other people", "rate": "something else has become of people who are alike"}
CHANGES = ("model.trained", "release.granted", "assessment.approved", "reference.frozen", "reference.accepted")


def candidates(case: Nonconformity, site: Site) -> list[dict[str, Any]]:
    """Facts as plain data, each with its `kind`, what it is `about`, and `words`."""
    batch = case.batches[-1]
    look = site.register.judged_batches(case.system).get(batch)
    found = list(_parts(case))
    if look is not None:
        found += _moved(look, site)
        found += _unmet(case, batch, site)
        found += _different(case, batch, look, site)
    return found


def _parts(case: Nonconformity) -> Iterator[dict[str, Any]]:
    """The whole causes first (other people, or something else having become of people who are alike), then the bins
    and groups that make most of the value."""
    known = [part for part in case.evidence.get("parts", ()) if part["share"] is not None]
    for part in (p for p in known if p["about"] is None):
        words = f"{CAUSES.get(part['kind'], part['kind'])} (by {part['by']}): {float(part['share']):.0%} of the value"
        yield {"kind": part["kind"], "about": part["by"], "words": words}
    named = sorted((p for p in known if p["about"]), key=lambda part: -abs(float(part["share"])))
    for part in named[:NAMED]:
        words = f"{part['by']}: {part['about']} makes {float(part['share']):.0%} of the value ({part['kind']})"
        yield {"kind": "part", "about": f"{part['by']}: {part['about']}", "words": words}


def _moved(look: Event, site: Site) -> Iterator[dict[str, Any]]:
    """Features that moved for certain, by how much the model relies on them where that is known."""
    measured = site.register.measured_in(look).values()
    for metric in ("drift_weighted_by_reliance", "jensen_shannon"):
        ranked = [m for m in measured if m.metric == metric and m.column and (m.value or 0) > 0 and m.against is None]
        sure = [m for m in ranked if metric != "jensen_shannon" or (m.low or 0) > 0]
        if sure:
            for m in sorted(sure, key=lambda m: -(m.value or 0))[:NAMED]:
                words = f"{m.column} moved: {metric} {m.value:.3g} on {m.n} rows"
                yield {"kind": "moved", "about": m.column, "words": words}
            return


def _unmet(case: Nonconformity, batch: str, site: Site) -> Iterator[dict[str, Any]]:
    newest = {event.subject: event for event in site.register.events("batch.checked", f"{case.system}/{batch}/")}
    for subject, event in newest.items():
        for item in event.body["unmet"][:NAMED]:
            part = subject.split("/")[-1]
            yield {"kind": "rule_unmet", "about": item["rule"], "words": f"{part}: {item['reason']}"}


def _different(case: Nonconformity, batch: str, look: Event, site: Site) -> Iterator[dict[str, Any]]:
    """What differs from the last batch before it in which the same question was answered with conforming."""
    before = _last_conforming(case, batch, site)
    if before is None:
        yield {"kind": "changed", "about": "", "words": "no earlier batch conforms: there is nothing to compare with"}
        return
    name, other = before
    for key, words in INPUTS.items():
        if look.body["inputs"].get(key) != other.body["inputs"].get(key):
            yield {"kind": "changed", "about": key, "words": f"{words} is not the one that {name} was judged with"}
    for kind in CHANGES:
        for event in site.register.events(kind, case.system):
            # Another system's id may begin like this one's.
            if event.subject.split("/")[0] == case.system and other.seq < event.seq < look.seq:
                words = f"{kind} between {name} and {batch} (event {event.seq})"
                yield {"kind": "event", "about": kind, "words": words}


def _last_conforming(case: Nonconformity, batch: str, site: Site) -> tuple[str, Event] | None:
    looks = site.register.judged_batches(case.system)
    rows = site.register.verdicts(system=case.system)
    good = {
        row["batch"]
        for row in rows
        if (row["criterion"], row["segment"]) == (case.criterion, case.segment)
        and row["verdict"] == Outcome.CONFORMING
        and row["batch"] < batch
    }
    newest = max(good, default=None)
    return (newest, looks[newest]) if newest else None
