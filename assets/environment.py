"""On what the pipeline runs: installed packages, interpreter, kind of machine (A.4.4, A.4.5).

Entered into the record once for each environment that ever judged a batch. What would name a machine or a user of it
is left out.
"""

from __future__ import annotations

import functools
import os
import platform
from importlib.metadata import distributions
from typing import Any

from assets.kept.home import Site
from governance.record.canonical import digest

FOUND = "environment.found"


@functools.cache
def environment() -> dict[str, Any]:
    """Packages as `name==version`, the interpreter and the machine, with a digest over all of it."""
    packages = sorted({f"{found.name.lower()}=={found.version}" for found in distributions() if found.name})
    seen = {
        "packages": packages,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": platform.system(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
    }
    return {"sha256": digest(seen), **seen}


def note_environment(site: Site) -> None:
    """Enters the environment of this process, unless it was seen before."""
    body = environment()
    site.register.record(FOUND, f"environment/{body['sha256'][:16]}", body, at=site.at, unless="sha256")
