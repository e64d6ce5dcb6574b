"""What is done to a column that holds personal data and is kept: pseudonymised, redacted, or kept as it is (A.7.2).

Columns that nobody needs are listed under `personal` of the system and never kept at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from governance.shapes import Strict, Text

Treatment = Literal["pseudonymise", "redact", "allowed"]
# Whom or what a row is about: only there does a pseudonym still serve, since rows are joined and counted by it.
NAMING = frozenset({"key", "entity"})


class Personal(Strict):
    """What is done to a column's values before anything is written, and where nothing is done, why that may be."""

    treatment: Treatment
    reason: Text | None = None

    @model_validator(mode="after")
    def _says_why(self) -> Personal:
        if self.treatment == "allowed" and self.reason is None:
            raise ValueError("Personal data that is kept as it is needs a `reason`: on which ground, and for what.")
        return self


def _spelt_out(value: Any) -> Any:
    return {"treatment": value} if isinstance(value, str) else value


# `personal: redact` stands for `personal: {treatment: redact}`.
Treated = Annotated[Personal, BeforeValidator(_spelt_out)]


def role_problem(treatment: Treatment, roles: frozenset[str]) -> str | None:
    """Why a column with these roles cannot be treated so, or None."""
    if treatment == "pseudonymise" and not roles & NAMING:
        return "`personal: pseudonymise` is for a column with the role key or entity. Redact others, or drop them."
    if treatment == "redact" and roles & (NAMING | {"time"}):
        return "`personal: redact` takes spans out of a text; a key, an entity or a time is no text. Pseudonymise it."
    return None


def type_faults(treated: Mapping[str, Personal], types: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Column, what is wrong and what to do, where a treated column is no text in the contract."""
    for name, personal in treated.items():
        kind = types.get(name)
        if personal.treatment != "allowed" and kind not in (None, "string"):
            what = f"columns.{name}.personal: to {personal.treatment} makes texts, and the contract says {kind}."
            yield name, what, "Make its logicalType string."
