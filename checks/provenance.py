"""Is it known where a batch came from, and is it still what was landed (A.7.5)?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from governance.declared.acquisition import BY_DEFAULT, lacking

OBSERVED = ("source", "source_sha256", "rows", "landed_at", "columns")


def missing_facts(body: Mapping[str, Any], required: tuple[str, ...] = BY_DEFAULT) -> tuple[str, ...]:
    """Facts that a landing's record lacks: those required of the supplier, and those we observed ourselves."""
    asserted = [f"asserted.{name}" for name in lacking(body.get("asserted", {}), required)]
    observed = [f"observed.{name}" for name in OBSERVED if body.get("observed", {}).get(name) is None]
    return (*asserted, *observed)
