"""What one call costs, in a fresh interpreter of its own.

`python -m benchmarks.timing MODULE:TASK JOB RESULT` runs one task and writes its cost. A task is a generator over
a `Job`: before `READY` stand the imports and one call on the sample, which brings in what is imported late; then
comes the warm-up, then each timed phase after the name that is yielded for it, until `DONE`. It returns facts
about what was done.

Only the standard library is imported here: tasks run in the environments of the peers, too.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

READY, DONE = "ready", "done"
LIBRARIES = (
    "duckdb",
    "evidently",
    "fairlearn",
    "great-expectations",
    "ibis-framework",
    "nannyml",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
)


@dataclass(frozen=True)
class Job:
    """The files of one size.

    `sample` is small and of no other use; `warm_up` is empty where the call on the sample is all the warming there
    is. `state` keeps what is frozen from the reference for the tasks that come after.
    """

    rows: int
    width: int
    reference: tuple[str, ...]
    batch: tuple[str, ...]
    sample: tuple[str, ...]
    warm_up: tuple[str, ...]
    state: str

    def as_json(self) -> str:
        """For the command line."""
        return json.dumps(asdict(self))


Facts = dict[str, Any]
Task = Callable[[Job], Generator[str, None, Facts]]


def job_of(text: str) -> Job:
    """The job that `as_json` wrote."""
    plain: dict[str, Any] = json.loads(text)
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    return Job(**given)


def cost_of(task: Task, job: Job) -> dict[str, Any]:
    """CPU and wall seconds of each phase, and the peak of resident memory (MB) above that at `READY`."""
    steps = task(job)
    _expect(next(steps), READY)
    _read_once((*job.reference, *job.batch))
    baseline = _resident_mb(reset=True)
    phases, phase = {}, next(steps)
    while phase != DONE:
        cpu, wall = _cpu_s(), time.perf_counter()
        following = next(steps)
        phases[phase] = {"cpu_s": _cpu_s() - cpu, "wall_s": time.perf_counter() - wall}
        phase = following
    peak = _resident_mb()
    return {
        "cpu_s": sum(p["cpu_s"] for p in phases.values()),
        "wall_s": sum(p["wall_s"] for p in phases.values()),
        "memory_mb": max(peak - baseline, 0.0),
        "baseline_mb": baseline,
        "phases": phases,
        "facts": _rest_of(steps),
        "versions": _versions(),
    }


def _rest_of(steps: Generator[str, None, Facts]) -> Facts:
    """Runs what a task does after its last phase, untimed."""
    try:
        following = next(steps)
    except StopIteration as end:
        return dict(end.value)
    raise ValueError(f"A task must end after {DONE!r}, got {following!r}.")


def _expect(found: str, wanted: str) -> None:
    if found != wanted:
        raise ValueError(f"A task must first yield {wanted!r}, got {found!r}.")


def _read_once(paths: tuple[str, ...]) -> None:
    """Brings files into the page cache, so that no timing depends on who read them before."""
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.read(1 << 24):
                pass


def _cpu_s() -> float:
    """User and system time of this process, its threads and its finished children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _resident_mb(*, reset: bool = False) -> float:
    """The peak of resident memory since the last reset, or with `reset` the memory now.

    On Linux the kernel's own mark is read: `ru_maxrss` would start at the size of the process that started this one.
    """
    status, mark = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists():
        scale = 2**20 if sys.platform == "darwin" else 2**10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale
    if reset:
        mark.write_text("5")
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return int(fields["VmRSS" if reset else "VmHWM"].split()[0]) / 2**10


def _versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found | {"python": ".".join(map(str, sys.version_info[:3])), "cores": str(os.cpu_count())}


def main() -> None:
    """One task, as named on the command line."""
    where, job, result = sys.argv[1:]
    module, name = where.split(":")
    task = getattr(importlib.import_module(module), name)
    Path(result).write_text(json.dumps(cost_of(task, job_of(job))))


if __name__ == "__main__":
    main()
