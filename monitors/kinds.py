"""Which kind a column is, guessed from counts, for files that nobody has declared.

A guess that errs towards comparing: a number is taken for an identifier only when its name or its values say so, for
what is not compared cannot be seen to move. Declared systems say themselves what their columns are.
"""

from __future__ import annotations

import re
from enum import StrEnum

from monitors.facts import ColumnFacts

# With fewer values than these, "nearly all differ" says nothing.
FEW = 20
NEARLY_ALL = 0.9
# An identifier by its name may repeat (one customer, several rows).
OFTEN, MANY = 0.5, 1000
# A sentence rather than a name or a code: mean blanks and characters.
SENTENCE_SPACES, SENTENCE_LENGTH = 2.0, 25.0
ESSAY_LENGTH = 100.0
READS_AS_NUMBERS = 0.9
_ID_WORDS = frozenset({"id", "ids", "uuid", "guid", "key", "pk", "sku", "hash", "token"})
_ID_SOLID = re.compile(
    r"(user|customer|client|order|row|case|person|patient|item|product|session|account|record|transaction)id$"
    r"|^(id[a-z]?|index|rownum.*|unnamed: ?0)$"
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


class Kind(StrEnum):
    """What a column is taken for. Only the first three are compared by their values."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    BOOLEAN = "boolean"
    TIME = "date or time"
    TEXT = "free text"
    IDENTIFIER = "identifier"
    EMPTY = "empty"
    OTHER = "nested or binary"


COMPARED = frozenset({Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN})


def kind_of(facts: ColumnFacts) -> Kind:
    """The kind of a column of the reference."""
    if facts.present == 0:
        return Kind.EMPTY
    plain = {"number": Kind.NUMERIC, "boolean": Kind.BOOLEAN, "time": Kind.TIME, "other": Kind.OTHER}
    if facts.family in plain:
        return plain[facts.family]
    if _is_identifier_by_name(facts):
        return Kind.IDENTIFIER
    return _whole_number(facts) if facts.family == "integer" else _text(facts)


def _whole_number(facts: ColumnFacts) -> Kind:
    """Row numbers are identifiers: all different and without gaps; any other whole number may be a quantity."""
    different = facts.distinct == facts.present >= FEW
    span = (facts.high or 0.0) - (facts.low or 0.0) + 1
    return Kind.IDENTIFIER if different and span <= facts.present else Kind.NUMERIC


def _text(facts: ColumnFacts) -> Kind:
    share = facts.distinct / facts.present
    if facts.present < FEW:
        return Kind.CATEGORICAL
    if facts.numbers >= READS_AS_NUMBERS * facts.present and facts.distinct >= FEW:
        return Kind.NUMERIC
    sentence = facts.spaces >= SENTENCE_SPACES and facts.length >= SENTENCE_LENGTH
    if (sentence and share >= OFTEN) or (facts.length >= ESSAY_LENGTH and share > 1 - NEARLY_ALL):
        return Kind.TEXT
    if share >= NEARLY_ALL:
        return Kind.TEXT if facts.spaces >= SENTENCE_SPACES else Kind.IDENTIFIER
    return Kind.CATEGORICAL


def _is_identifier_by_name(facts: ColumnFacts) -> bool:
    """Named like one, and with as many values as one has."""
    words = {word.lower() for word in _WORD.findall(facts.name)}
    named = bool(words & _ID_WORDS) or bool(_ID_SOLID.search(facts.name.lower()) and facts.distinct == facts.present)
    return named and facts.present >= FEW and (facts.distinct >= OFTEN * facts.present or facts.distinct > MANY)
