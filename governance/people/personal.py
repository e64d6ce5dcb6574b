"""What no act may write into the record: the ways in which a person can be reached or told apart (7.5, A.7.2).

The record is never changed, so what stands in it stands in it for good. What even looks like one of five forms is
refused, and every other form of which one value is enough (`governance.recognised`). Names of people are not found:
no pattern tells a name from a word. People appear by the id of their account, parties as `team:NAME`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from governance.faults import UsageFault
from governance.recognised.forms import Grade
from governance.recognised.reading import found_in
from governance.recognised.wide import IN_TEXT

# What is being said, without what is often written in it and is nobody's: days, times, digests.
_NOBODYS = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?|\b[0-9a-f]{32,}\b")
PATTERNS = IN_TEXT


def personal(text: str) -> str | None:
    """Which form the text holds, in words, or None. Never the text itself."""
    without = _NOBODYS.sub("…", text)
    for what, pattern in PATTERNS.items():
        # A date of birth is the one form that is about a day.
        if pattern.search(text if what == "a date of birth" else without):
            return what
    sure = next((span for span in found_in(text) if span.grade is Grade.SURE), None)
    return f"a value of this form: {sure.form}" if sure else None


def refuse_personal(where: str, said: Any) -> None:
    """Refuses what looks like a person's data, wherever in `said` it stands.

    Raises
    ------
    UsageFault
        Says where and which form, and does not repeat it.
    """
    for text in _texts(said):
        what = personal(text)
        if what:
            raise UsageFault(
                f"{where} holds what looks like {what}, and the record is kept for good: write the id of an account "
                f"or a team:NAME instead, and keep the rest out of it."
            )


def _texts(said: Any) -> Iterator[str]:
    if isinstance(said, str):
        yield said
    elif isinstance(said, Mapping):
        for name, value in said.items():
            yield from (*_texts(name), *_texts(value))
    elif isinstance(said, (list, tuple, set, frozenset)):
        for value in said:
            yield from _texts(value)
