"""One byte form for everything that is hashed or signed.

Metric values enter as decimal strings, so that no reader's floating point can change a digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import rfc8785


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 (JSON canonicalization scheme) form of `value`; floats become their shortest decimal string."""
    return rfc8785.dumps(_plain(value))


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, 64 hex digits."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def digest_of_bytes(data: bytes) -> str:
    """SHA-256 of raw bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(item) for item in value]
    return value
