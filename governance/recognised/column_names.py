"""Whether a column's name is that of contact or identity data. A name is a hint: its values decide, or a person."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

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
# What a column of telephone numbers is called, in whole words; and what may stand beside without making it another.
_PHONE = frozenset(
    {"phone", "telephone", "tel", "mobile", "cellphone", "landline", "fax", "msisdn", "whatsapp", "gsm"}
    | {"telefon", "telefono", "telefoon", "telefone", "handy", "mobil", "movil", "celular", "cellulare", "portable"}
    | {"phonenumber", "phoneno", "telno", "telnr", "mobilephone", "telefonnummer", "telefonnr", "handynummer"}
    | {"mobilnummer", "mobilenumber", "rufnummer", "telefoonnummer", "mobiltelefon"}
)
_BESIDE = frozenset(
    {
        "number",
        "numbers",
        "no",
        "nr",
        "num",
        "nummer",
        "numero",
        "cell",
        "home",
        "work",
        "office",
        "private",
        "business",
    }
    | {"primary", "secondary", "main", "alt", "alternative", "other", "contact", "emergency", "daytime", "evening"}
    | {"customer", "cust", "client", "user", "employee", "patient", "person", "guest", "caller", "callee", "applicant"}
    | {"raw", "full", "e164", "int", "international", "privat", "kunde", "kunden", "cliente"}
)


@dataclass(frozen=True, slots=True)
class Named:
    """A form that a column's name says of its whole numbers, and how many digits they then have."""

    form: str
    digits: range


TELEPHONE = Named("telephone number", range(9, 16))
SOCIAL_SECURITY = Named("US social security number", range(9, 10))


def number_that_is_named(name: str) -> Named | None:
    """What a column of whole numbers is by its name alone, where no check digit could tell.

    Every word of the name must say so or say nothing: `mobile_revenue` and `phone_verified_at` are no telephones.

    >>> number_that_is_named("home_phone_2"), number_that_is_named("phone_id")
    (Named(form='telephone number', digits=range(9, 16)), None)
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    words = {word.lower() for word in _TOKEN.findall(plain) if not word.isdigit()}
    if words & _PHONE and words <= _PHONE | _BESIDE:
        return TELEPHONE
    own = {"ssn", "social", "security"}
    if ("ssn" in words or {"social", "security"} <= words) and words <= own | _BESIDE:
        return SOCIAL_SECURITY
    return None


def words_of(name: str) -> list[str]:
    """The words of a column's name, in small letters."""
    return [word.lower() for word in _TOKEN.findall(name)]


def looks_personal_by_name(name: str) -> bool:
    """Whether the words of a column's name are those of contact or identity data."""
    words = words_of(name)
    if words == ["name"] or _WORDS.intersection(words) or "".join(words) in _WORDS:
        return True
    return any(head in words and others.intersection(words) for head, others in _PAIRS)
