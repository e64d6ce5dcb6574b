"""Pages from the templates beside this file: every value escaped, and a name that a template misses is an error."""

from __future__ import annotations

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from reports.tables import breakable


@functools.cache
def template(name: str) -> Template:
    """The template of that file name."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    return environment.get_template(name)
