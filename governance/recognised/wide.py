"""Shapes without a check, for places where nothing may stand that even looks like personal data.

Of these the record is kept clean, which is kept for good, and the first look at files that nobody has declared. They
take in more than the forms of `reading`, which are held against a check before a batch is held back for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_GROUPED_PHONE = r"\(?[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4}"
_SSN = r"\d{3}-\d{2}-\d{4}"
# Anywhere in a text, and what it looks like, in words.
IN_TEXT: Mapping[str, re.Pattern[str]] = {
    "an e-mail address": re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+"),
    # Never part of a longer word: ids of verdicts and tokens are hexadecimal, and now and then all digits.
    # With its country, with the zero of a long-distance call, or grouped 3-3-4.
    "a telephone number": re.compile(
        r"(?<![\w.@/-])(\+\d[\d ()/.-]{6,}\d|\(?0\d{1,4}\)?[ /-]{1,3}\d[\d -]{4,}\d|0\d{8,14}"
        rf"|{_GROUPED_PHONE})(?![\w-]|\.\d)"
    ),
    "a social security number": re.compile(rf"(?<![\w-]){_SSN}(?![\w-])"),
    "a bank account or card number": re.compile(
        r"\b[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,3})?\b"
        r"|(?<![\w.@/-])\d{4}([ -]?)\d{4}\3\d{4}\3\d{4}(?![\w-]|\.\d)"
    ),
    "a date of birth": re.compile(r"\b(born( on)?|date of birth|dob)\b\W{0,3}\d", re.IGNORECASE),
}
# Of whole values, RE2: they also run inside the engine.
WHOLE: Mapping[str, str] = {
    "e-mail addresses": r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$",
    "phone, account or identity numbers": (
        r"^(\+|00)[1-9][0-9 ()./-]{6,}$"
        r"|^\(?0\d{1,4}\)?[ /-]\d{3,}([ -]?\d+)*$"
        r"|^\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$"
        rf"|^{_SSN}$"
        r"|^[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){3,}( ?[A-Z0-9]{1,3})?$"
        r"|^\d{1,3}(\.\d{1,3}){3}$"
        # Italian, Spanish, Finnish, British and Brazilian numbers, as they are written.
        r"|^[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]$|^([XYZ]\d{7}|\d{8})-?[A-HJ-NP-TV-Z]$|^\d{6}[-+A]\d{3}[0-9A-Y]$"
        r"|^[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]$|^\d{3}\.\d{3}\.\d{3}-\d{2}$|^([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}$"
    ),
}
