"""The shape of `applicability.yaml`: each of the 38 controls in or out, and why (6.1.3).

What was recorded for each of them is in `governance.evidence`.
"""

from __future__ import annotations

from collections.abc import Iterator

from governance.controls import control_problem, controls
from governance.management import Titled
from governance.system import Strict, Text


class Decision(Strict):
    """Whether a control applies, and why it does or does not; where it does, how it is carried out."""

    included: bool
    because: Text
    how: Text | None = None


class Applicability(Titled):
    """`applicability.yaml`: control id → decision."""

    controls: dict[str, Decision]

    @property
    def excluded(self) -> frozenset[str]:
        """Controls that were left out."""
        return frozenset(name for name, decision in self.controls.items() if not decision.included)


def decision_problems(statement: Applicability) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Controls that nobody decided on, and decisions on what is no control: where, what, remedy."""
    for control in controls():
        if control not in statement.controls:
            what = f"controls: {control} is neither included nor excluded."
            yield ("controls",), what, "Decide, and say why."
    for control in statement.controls:
        unknown = control_problem(control)
        if unknown:
            yield ("controls", control), f"controls: {unknown}", "Mend its number."
    for control, decision in statement.controls.items():
        if decision.included and decision.how is None:
            what = f"controls.{control}: is included, and nothing says how it is carried out."
            yield ("controls", control), what, "Add `how`."
