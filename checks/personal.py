"""Whether a column looks as if it named a person or led back to one: a light guess from its name and its values.

A guess for files that nobody has declared: what is flagged is not drawn and none of its values is shown. For a
declared system the declaration says what is personal, and `checks.undeclared` looks for what it does not say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from governance.recognised.column_names import looks_personal_by_name
from governance.recognised.forms import Grade
from governance.recognised.reading import found_in
from governance.recognised.wide import WHOLE as VALUE_SHAPES

__all__ = ["SHARE", "VALUE_SHAPES", "looks_personal", "looks_personal_by_name", "why_personal"]
# From this share of the values on, a column is what some of its values look like.
SHARE = 0.1


def why_personal(name: str, shares: Mapping[str, float]) -> str | None:
    """Why a column looks personal, or None.

    Parameters
    ----------
    shares : mapping of a key of `VALUE_SHAPES` to the share of non-missing values that have this shape
    """
    if looks_personal_by_name(name):
        return "by its name"
    found = [shape for shape, share in shares.items() if share >= SHARE]
    return f"its values look like {found[0]}" if found else None


def looks_personal(value: str) -> bool:
    """Whether one value looks like contact or identity data, or holds some, so that it must not be written down."""
    if any(re.search(shape, value) for shape in VALUE_SHAPES.values()):
        return True
    return any(span.grade is Grade.SURE for span in found_in(value))
