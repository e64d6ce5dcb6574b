"""Runs a plan: each call in a process of its own, and what it cost, as plain data."""

from __future__ import annotations

import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import law
from benchmarks.files import Fault, Made, files_of
from benchmarks.nannyml_environment import Unavailable, build
from benchmarks.plan import FREEZE, SHARES, Entry, Part
from benchmarks.timing import Job

ROOT = Path(__file__).parents[1]
LIMIT_S = 3600
STILL_RUNNING_S = 30
# Nothing that runs here reports to anybody.
SILENT = {
    "DO_NOT_TRACK": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "PYTHONWARNINGS": "ignore",
}
Say = Callable[[str], None]
Result = dict[str, Any]


class Failed(Exception):
    """A timed call ended without a figure; the reason names no place."""


class Session:
    """What is run together: one data folder, and references that are frozen once, by the code as it stands."""

    def __init__(self, data: Path, say: Say) -> None:
        self.data, self.say = data, say
        self._frozen: set[str] = set()

    def run(self, part: Part) -> Result:
        """Every entry of a part. What failed says why, and the rest goes on."""
        made = files_of(self.data, part.rows, part.width)
        state = self._state(part)
        if FREEZE not in part.entries and state not in self._frozen:
            self._entry(FREEZE, files_of(self.data, part.reference, part.width), state, f"{part.name} (its reference)")
        costs = {entry.key: self._entry(entry, made, state, part.name) for entry in part.entries}
        return {
            "name": part.name,
            "rows": part.rows,
            "columns": part.width,
            "reference_rows": part.reference,
            "law": law.VERSION,
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "cores": os.cpu_count(),
            "titles": {entry.key: entry.title for entry in part.entries},
            "costs": costs,
        }

    def _state(self, part: Part) -> str:
        home = files_of(self.data, part.reference, part.width).reference[0].path.parent
        return str(home / "state")

    def _entry(self, entry: Entry, made: Made, state: str, name: str) -> dict[str, Any]:
        job = _job(entry, made, state)
        found: list[dict[str, Any]] = []
        try:
            python = build(self.data) if entry.own_environment else Path(sys.executable)
            for run in range(entry.runs):
                self.say(f"{name} · {entry.title}" + (f" · {run + 1} of {entry.runs}" if entry.runs > 1 else ""))
                found.append(_timed(python, entry.task, job, self.say))
        except (Failed, Unavailable) as fault:
            self.say(f"{name} · {entry.title} · not measured: {fault}")
            return {"reason": str(fault)}
        cost = median_of(found)
        self.say(f"{name} · {entry.title} · {cost['cpu_s']:.3g} s of CPU, {cost['memory_mb']:,.0f} MB")
        if entry.key == FREEZE.key:
            self._frozen.add(state)
        return cost


def contract_alone(data: Path, part: Part, say: Say) -> dict[str, Any]:
    """What the contract of a part costs by itself; nothing is frozen for it, and nothing kept.

    Raises
    ------
    Fault
        It ended without a figure.
    """
    entry = next(entry for entry in SHARES if entry.key == "contract")
    job = _job(entry, files_of(data, part.rows, part.width), str(data / "nothing"))
    try:
        with one_file(job.batch, data, say) as batch:
            return _timed(Path(sys.executable), entry.task, replace(job, batch=(batch,)), say)
    except Failed as fault:
        raise Fault(f"the contract was not measured: {fault}") from None


@contextmanager
def one_file(paths: tuple[str, ...], folder: Path, say: Say) -> Iterator[str]:
    """The only file there is, or all of them in one, for as long as it is needed: a contract is asked of one file."""
    if len(paths) == 1:
        yield paths[0]
        return
    import duckdb

    whole = folder / "whole.parquet"
    say(f"putting {len(paths)} files into one …")
    try:
        with duckdb.connect() as connection:
            # What is counted does not depend on the order of rows, and keeping it would take their memory.
            connection.execute("SET preserve_insertion_order = false")
            connection.read_parquet(list(paths)).write_parquet(str(whole), compression="snappy")
        yield str(whole)
    finally:
        whole.unlink(missing_ok=True)


