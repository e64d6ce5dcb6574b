"""A YAML file that a person wrote, read so that every fault can point at its line.

What a system declares and what the organisation declares are read by the same rules: UTF-8, one mapping, no key
twice, no key that nobody knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from governance.faults import Fault

Shape = TypeVar("Shape", bound=BaseModel)


class _Loader(yaml.SafeLoader):
    """Leaves dates as text: YAML would raise on an impossible one, without a line. The shape says what is a date."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parsed(text: str) -> Any:
    """The values of a text that was read as a document before."""
    return yaml.load(text, Loader=_Loader)


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file with the line of every key, so that a fault can point at it."""

    name: str
    text: str
    sha256: str
    value: Any
    lines: dict[tuple[str | int, ...], int]

    @classmethod
    def read(cls, path: Path, faults: list[Fault], guide: str = "docs/declarations.md") -> Document | None:
        """The file, or None with what is wrong added to `faults`; `guide` is the page that says how to write it."""
        name = f"{path.parent.name}/{path.name}"
        lines: dict[tuple[str | int, ...], int] = {}
        try:
            raw = path.read_bytes()
            text = raw.decode("utf-8")
            node = yaml.compose(text, Loader=_Loader)
            value = yaml.load(text, Loader=_Loader)
            twice = list(_walk(node, (), lines)) if node is not None else []
        except FileNotFoundError:
            faults.append(Fault(name, 1, "The file is missing.", f"Write it; `{guide}` says how."))
            return None
        except OSError as error:
            faults.append(Fault(name, 1, f"Cannot be read: {error.strerror}.", "It must be a readable file."))
            return None
        except UnicodeDecodeError as error:
            faults.append(Fault(name, 1, f"Not UTF-8 text (byte {error.start}).", "Save it as UTF-8."))
            return None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            faults.append(Fault(name, line, f"Not YAML: {error.problem}.", "Mend the syntax."))
            return None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            faults.append(Fault(name, line, f"Not YAML: {error.reason}.", "Remove the control character."))
            return None
        except ValueError as error:  # a tag such as !!int before something else
            faults.append(Fault(name, 1, f"Not YAML: {error}.", "Mend the value."))
            return None
        except RecursionError:  # an alias for what it stands in, or a thousand brackets
            faults.append(Fault(name, 1, "Nested in itself, or too deeply.", "Write it out."))
            return None
        faults.extend(Fault(name, line, f"The key {key!r} stands there twice.", "Keep one.") for key, line in twice)
        if not isinstance(value, dict):
            faults.append(Fault(name, 1, f"Must be a mapping, got {type(value).__name__}.", "Start with `id: ...`."))
            return None
        return cls(name, text, hashlib.sha256(raw).hexdigest(), value, lines)

    def line(self, where: tuple[str | int, ...]) -> int:
        """Line of the deepest key of `where` that is in the file."""
        for length in range(len(where), 0, -1):
            if where[:length] in self.lines:
                return self.lines[where[:length]]
        return 1

    def fault(self, where: tuple[str | int, ...], what: str, remedy: str) -> Fault:
        """A fault that points at `where`."""
        return Fault(self.name, self.line(where), what, remedy)


def _walk(
    node: yaml.Node, path: tuple[str | int, ...], lines: dict[tuple[str | int, ...], int]
) -> Iterator[tuple[str, int]]:
    """Notes the line of every key and item; yields keys that stand twice, which YAML would silently merge."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            here = (*path, key.value)
            if key.value in seen:
                yield key.value, key.start_mark.line + 1
            seen.add(key.value)
            lines[here] = key.start_mark.line + 1
            yield from _walk(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            yield from _walk(value, (*path, index), lines)


def shaped(document: Document | None, shape: type[Shape], faults: list[Fault]) -> Shape | None:
    """The document as `shape` wants it, or None with every fault of it added to `faults`."""
    if document is None:
        return None
    try:
        return shape.model_validate(document.value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        # A list with a wrong item is also called too short: that is no second fault.
        around = {item["loc"][:depth] for item in found for depth in range(len(item["loc"]))}
        faults += [_as_fault(document, i) for i in found if i["type"] != "too_short" or i["loc"] not in around]
        return None


def _as_fault(document: Document, error: Any) -> Fault:
    where = tuple(error["loc"])
    if where[0:1] == ("sources",):
        where = where[:2] + where[3:]  # without the kind of source, which is no key of the file
    name = ".".join(str(part) for part in where)
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        return document.fault(where, f"{name}: is missing.", "Add it.")
    if error["type"] == "extra_forbidden":
        return document.fault(where, f"{name}: unknown key.", "Remove it, or mend its spelling.")
    if error["type"] == "value_error":
        return document.fault(where, f"{name}: {message}" if name else message, "")
    if error["type"] == "union_tag_invalid":  # the input is the whole source, which may hold a password
        return document.fault(where, f"{name}: {message}.", "Mend the value.")
    return document.fault(where, f"{name}: {message}, got {_short(error.get('input'))}.", "Mend the value.")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
