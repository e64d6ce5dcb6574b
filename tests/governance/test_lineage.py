"""The graph of what came from what. Truth: a few events written by hand, whose graph a person can draw."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.faults import UsageFault
from governance.lineage import Lineage, lineage_of, rows_of
from governance.record.ledger import Event


def digest(of: str) -> str:
    return hashlib.sha256(of.encode()).hexdigest()


class Told:
    """Events one after the other."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, kind: str, subject: str, **body: Any) -> int:
        seq = len(self.events) + 1
        self.events.append(Event(seq, f"2024-07-01T00:00:{seq:02}", "service:aims", kind, subject, body))
        return seq

    def landed(self, batch: str, part: str, rows: str, source: str, *steps: str) -> None:
        self(
            "batch.landed",
            f"loans/{batch}/{part}",
            digest=digest(rows),
            observed={"rows": 3, "source": {"file": f"{source}.csv"}, "source_sha256": digest(source)},
            **({"preparation": [_step(name) for name in steps]} if steps else {}),
        )

    def checked(self, batch: str, part: str, rows: str, reference: dict[str, str] | None = None) -> None:
        inputs = {"digest": digest(rows), "reference": {b: digest(r) for b, r in (reference or {}).items()} or None}
        self("batch.checked", f"loans/{batch}/{part}", inputs=inputs, met=2, unmet=[], not_evaluated=[])

    def judged(self, batch: str, results: str, profile: str, rows: str | None = None, **more: str) -> dict[str, Any]:
        inputs = {"data": digest(rows) if rows else None, "reference": digest("P0"), "profile": digest(profile)}
        inputs |= {name.replace("_", " "): digest(value) for name, value in more.items()}
        self("batch.judged", f"loans/{batch}", inputs=inputs, results=digest(results), measurements=2, verdicts=1)
        return inputs


def _step(name: str) -> dict[str, Any]:
    return {
        "id": name,
        "operation": "keep",
        "reason": "For a test.",
        "rows_before": 5,
        "rows_after": 3,
        "rows_changed": 0,
    }


def told() -> Told:
    """A reference of one batch, a batch with outcomes that came late, a model, a case, a release."""
    tell = Told()
    tell.landed("2024-01-01", "reference", "R1", "ref")
    tell("reference.frozen", "loans", profile=digest("P0"), rows=3, inputs={"batches": {"2024-01-01": digest("R1")}})
    tell.landed("training", "training", "T1", "train", "adults", "once")
    tell.checked("training", "training", "T1")
    model = {"model": digest("M1"), "estimator": "x", "features": ["a"], "inputs": {"data": digest("T1")}}
    trained = tell("model.trained", "loans/ranking", **model)
    tell.landed("2024-03-01", "production", "B1", "march", "adults")
    tell.checked("2024-03-01", "production", "B1", {"2024-01-01": "R1"})
    tell.judged("2024-03-01", "V1", "P1", "B1", model="M1")
    tell("batch.reported", "loans/2024-03-01", page="reports/1.html", sha256=digest("page 1"), results=digest("V1"))
    tell.landed("2024-03-01", "outcomes", "O1", "late")
    inputs = tell.judged("2024-03-01", "V2", "P2", "B1", outcomes="O1", model="M1")
    tell("nonconformity.suspected", "loans/psi/all", batch="2024-03-01", case=None, evidence={"inputs": inputs})
    tell("batch.reported", "loans/2024-03-01", page="reports/2.html", sha256=digest("page 2"), results=digest("V2"))
    request = tell("release.requested", "loans/ranking", model=digest("M1"), trained=trained)
    tell("release.granted", "loans/ranking", request=request, gates=[])
    return tell


GRAPH = lineage_of(told().events)


def names(found: list[str], graph: Lineage = GRAPH) -> set[str]:
    """Kind and whatever tells it apart."""
    nodes = [graph.nodes[name] for name in found]
    return {f"{n.kind} {n.label.split(':')[0].split(',')[0]}".strip() + (" old" if n.superseded else "") for n in nodes}


def test_a_source_leads_through_its_steps_to_verdicts_case_and_page() -> None:
    below = names(GRAPH.below(GRAPH.named(digest("march"))))
    assert below == {
        "preparation keep adults",
        "rows production",
        "check 2 rules met",
        "profile profile old",
        "profile profile",
        "verdicts 2 measurements old",
        "verdicts 2 measurements",
        "page reports/1.html old",
        "page reports/2.html",
        "nonconformity NC-12",
    }


