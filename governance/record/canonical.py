"""One byte form for everything that is hashed or signed.

Metric values enter as decimal strings, so that no reader's floating point can change a digest.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 (JSON canonicalization scheme) form of `value`; floats become their shortest decimal string.

    Raises
    ------
    ValueError
        NaN, two keys with one name, or something that JSON has no form for.
    """
    return rfc8785.dumps(_plain(value))


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, 64 hex digits."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def digest_of_bytes(data: bytes) -> str:
    """SHA-256 of raw bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        if math.isnan(value):
            raise ValueError("NaN has no canonical form: what is undefined is None, with a reason.")
        # A subclass (NumPy's) would print its own type into the digest. + 0.0: a database gives -0.0 back as 0.0.
        return float.__repr__(value + 0.0)
    if isinstance(value, Mapping):
        plain = {str(key): _plain(item) for key, item in value.items()}
        if len(plain) != len(value):
            raise ValueError(f"Keys must differ as text, got {list(value)}.")
        return plain
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(item) for item in value]
    return value
