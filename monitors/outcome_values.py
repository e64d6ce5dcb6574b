"""Which of two values is the positive one, for outcomes and predictions that are not written as 0 and 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# In this order of preference; compared without case.
OBVIOUS = ("1", "1.0", "true", "yes", "y", "t", "positive", "pos")
OBVIOUS_NEGATIVE = ("0", "0.0", "false", "no", "n", "f", "negative", "neg", "-1", "-1.0")


class NotBinary(ValueError):
    """The values are not two, or neither is obviously the positive one. Says what to do."""


@dataclass(frozen=True)
class Binary:
    """The value that counts as positive and those that count as negative; any other is not known."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]
    mapped: bool

    def __str__(self) -> str:
        return f"positive is {self.positive[0]!r}"


def binary_of(values: Mapping[str, int], wanted: str | None) -> Binary:
    """How to read a column of these values (as text) and their rows, most frequent first.

    Parameters
    ----------
    wanted : str or None
        What the caller calls positive; used where the column holds it.

    Raises
    ------
    NotBinary
        There are more than two values, or none is obviously positive.
    """
    if not values:
        return Binary(OBVIOUS[:2], OBVIOUS_NEGATIVE[:2], mapped=False)
    if len(values) > 2:
        raise NotBinary(f"holds {len(values)} or more values; two are needed")
    asked = [value for value in values if wanted is not None and _same(value, wanted)]
    if asked:
        rest = tuple(value for value in values if value not in asked)
        return Binary(tuple(asked), rest, mapped=not _plain(values))
    if all(value.casefold() in (*OBVIOUS, *OBVIOUS_NEGATIVE) for value in values):
        positive = tuple(value for value in values if value.casefold() in OBVIOUS)
        if len(positive) <= 1:
            return Binary(positive or OBVIOUS, tuple(v for v in values if v not in positive), mapped=not _plain(values))
    raise NotBinary("holds two values of which neither is obviously the positive one; name it with --positive")


def _plain(values: Mapping[str, int]) -> bool:
    return all(value in ("0", "1", "0.0", "1.0") for value in values)


def _same(value: str, wanted: str) -> bool:
    if value == wanted or value.casefold() == wanted.casefold():
        return True
    try:
        return float(value) == float(wanted)
    except ValueError:
        return False
