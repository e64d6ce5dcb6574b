"""The shape of `system.yaml` and `model.yaml`: one AI system as its owner declares it (Clause 4.3, A.4.2, A.6.2.6).

What a column may be is in `governance.declared.columns`, what a source may be in `governance.declared.sources`.
Unknown keys are refused: a misspelt key that is silently ignored is a monitor that silently does not run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from governance.declared.columns import BY_TYPE, Column, Kind, Role
from governance.declared.metrics import Task
from governance.declared.personal import Personal
from governance.declared.preparation import Step
from governance.declared.sources import Part, Sources
from governance.shapes import Identifier, Party, Strict, Team, Text

Period = Literal["day", "week", "month", "quarter", "year"]


class Engine(Strict):
    """What counts the rows. Spark reads the lake, so its workers must see the folder `AIMS_HOME` under that name."""

    kind: Literal["duckdb", "spark"] = "duckdb"
    master: Annotated[str, StringConstraints(pattern=r"^(local|spark://|k8s://|yarn)")] | None = None

    @model_validator(mode="after")
    def _master_is_sparks(self) -> Engine:
        if self.kind == "duckdb" and self.master:
            raise ValueError(f"`master` belongs to `kind: spark`, got {self.master!r} with duckdb.")
        return self


class Grouping(Strict):
    """Attributes whose groups are compared, alone or as a declared intersection, and with whom.

    With the `baseline` group; or, with `most_favoured`, with the group that fares best, which says whether people
    would rather be `selected` (a loan) or `not_selected` (a search).
    """

    by: Annotated[tuple[str, ...], Field(min_length=1, max_length=4)]
    baseline: str | None = None
    most_favoured: Literal["selected", "not_selected"] | None = None

    @model_validator(mode="after")
    def _is_compared_with_one(self) -> Grouping:
        if (self.baseline is None) == (self.most_favoured is None):
            raise ValueError("Give either the `baseline` group, or `most_favoured: selected` (or `not_selected`).")
        return self

    @property
    def name(self) -> str:
        """`race`, or `race × sex`."""
        return " × ".join(self.by)


class Span(Strict):
    """Days from `from` (included) to `to` (not included)."""

    from_: Annotated[dt.date, Field(alias="from")]
    to: dt.date

    @model_validator(mode="after")
    def _is_not_empty(self) -> Span:
        if self.from_ >= self.to:
            raise ValueError(f"`from` must lie before `to`, got {self.from_} and {self.to}.")
        return self


class Reference(Span):
    """The frozen period that later batches are compared with, and why it was chosen."""

    rationale: Text


# So many batches that follow each other, or a stretch of the calendar.
Window = Annotated[int, Field(ge=2, le=366)] | Literal["month", "quarter", "year"]
_LENGTH = {"day": 1, "week": 7, "month": 28, "quarter": 90, "year": 365}


class Batches(Span):
    """Which batches are expected: without this, the absence of one could not be noticed.

    `windows` are looked at as a whole beside the single batches: their profiles are sums, and read no row again.
    `overlap` says whether rows of an earlier batch may come again in a later one.
    """

    period: Period
    grace_days: Annotated[int, Field(ge=0)] = 0
    overlap: Literal["refused", "allowed"] = "refused"
    windows: tuple[Window, ...] = ()

    @model_validator(mode="after")
    def _windows_are_longer(self) -> Batches:
        for window in self.windows:
            if isinstance(window, str) and _LENGTH[window] <= _LENGTH[self.period]:
                raise ValueError(f"The window {window!r} is no longer than a batch (a {self.period}).")
        return self


class Multivariate(Strict):
    """That batches are looked at as a whole, too, and by how many rows of each side.

    The only measurement that is made of rows: they are read into memory and not kept.
    """

    sample: Annotated[int, Field(ge=100, le=50_000)] = 5_000


class Prediction(Strict):
    """How the decision follows from the score, where no column holds it."""

    score_at_least: float


class Labels(Strict):
    """When the outcome can be known."""

    delay_days: Annotated[int, Field(ge=0)]
    meaning: Text


class System(Strict):
    """One AI system: the inventory entry, its columns, its sources and its batches."""

    id: Identifier
    name: Text
    purpose: Text
    owner: Team
    organisation_role: Literal["provider", "producer", "customer", "user", "partner"]
    stage: Literal["design", "development", "verification", "deployment", "operation", "retirement"]
    alerts: Annotated[tuple[Party, ...], Field(min_length=1)]
    task: Task
    columns: dict[str, Column]
    personal: tuple[str, ...] = ()
    groupings: tuple[Grouping, ...] = ()
    smallest_group: Annotated[int, Field(ge=5, le=1000)] = 10
    prediction: Prediction | None = None
    score_is_probability: bool = False
    labels: Labels
    sources: Sources
    reference: Reference
    batches: Batches
    engine: Engine = Engine()
    multivariate: Multivariate | None = None
    preparation: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _roles_fit(self) -> System:
        problems = list(_role_problems(self))
        if problems:
            raise ValueError(" ".join(problems))
        return self

    def having(self, role: Role) -> tuple[str, ...]:
        """Columns with this role, in the order declared."""
        return tuple(name for name, column in self.columns.items() if role in column.roles)

    def the(self, role: Role) -> str | None:
        """The one column with this role, or None."""
        return next(iter(self.having(role)), None)

    @property
    def treated(self) -> dict[str, Personal]:
        """Columns that hold personal data and are kept, with what is done to them first."""
        return {name: column.personal for name, column in self.columns.items() if column.personal}

    @property
    def threshold(self) -> float | None:
        """Score from which a case counts as predicted positive; None where a column holds the prediction."""
        return self.prediction.score_at_least if self.prediction else None

    @property
    def error(self) -> str | None:
        """The name under which prediction minus label is measured; None but for a regression with a label."""
        return f"{self.the('label')} (error)" if self.task == "regression" and self.the("label") else None

    def source(self, part: Part) -> Any:
        """The declared source of this part, or None."""
        return getattr(self.sources, part)


class Model(Strict):
    """`model.yaml`: how a candidate model is trained, and what it must show before a release (A.6.2.3, A.6.2.4)."""

    name: Identifier
    estimator: Literal["logistic_regression", "linear_regression", "gradient_boosting"]
    features: Annotated[tuple[str, ...], Field(min_length=1)]
    holdout_share: Annotated[float, Field(gt=0, lt=1)]
    seed: int
    release: Annotated[tuple[ReleaseCriterion, ...], Field(min_length=1)]


class ReleaseCriterion(Strict):
    """A limit that the candidate must keep on held-out rows: at most this error, at least that much of the rest."""

    metric: Literal["roc_auc", "accuracy", "mean_absolute_error", "r_squared"]
    limit: float
    rationale: Text


def kind_of(system: System, types: Mapping[str, str], column: str) -> Kind:
    """As declared, else by the contract's logical type. An attribute is always compared category by category."""
    declared = system.columns[column]
    if "attribute" in declared.roles:
        return "categorical"
    return declared.kind or BY_TYPE.get(types.get(column, ""), "categorical")


