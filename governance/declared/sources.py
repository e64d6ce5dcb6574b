"""Where an AI system's data comes from, and what its supplier says of it (A.7.3, A.7.5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints, field_validator

from governance.declared.addresses import database_problems, file_problems
from governance.shapes import Sha256, Strict, Team, Text

Part = Literal["production", "reference", "outcomes", "training"]
Said = Annotated[str, StringConstraints(strip_whitespace=True)]


class Provenance(Strict):
    """What the supplier says of the data; what we saw ourselves is kept apart from it (A.7.3, A.7.5).

    Which of it must be known is the contract's to say (`governance.declared.acquisition`). `owner` answers for the
    data. After `licence_until` nothing more is taken in. From the batch of `synthetic_from` on the rows were made and
    not met: they show nothing about the world.
    """

    origin: Said | None = None
    supplier: Said | None = None
    licence: Said | None = None
    legal_basis: Said | None = None
    collected: Said | None = None
    owner: Team | None = None
    licence_until: dt.date | None = None
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
    """Where the four kinds of data come from. Without `outcomes`, the labels stand in the production data.

    `lookups` are the contract's further tables, by name: what its relationships refer to, whole and not by batch.
    """

    production: Source
    reference: Source | None = None
    outcomes: Source | None = None
    training: Source | None = None
    lookups: dict[str, Source] = Field(default_factory=dict)

    @field_validator("lookups")
    @classmethod
    def _are_whole(cls, lookups: dict[str, Source]) -> dict[str, Source]:
        for name, source in lookups.items():
            if name in get_args(Part):
                raise ValueError(f"A lookup cannot be called {name!r}: that is one of the system's own sources.")
            if isinstance(source, FileSource) and source.per_batch:
                raise ValueError(f"The lookup {name} is one file for all batches: {{batch}} cannot stand in its path.")
        return lookups


def _without_problems(value: str, problems: Iterable[str]) -> str:
    found = list(problems)
    if found:
        raise ValueError(" ".join(found))
    return value
