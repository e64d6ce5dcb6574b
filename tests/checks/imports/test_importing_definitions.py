"""Evidently's definitions, as its own classes write them, become roles and types; nothing in a text is run."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from checks.contract import compile_rules, read_contract
from checks.imports.carried import Became, Imported, NotKnown
from checks.imports.evidently import import_definition


@pytest.fixture(scope="module")
def datasets() -> Any:
    """Evidently's own module of definitions."""
    from evidently.core import datasets

    return datasets


def roles(imported: Imported) -> dict[str, list[str]]:
    return {name: column["roles"] for name, column in imported.system["columns"].items()}


def types(imported: Imported) -> dict[str, str | None]:
    return {prop["name"]: prop.get("logicalType") for prop in imported.contract["schema"][0]["properties"]}


def classified(datasets: Any) -> Any:
    return datasets.DataDefinition(
        id_column="case",
        timestamp="day",
        numerical_columns=["income", "score"],
        categorical_columns=["region"],
        text_columns=["note"],
        datetime_columns=["paid"],
        classification=[datasets.BinaryClassification(target="late", prediction_probas="score")],
    )


EXPECTED = {
    "case": ["key"],
    "day": ["time"],
    "late": ["label"],
    "score": ["score"],
    "income": ["feature"],
    "region": ["feature"],
    "note": ["feature"],
    "paid": ["feature"],
}


def test_every_column_of_a_definition_has_its_role_and_type_whichever_way_it_is_written(datasets: Any) -> None:
    definition = classified(datasets)
    python = repr(definition)
    assert python.startswith("DataDefinition(") and "BinaryClassification(" in python
    found = [import_definition(text, "loans") for text in (definition.json(), python, f"import x\nd = {python}\n")]
    assert found[0] == found[1] == found[2] or roles(found[0]) == roles(found[1]) == roles(found[2])
    assert roles(found[0]) == EXPECTED
    assert found[0].system["task"] == "binary_classification" and found[0].system["score_is_probability"]
    assert types(found[0]) == {
        "case": "string",
        "day": "timestamp",
        "late": None,
        "score": "number",
        "income": "number",
        "region": None,
        "note": "string",
        "paid": "timestamp",
    }
    compile_rules(read_contract(yaml.safe_dump(found[0].contract)))
    assert not found[0].having(Became.NOT_CARRIED)


def test_a_regression_has_label_and_prediction(datasets: Any) -> None:
    definition = datasets.DataDefinition(regression=[datasets.Regression(target="price", prediction="guess")])
    found = import_definition(definition.json(), "prices")
    assert roles(found) == {"price": ["label"], "guess": ["prediction"]}
    assert found.system["task"] == "regression"


def test_defaults_that_a_call_leaves_out_are_those_of_evidently(datasets: Any) -> None:
    ours = import_definition("DataDefinition(classification=[BinaryClassification()])", "x")
    theirs = import_definition(datasets.DataDefinition(classification=[datasets.BinaryClassification()]).json(), "x")
    assert roles(ours) == roles(theirs) == {"target": ["label"], "prediction": ["score"]}


def test_the_older_mapping_says_the_same() -> None:
    text = """ColumnMapping(target="late", prediction="said", id="case", datetime="day", task="classification",
        numerical_features=["income"], categorical_features=["region"], pos_label=1)"""
    found = import_definition(text, "x")
    assert roles(found) == {
        "case": ["key"],
        "day": ["time"],
        "late": ["label"],
        "said": ["prediction"],
        "income": ["feature"],
        "region": ["feature"],
    }


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ("ranking=[Recsys()]", "ranking"),
        ("embeddings={'e': ['a', 'b']}", "embeddings"),
        ("numerical_descriptors=['length']", "numerical_descriptors"),
        ("classification=[MulticlassClassification(target='y', prediction_labels='p')]", "classification of y"),
        (
            "classification=[BinaryClassification(target='y', prediction_labels='p', pos_label='yes')]",
            "classification.pos_label",
        ),
        ("regression=[Regression(), Regression(target='b', prediction='c')]", "regression"),
    ],
)
def test_what_has_no_counterpart_is_told(field: str, what: str) -> None:
    found = import_definition(f"DataDefinition(numerical_columns=['a'], {field})", "x")
    assert what in [told.what for told in found.having(Became.NOT_CARRIED)]


@pytest.mark.parametrize(
    "text",
    ["DataDefinition(numerical_columns=open('/etc/passwd').read())", "DataDefinition(numerical_columns=names)"],
)
def test_nothing_in_a_text_is_run(text: str) -> None:
    with pytest.raises(NotKnown, match="line 1 holds something that is not written out"):
        import_definition(text, "x")


@pytest.mark.parametrize("text", ["", "a: 1", "[1, 2]", "print('x')", "a: [", "DataDefinition"])
def test_what_is_no_definition_is_refused(text: str) -> None:
    with pytest.raises(NotKnown):
        import_definition(text, "x")