def _role_problems(system: System) -> Iterator[str]:
    for role in ("time", "score", "prediction", "label", "key", "entity"):
        if len(system.having(role)) > 1:
            yield f"Only one column may have the role {role}, got {', '.join(system.having(role))}."
    if not system.the("time"):
        yield "One column must have the role time: it decides which batch a row belongs to."
    yield from _prediction_problems(system)
    for grouping in system.groupings:
        if grouping.most_favoured and system.task != "binary_classification":
            yield f"Grouping {grouping.name!r}: of a regression nobody is selected; name a `baseline`."
        for name in grouping.by:
            if name not in system.having("attribute"):
                yield f"Grouping {grouping.name!r} needs a column {name!r} with the role attribute."
    both = sorted(set(system.personal) & set(system.columns))
    if both:
        yield f"Personal columns are never kept and cannot have a role: {', '.join(both)}."
    yield from _feature_problems(system)
    if system.sources.outcomes and not system.the("key"):
        yield "An outcomes source needs a column with the role key to join on."


def _feature_problems(system: System) -> Iterator[str]:
    if system.multivariate and not system.having("feature"):
        yield "`multivariate` looks at features, and no column has the role feature."
    declared = [column.reliance for column in system.columns.values() if column.reliance is not None]
    if declared and not any(declared):
        yield "`reliance` is 0 for every feature that has one: a model relies on something."


def _prediction_problems(system: System) -> Iterator[str]:
    if system.task == "regression":
        yield from _regression_problems(system)
        return
    if system.the("prediction") and system.prediction:
        yield "Declare a prediction column or `prediction: {score_at_least: ...}`, not both."
    if system.prediction and not system.the("score"):
        yield "`prediction: {score_at_least: ...}` needs a column with the role score."
    if not (system.the("prediction") or system.prediction):
        yield "A column must have the role prediction, or `prediction: {score_at_least: ...}` be given."


def _regression_problems(system: System) -> Iterator[str]:
    """A regression predicts a number: there is nothing to score, to cut at a threshold or to take for a probability."""
    if not system.the("prediction"):
        yield "A regression needs a column with the role prediction."
    if system.the("score"):
        yield f"A regression has no score: give {system.the('score')!r} the role prediction or feature."
    if system.prediction:
        yield "A regression has no threshold: remove `prediction`."
    if system.score_is_probability:
        yield "A regression predicts no probability: remove `score_is_probability`."
    if system.error in system.columns:
        yield f"The name {system.error!r} is taken: prediction minus label is measured under it. Rename the column."


Model.model_rebuild()
