"""What a run of the study found: one JSON a part, with what it was found by."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.study import bounds, columns, groups

FOLDER = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[2] / "docs" / "simulation.md"
PARTS = {"columns": columns.run, "groups": groups.run, "bounds": bounds.run}
SEED = 20_261_124
LIBRARIES = ("numpy", "scipy", "pandas", "evidently", "fairlearn")
Result = dict[str, Any]


def run(name: str, factor: float, say: Callable[[str], None]) -> Result:
    """One part of the study. Records depend on the seed, the factor and the versions alone."""
    begun, rng = time.process_time(), np.random.default_rng([SEED, list(PARTS).index(name)])
    records = PARTS[name](factor, rng, say)
    return {
        "part": name,
        "date": datetime.now(UTC).date().isoformat(),
        "factor": factor,
        "seed": SEED,
        "cpu_s": round(time.process_time() - begun),
        "versions": {"python": platform.python_version(), **{library: version(library) for library in LIBRARIES}},
        "records": records,
    }


def keep(result: Result, folder: Path) -> None:
    """Writes the part's file, one line a record."""
    head = json.dumps({key: value for key, value in result.items() if key != "records"})
    lines = ",\n".join(json.dumps(record) for record in result["records"])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['part']}.json"
    path.write_text(f'{head[:-1]}, "records": [\n{lines}\n]}}\n', encoding="utf-8")


def kept(folder: Path) -> dict[str, Result]:
    """All parts that are kept."""
    paths = (folder / f"{name}.json" for name in PARTS)
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()}
