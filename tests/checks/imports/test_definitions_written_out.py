"""Definitions as programs and notebooks hold them: what is written out is read, nothing is run, the rest is told."""

from __future__ import annotations

import json

import pytest

from checks.imports.carried import Became, Imported, NotKnown
from checks.imports.evidently import import_definition

FILLED = """
numbers = ["income", "debt"]
more = numbers + ["age"]
mapping = ColumnMapping(id="case")
mapping.target = "late"
mapping.task = "regression"
mapping.prediction = guess = "guess"
mapping.numerical_features = more
"""
ROLES = {
    "case": ["key"],
    "income": ["feature"],
    "debt": ["feature"],
    "age": ["feature"],
    "late": ["label"],
    "guess": ["prediction"],
}


def roles(found: Imported) -> dict[str, list[str]]:
    return {name: column["roles"] for name, column in found.system["columns"].items()}


def left(found: Imported) -> dict[str, str]:
    return {told.what: told.how for told in found.having(Became.NOT_CARRIED)}


def test_a_mapping_that_is_filled_in_line_by_line_is_one_definition() -> None:
    found = import_definition(FILLED, "x")
    assert roles(found) == ROLES
    assert found.system["task"] == "regression" and not left(found)


def test_a_notebook_is_its_code_without_the_lines_that_are_for_the_notebook() -> None:
    lines = ["%matplotlib inline\n", "!pip install it\n", *FILLED.splitlines(keepends=True)]
    cells = [
        {"cell_type": "markdown", "source": ["ColumnMapping(target='other')"]},
        {"cell_type": "code", "source": lines[:4]},
        {"cell_type": "code", "source": "".join(lines[4:])},
    ]
    assert roles(import_definition(json.dumps({"cells": cells, "nbformat": 4}), "x")) == ROLES


def test_what_comes_after_the_name_was_given_to_something_else_is_another_mapping() -> None:
    text = FILLED + "mapping = ColumnMapping()\nmapping.target = 'never'\n"
    found = import_definition(text, "x")
    assert roles(found) == ROLES
    assert left(found) == {"the call in line 9": "one draft is one definition: import it from a file of its own"}
    assert roles(import_definition(text, "x", 1)) == {"never": ["label"]}


@pytest.mark.parametrize(
    "changed",
    [
        "mapping.numerical_features.append('z')",
        "mapping.numerical_features += ['z']",
        "mapping.numerical_features = [c for c in frame]",
        "mapping.numerical_features = frame.columns",
        "numbers.append('z')",
        "numbers = ['z']",
        "for numbers in two: pass",
        "with frames() as numbers: pass",
        "def f(numbers): pass",
        "import numbers",
    ],
)
def test_a_field_that_would_have_to_be_run_is_told_and_the_others_are_carried(changed: str) -> None:
    found = import_definition(FILLED + changed, "x")
    assert roles(found) == {name: ROLES[name] for name in ("case", "late", "guess")}
    assert "not written out" in left(found)["numerical_features"]


@pytest.mark.parametrize("given", ["**fields", "'late'", "*fields"])
def test_what_is_given_without_its_name_is_refused(given: str) -> None:
    with pytest.raises(NotKnown, match="line 1 holds something that is not written out"):
        import_definition(f"ColumnMapping({given})", "x")


def test_a_call_that_is_not_written_out_is_told_beside_one_that_is() -> None:
    found = import_definition("a = DataDefinition(**it)\nb = DataDefinition(id_column='case')", "x")
    assert roles(found) == {"case": ["key"]}
    assert "not written out" in left(found)["the call in line 1"]


def test_a_call_without_fields_says_what_to_do_instead() -> None:
    with pytest.raises(NotKnown, match="aims init"):
        import_definition("DataDefinition()", "x")


def test_of_two_probabilities_the_positive_ones_are_the_score_and_the_other_is_told() -> None:
    found = import_definition("ColumnMapping(target='y', prediction=['no', 'yes'], pos_label='yes')", "x")
    assert roles(found) == {"y": ["label"], "yes": ["score"]}
    assert set(left(found)) == {"prediction: no", "classification.pos_label"}


@pytest.mark.parametrize(
    ("text", "why"),
    [("task='recsys', target='y'", "out of scope"), ("task='regression', id='k'", "needs a target")],
)
def test_a_task_that_is_not_taken_up_is_told(text: str, why: str) -> None:
    assert why in left(import_definition(f"ColumnMapping({text})", "x"))["task"]


def test_evidentlys_own_name_of_a_task_is_that_task() -> None:
    text = "ColumnMapping(target='y', prediction='p', task=TaskType.REGRESSION_TASK)"
    assert import_definition(text, "x").system["task"] == "regression"


def test_a_name_that_refers_to_itself_is_refused() -> None:
    with pytest.raises(NotKnown):
        import_definition("a = a + ['x']\nDataDefinition(numerical_columns=a)", "x")


def test_a_target_that_stands_among_the_columns_too_keeps_what_is_said_of_it_there() -> None:
    text = """DataDefinition(categorical_columns=['late'],
        classification=[BinaryClassification(target='late', prediction_labels='said')])"""
    assert import_definition(text, "x").system["columns"]["late"] == {"roles": ["label"], "kind": "categorical"}


def test_a_list_that_doubles_without_end_is_not_added_up() -> None:
    """Forty lines would make 2**40 names."""
    lines = ["a0 = ['x']", *(f"a{n} = a{n - 1} + a{n - 1}" for n in range(1, 41))]
    text = "\n".join([*lines, "DataDefinition(id_column='k', numerical_columns=a40)"])
    assert "numerical_columns" in left(import_definition(text, "x"))


def test_a_dictionary_with_lists_for_keys_is_told_and_breaks_nothing() -> None:
    found = import_definition("DataDefinition(id_column='k', embeddings={('a', 'b'): ['c'], (['d'],): []})", "x")
    assert set(left(found)) == {"embeddings"}
