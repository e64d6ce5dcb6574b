"""Names and days of birth, where the words beside them say that they are such. No pattern tells a name from a word."""

from __future__ import annotations

from governance.recognised.forms import Form, Grade

_NAME = r"[A-ZÀ-ÖØ-Þ][\wÀ-ɏ'’]+(?:-[A-ZÀ-Þ][\wÀ-ɏ]+)?"
_DATE = (
    r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|\d{1,2}\.? [A-Za-zé]{3,9}\.? \d{4}"
    r"|[A-Z][a-z]{2,8} \d{1,2},? \d{4}"
)
_KEYS = (
    r"first[ _-]?name|last[ _-]?name|full[ _-]?name|given[ _-]?name|family[ _-]?name|middle[ _-]?name|maiden[ _-]?name"
    r"|firstName|lastName|fullName|surname|forename|vorname|nachname|pr[ée]nom|apellidos?|cognome"
)


def _likely(_text: str) -> Grade:
    return Grade.LIKELY


def _sure(_text: str) -> Grade:
    return Grade.SURE


BIRTH = Form(
    "date of birth",
    r"(?i:\b(?:born(?: on)?|date[ _-]?of[ _-]?birth|birth[ _-]?(?:date|day)|dob|geboren(?: am)?|geburtsdatum"
    rf"|n[ée]e? le|nato il|nata il|fecha[ _-]de[ _-]nacimiento))\W{{0,5}}(?P<value>{_DATE})",
    _sure,
    edges=False,
)
TITLED = Form(
    "name",
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herrn?|Frau|Mme|Mlle|Monsieur|Madame|Signora?|Se[ñn]ora?|Sra|Mevrouw)"
    rf"\b\.?[ ](?P<value>{_NAME}(?: (?:van |von |de |der |den |la )?{_NAME}){{0,2}})",
    _likely,
    edges=False,
    sure=False,
)
KEYED = Form(
    "name",
    rf"(?i:\b(?:{_KEYS}))[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']?(?P<value>{_NAME}(?: {_NAME}){{0,3}})"
    rf"|(?:^|[{{,;(])\s{{0,3}}[\"']?[Nn]ame[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']?(?P<named>{_NAME}(?: {_NAME}){{1,3}})",
    _sure,
    edges=False,
)
FORMS = (BIRTH, TITLED, KEYED)
