"""What no act may write into the record: the ways in which a person can be reached or told apart (7.5, A.7.2).

The record is never changed, so what stands in it stands in it for good. Five forms are recognised. Names of people are
not: no pattern tells a name from a word. People appear by the id of their account, parties as `team:NAME`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from governance.faults import UsageFault

# What is being said, without what is often written in it and is nobody's: days, times, digests.
_NOBODYS = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?|\b[0-9a-f]{32,}\b")
PATTERNS: Mapping[str, re.Pattern[str]] = {
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"),
    # Never part of a longer word: ids of verdicts and tokens are hexadecimal, and now and then all digits.
    # With its country, with the zero of a long-distance call, or grouped 3-3-4.
    "a telephone number": re.compile(
        r"(?<![\w.@/-])(\+\d[\d ()/.-]{6,}\d|\(?0\d{1,4}\)?[ /-]{1,3}\d[\d -]{4,}\d|0\d{8,14}"
        r"|\(?[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4})(?![\w-]|\.\d)"
    ),
    "a social security number": re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"),
    "a bank account or card number": re.compile(
        r"\b[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,3})?\b"
        r"|(?<![\w.@/-])\d{4}([ -]?)\d{4}\3\d{4}\3\d{4}(?![\w-]|\.\d)"
    ),
    "a date of birth": re.compile(r"\b(born( on)?|date of birth|dob)\b\W{0,3}\d", re.IGNORECASE),
}


def personal(text: str) -> str | None:
    """Which of the five forms the text holds, in words, or None. Never the text itself."""
    without = _NOBODYS.sub("…", text)
    for what, pattern in PATTERNS.items():
        # A date of birth is the one form that is about a day.
        if pattern.search(text if what == "a date of birth" else without):
            return what
    return None


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
