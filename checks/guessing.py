"""What a column is probably for, guessed from its name and from counts of its values: drafts for people to decide.

Nothing here is a finding. A guess errs towards asking: what could be about a person's sex, origin or health is called
a candidate for a sensitive attribute, and somebody decides. Which columns look personal is in `checks.personal`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monitors.facts import ColumnFacts
from monitors.kinds import Kind

# Words in a column's name, in several languages, accents left out.
SENSITIVE = frozenset(
    {"sex", "gender", "geschlecht", "sexe", "sexo", "genre", "genero", "sesso", "genere", "kon", "geslacht", "plec"}
    | {"race", "ethnicity", "ethnic", "ethnie", "ethnizitat", "rasse", "raza", "raca", "razza", "etnia", "etnicidad"}
    | {"age", "alter", "edad", "eta", "idade", "leeftijd", "wiek", "agecat"}
    | {"religion", "belief", "religione", "religiao", "konfession", "glaube", "foi"}
    | {"nationality", "citizenship", "nationalitat", "staatsangehorigkeit", "nationalite", "citoyennete"}
    | {"nacionalidad", "nacionalidade", "nazionalita", "cittadinanza", "birthplace", "migration"}
    | {"disability", "disabled", "handicap", "behinderung", "discapacidad", "disabilita", "deficiencia", "invalidite"}
    | {"pregnant", "pregnancy", "orientation", "marital", "familienstand", "union", "veteran", "caste"}
)
LABEL = frozenset(
    {"label", "target", "outcome", "outcomes", "truth", "actual", "y", "default", "defaulted", "churn", "churned"}
    | {
        "recid",
        "recidivism",
        "repaid",
        "readmitted",
        "survived",
        "converted",
        "fraud",
        "ziel",
        "zielvariable",
        "resultat",
        "objetivo",
    }
)
SCORE = frozenset({"score", "probability", "prob", "proba", "probabilities", "likelihood", "risk"})
PREDICTION = frozenset({"prediction", "predicted", "predictions", "pred", "yhat", "decision", "forecast", "prognose"})
# Whole names of columns that hold a part of a person's name.
NAMES = frozenset({"first", "last", "given", "family", "middle", "maiden", "vor", "nach", "nom", "nombre", "nome"})
TIME = frozenset({"date", "day", "time", "timestamp", "datetime", "datum", "fecha", "data", "jour", "created", "month"})
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
# As many values as a set that somebody could have written down.
MOST_VALUES = 50


def words(name: str) -> frozenset[str]:
    """The words of a column's name in small letters, without accents, and the name as a whole."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    found = [word.lower() for word in _WORD.findall(plain)]
    return frozenset({*found, "".join(found)})


def looks_sensitive(name: str) -> bool:
    """Whether the name has a word for what people must not be treated differently by."""
    return bool(words(name) & SENSITIVE)


def is_part_of_a_name(name: str) -> bool:
    """Whether the column is called `first` or `last` and the like, with nothing else."""
    return len(words(name)) == 1 and bool(words(name) & NAMES)


@dataclass(frozen=True)
class Seen:
    """One column as the draft sees it.

    Attributes
    ----------
    logical : the contract's type for it, or None where there is none
    values : rows by value, where the column has at most `MOST_VALUES` and may be shown; else empty
    personal : why it looks personal, or None
    """

    facts: ColumnFacts
    kind: Kind
    logical: str | None
    values: Mapping[str, int]
    personal: str | None = None

    @property
    def name(self) -> str:
        """The column."""
        return self.facts.name

    @property
    def complete(self) -> bool:
        """Every row holds a value."""
        return self.facts.rows > 0 and self.facts.nulls == 0 and self.facts.nan == 0

    @property
    def is_key(self) -> bool:
        """No value twice, none missing, and named or made like an identifier."""
        every = self.complete and self.facts.distinct == self.facts.rows
        return every and self.kind is Kind.IDENTIFIER

    @property
    def is_binary(self) -> bool:
        """True and false, or 1 and 0: what a label or a prediction has to be."""
        if self.facts.family == "boolean":
            return True
        return self.facts.family in ("integer", "number") and set(self.values) == {"0", "1"}

    @property
    def is_share(self) -> bool:
        """A number from 0 to 1 that is no flag."""
        low, high = self.facts.low, self.facts.high
        return self.facts.family == "number" and low is not None and high is not None and 0 <= low <= high <= 1


@dataclass(frozen=True)
class Roles:
    """Roles by column, and which task they make."""

    columns: Mapping[str, tuple[str, ...]]
    task: str | None
    guesses: tuple[str, ...]


