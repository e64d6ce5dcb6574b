"""Notices that the columns of a source changed, and tells it once (`governance.cases.schema_changes`)."""

from __future__ import annotations

from collections.abc import Mapping

from assets.kept.home import Site
from assets.landed.reading import wanted_columns
from governance.cases.schema_changes import CHANGED, FOUND, changes, told
from governance.declared.declarations import Declaration
from governance.declared.sources import Part


def note_schema(declaration: Declaration, batch: str, part: Part, columns: Mapping[str, str], site: Site) -> None:
    """Holds a source's columns against those of its first landing; what was not told yet becomes an event."""
    # Training data and lookups come whole and by name.
    subject = f"{declaration.id}/{batch if part == 'training' else part}"
    first = site.register.last(FOUND, subject)
    if first is None:
        body = {"first": True, "batch": batch, "columns": dict(columns), "run": site.run}
        site.register.record(FOUND, subject, body, at=site.at, unless="first")
        return
    declared = wanted_columns(declaration, part)
    known = {*declaration.system.columns, *declaration.system.personal}
    found = changes(subject, first.body["columns"], columns, declared, known)
    if not found:
        return
    before = told(site.register.history(subject, (CHANGED,)))
    new = [change.as_body() for change in found if change.id not in before]
    if new:
        body = {"batch": batch, "changes": new, "declaration": declaration.digest, "run": site.run}
        site.register.record(CHANGED, subject, body, at=site.at)
