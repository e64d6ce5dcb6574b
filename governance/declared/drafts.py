"""The parts of a drafted declaration that a person still has to write or to decide: nothing runs before.

A text that begins with TODO stands where nothing could be drafted. A line under `needs_judgement` stands for a guess:
whoever has decided it removes the line. In a contract, which has no key of that name, the lines are the value of the
custom property `needsJudgement`. Each is a fault of the declaration, so nothing is run, submitted or approved by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from governance.documents import Document
from governance.faults import Fault

TODO = "TODO"
JUDGEMENT, CONTRACT_JUDGEMENT = "needs_judgement", "needsJudgement"
_TO_WRITE = re.compile(rf"^{TODO}\b[:\s]*")
Path = tuple[str | int, ...]


def unfinished(document: Document) -> Iterator[Fault]:
    """A fault for every part that is still to be written or to be decided."""
    for where, text in parts(document.value):
        if _is_judgement(where, document.value):
            yield document.fault(where, f"still to be decided: {text}.", "Decide, then remove this line.")
        else:
            what = f"{'.'.join(map(str, where))}: still to be written" + (f": {text}." if text else ".")
            yield document.fault(where, what, "")


def parts(value: Any, where: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where something is still to be done, and what."""
    if isinstance(value, Mapping):
        if where and value.get("property") == CONTRACT_JUDGEMENT:
            yield from _decisions(value.get("value"), (*where, "value"))
            return
        for key, inner in value.items():
            if not where and key == JUDGEMENT:
                yield from _decisions(inner, (key,))
            else:
                yield from parts(inner, (*where, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from parts(inner, (*where, index))
    elif isinstance(value, str) and _TO_WRITE.match(value):
        yield where, _TO_WRITE.sub("", value)


def decided(document: Document) -> Document:
    """The document without the list of what is to be decided, which is no part of what is declared."""
    return replace(document, value={key: value for key, value in document.value.items() if key != JUDGEMENT})


def besides(faults: list[Fault], drafted: list[Fault]) -> list[Fault]:
    """Faults in other lines than those that are still to be written: TODO is no date either, and no second fault."""
    lines = {(fault.where, fault.line) for fault in drafted}
    return [fault for fault in faults if (fault.where, fault.line) not in lines]


def _decisions(found: Any, where: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(found, list):
        for index, item in enumerate(found):
            yield (*where, index), str(item)
    elif found is not None:
        yield where, str(found)


def _is_judgement(where: Path, value: Any) -> bool:
    if where[0] == JUDGEMENT:
        return True
    return where[0] == "customProperties" or ("value" in where and "customProperties" in where)