def test_a_page_goes_back_to_every_source_that_it_rests_on() -> None:
    above = {GRAPH.nodes[name].label for name in GRAPH.above(GRAPH.named(digest("page 2")))}
    assert {"ref.csv", "train.csv", "march.csv", "late.csv"} <= above
    older = {GRAPH.nodes[name].label for name in GRAPH.above(GRAPH.named(digest("page 1")))}
    assert "late.csv" not in older and "march.csv" in older


def test_a_release_goes_back_through_model_and_steps_to_the_snapshot() -> None:
    (release,) = GRAPH.named("REL-14")
    assert GRAPH.nodes[release].note == "released"
    kinds = [GRAPH.nodes[name].kind for name in GRAPH.above([release])]
    assert kinds == ["model", "rows", "preparation", "preparation", "source"]


def test_a_case_is_linked_to_the_look_that_it_was_found_in_and_no_other() -> None:
    (case,) = GRAPH.named("NC-12")
    (look,) = GRAPH.up[case]
    assert GRAPH.nodes[look].digest == digest("V2")


def test_a_case_of_an_older_look_stays_with_that_look() -> None:
    tell = told()
    older = next(e.body["inputs"] for e in tell.events if e.kind == "batch.judged")
    seq = tell("nonconformity.suspected", "loans/x/all", batch="2024-03-01", case=None, evidence={"inputs": older})
    graph = lineage_of(tell.events)
    (look,) = graph.up[f"NC-{seq}"]
    assert graph.nodes[look].digest == digest("V1")


def test_the_same_rows_for_two_batches_lead_each_to_its_own() -> None:
    tell = told()
    tell.landed("2024-04-01", "production", "B1", "march again")
    tell.judged("2024-04-01", "V4", "P4", "B1")
    graph = lineage_of(tell.events)
    labels = {graph.nodes[name].label for name in graph.above(graph.named(digest("V4")))}
    assert "march again.csv" in labels and "march.csv" not in labels


def test_a_batch_is_all_that_is_about_it() -> None:
    kinds = [GRAPH.nodes[name].kind for name in GRAPH.named("loans/2024-03-01")]
    assert sorted(set(kinds)) == ["check", "page", "preparation", "profile", "rows", "source", "verdicts"]


def test_rows_that_were_corrected_or_held_back_are_superseded_with_their_source_and_steps() -> None:
    tell = told()
    tell.landed("2024-03-01", "production", "B2", "march again", "adults")
    graph = lineage_of(tell.events)
    for name in ("march", "B1"):
        assert all(graph.nodes[n].superseded for n in graph.named(digest(name)))
    assert not any(graph.nodes[n].superseded for n in graph.named(digest("B2")))
    tell("batch.held", "loans/2024-03-01/production", digest=digest("B2"), reason="the contract is not met")
    (rows,) = lineage_of(tell.events).named(digest("B2"))
    assert "held back: the contract is not met" in lineage_of(tell.events).nodes[rows].note
    tell.landed("2024-03-01", "production", "B1", "march", "adults")
    back = lineage_of(tell.events)
    assert not any(back.nodes[n].superseded for name in ("march", "B1") for n in back.named(digest(name)))


def test_one_file_for_several_batches_leads_to_each_of_them() -> None:
    tell = Told()
    for batch in ("2024-03-01", "2024-04-01"):
        tell.landed(batch, "production", f"rows of {batch}", "all")
    graph = lineage_of(tell.events)
    (source,) = graph.named(digest("all")[:8])
    assert [graph.nodes[n].about for n in graph.below([source])] == ["loans/2024-03-01", "loans/2024-04-01"]


def test_one_file_for_several_batches_is_about_none_of_them() -> None:
    tell = told()
    tell.landed("2024-04-01", "production", "B3", "march")
    graph = lineage_of(tell.events)
    (march,) = [node for node in graph.nodes.values() if node.digest == digest("march")]
    assert march.about == "loans"


def test_lookups_lead_to_the_check_and_an_erasure_to_the_file_that_took_its_place() -> None:
    tell = told()
    observed = {"rows": 2, "source": {"file": "countries.csv"}, "source_sha256": digest("countries")}
    tell("lookup.landed", "loans/countries", digest=digest("L1"), observed=observed)
    tell("personal.erased", "loans/2024-03-01/production", old=digest("B1"), new=digest("E1"), rows=1)
    tell("personal.erased", "loans/2024-03-01/production", old=digest("E1"), new=digest("E2"), rows=1)
    inputs = {"digest": digest("B1"), "reference": None, "lookups": {"countries": digest("L1")}}
    tell("batch.checked", "loans/2024-03-01/production", inputs=inputs, met=2, unmet=[], not_evaluated=[])
    graph = lineage_of(tell.events)
    below = {graph.nodes[name].kind for name in graph.below(graph.named(digest("countries")))}
    assert below == {"rows", "check"}
    came = {graph.nodes[name].digest for name in graph.above(graph.named(digest("E2")))}
    assert {digest("E1"), digest("B1"), digest("march")} <= came


