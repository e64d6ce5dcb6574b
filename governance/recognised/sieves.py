"""What the engine lets through for a closer look: coarse shapes that take in every form, in one pass over the letters.

One pattern of all forms as they are costs a hundred times as much: its automaton outgrows RE2's memory. So these are
written by hand, wider than the forms, and a test holds every planted value against them.
"""

from __future__ import annotations

from governance.recognised.reading import FORMS

# Signs of an address: of a mailbox, of a machine in either writing, of a network card.
_SIGNS = r"@|%40|::|[0-9a-fA-F]{0,4}:[0-9a-fA-F]{1,4}:[0-9a-fA-F]{0,4}:|[0-9a-fA-F]{2}-[0-9a-fA-F]{2}-[0-9a-fA-F]{2}-"
# Codes that mix letters and digits.
_CODES = (
    r"\b[XYZ]-?\d{7}|\b\d{8}-?[A-Z]|\b[A-Z]{2}[ -]?\d\d[ -]?[\dA-Z]{2}|\b[A-Z]{6}[0-9LMNP-V]{2}[A-Z]"
    r"|\b\d{6}[A-FU-Y]\d{3}|\b[12]\d{4}2[AB]"
)
# Digits grouped in a way of which one number is enough.
_GROUPED = (
    r"\b\d{4}[ -]\d{4}[ -]\d{4}|\b3\d{3}[ -]\d{6}[ -]\d{4}|\b\d\d \d{3} \d{3} |\b[12] \d\d \d\d |\b\d{4}\.\d\d\.\d{3}"
    r"|\b\d\d\.\d\d\.\d\d-|\b\d{6} \d{5}|\b756\.\d{4}|\b\d{3}\.\d{3}\.\d{3}-|\b\d{6}[-+]\d{3}"
)
_WORDS = (
    r"(?i:name[\"']?\s{0,3}[:=]|(?:nom|cognome|apellidos?)[\"']?\s{0,3}[:=]|\bborn|\bdob|birth|\bgeb|\bn[ée]e? le"
    r"|\bnat[oa] il|nacimiento)"
)
_TITLES = r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Herrn?|Frau|Mme|Mlle|Monsieur|Madame|Signora?|Se[ñn]ora?|Sra|Mevrouw)\b\.? "
_DIGITS = r"\b\d(?:[ ./()-]*\d){7}|\+\d"

# One value may be enough.
SURE = f"{_SIGNS}|{_CODES}|{_GROUPED}|{_WORDS}"
# It could be one, and a share of the column tells.
LIKELY = rf"{_SIGNS}|{_CODES}|{_DIGITS}|{_TITLES}|\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}"
# Digits, and words that make them enough where both are in one value.
NUMBERS = rf"{_DIGITS}|\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}|{_CODES}"
WORDS = "(?i)" + "|".join(form.words for form in FORMS if form.words)
