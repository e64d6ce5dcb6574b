"""The one place where a finding of ours becomes a Dagster check result.

Breach → failed, error. Warning, inconclusive, not evaluated → failed, warning, with the reason: not knowing is
never green. Dagster's history is a view; the record is in the register.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from governance.declared.assessment import Criterion
from governance.records import Outcome

_ORDER = tuple(str(outcome) for outcome in Outcome)
# Worst first for a criterion that covers several columns or contrasts.
_WORST = ("breach", "not_evaluated", "inconclusive", "warning", "conforming")


def as_check_result(key: dg.AssetKey, criterion: Criterion, verdicts: Sequence[dict[str, Any]]) -> dg.AssetCheckResult:
    """One criterion's verdicts (rows of the register) as one check result."""
    if not verdicts:
        return data_check(key, criterion.id, None, "no verdict: the assessment is not approved")
    worst = min(verdicts, key=lambda row: _WORST.index(row["verdict"]))
    counts = {name: sum(row["verdict"] == name for row in verdicts) for name in _ORDER}
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=criterion.id,
        passed=worst["verdict"] == Outcome.CONFORMING,
        severity=dg.AssetCheckSeverity.ERROR if worst["verdict"] == Outcome.BREACH else dg.AssetCheckSeverity.WARN,
        description=f"{worst['verdict']} ({worst['segment']}): {worst['reason']}",
        metadata={
            "verdicts": ", ".join(f"{count} {name}" for name, count in counts.items() if count),
            "worst": worst["segment"],
            **{name: _shown(worst[name]) for name in ("value", "low", "high", "n", "warn", "limit", "noise_floor")},
            "owner": criterion.owner,
            "harm": criterion.harm,
            "controls": ", ".join(criterion.controls),
            "rationale": criterion.rationale,
            "assessment": worst["assessment"][:12],
        },
    )


def data_check(key: dg.AssetKey, name: str, passed: bool | None, reason: str, **metadata: Any) -> dg.AssetCheckResult:
    """A claim about data: met, not met (error), or not evaluated (`None`: warning, with the reason)."""
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=bool(passed),
        severity=dg.AssetCheckSeverity.WARN if passed is None else dg.AssetCheckSeverity.ERROR,
        description=reason,
        metadata=metadata,
    )


def _shown(value: float | None) -> Any:
    return "undefined" if value is None else float(value)
