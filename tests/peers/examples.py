"""Which of a repository's files are examples of a format: found by their shape, wherever they lie."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.peers.repositories import Repository, files


def suites(repository: Repository) -> Iterator[tuple[str, str]]:
    """JSON whose `expectations` are a list, each with its type, under a suite's name or none."""
    for path, text in files(repository, lambda path: path.endswith(".json")):
        found = _json(text)
        asked = found.get("expectations")
        if isinstance(asked, list) and all(_is_expectation(item) for item in asked):
            yield path, text


def _is_expectation(item: Any) -> bool:
    return isinstance(item, dict) and "kwargs" in item and bool({"type", "expectation_type"} & set(item))


def definitions(repository: Repository) -> Iterator[tuple[str, str]]:
    """Programs, notebooks and the Python of pages in which a definition is called, outside Evidently's own code."""
    for path, text in files(repository, lambda path: path.endswith((".py", ".ipynb", ".md"))):
        if path.startswith(("src/", "tests/", "test_utils/")):
            continue
        if path.endswith(".md"):
            blocks = re.findall(r"^```(?:python|py)?[ ]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
            for number, block in enumerate(blocks, 1):
                if _is_called(block):
                    yield f"{path}, block {number}", block
        elif "DataDefinition(" in text or "ColumnMapping(" in text:
            yield path, text


def _is_called(block: str) -> bool:
    """Whether it is a program in which a definition is called; a page's fragments often are none."""
    if "DataDefinition(" not in block and "ColumnMapping(" not in block:
        return False
    try:
        ast.parse(block)
    except SyntaxError:
        return False
    return True


_OF_MODELS = re.compile("(regression|binary_classification|multiclass_classification)_(constraints|metrics)")


def baselines(repository: Repository) -> Iterator[tuple[str, str]]:
    """What Model Monitor writes of a baseline: constraints and statistics, of the data or of the model."""
    for path, text in files(repository, lambda path: path.endswith(".json")):
        found = _json(text)
        features = found.get("features")
        of_data = isinstance(features, list) and any(isinstance(f, dict) and "inferred_type" in f for f in features)
        if of_data or any(_OF_MODELS.fullmatch(key) for key in found if "version" in found):
            yield path, text


def contracts(repository: Repository) -> Iterator[tuple[str, str]]:
    """Contracts of the standard from version 3 on."""
    for path, text in files(repository, lambda path: path.endswith((".yaml", ".yml"))):
        if "DataContract" not in text:
            continue
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError:
            continue
        if isinstance(found, dict) and found.get("kind") == "DataContract" and str(found.get("apiVersion"))[:2] == "v3":
            yield path, text


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
