"""The shape of `objectives.yaml`: what is to be reached by when, measured by what is recorded (6.2, A.6.1.2, A.9.3)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from governance.management import Titled
from governance.system import Identifier, Strict, Team, Text

Figure = Literal["days_to_triage", "days_to_contain", "share_of_due_batches_judged", "documents_overdue_for_review"]
# Whether a figure must be at most or at least the target.
LARGER_IS_BETTER: dict[Figure, bool] = {
    "days_to_triage": False,
    "days_to_contain": False,
    "share_of_due_batches_judged": True,
    "documents_overdue_for_review": False,
}


class ByCriterion(Strict):
    """A criterion of a system: this share of its verdicts within the limit, over its last so many judged batches.

    Conforming and warning are within the limit. A verdict that is inconclusive or was not evaluated could be either.
    """

    system: Identifier
    criterion: Identifier
    last_batches: Annotated[int, Field(ge=1, le=1000)]
    share_within_limit: Annotated[float, Field(gt=0, le=1)]


class ByFigure(Strict):
    """A figure of the register against a target.

    `days_to_triage` and `days_to_contain` are the longest over all cases opened in the last `over_days` days, counted
    for a case that still waits up to today; `share_of_due_batches_judged` is over all systems;
    `documents_overdue_for_review` counts the organisation's documents and the impact assessments.
    """

    figure: Figure
    target: Annotated[float, Field(ge=0)]
    over_days: Annotated[int, Field(ge=1, le=3660)] = 365


class Objective(Strict):
    """Something to be reached, by whom, until when, and how it will be known."""

    id: Identifier
    statement: Text
    owner: Team
    due: dt.date
    controls: Annotated[tuple[str, ...], Field(min_length=1)]
    resources: Text
    criterion: ByCriterion | None = None
    figure: ByFigure | None = None

    @model_validator(mode="after")
    def _is_measured_once(self) -> Objective:
        if (self.criterion is None) == (self.figure is None):
            raise ValueError("An objective is measured by either `criterion` or `figure`.")
        return self


class Objectives(Titled):
    """`objectives.yaml`."""

    objectives: Annotated[tuple[Objective, ...], Field(min_length=1)]
