"""What must be known of data before it comes in (A.7.3), and which words say that it is not known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from assets.landed.landing import Held, land
from governance.declared.acquisition import BY_DEFAULT, FACTS, is_given, refused, required_facts
from governance.declared.declarations import load_all
from governance.declared.sources import Provenance
from governance.faults import DeclarationFaults
from tests.assets.conftest import here
from tests.conftest import BATCHES, PROVENANCE, Made, contract_yaml, system_yaml

DAY = dt.date(2024, 7, 1)


@pytest.mark.parametrize(
    "text", ["unknown", "Unknown.", "TBD", "t.b.d.", "n/a", "N.A.", "none", "?", "???", "-", "to do", "", "  ", None]
)
def test_a_word_for_not_knowing_is_no_fact(text: str | None) -> None:
    assert not is_given(text)


@pytest.mark.parametrize("text", ["CC0", "not stated by the supplier", "none needed", "no real person", "2024", "MIT"])
def test_a_fact_is_one_however_short(text: str) -> None:
    assert is_given(text)


@pytest.mark.parametrize("fact", BY_DEFAULT)
@pytest.mark.parametrize("given", [None, "unknown"])
def test_each_fact_is_asked_for_unless_the_contract_says_which(fact: str, given: str | None) -> None:
    said = Provenance.model_validate({**PROVENANCE, fact: given})
    why = refused(said, BY_DEFAULT, "production", DAY)
    assert why is not None and why.startswith(f"The production source lacks {fact} in its provenance")
    assert refused(said, tuple(name for name in BY_DEFAULT if name != fact), "production", DAY) is None
    assert refused(Provenance.model_validate(PROVENANCE), BY_DEFAULT, "production", DAY) is None


@pytest.mark.parametrize(("until", "refuses"), [("2024-06-30", True), ("2024-07-01", False), (None, False)])
def test_a_licence_holds_until_the_end_of_its_last_day(until: str | None, refuses: bool) -> None:
    said = Provenance.model_validate({**PROVENANCE, "licence_until": until})
    assert (refused(said, BY_DEFAULT, "production", DAY) is not None) is refuses


def declare(made: Made, asked: Any, **given: Any) -> None:
    declared, contract = system_yaml(str(made.incoming)), contract_yaml()
    declared["sources"]["production"]["provenance"] = {
        k: v for k, v in {**PROVENANCE, **given}.items() if v is not None
    }
    if asked is not None:
        contract["customProperties"] = [{"property": "requiredProvenance", "value": asked}]
    made.declare(system=declared, contract=contract)


@pytest.mark.parametrize(
    ("asked", "given", "lacks"),
    [
        (None, {}, None),
        (None, {"licence": None}, "licence"),
        (None, {"legal_basis": "tbd"}, "legal_basis"),
        (["licence", "owner"], {}, "owner"),
        (["licence", "owner"], {"owner": "team:credit"}, None),
        (["licence"], {"legal_basis": None, "collected": None}, None),
        (list(FACTS), {"licence": "?", "owner": None}, "licence, owner"),
        (None, {"licence_until": "2024-06-30"}, "ended on 2024-06-30"),
    ],
)
def test_what_lacks_a_required_fact_is_not_taken_in_and_check_says_so_before(
    made: Made, load_made: Callable[[], Any], asked: Any, given: dict[str, Any], lacks: str | None
) -> None:
    made.send_all()
    declare(made, asked, **given)
    if lacks is None:
        assert land(load_made(), BATCHES[2], "production", here()).rows == 300
        assert "missing" not in made.aims("check", check=None).output
        return
    with pytest.raises(Held, match=lacks):
        land(load_made(), BATCHES[2], "production", here())
    assert not list((made.home / "lake").iterdir())
    (event,) = here().register.events("batch.held")
    assert lacks in event.body["reason"]
    assert lacks in made.aims("check", check=1).stdout


@pytest.mark.parametrize("asked", ["licence", [], ["license"]])
def test_a_list_of_facts_that_is_none_is_a_fault_with_its_line(
    made: Made, load_made: Callable[[], Any], asked: Any
) -> None:
    declare(made, asked)
    with pytest.raises(DeclarationFaults, match=r"loans/contract.yaml:\d+: customProperties: requiredProvenance"):
        load_made()


def test_the_shipped_systems_say_all_that_is_asked() -> None:
    shipped = load_all(Path(__file__).resolve().parents[3] / "data" / "systems").sound
    for declaration in shipped.values():
        required = required_facts(declaration.contract_text)
        assert refused(declaration.system.sources.production.provenance, required, "production", DAY) is None
