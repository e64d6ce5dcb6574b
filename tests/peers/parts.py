"""Whether a part of a document was lost without a word.

A part is accounted for when the import says of it that it is not carried, or when something else comes out once the
part is changed: another contract, another role, another word about it. What may be changed unnoticed is lost.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Iterator
from typing import Any

from checks.imports.carried import Became, Imported, NotKnown

Read = Callable[[Any], Imported]
AT_MOST = 30
"""Values of one list that are changed, one at a time."""


def lost(document: Any, read: Read, silent: frozenset[str]) -> Iterator[str]:
    """Paths of what is lost; `silent` are keys that say nothing of the data, by agreement."""
    whole = _outcome(document, read)
    if isinstance(whole, Imported):
        yield from _lost(document, (), read, silent, whole)


def _lost(document: Any, path: tuple[Any, ...], read: Read, silent: frozenset[str], whole: Imported) -> Iterator[str]:
    node = _at(document, path)
    keys = list(node) if isinstance(node, dict) else list(range(min(len(node), AT_MOST)))
    for key in keys:
        here, value = (*path, key), node[key]
        if key in silent or value is None or value in ({}, [], ""):
            continue
        if _is_told(_outcome(_without(document, here), read), whole):
            continue
        if isinstance(value, dict | list):
            yield from _lost(document, here, read, silent, whole)
        elif _same(_outcome(_with(document, here, _other(value)), read), whole):
            yield ".".join(map(str, here))


def _is_told(without: Imported | str, whole: Imported) -> bool:
    """Whether the import says of this part that it is not carried: the word is gone with the part."""
    if isinstance(without, str):
        return False
    left = {(told.what, told.how) for told in without.having(Became.NOT_CARRIED)}
    return any((told.what, told.how) not in left for told in whole.having(Became.NOT_CARRIED))


def _outcome(document: Any, read: Read) -> Imported | str:
    try:
        return read(document)
    except NotKnown as why:
        return str(why)


def _same(one: Imported | str, other: Imported) -> bool:
    return isinstance(one, Imported) and one == other


def _other(value: Hashable) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"x{value}"


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def _with(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    _at(changed, path[:-1])[path[-1]] = value
    return changed


def _without(document: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(document)
    del _at(changed, path[:-1])[path[-1]]
    return changed
