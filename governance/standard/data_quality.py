"""Measures of data quality by family, with their codes: `data/standard/data_quality.yaml` as checked data (A.7.4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from governance.documents import Document, shaped
from governance.faults import DeclarationFaults, Fault
from governance.shapes import Identifier, Strict, Text

FILE = Path(__file__).resolve().parents[2] / "data" / "standard" / "data_quality.yaml"
Code = Annotated[str, StringConstraints(pattern=r"^[A-Z][a-z]{2}-ML-\d{1,2}$")]


class QualityMeasure(Strict):
    """One measure in our own words; the code is somebody else's, and may be wrong. Without it the measure is ours."""

    id: Identifier
    about: Text
    code: Code | None = None
    not_measured: Text | None = None


class Family(Strict):
    """Measures about one side of the data."""

    id: Identifier
    about: Text
    measures: Annotated[tuple[QualityMeasure, ...], Field(min_length=1)]


class DataQuality(Strict):
    """`data_quality.yaml`."""

    as_of: dt.date
    source: Text
    families: Annotated[tuple[Family, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> DataQuality:
        ids = [measure.id for _, measure in self.measures()]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"The measure {twice[0]!r} stands there twice.")
        return self

    def measures(self) -> Iterator[tuple[Family, QualityMeasure]]:
        """Every measure with its family, in order."""
        for family in self.families:
            for measure in family.measures:
                yield family, measure


@cache
def data_quality(path: Path = FILE) -> DataQuality:
    """The families and measures.

    Raises
    ------
    DeclarationFaults
        The file is not as it must be.
    """
    faults: list[Fault] = []
    found = shaped(Document.read(path, faults), DataQuality, faults)
    if found is None:
        raise DeclarationFaults(faults)
    return found
