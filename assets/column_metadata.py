"""Columns and where they came from, in the form in which Dagster shows them. A view: the record has it all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import dagster as dg

from assets.landed.column_sources import landed_from_body, measured_from
from checks.rules import DUCKDB_TYPES
from governance.declared.declarations import Declaration
from governance.declared.sources import Part


def landed_columns(declaration: Declaration, part: Part, body: Mapping[str, Any]) -> dict[str, Any]:
    """Schema and column lineage of a landed part, and what its preparation did, as metadata."""
    source = dg.AssetKey([declaration.id, f"{part}_source"])
    found = landed_from_body(declaration, part, body)
    deps = {name: [dg.TableColumnDep(source, column) for column in columns] for name, columns in found.items()}
    metadata: dict[str, Any] = {
        "dagster/column_schema": _schema(declaration, found),
        "dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps),
    }
    if body.get("preparation"):
        metadata["preparation"] = dg.MetadataValue.json(list(body["preparation"]))
    return metadata


def measured_columns(declaration: Declaration) -> dict[str, Any]:
    """Which landed column each measured one comes from: outcomes from where they come, all others from the batch."""
    apart = declaration.system.the("label") if declaration.system.sources.outcomes else None
    deps = {
        measured: [dg.TableColumnDep(dg.AssetKey([declaration.id, "outcomes" if name == apart else "batch"]), name)]
        for measured, name in measured_from(declaration).items()
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps_by_column=deps)}


def _schema(declaration: Declaration, names: Iterable[str]) -> dg.TableSchema:
    columns = declaration.system.columns
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                type=DUCKDB_TYPES[declaration.types[name]].lower(),
                description=columns[name].meaning,
                constraints=dg.TableColumnConstraints(nullable=name not in declaration.required),
            )
            for name in names
        ]
    )
