"""The shape of `risks.yaml`: the risk register, its criteria and the treatment of each risk (6.1.1 to 6.1.3, 8.2, 8.3).

A risk follows from harms that impact assessments describe. Acceptance is no field: it is an act of whoever answers for
the risk, over the risk as it stands here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from governance.assessment import Level
from governance.canonical import digest
from governance.management import Titled
from governance.system import AccountId, Identifier, Strict, Team, Text

LEVELS: tuple[Level, ...] = ("low", "medium", "high")
# `system/harm`, as in the system's impact assessment.
Source = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,40}/[a-z][a-z0-9_]{1,40}$")]


class Row(Strict):
    """The level of a risk of one likelihood, for each consequence."""

    low: Level
    medium: Level
    high: Level


class Matrix(Strict):
    """The level of a risk by its likelihood, then its consequence."""

    low: Row
    medium: Row
    high: Row

    @model_validator(mode="after")
    def _never_falls(self) -> Matrix:
        grid = [[LEVELS.index(getattr(getattr(self, one), other)) for other in LEVELS] for one in LEVELS]
        turned = [list(column) for column in zip(*grid, strict=True)]
        if any(line != sorted(line) for line in grid + turned):
            raise ValueError("A likelier or graver risk has a lower level here: the levels must never fall.")
        return self

    def level(self, likelihood: Level, consequence: Level) -> Level:
        """`low`, `medium` or `high`."""
        found: Level = getattr(getattr(self, likelihood), consequence)
        return found


class Acceptance(Strict):
    """How the organisation rates risks and which it bears (6.1.1).

    A residual level above `accept_up_to` needs `above_because` at the risk, and is told in every listing.
    """

    likelihood: dict[Level, Text]
    consequence: dict[Level, Text]
    matrix: Matrix
    accept_up_to: Level

    @model_validator(mode="after")
    def _levels_are_explained(self) -> Acceptance:
        for name in ("likelihood", "consequence"):
            lacking = [level for level in LEVELS if level not in getattr(self, name)]
            if lacking:
                raise ValueError(f"{name}: says nothing of {', '.join(lacking)}: two people would rate differently.")
        return self


class Treatment(Strict):
    """What is done about a risk, by which controls, and who wrote so."""

    option: Literal["avoid", "reduce", "share", "accept"]
    author: AccountId
    description: Text
    controls: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _controls_go_with_it(self) -> Treatment:
        if self.option == "accept" and self.controls:
            raise ValueError("To accept a risk takes no controls: say reduce, or leave them out.")
        if self.option == "reduce" and not self.controls:
            raise ValueError("To reduce a risk takes at least one control that does it.")
        return self


class Residual(Strict):
    """What is left of the risk once the treatment is in place, and why that much."""

    likelihood: Level
    consequence: Level
    rationale: Text


class Risk(Strict):
    """A risk with the harms it follows from, before and after treatment.

    `rated_lower_because` is needed where likelihood or consequence is less than that of a harm it follows from.
    """

    id: Identifier
    title: Text
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    likelihood: Level
    consequence: Level
    rationale: Text
    rated_lower_because: Text | None = None
    owner: Team
    treatment: Treatment
    residual: Residual
    above_because: Text | None = None

    @model_validator(mode="after")
    def _treatment_does_not_harm(self) -> Risk:
        problems = list(_residual_problems(self))
        if problems:
            raise ValueError(" ".join(problems))
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the risk as it stands: what an acceptance is given to."""
        return digest(self.model_dump(mode="json"))


class NoRisk(Strict):
    """A harm that no risk follows from, and why."""

    harm: Source
    because: Text


class Risks(Titled):
    """`risks.yaml`: how risks are rated, the risks, and the harms that no risk follows from."""

    criteria: Acceptance
    risks: Annotated[tuple[Risk, ...], Field(min_length=1)]
    no_risk: tuple[NoRisk, ...] = ()

    @property
    def sources(self) -> dict[str, list[Risk]]:
        """Harm (`system/harm`) → the risks that follow from it."""
        found: dict[str, list[Risk]] = {}
        for risk in self.risks:
            for source in risk.sources:
                found.setdefault(source, []).append(risk)
        return found

    def level(self, risk: Risk) -> Level:
        """Of the risk before treatment."""
        return self.criteria.matrix.level(risk.likelihood, risk.consequence)

    def residual(self, risk: Risk) -> Level:
        """Of what is left after treatment."""
        return self.criteria.matrix.level(risk.residual.likelihood, risk.residual.consequence)

    def is_above(self, risk: Risk) -> bool:
        """Whether what is left is more than the organisation bears without a reason."""
        return LEVELS.index(self.residual(risk)) > LEVELS.index(self.criteria.accept_up_to)


def _residual_problems(risk: Risk) -> Iterator[str]:
    for name in ("likelihood", "consequence"):
        before, after = getattr(risk, name), getattr(risk.residual, name)
        if LEVELS.index(after) > LEVELS.index(before):
            yield f"residual.{name} is {after} and was {before}: a treatment that makes it worse is a risk of its own."
        if risk.treatment.option == "accept" and after != before:
            yield f"residual.{name} is {after} and was {before}: to accept a risk leaves it as it is."
