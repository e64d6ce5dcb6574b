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

# Lists that are added up, again and again: no table has so many columns.
_LONGEST = 100_000


@dataclass(frozen=True)
class Call:
    """One call, in the line where it stands."""

    line: int
    node: ast.Call
    text: _Text

    def fields(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Its arguments and what is filled in afterwards: the values, and of what is not written out the reason.

        Raises
        ------
        NotKnown
            Something is given to it without its name.
        """
        values: dict[str, Any] = {}
        unread: dict[str, str] = {}
        for name, given in {**_named_arguments(self.node), **self.text.filled_in(self.node)}.items():
            try:
                values[name] = self.text.value(given)
            except NotKnown as why:
                unread[name] = str(why)
            except RecursionError:
                unread[name] = str(_not_written(given))
        return values, unread


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
        self.given: dict[str, list[_Giving]] = {}
        for giving in _givings(self.nodes):
            self.given.setdefault(giving.name, []).append(giving)

    def filled_in(self, node: ast.Call) -> dict[str, ast.expr]:
        """`mapping.target = ...` after `mapping = ColumnMapping()`, until the name is given to something else."""
        kept = [n for n in self.nodes if isinstance(n, ast.Assign) and n.value is node]
        names = [target.id for n in kept for target in n.targets if isinstance(target, ast.Name)]
        if len(names) != 1:
            return {}
        (name,) = names
        lines = [giving.line for giving in self.given[name]]
        end = min((line for line in lines if line > node.lineno), default=None)
        found: dict[str, ast.expr] = {}
        inside = [n for n in self.nodes if isinstance(n, ast.stmt | ast.expr) and n.lineno > node.lineno]
        for one in sorted((n for n in inside if end is None or n.lineno < end), key=lambda n: (n.lineno, n.col_offset)):
            found |= _filled_by(one, name)
        return found

    def value(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> Any:
        """What is written out there."""
        if isinstance(node, ast.Call) and _called(node) in _CALLS:
            fields = {name: self.value(given, seen) for name, given in _named_arguments(node).items()}
            if _called(node) in _WANTED:
                return fields
            return {"called": _called(node), **(fields or _DEFAULTS.get(_called(node), {}))}
        if isinstance(node, ast.List | ast.Tuple):
            return [self.value(item, seen) for item in node.elts]
        if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
            return {_literal(k): self.value(v, seen) for k, v in zip(node.keys, node.values, strict=True) if k}
        if isinstance(node, ast.Attribute) and _is(node.value, "TaskType") and node.attr in _TASKS:
            return _TASKS[node.attr]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._added(node, seen)
        if isinstance(node, ast.Name):
            return self._named(node, seen)
        return _literal(node)

    def _added(self, node: ast.BinOp, seen: frozenset[str]) -> list[Any]:
        one, two = self.value(node.left, seen), self.value(node.right, seen)
        if not isinstance(one, list) or not isinstance(two, list) or len(one) + len(two) > _LONGEST:
            raise _not_written(node)
        return [*one, *two]

    def _named(self, node: ast.Name, seen: frozenset[str]) -> Any:
        given = self.given.get(node.id, [])
        if not given or node.id in seen:
            raise _not_written(node)
        values = []
        for one in given:
            if one.value is None:
                raise _not_written(node)
            try:
                values.append(self.value(one.value, seen | {node.id}))
            except NotKnown:
                raise _not_written(node) from None
        if any(value != values[0] for value in values):
            raise _not_written(node)
        return values[0]


def _named_arguments(node: ast.Call) -> dict[str, ast.expr]:
    if node.args or any(word.arg is None for word in node.keywords):
        raise _not_written(node)
    return {word.arg: word.value for word in node.keywords if word.arg}


def _filled_by(node: ast.stmt | ast.expr, name: str) -> dict[str, ast.expr]:
    """What one statement fills in: `mapping.target = "y"`. Of `mapping.features.append(...)` nothing is written out."""
    if isinstance(node, ast.Assign):
        return {t.attr: node.value for t in node.targets if isinstance(t, ast.Attribute) and _is(t.value, name)}
    changed: ast.AST | None = None
    if isinstance(node, ast.AugAssign):
        changed = node.target
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        changed = node.func.value
    if isinstance(changed, ast.Attribute) and _is(changed.value, name):
        return {changed.attr: ast.Name(id="", lineno=node.lineno)}
    return {}


@dataclass(frozen=True)
class _Giving:
    """A name is given something in a line; None where that would have to be run."""

    name: str
    line: int
    value: ast.expr | None


_CHANGING = frozenset({"append", "extend", "insert", "remove", "pop", "sort", "update"})


def _givings(nodes: list[ast.AST]) -> Iterator[_Giving]:
    """All names that a program gives anything to."""
    plain: dict[int, ast.expr | None] = {}
    for node in nodes:
        if isinstance(node, ast.Assign):
            plain |= {id(target): node.value for target in node.targets}
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            plain[id(node.target)] = node.value
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield _Giving(node.id, node.lineno, plain.get(id(node)))
        else:
            yield from (_Giving(name, line, None) for name, line in _given_otherwise(node))


def _given_otherwise(node: ast.AST) -> Iterator[tuple[str, int]]:
    """By an import, a definition, as an argument, or changed in its place."""
    if isinstance(node, ast.arg):
        yield node.arg, node.lineno
    elif isinstance(node, ast.alias):
        yield node.asname or node.name, node.lineno
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name, node.lineno
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        changed = node.func.value
        if node.func.attr in _CHANGING and isinstance(changed, ast.Name):
            yield changed.id, node.lineno


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