def test_the_batch_before_leads_to_the_check_that_asked_about_the_time_since() -> None:
    tell = told()
    inputs = {"digest": digest("B9"), "reference": None, "before": {"2024-03-01": digest("B1")}}
    tell("batch.checked", "loans/2024-04-01/production", inputs=inputs, met=2, unmet=[], not_evaluated=[])
    graph = lineage_of(tell.events)
    below = [graph.nodes[name].about for name in graph.below(graph.named(digest("B1")))]
    assert "loans/2024-04-01" in below


def test_a_window_comes_from_the_profiles_of_its_batches() -> None:
    tell = told()
    tell.judged("2024-03-01/2024-05-01", "W", "PW", None, **{"profile_2024-03-01": "P2"})
    graph = lineage_of(tell.events)
    above = {graph.nodes[n].digest for n in graph.above(graph.named(digest("W")))}
    assert {digest(name) for name in ("PW", "P2", "P0", "B1", "O1", "march", "late", "R1", "ref")} <= above
    assert digest("P1") not in above


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("abcdef1", "at least 8 of its digits"),
        ("0" * 12, "No digest in the record begins with"),
        ("loans/2031-01-01", "speaks of no"),
        ("NC-99", "speaks of no"),
    ],
)
def test_what_is_not_there_is_told(asked: str, why: str) -> None:
    with pytest.raises(UsageFault, match=why):
        GRAPH.named(asked)


def test_a_prefix_of_two_digests_names_both() -> None:
    tell = Told()
    one, other = "ab" * 4 + "1" * 56, "ab" * 4 + "2" * 56
    for batch, name in (("2024-03-01", one), ("2024-04-01", other)):
        observed = {"rows": 1, "source": {}, "source_sha256": digest(batch)}
        tell("batch.landed", f"loans/{batch}/production", digest=name, observed=observed)
    graph = lineage_of(tell.events)
    with pytest.raises(UsageFault, match="begins 2 digests") as fault:
        graph.named("abababab")
    assert one in str(fault.value) and other in str(fault.value) and "loans/2024-04-01" in str(fault.value)
    assert [graph.nodes[n].digest for n in graph.named("abababab2")] == [other]


def test_rows_have_the_promised_keys_and_edges_that_are_rows() -> None:
    rows = list(rows_of(GRAPH, GRAPH.named(digest("B1")), up=True, down=True))
    keys = ["direction", "id", "kind", "label", "digest", "about", "at", "superseded", "note", "from", "to"]
    assert all(list(row) == keys for row in rows)
    assert rows[0]["direction"] == "asked"
    assert {row["direction"] for row in rows} == {"asked", "up", "down"}


BATCHES = st.sampled_from(["2024-03-01", "2024-04-01", "2024-05-01"])
ROWS = st.sampled_from(["B1", "B2", "B3"])


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["land", "check", "judge", "hold", "report"]), BATCHES, ROWS), max_size=25))
def test_up_undoes_down_whatever_the_record_holds(steps: list[tuple[str, str, str]]) -> None:
    tell = told()
    for what, batch, rows in steps:
        if what == "land":
            tell.landed(batch, "production", rows, f"source of {rows}", "adults")
        elif what == "check":
            tell.checked(batch, "production", rows, {"2024-01-01": "R1"})
        elif what == "judge":
            tell.judged(batch, f"V {batch} {rows}", f"P {batch} {rows}", rows)
        elif what == "hold":
            tell("batch.held", f"loans/{batch}/production", digest=digest(rows), reason="for a test")
        else:
            page = {"page": f"{batch}-{rows}.html", "sha256": digest(f"{batch} {rows}")}
            tell("batch.reported", f"loans/{batch}", **page, results=digest(f"V {batch} {rows}"))
    graph = lineage_of(tell.events)
    for name in graph.nodes:
        assert name not in graph.below([name])
        assert all(name in graph.above([other]) for other in graph.below([name]))
        assert all(name in graph.below([other]) for other in graph.above([name]))
    for kind in ("rows", "verdicts"):
        # At most one of a kind is current about one thing.
        current = [
            n.about for n in graph.nodes.values() if n.kind == kind and not n.superseded and n.label[:8] != "outcomes"
        ]
        assert len(current) == len(set(current))
