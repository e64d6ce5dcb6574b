"""How many different values there are, from a sketch that merges: HyperLogLog over a hash that every engine has.

Registers are the larger of two when profiles add, so the number for a quarter comes from its days without their
rows. Values that the grid names are counted exactly and stay out of the sketch; it holds only what is `(other)`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

# The first three hexadecimal digits of the MD5 of a value name its register; the rest gives the rank.
REGISTERS = 16**3
HASH_BITS = 4 * (32 - 3)
# Relative standard error of the estimate (P. Flajolet et al. 2007, AofA, 137-156).
STANDARD_ERROR = 1.04 / math.sqrt(REGISTERS)

Registers = np.ndarray[Any, np.dtype[np.uint8]]


def empty() -> Registers:
    """Registers that have seen nothing: uint8 array of shape (REGISTERS,)."""
    return np.zeros(REGISTERS, dtype=np.uint8)


def rank(rest: str) -> int:
    """One more than the number of zero bits that the hexadecimal digits `rest` begin with."""
    return 4 * len(rest) - int(rest, 16).bit_length() + 1


def registers_of(names: Sequence[str], rests: Sequence[str]) -> Registers:
    """Registers from the least hash that fell into each: hexadecimal name, hexadecimal rest."""
    registers = empty()
    for name, rest in zip(names, rests, strict=True):
        registers[int(name, 16)] = rank(rest)
    return registers


def estimate(registers: Registers) -> float:
    """Number of different values seen, with relative standard error `STANDARD_ERROR`; 0 for empty registers.

    References
    ----------
    O. Ertl (2017), arXiv:1702.01284, algorithm 6 (the improved raw estimator, without thresholds).
    """
    counts = np.bincount(registers, minlength=HASH_BITS + 2)
    m = REGISTERS
    total = m * _tau(1 - counts[HASH_BITS + 1] / m)
    for k in range(HASH_BITS, 0, -1):
        total = 0.5 * (total + counts[k])
    total += m * _sigma(counts[0] / m)
    return 0.0 if math.isinf(total) else m / (2 * math.log(2)) * m / total


def _sigma(x: float) -> float:
    if x == 1:
        return math.inf
    y, total, before = 1.0, x, -1.0
    while total != before:
        x *= x
        before = total
        total += x * y
        y += y
    return total


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    y, total, before = 1.0, 1 - x, -1.0
    while total != before:
        x = math.sqrt(x)
        before = total
        y *= 0.5
        total -= (1 - x) ** 2 * y
    return total / 3
