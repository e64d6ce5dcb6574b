"""What is held back has a way back: a person lets it through for what was found, or discards it, and nobody else can."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from assets.judged.judging import judge_batch, judge_restated
from assets.judged.reference import freeze_reference
from assets.kept.home import Site, site
from assets.landed import checking, landing
from assets.landed.checking import land_and_check
from assets.landed.landing import Held, NotArrived
from governance.absence import states
from governance.batches import notes_on, standing
from governance.people.acts import Refused, perform
from governance.people.appointing import ACTS as APPOINTING
from governance.processes import BY_VERB
from tests.conftest import BATCHES, ROWS, Made, contract_yaml, made_rows, write_csv

BATCH, LATER = BATCHES[2], BATCHES[3]
SUBJECT = f"loans/{BATCH}/production"
NOW = dt.datetime(2024, 7, 1, tzinfo=dt.UTC)


def here() -> Site:
    return site(at=NOW, run="test")


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract's one rule by hand, so that no test here waits for Great Expectations."""
    import duckdb

    def counted(declaration: Any, found: landing.Landing, _site: Any) -> dict[str, Any]:
        known = "('north', 'south', 'west')" if "- west" in declaration.contract_text else "('north', 'south')"
        query = f"SELECT count(*) FROM read_parquet('{found.path}') WHERE region NOT IN {known}"
        (bad,) = duckdb.sql(query).fetchone() or (0,)
        unmet = [{"rule": "region: known", "blocking": True, "reason": f"{bad} are unknown", "unexpected": bad}]
        return {"met": 1, "unmet": unmet if bad else [], "not_evaluated": [], "not_declared": [], "tool_failed": False}

    monkeypatch.setattr(checking, "contract_outcome", counted)


@pytest.fixture
def act(made: Made) -> Callable[..., Any]:
    """An act of a demonstration account, which needs no token: ann works, bob judges."""
    register = here().register
    opening = next(a for a in APPOINTING if a.kind == "account.opened")
    for name, role in (("ann", "engineer"), ("bob", "ml_reviewer")):
        with register.engine.begin() as connection:
            said = {"roles": [role], "demonstration": True}
            perform(connection, opening, name, said, account="service:aims", at=NOW)

    def do(verb: str, subject: str, *, by: str = "bob", **said: Any) -> Any:
        with here().register.engine.begin() as connection:
            return perform(connection, BY_VERB[verb], subject, said, account=by, at=NOW)

    return do


def bad_rows(batch: str = BATCH, n: int = 1) -> list[dict[str, Any]]:
    rows = made_rows(batch)
    return [{**row, "region": "west"} if place < n else row for place, row in enumerate(rows)]


def hold(made: Made, load_made: Any, n: int = 1) -> str:
    """Sends rows that break the contract; returns their digest."""
    write_csv(made.incoming / f"{BATCH}.csv", bad_rows(n=n))
    with pytest.raises(Held):
        land_and_check(load_made(), BATCH, "production", here())
    held = standing(here().register, SUBJECT).held
    assert held is not None
    return str(held.body["digest"])


def in_use() -> str | None:
    usable = standing(here().register, SUBJECT).usable
    return usable.body["digest"] if usable else None


def listed(made: Made, *command: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in made.aims(*command, "--json").output.splitlines()]


def test_what_is_held_is_listed_with_its_reason_its_rows_and_its_ways_back(made: Made, load_made: Any) -> None:
    digest = hold(made, load_made, n=3)
    (row,) = listed(made, "quarantine")
    assert (row["system"], row["batch"], row["label"], row["kinds"]) == ("loans", BATCH, "2024-03", ["contract"])
    assert (row["rows"], row["offending"], row["digest"]) == (ROWS, 3, digest)
    assert row["rules"] == ["region: known"]
    assert row["ways_back"] == ["send it corrected", "release-batch", "discard-batch"]
    assert row["who_acts"] == "the test or a reviewer"
    assert (here().home.lake / f"{digest}.parquet").exists()


def test_released_rows_are_in_use_until_others_come(made: Made, load_made: Any, act: Any) -> None:
    digest = hold(made, load_made)
    act("release-batch", f"loans/{BATCH}", of_digest=digest[:12], reason="One region was named anew.")
    assert in_use() == digest
    assert land_and_check(load_made(), BATCH, "production", here()).landing.digest == digest
    assert listed(made, "quarantine") == []
    (row,) = listed(made, "arrivals", "--system", "loans")
    assert row["state"] == "released"
    assert notes_on(here().register, "loans") == {BATCH: "production let through after review by bob"}
    other = hold(made, load_made, n=2)
    assert other != digest, "other rows are held whatever was let through before"
    assert here().register.faults() == []


def test_a_release_holds_under_the_contract_that_it_was_given_under(made: Made, load_made: Any, act: Any) -> None:
    digest = hold(made, load_made)
    act("release-batch", f"loans/{BATCH}", of_digest=digest[:12], reason="One region was named anew.")
    contract = contract_yaml()
    contract["version"] = "1.0.1"
    made.declare(contract=contract)
    with pytest.raises(Held, match="The contract is not met"):
        land_and_check(load_made(), BATCH, "production", here())
    assert in_use() is None


