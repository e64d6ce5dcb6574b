"""Which code produced a number: a digest over the sources that can change one."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

FOLDERS = ("assets", "checks", "governance", "monitors")


@functools.cache
def code_digest() -> str:
    """SHA-256 over path and bytes of every module of the layers that measure and judge."""
    root = Path(__file__).resolve().parents[1]
    state = hashlib.sha256()
    for path in sorted(p for folder in FOLDERS for p in (root / folder).rglob("*.py")):
        state.update(path.relative_to(root).as_posix().encode() + b"\x00" + path.read_bytes() + b"\x00")
    return state.hexdigest()
