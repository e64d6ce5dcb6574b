"""The shape of `system.yaml` and `model.yaml`: one AI system as its owner declares it (Clause 4.3, A.4.2, A.6.2.6).

Unknown keys are refused: a misspelt key that is silently ignored is a monitor that silently does not run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from governance.addresses import database_problems, file_problems
from governance.metrics import Task, Values

Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,40}$")]
Party = Annotated[str, StringConstraints(pattern=r"^(team:[A-Za-z0-9_-]+|[^@\s]+@[^@\s]+\.[^@\s]+)$")]
# Who answers for something is named in the record, which holds no address of anybody: a team, or an account's id.
AccountId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9._-]{1,40}$")]
Team = Annotated[str, StringConstraints(pattern=r"^team:[A-Za-z0-9_-]+$")]
Answerable = Annotated[str, StringConstraints(pattern=r"^(team:[A-Za-z0-9_-]+|[a-z][a-z0-9._-]{1,40})$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(min_length=3, strip_whitespace=True)]

Role = Literal["time", "key", "entity", "feature", "attribute", "score", "prediction", "label"]
Kind = Literal["numeric", "categorical", "timestamp", "text"]
# What is counted of a column of each kind: its values, or what can be said of them without keeping them.
VIEWS: dict[str, tuple[str, ...]] = {
    "numeric": ("value",),
    "categorical": ("value",),
    "timestamp": ("week",),
    "text": ("length", "characters"),
}
# Views that are numbers; the others are categories.
NUMBERS = frozenset({("numeric", "value"), ("text", "length")})
Part = Literal["production", "reference", "outcomes", "training"]
Period = Literal["day", "week", "month", "quarter", "year"]


def views(column: str, kind: Kind) -> tuple[str, ...]:
    """The names under which a column is measured: its own, or one for each view, as in `note (length)`."""
    return tuple(column if view == "value" else f"{column} ({view})" for view in VIEWS[kind])


def values_of(column: str, kind: Kind) -> dict[str, Values]:
    """What is counted under each name that a column is measured under: numbers or categories."""
    found: list[Values] = ["numeric" if (kind, view) in NUMBERS else "categorical" for view in VIEWS[kind]]
    return dict(zip(views(column, kind), found, strict=True))


class Strict(BaseModel):
    """Frozen, closed to keys that are not declared here, and to numbers that no value could ever exceed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Provenance(Strict):
    """What the supplier says of the data; what we saw ourselves is kept apart from it (A.7.3, A.7.5).

    From the batch of `synthetic_from` on the rows were made and not met: they show nothing about the world.
    """

    origin: Text
    supplier: Text
    licence: Text
    legal_basis: Text
    collected: Text
    synthetic_from: dt.date | None = None


class PackageSource(Strict):
    """A file inside a wheel of the Python package index, pinned by two digests."""

    kind: Literal["package"]
    package: str
    version: str
    sha256: Sha256
    member: str
    member_sha256: Sha256
    format: Literal["csv", "parquet"]
    provenance: Provenance


class FileSource(Strict):
    """A file per batch (`{batch}` in `path` is its ISO start date), or one file that holds several.

    A folder of Parquet files counts as one file. A relative path starts at the folder of `system.yaml`; a URL names
    a place in an object store; `${NAME}` is taken from the environment.
    """

    kind: Literal["file"]
    path: Text
    format: Literal["csv", "parquet", "arrow"]
    provenance: Provenance

    @field_validator("path")
    @classmethod
    def _can_be_gone_to(cls, path: str) -> str:
        return _without_problems(path, file_problems(path))

    @property
    def per_batch(self) -> bool:
        """Whether each batch is a file of its own."""
        return "{batch}" in self.path


class TableSource(Strict):
    """A table or view of a database, which holds all batches: the time column tells them apart.

    `url` is SQLAlchemy's, with `${NAME}` for what must not stand in a file; `table` is `name` or `schema.name`.
    """

    kind: Literal["table"]
    url: Text
    table: str
    provenance: Provenance

    @field_validator("url")
    @classmethod
    def _holds_no_secret(cls, url: str) -> str:
        return _without_problems(url, database_problems(url))

    @field_validator("table")
    @classmethod
    def _is_a_name(cls, table: str) -> str:
        parts = table.split(".")
        if len(parts) > 2 or not all(part.strip() for part in parts):
            raise ValueError("Must be `name` or `schema.name`; make a view if the name itself has a dot.")
        if "${" in table or "{batch}" in table:
            raise ValueError("Takes no ${NAME} and no {batch}: the time column chooses the rows of a batch.")
        return table

    @property
    def name(self) -> str:
        """The table, without its schema."""
        return self.table.split(".")[-1]

    @property
    def schema_name(self) -> str | None:
        """The schema, or None for the one that the database looks in by itself."""
        return self.table.split(".")[0] if "." in self.table else None


Source = Annotated[PackageSource | FileSource | TableSource, Field(discriminator="kind")]


class Sources(Strict):
    """Where the four kinds of data come from. Without `outcomes`, the labels stand in the production data."""

    production: Source
    reference: Source | None = None
    outcomes: Source | None = None
    training: Source | None = None


class Column(Strict):
    """What a column is for. Its type and its rules stand in the contract, once.

    `reliance` is how much the model relies on a feature, in any unit: only the shares of the declared ones count.
    """

    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    kind: Kind | None = None
    format: str | None = None
    meaning: str | None = None
    reliance: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _relies_on_features(self) -> Column:
        if self.reliance is not None and "feature" not in self.roles:
            raise ValueError("`reliance` is said of a column with the role feature.")
        return self


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
    """

    period: Period
    grace_days: Annotated[int, Field(ge=0)] = 0
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


_BY_TYPE: dict[str, Kind] = {"integer": "numeric", "number": "numeric", "date": "timestamp", "timestamp": "timestamp"}


def kind_of(system: System, types: Mapping[str, str], column: str) -> Kind:
    """As declared, else by the contract's logical type. An attribute is always compared category by category."""
    declared = system.columns[column]
    if "attribute" in declared.roles:
        return "categorical"
    return declared.kind or _BY_TYPE.get(types.get(column, ""), "categorical")


def _without_problems(value: str, problems: Iterable[str]) -> str:
    found = list(problems)
    if found:
        raise ValueError(" ".join(found))
    return value


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