def test_who_works_on_the_data_and_the_service_release_nothing(made: Made, load_made: Any, act: Any) -> None:
    digest = hold(made, load_made)
    for by, words in (("ann", "takes the role"), ("service:aims", "is for people")):
        with pytest.raises(Refused, match=words):
            act("release-batch", f"loans/{BATCH}", by=by, of_digest=digest[:12], reason="Let it pass.")
    with pytest.raises(Refused, match="Other rows are held"):
        act("release-batch", f"loans/{BATCH}", of_digest="0" * 12, reason="Let it pass.")
    with pytest.raises(Refused, match="Nothing of"):
        act("release-batch", f"loans/{LATER}", of_digest=digest[:12], reason="Let it pass.")
    assert in_use() is None


def test_what_cannot_be_read_or_whose_origin_is_unknown_is_released_by_nobody(
    made: Made, load_made: Any, act: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made.incoming / f"{BATCH}.csv").write_bytes(bytes(range(256)) * 50)
    with pytest.raises(Held):
        landing.land(load_made(), BATCH, "production", here())
    with pytest.raises(Refused, match="cannot be let through"):
        act("release-batch", f"loans/{BATCH}", of_digest="0" * 12, reason="Let it pass.")
    monkeypatch.setattr(checking, "missing_facts", lambda *_: ("asserted.licence",))
    digest = hold(made, load_made)
    with pytest.raises(Refused, match=r"cannot be let through \(provenance\)"):
        act("release-batch", f"loans/{BATCH}", of_digest=digest[:12], reason="Let it pass.")


def test_what_is_discarded_counts_as_absent_and_stays_so_for_these_rows(made: Made, load_made: Any, act: Any) -> None:
    digest = hold(made, load_made)
    act("discard-batch", f"loans/{BATCH}", reason="The supplier has closed.")
    for _ in range(2):
        (found,) = [s for s in states(load_made(), here().register, NOW.date()) if s.batch == BATCH]
        assert (found.state, found.reason) == ("absent", "discarded after review: The supplier has closed.")
        with pytest.raises((Held, NotArrived)):
            land_and_check(load_made(), BATCH, "production", here())
    assert listed(made, "quarantine") == []
    assert (here().home.lake / f"{digest}.parquet").exists(), "no rows are lost"
    made.send(BATCH)
    assert in_use() is None
    good = land_and_check(load_made(), BATCH, "production", here()).landing.digest
    assert in_use() == good
    assert here().register.faults() == []


def test_an_overlap_is_released_for_the_rows_that_were_seen_and_no_others(made: Made, load_made: Any, act: Any) -> None:
    first, second = made_rows(BATCH), made_rows(LATER)
    write_csv(made.incoming / f"{LATER}.csv", [{**second[0], "case": first[0]["case"]}, *second[1:]])
    digest = land_and_check(load_made(), LATER, "production", here()).landing.digest
    write_csv(made.incoming / f"{BATCH}.csv", first)
    land_and_check(load_made(), BATCH, "production", here())
    (row,) = listed(made, "quarantine")
    assert (row["batch"], row["kinds"], row["offending"]) == (LATER, ["overlap"], 1)
    assert "does not count" in notes_on(here().register, "loans")[LATER]
    act("release-batch", f"loans/{LATER}", of_digest=digest[:12], reason="The same case came twice.")
    land_and_check(load_made(), BATCH, "production", here())
    assert listed(made, "quarantine") == []
    write_csv(made.incoming / f"{BATCH}.csv", [*first, {**first[0], "case": second[1]["case"]}])
    land_and_check(load_made(), BATCH, "production", here())
    (row,) = listed(made, "quarantine")
    assert row["batch"] == LATER, "rows of other bytes were not looked at by whoever let it through"


def test_the_file_of_another_batch_is_named_whichever_came_first(made: Made, load_made: Any) -> None:
    for order in ((BATCH, LATER), (LATER, BATCH)):
        for batch in order:
            write_csv(made.incoming / f"{batch}.csv", made_rows(BATCH))
            with contextlib.suppress(Held):
                land_and_check(load_made(), batch, "production", here())
        (row,) = listed(made, "quarantine")
        assert (row["batch"], row["kinds"]) == (LATER, ["duplicate"])
        assert f"that of the batch {BATCH}" in row["reason"]


def test_a_batch_that_is_held_after_it_was_judged_counts_no_more_until_it_is_let_go(made: Made, load_made: Any) -> None:
    for batch in BATCHES[:2]:
        made.send(batch)
    freeze_reference(load_made(), here())
    first, second = made_rows(BATCH), made_rows(LATER)
    write_csv(made.incoming / f"{LATER}.csv", [{**second[0], "case": first[0]["case"]}, *second[1:]])
    land_and_check(load_made(), LATER, "production", here())
    judge_batch(load_made(), LATER, here())
    assert LATER in landing.judged_and_in_use(load_made(), here())

    write_csv(made.incoming / f"{BATCH}.csv", first)
    land_and_check(load_made(), BATCH, "production", here())
    judge_batch(load_made(), BATCH, here())
    assert judge_restated(load_made(), BATCH, here()) == ()
    assert LATER not in landing.judged_and_in_use(load_made(), here())
    with pytest.raises(NotArrived, match="has not been landed"):
        judge_batch(load_made(), LATER, here())

    write_csv(made.incoming / f"{BATCH}.csv", first[1:])
    land_and_check(load_made(), BATCH, "production", here())
    judge_batch(load_made(), BATCH, here())
    judge_restated(load_made(), BATCH, here())
    assert LATER in landing.judged_and_in_use(load_made(), here())
    assert listed(made, "quarantine") == []
