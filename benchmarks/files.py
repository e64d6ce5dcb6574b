"""Where the made files stand, and making what is missing.

The files of 1e8 rows are ten of 1e7; the first of them is the batch of 1e7 itself. Its reference is that of 1e7: a
grid is as fine after ten million rows as after a hundred.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from benchmarks import law

LARGEST_FILE = 10_000_000
WARM_UP_ROWS = 2_000
PROCESSES = 2
# Measured: 101 bytes a row of 34 columns at 1e6 rows; the rest is margin.
BYTES_PER_CELL = 3.5


class Fault(Exception):
    """A request that cannot be met, in one line."""


@dataclass(frozen=True)
class File:
    """One file to be made: the first `rows` rows of a part of a table."""

    path: Path
    rows: int
    seed: int
    part: int = 0
    width: int = law.WIDTH

    @property
    def bytes_needed(self) -> float:
        """What it will take on disk, with some margin."""
        return self.rows * self.width * BYTES_PER_CELL


@dataclass(frozen=True)
class Made:
    """The files of one size."""

    rows: int
    width: int
    reference: tuple[File, ...]
    batch: tuple[File, ...]
    sample: File

    @property
    def files(self) -> tuple[File, ...]:
        """All of them."""
        return (*self.reference, *self.batch, self.sample)


def data_folder(named: str | None) -> Path:
    """The folder asked for, or one in the user's cache: never the project's own."""
    named = named or os.environ.get("AIMS_BENCH_DATA")
    base = Path(named) if named else Path(platformdirs.user_cache_dir("aims-monitor")) / "benchmarks"
    return base.absolute()


def spelt(rows: int) -> str:
    """`1e6` for 1,000,000; other numbers as they are."""
    digits = str(rows)
    return f"1e{len(digits) - 1}" if rows > 1 and set(digits[1:]) == {"0"} and digits[0] == "1" else digits


def files_of(folder: Path, rows: int, width: int = law.WIDTH) -> Made:
    """Which files this size is made of; none is made yet."""
    parts = max(1, rows // LARGEST_FILE)
    if rows > LARGEST_FILE and rows % LARGEST_FILE:
        raise Fault(f"More than {LARGEST_FILE:,} rows must be a multiple of it, got {rows:,}.")
    each = rows // parts
    home = folder / f"law-{law.VERSION}" / f"{spelt(each)}x{width}"
    return Made(
        rows,
        width,
        (File(home / "reference.parquet", each, law.REFERENCE, width=width),),
        tuple(File(home / f"batch-{part}.parquet", each, law.BATCH, part, width) for part in range(parts)),
        File(home / "sample.parquet", min(WARM_UP_ROWS, rows), law.SAMPLE, width=width),
    )


def missing(made: Iterable[Made]) -> list[File]:
    """What is not there yet, the largest first."""
    wanted = {file.path: file for size in made for file in size.files}
    return sorted((f for f in wanted.values() if not f.path.exists()), key=lambda f: -f.bytes_needed)


def make(folder: Path, wanted: list[File]) -> Iterable[File]:
    """Makes files, two at a time, and tells of each as it is done.

    Raises
    ------
    Fault
        The disk is too small: nothing is begun.
    """
    folder.mkdir(parents=True, exist_ok=True)
    need, free = sum(file.bytes_needed for file in wanted), shutil.disk_usage(folder).free
    if need > free:
        raise Fault(
            f"The data need {need / 1e9:.1f} GB, {folder} has {free / 1e9:.1f} GB free: "
            "name another folder with --data or AIMS_BENCH_DATA."
        )
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        begun = {pool.submit(_make, file): file for file in wanted}
        for done in as_completed(begun):
            done.result()
            yield begun[done]


def _make(file: File) -> None:
    law.write(file.path, file.rows, seed=file.seed, part=file.part, width=file.width)