def guess_roles(seen: Mapping[str, Seen]) -> Roles:
    """One role for each column that can have one; others stay out of the draft, and that is told too."""
    usable = [column for column in seen.values() if column.logical and not column.personal]
    found: dict[str, tuple[str, ...]] = {}
    guesses: list[str] = []

    def give(column: Seen | None, role: str, why: str) -> None:
        if column is not None:
            found[column.name] = (role,)
            guesses.append(f"columns.{column.name}.roles: taken for the {role}, {why}")

    times = [column for column in usable if column.facts.family == "time" and column.complete]
    give(_named(times, TIME) or (times[0] if times else None), "time", "which decides the batch of a row")
    rest = [column for column in usable if column.name not in found]
    outcomes = [c for c in rest if (c.is_binary or _is_quantity(c)) and not words(c.name) & (SCORE | PREDICTION)]
    label = _named(outcomes, LABEL)
    give(label, "label", "by its name; it must be what became true, coded 1 and 0")
    rest = [column for column in rest if column.name not in found]
    score = _named([column for column in rest if _is_quantity(column) and not column.is_binary], SCORE | PREDICTION)
    flag = _named([column for column in rest if column.is_binary], PREDICTION)
    regression = label is not None and not label.is_binary and score is not None
    give(score, "prediction" if regression else "score", "by its name")
    give(flag if flag is not score else None, "prediction", "by its name")
    keys = [column for column in rest if column.is_key and column.name not in found]
    give(keys[0] if keys else None, "key", "for no value of it comes twice")
    for column in rest:
        if column.name not in found:
            found |= _feature_or_attribute(column, guesses)
    guesses += list(_lacking(found))
    left = sorted(name for name, column in seen.items() if name not in found and not column.personal)
    guesses += (
        [f"columns: {', '.join(left)} left out (an identifier, free text, empty, or no plain value)"] if left else []
    )
    task = "regression" if regression else "binary_classification"
    guesses.append(f"task: taken for a {task}")
    ordered = {name: found[name] for name in seen if name in found}
    return Roles(ordered, task, tuple(guesses))


def _feature_or_attribute(column: Seen, guesses: list[str]) -> dict[str, tuple[str, ...]]:
    if column.kind not in (Kind.NUMERIC, Kind.CATEGORICAL, Kind.BOOLEAN, Kind.TIME):
        return {}
    if not looks_sensitive(column.name):
        return {column.name: ("feature",)}
    if column.kind is Kind.NUMERIC and not 0 < len(column.values) <= 10:
        guesses.append(f"columns.{column.name}: may be a sensitive attribute; groups need bands, made with the data")
        return {column.name: ("feature",)}
    guesses.append(f"columns.{column.name}.roles: may be a sensitive attribute, by its name; add feature if it is one")
    return {column.name: ("attribute",)}


def _lacking(found: Mapping[str, tuple[str, ...]]) -> list[str]:
    roles = {role for some in found.values() for role in some}
    said = {
        "time": "no column without gaps was found that says when a row came about; one must have the role time",
        "label": "no column was found that says what became true; without one nothing is known of errors",
    }
    lacking = [f"columns: {what}" for role, what in said.items() if role not in roles]
    if not roles & {"score", "prediction"}:
        lacking.append("columns: neither a score nor a prediction was found; give a column that role")
    return lacking


def _named(columns: list[Seen], among: frozenset[str]) -> Seen | None:
    return next((column for column in columns if words(column.name) & among), None)


def _is_quantity(column: Seen) -> bool:
    return column.facts.family in ("integer", "number") and column.kind is Kind.NUMERIC


def property_of(column: Seen, roles: tuple[str, ...], fewest: int) -> dict[str, Any]:
    """The contract's property for a column.

    A label is never required: outcomes come later than the rows that they are about.

    Parameters
    ----------
    fewest : rows that each value must have for values to be written down
    """
    made: dict[str, Any] = {"name": column.name, "logicalType": column.logical}
    if column.complete and "label" not in roles:
        made["required"] = True
    if "key" in roles:
        made["unique"] = True
    limits = limits_of(column, roles)
    if limits:
        made["logicalTypeOptions"] = limits
    if column.logical == "string" and column.values and min(column.values.values()) >= fewest:
        valid = {"type": "library", "metric": "invalidValues", "arguments": {"validValues": sorted(column.values)}}
        made["quality"] = [{"id": f"{column.name}_is_known", **valid, "mustBe": 0, "severity": "warning"}]
    return made


def about_properties(properties: list[dict[str, Any]], fewest: int) -> list[str]:
    """What of the properties is a guess, and from what."""
    said = {
        "required": "no row was without a value",
        "unique": "no value came twice",
        "logicalTypeOptions": "the range that was seen, a tenth of the span wider on each side; 0 to 1 for scores",
        "quality": f"the values that were seen, each in {fewest} rows or more; others are warned of",
    }
    found = []
    for key, how in said.items():
        names = [made["name"] for made in properties if key in made]
        if names:
            found.append(f"{key} of {', '.join(names)}: {how}")
    return found


def limits_of(column: Seen, roles: tuple[str, ...]) -> dict[str, float | int]:
    """A range that the column's numbers keep well within, its ends rounded outward so that they are nobody's value."""
    low, high = column.facts.low, column.facts.high
    numbers = column.logical in ("integer", "number")
    if not numbers or low is None or high is None or column.is_binary or {"label", "key"} & set(roles):
        return {}
    if column.is_share and {"score", "prediction"} & set(roles):
        return {"minimum": 0, "maximum": 1}
    step = 10.0 ** math.floor(math.log10(max((high - low) / 10, abs(high) / 1e6, 1e-9)))
    step = max(step, 1.0) if column.logical == "integer" else step
    margin = (high - low) / 10
    least = math.floor((low - margin) / step) * step
    most = math.ceil((high + margin) / step) * step
    if low >= 0 and least < 0:
        least = 0.0
    return {"minimum": _tidy(least, step), "maximum": _tidy(most, step)}


def _tidy(value: float, step: float) -> float | int:
    tidy = round(value, max(0, -math.floor(math.log10(step))))
    return int(tidy) if tidy == int(tidy) else tidy
