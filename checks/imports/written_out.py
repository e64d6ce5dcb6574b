"""Calls of `DataDefinition` and `ColumnMapping` in a program or a notebook, read without running anything.

Read are values that are written out: literals, lists that are added up, names that the text gives one such value only,
and Evidently's own calls made of them. A mapping that is filled in line by line (`mapping.target = "y"`) is read up to
where its name is given to something else. Whatever would have to be run is refused, with its line.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from checks.imports.carried import NotKnown

_WANTED = ("DataDefinition", "ColumnMapping")
# Which of its own calls a definition may be made of.
_CALLS = frozenset([*_WANTED, "BinaryClassification", "MulticlassClassification", "Regression", "Recsys"])
_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "BinaryClassification": {"target": "target", "prediction_probas": "prediction"},
    "Regression": {"target": "target", "prediction": "prediction"},
}
_TASKS = {
    "REGRESSION_TASK": "regression",
    "CLASSIFICATION_TASK": "classification",
    "RECOMMENDER_SYSTEMS": "recsys",
}


@dataclass(frozen=True)
class Call:
    """One call, in the line where it stands."""

    line: int
    node: ast.Call
    text: _Text

    def fields(self) -> dict[str, Any]:
        """Its arguments and what is filled in afterwards, as values.

        Raises
        ------
        NotKnown
            One of them is not written out.
        """
        return {**self.text.arguments(self.node), **self.text.filled_in(self.node)}


def calls_in(text: str) -> list[Call]:
    """The calls in a program or a notebook, in the order of their lines; none in any other text."""
    try:
        tree = ast.parse(_program(text))
    except (SyntaxError, ValueError, RecursionError):
        return []
    whole = _Text(tree)
    nodes = [node for node in whole.nodes if isinstance(node, ast.Call) and _called(node) in _WANTED]
    return [Call(node.lineno, node, whole) for node in sorted(nodes, key=lambda node: node.lineno)]


def _program(text: str) -> str:
    """The code of a notebook, without the lines that are for the notebook itself; any other text as it is."""
    if not text.lstrip().startswith("{"):
        return text
    notebook = json.loads(text)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        return text
    code = [cell.get("source") for cell in cells if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    joined = "\n".join("".join(lines) if isinstance(lines, list) else str(lines) for lines in code)
    return re.sub(r"^([ \t]*)[%!].*$", r"\1pass", joined, flags=re.MULTILINE)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


class _Text:
    """A program: what its names are given, and what is filled into its mappings."""

    def __init__(self, tree: ast.Module) -> None:
        self.nodes = [*ast.walk(tree)]
        self.given: dict[str, list[ast.expr | None]] = {}
        for node in self.nodes:
            for name, value in _bound(node):
                self.given.setdefault(name, []).append(value)

    def arguments(self, node: ast.Call) -> dict[str, Any]:
        if node.args or any(word.arg is None for word in node.keywords):
            raise _not_written(node)
        return {word.arg: self.value(word.value) for word in node.keywords if word.arg}

    def filled_in(self, node: ast.Call) -> dict[str, Any]:
        """`mapping.target = ...` after `mapping = ColumnMapping()`, until the name is given to something else."""
        kept = [n for n in self.nodes if isinstance(n, ast.Assign) and n.value is node]
        names = [target.id for n in kept for target in n.targets if isinstance(target, ast.Name)]
        if len(names) != 1:
            return {}
        (name,) = names
        lines = [n.lineno for n in self.nodes if any(bound == name for bound, _ in _bound(n)) and hasattr(n, "lineno")]
        end = min((line for line in lines if line > node.lineno), default=None)
        found: dict[str, Any] = {}
        inside = [n for n in self.nodes if isinstance(n, ast.stmt | ast.expr) and n.lineno > node.lineno]
        for one in sorted((n for n in inside if end is None or n.lineno < end), key=lambda n: (n.lineno, n.col_offset)):
            found |= self._filled(one, name)
        return found

    def _filled(self, node: ast.AST, name: str) -> dict[str, Any]:
        if isinstance(node, ast.Assign):
            targets = [t.attr for t in node.targets if isinstance(t, ast.Attribute) and _is(t.value, name)]
            return {target: self.value(node.value) for target in targets}
        changed = node.target if isinstance(node, ast.AugAssign) else getattr(getattr(node, "func", None), "value", None)
        if isinstance(changed, ast.Attribute) and _is(changed.value, name):
            raise _not_written(node)  # mapping.features += ..., mapping.features.append(...)
        return {}

    def value(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> Any:
        """What is written out there."""
        if isinstance(node, ast.Call) and _called(node) in _CALLS:
            fields = self.arguments(node)
            if _called(node) in _WANTED:
                return fields
            return {"called": _called(node), **(fields or _DEFAULTS.get(_called(node), {}))}
        if isinstance(node, ast.List | ast.Tuple):
            return [self.value(item, seen) for item in node.elts]
        if isinstance(node, ast.Dict) and None not in node.keys:
            return {self.value(k, seen): self.value(v, seen) for k, v in zip(node.keys, node.values, strict=True) if k}
        if isinstance(node, ast.Attribute) and _is(node.value, "TaskType") and node.attr in _TASKS:
            return _TASKS[node.attr]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._added(node, seen)
        if isinstance(node, ast.Name):
            return self._named(node, seen)
        return _literal(node)

    def _added(self, node: ast.BinOp, seen: frozenset[str]) -> list[Any]:
        one, two = self.value(node.left, seen), self.value(node.right, seen)
        if not isinstance(one, list) or not isinstance(two, list):
            raise _not_written(node)
        return [*one, *two]

    def _named(self, node: ast.Name, seen: frozenset[str]) -> Any:
        given = self.given.get(node.id, [])
        if not given or node.id in seen:
            raise _not_written(node)
        values = []
        for one in given:
            if one is None:
                raise _not_written(node)
            try:
                values.append(self.value(one, seen | {node.id}))
            except NotKnown:
                raise _not_written(node) from None
        if any(value != values[0] for value in values):
            raise _not_written(node)
        return values[0]


def _bound(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Names that a node gives something to, and what; None where that would have to be run."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        yield node.target.id, node.value
    elif isinstance(node, ast.arg):
        yield node.arg, None
    elif isinstance(node, ast.AugAssign | ast.For | ast.comprehension | ast.NamedExpr):
        yield from ((n.id, None) for n in ast.walk(node.target) if isinstance(n, ast.Name))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        if node.func.attr in ("append", "extend", "insert", "remove", "pop", "sort", "update"):
            yield node.func.value.id, None
    elif isinstance(node, ast.Tuple | ast.List | ast.Starred) and isinstance(node.ctx, ast.Store):
        yield from ((n.id, None) for n in ast.walk(node) if isinstance(n, ast.Name))


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        raise _not_written(node) from None


def _not_written(node: ast.AST) -> NotKnown:
    line = getattr(node, "lineno", 1)
    return NotKnown(f"line {line} holds something that is not written out; give the value itself")
