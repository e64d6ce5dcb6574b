"""Names and texts as they stand in the engine's SQL: whatever is in them is part of them."""

from __future__ import annotations


def quoted_name(identifier: str) -> str:
    """An identifier as SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def quoted_text(literal: str) -> str:
    """A text as SQL."""
    return "'" + literal.replace("'", "''") + "'"