def median_of(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of every figure over several runs; with the lowest and highest CPU."""
    cpu = [run["cpu_s"] for run in found]
    phases = {
        name: {key: _median([run["phases"][name][key] for run in found]) for key in ("cpu_s", "wall_s")}
        for name in found[0]["phases"]
    }
    return {
        "runs": len(found),
        **{key: _median([run[key] for run in found]) for key in ("cpu_s", "wall_s", "memory_mb", "baseline_mb")},
        "cpu_low_s": _short(min(cpu)),
        "cpu_high_s": _short(max(cpu)),
        "phases": phases,
        "facts": found[0]["facts"],
        "versions": found[0]["versions"],
    }


def _median(numbers: list[float]) -> float:
    return _short(statistics.median(numbers))


def _short(number: float) -> float:
    return float(f"{number:.4g}")


def _job(entry: Entry, made: Made, state: str) -> Job:
    reference, batch = (tuple(str(file.path) for file in part) for part in (made.reference, made.batch))
    # The reference is not read by what counts a batch.
    needs_reference = entry.is_peer or entry.key in ("freeze", "drift", "rates", "performance")
    return Job(
        rows=made.rows,
        width=made.width,
        reference=reference if needs_reference else (),
        batch=batch,
        sample=(str(made.sample.path),),
        warm_up=batch[:1] if entry.warm else (),
        state=state,
    )


def _timed(python: Path, task: str, job: Job, say: Say) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        result, said = Path(folder) / "result.json", Path(folder) / "said"
        command = [str(python), "-m", "benchmarks.timing", task, job.as_json(), str(result)]
        with said.open("w") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=_environment(), stdout=output, stderr=output)
            code = _wait(process, say)
        if code != 0 or not result.exists():
            lines = said.read_text(errors="replace").strip().splitlines()
            say(lines[-1] if lines else f"{task} said nothing")
            raise Failed(_reason(code, lines))
        found: dict[str, Any] = json.loads(result.read_text())
        return found


def _wait(process: subprocess.Popen[bytes], say: Say) -> int | None:
    """The exit code; None when the limit was reached and the process was ended."""
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < LIMIT_S:
        try:
            return process.wait(STILL_RUNNING_S)
        except subprocess.TimeoutExpired:
            say(f"  still running, {passed + STILL_RUNNING_S:.0f} s")
        except BaseException:
            process.kill()
            process.wait()
            raise
    process.kill()
    process.wait()
    return None


def _reason(code: int | None, lines: list[str]) -> str:
    """Why there is no figure. The exception's name only: its message may hold a path."""
    if code is None:
        return f"gave up after {LIMIT_S} s"
    if code < 0:
        return f"ended by signal {-code}" + (", as when memory runs out" if code == -9 else "")
    name = lines[-1].split(":")[0].split(".")[-1] if lines else ""
    return f"failed: {name}" if name.isidentifier() else f"failed with exit code {code}"


def _environment() -> Mapping[str, str]:
    # This tree first, wherever the project is installed from.
    return {**os.environ, **SILENT, "PYTHONPATH": str(ROOT)}


def sizes_of(data: Path, parts: list[Part]) -> list[Made]:
    """The files that parts need, those of their references included."""
    pairs = {(part.rows, part.width) for part in parts} | {(part.reference, part.width) for part in parts}
    return [files_of(data, rows, width) for rows, width in sorted(pairs)]


def keep(result: Result, folder: Path) -> Path:
    """Writes one result as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['name']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def kept(folder: Path) -> list[Result]:
    """All results of a folder, narrow tables first, then by rows."""
    found = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    if not found:
        raise Fault(f"No results in {folder}: run `python -m benchmarks run` first.")
    return sorted(found, key=lambda r: (r["columns"], r["rows"]))
