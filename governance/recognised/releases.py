"""Which texts of four numbers with points are releases of a program and no addresses of machines: told by a column.

One value alone does not tell: `10.2.3.4` is both. A column tells by what its values have in common, and where that is
not clear they count as addresses: a batch held for releases can be let through, an address cannot be taken back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from governance.recognised.column_names import words_of

_FOUR = re.compile(r"\d{1,6}(?:\.\d{1,6}){3}")
_RELEASE = frozenset({"version", "versions", "release", "releases", "build", "builds", "firmware", "revision", "ver"})
_ADDRESS = frozenset({"ip", "ips", "ipv4", "ipaddr", "address", "addr"})
# No address has a larger part; and half of the parts of addresses, or more, are larger than this.
MOST, LARGE = 255, 99
# From this share of the values on, and so many, parts that no address has say that the others of that major are none.
SHARE_BEYOND, FEWEST_BEYOND = 0.05, 3
# So many small ones: had they been addresses in one network, 0.39^20 = 7e-9 of the columns would look so.
FEWEST_SMALL = 20
# In a column called so, the share of values with two large parts from which on they are addresses all the same.
SHARE_LARGE = 0.25


def releases_among(texts: Iterable[str], column: str) -> set[str]:
    """Those of a column's distinct values that are releases."""
    parts = {text: [int(part) for part in text.split(".")] for text in texts if _FOUR.fullmatch(text)}
    if not parts:
        return set()
    words = set(words_of(column))
    large = sum(sum(part > LARGE for part in four) >= 2 for four in parts.values())
    if words & _RELEASE and not words & _ADDRESS and large < SHARE_LARGE * len(parts):
        return set(parts)
    if len(parts) >= FEWEST_SMALL and _are_small(parts.values()):
        return set(parts)
    beyond = [four for four in parts.values() if max(four) > MOST]
    if len(beyond) < max(FEWEST_BEYOND, SHARE_BEYOND * len(parts)):
        return set()
    majors = {four[0] for four in beyond}
    return {text for text, four in parts.items() if four[0] in majors}


def _are_small(values: Iterable[list[int]]) -> bool:
    """Whether no part of any is large, and they are not all of the network 10, whose machines are often counted up."""
    fours = list(values)
    return max(map(max, fours)) <= LARGE and any(four[0] != 10 for four in fours)
