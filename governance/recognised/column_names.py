"""Whether a column's name is that of contact or identity data. A name is a hint: its values decide, or a person."""

from __future__ import annotations

import re

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


def looks_personal_by_name(name: str) -> bool:
    """Whether the words of a column's name are those of contact or identity data."""
    words = [word.lower() for word in _TOKEN.findall(name)]
    if words == ["name"] or _WORDS.intersection(words) or "".join(words) in _WORDS:
        return True
    return any(head in words and others.intersection(words) for head, others in _PAIRS)
