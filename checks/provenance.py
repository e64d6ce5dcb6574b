"""Is it known where a batch came from, and is it still what was landed (A.7.5)?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ASSERTED = ("origin", "supplier", "licence", "legal_basis", "collected")
OBSERVED = ("source", "source_sha256", "rows", "landed_at", "columns")


def missing_facts(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Facts that a landing's record lacks: those the supplier asserts and those we observed ourselves."""
    asserted = [f"asserted.{name}" for name in ASSERTED if not body.get("asserted", {}).get(name)]
    observed = [f"observed.{name}" for name in OBSERVED if body.get("observed", {}).get(name) is None]
    return (*asserted, *observed)
