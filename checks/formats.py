"""What the formats of strings and numbers demand: `logicalTypeOptions.format` and `physicalType` (ODCS 3.1).

Decided here: which format is which pattern or range, and which is documentation: `password`, `binary`, and how a
source writes its dates and times, because in the lake they are dates and times already.

Patterns say that a value is of the form, not that it exists: an address of e-mail need not have a mailbox.
"""

import re

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_H16 = r"[0-9A-Fa-f]{1,4}"
_LS32 = rf"(?:{_H16}:{_H16}|{_IPV4})"
# RFC 4291, 2.2, in the grammar of RFC 3986: eight groups, or fewer and one `::`.
_IPV6 = "|".join(
    (
        rf"(?:{_H16}:){{6}}{_LS32}",
        rf"::(?:{_H16}:){{5}}{_LS32}",
        rf"(?:{_H16})?::(?:{_H16}:){{4}}{_LS32}",
        rf"(?:(?:{_H16}:){{0,1}}{_H16})?::(?:{_H16}:){{3}}{_LS32}",
        rf"(?:(?:{_H16}:){{0,2}}{_H16})?::(?:{_H16}:){{2}}{_LS32}",
        rf"(?:(?:{_H16}:){{0,3}}{_H16})?::{_H16}:{_LS32}",
        rf"(?:(?:{_H16}:){{0,4}}{_H16})?::{_LS32}",
        rf"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}",
        rf"(?:(?:{_H16}:){{0,6}}{_H16})?::",
    )
)
PATTERNS = {
    "byte": r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
    "email": rf"^[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{_LABEL}(?:\.{_LABEL})+$",
    "hostname": rf"^{_LABEL}(?:\.{_LABEL})*$",
    "ipv4": rf"^{_IPV4}$",
    "ipv6": rf"^(?:{_IPV6})$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+$",
    "uuid": r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
}
"""RFC 4648 (byte), 5322's dot-atom (email), 1123 (hostname), 4291, 3986, 9562; in RE2 syntax."""

NOT_SEEN = frozenset({"password", "binary"})
"""Formats of strings that say how a value is handled, not what it looks like."""


def integer_range(form: str) -> tuple[int, int] | None:
    """The least number of a Rust integer type such as `i32` or `u8`, and the first above it; None where it is none.

    Powers of two, because Great Expectations reads limits as floats, and 2**63 - 1 is none. From 64 bits on the first
    above is let through, too: as a float it is the greatest inside.
    """
    found = re.fullmatch(r"([iu])(8|16|32|64|128|size)", form)
    if found is None:
        return None
    bits = 64 if found[2] == "size" else int(found[2])
    return (0, 2**bits) if found[1] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))


FLOATS = {"f32": 3.4028234663852886e38, "f64": 1.7976931348623157e308}
"""The greatest finite number of each format (IEEE 754): what is infinite, or would be, is outside."""

_INTEGERS = {"TINYINT": 8, "SMALLINT": 16, "INT": 32, "INTEGER": 32, "BIGINT": 64}


def physical_length(physical: str) -> int | None:
    """The most characters that `VARCHAR(20)` and its like hold; None where no length is named."""
    found = re.fullmatch(
        r"\s*(?:N?VARCHAR2?|N?CHAR|CHARACTER(?:\s+VARYING)?|STRING)\s*\(\s*(\d+)\s*\)\s*", physical.upper()
    )
    return int(found[1]) if found else None


def physical_range(physical: str) -> tuple[int, int] | None:
    """The least number that `SMALLINT`, `INT` and their like hold, and the first above; None for other types."""
    bits = _INTEGERS.get(physical.strip().upper())
    return (-(2 ** (bits - 1)), 2 ** (bits - 1)) if bits else None


def physical_digits(physical: str) -> int | None:
    """How many digits `DECIMAL(5,2)` and its like have before the point; None for other types."""
    found = re.fullmatch(r"\s*(?:DECIMAL|NUMERIC|NUMBER)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)\s*", physical.upper())
    digits = int(found[1]) - int(found[2] or 0) if found else -1
    return digits if 0 <= digits <= 15 else None
