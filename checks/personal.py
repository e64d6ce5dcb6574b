"""Whether a column looks as if it named a person or led back to one: a light guess from its name and its values.

A guess for files that nobody has declared: what is flagged is not drawn and none of its values is shown. For a
declared system the declaration says what is personal, and nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

# Shapes of whole values. RE2 syntax: they also run inside the engine.
VALUE_SHAPES: Mapping[str, str] = {
    "e-mail addresses": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "phone, account or identity numbers": (
        r"^(\+|00)[1-9][0-9 ()./-]{6,}$"
        r"|^\(?0\d{1,4}\)?[ /-]\d{3,}([ -]?\d+)*$"
        r"|^\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$"
        r"|^\d{3}-\d{2}-\d{4}$"
        r"|^[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){3,}( ?[A-Z0-9]{1,3})?$"
        r"|^\d{1,3}(\.\d{1,3}){3}$"
    ),
}
# From this share of the values on, a column is what some of its values look like.
SHARE = 0.1
_WORDS = frozenset(
    {"email", "mail", "phone", "telephone", "fax", "ssn", "passport", "iban", "dob", "birthday", "birthdate"}
    | {"surname", "firstname", "lastname", "fullname", "forename", "nickname", "username"}
    | {"address", "street", "postcode", "zipcode", "signature"}
    | {"vorname", "nachname", "geburtsdatum", "strasse", "telefon", "prenom", "cognome", "apellido"}
)
_PEOPLE = {"first", "last", "full", "middle", "maiden", "given", "family", "sur"}
_PEOPLE |= {"user", "customer", "client", "patient", "person", "employee"}
_PAIRS = (
    ("birth", frozenset({"date", "day", "of", "dt"})),
    ("name", frozenset(_PEOPLE)),
    ("number", frozenset({"phone", "mobile", "passport", "social", "security", "card", "account"})),
    ("ip", frozenset({"address", "addr", "client", "remote"})),
)
_TOKEN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


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


def looks_personal_by_name(name: str) -> bool:
    """Whether the words of a column's name are those of contact or identity data."""
    words = [word.lower() for word in _TOKEN.findall(name)]
    if words == ["name"] or _WORDS.intersection(words) or "".join(words) in _WORDS:
        return True
    return any(head in words and others.intersection(words) for head, others in _PAIRS)


def looks_personal(value: str) -> bool:
    """Whether one value has the shape of contact or identity data, so that it must not be written down."""
    return any(re.search(shape, value) for shape in VALUE_SHAPES.values())
