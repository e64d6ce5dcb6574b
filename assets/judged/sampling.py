"""Some rows of the lake, for the one measurement that counts cannot give: drawn the same each time, and never kept.

DuckDB draws them whatever engine counts the profiles: it reads the same files, and a few thousand rows need no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assets.judged.reference import entity_key
from assets.kept.home import Site
from assets.persons.erased import lake_file
from assets.source.engines import connected
from assets.source.landing_sql import quoted_path
from checks.sql_text import quoted_name
from governance.declared.declarations import Declaration
from governance.declared.system import Engine
from governance.records import Measurement

if TYPE_CHECKING:
    import pandas as pd

    from monitors.domain_classifier import Sample
    from monitors.grid import ColumnGrid, Grid

# No column of a feature is called that: a name in the sample that is not shown anywhere.
WHOSE = " whose "


def rows_told_apart(
    declaration: Declaration, batch: Path, grid: Grid, alpha: float, *, seed: str, site: Site
) -> Measurement:
    """How well a sample of the batch's rows is told from one of the reference's.

    Parameters
    ----------
    seed : str
        Hexadecimal: the batch's digest. The same files and seed give the same rows.

    Raises
    ------
    Altered
        Rows of the reference are no longer in the lake as they were when it was frozen.
    """
    from monitors.domain_classifier import DEFAULT_ROWS, told_apart

    declared = declaration.system.multivariate
    size = declared.sample if declared else DEFAULT_ROWS
    features = set(declaration.system.having("feature"))
    columns = [column for column in grid.columns if column.source in features]
    sides = (_reference_files(declaration, site), [batch])
    reference, current = (
        _drawn(declaration, paths, columns, size, (seed, side), site) for side, paths in enumerate(sides)
    )
    return told_apart(reference, current, alpha, seed=seed)


def _reference_files(declaration: Declaration, site: Site) -> list[Path]:
    """The landed batches that the reference was frozen from."""
    event = site.register.last("reference.frozen", declaration.id)
    assert event is not None
    return [lake_file(site, declaration.id, digest) for digest in event.body["inputs"]["batches"].values()]


def _drawn(
    declaration: Declaration,
    paths: Sequence[Path],
    columns: Sequence[ColumnGrid],
    size: int,
    seed: tuple[str, int],
    site: Site,
) -> Sample:
    import pandas as pd

    from monitors.domain_classifier import Sample

    entity = declaration.system.the("entity")
    backend = connected(Engine(), site.home.spill)
    with closing(backend.con):
        if entity is None:
            drawn, of = places(paths, size, seed)
        else:
            drawn, of = _places_of_entities(backend, paths, entity, size, seed[0], entity_key(declaration, site))
        parts = [_rows(backend, path, columns, drawn[drawn["file"] == i]) for i, path in enumerate(paths)]
    rows = pd.concat(parts, ignore_index=True)
    whose = rows.pop(WHOSE)
    return Sample(rows, of, whose.to_numpy() if entity else None)


def places(paths: Sequence[Path], size: int, seed: tuple[str, int]) -> tuple[pd.DataFrame, int]:
    """Where the rows stand (`file`, `row`), each as likely as any other; and of how many they were drawn."""
    import pandas as pd
    import pyarrow.parquet as pq

    lengths = [pq.read_metadata(path).num_rows for path in paths]
    starts, rows = np.cumsum([0, *lengths[:-1]]), sum(lengths)
    drawn = np.random.default_rng([int(seed[0], 16), seed[1]]).choice(rows, min(size, rows), replace=False)
    file = np.searchsorted(starts, drawn, side="right") - 1
    return pd.DataFrame({"file": file, "row": drawn - starts[file], WHOSE: ""}), rows


def _places_of_entities(
    backend: Any, paths: Sequence[Path], entity: str, size: int, seed: str, key: str
) -> tuple[pd.DataFrame, int]:
    """One row of each drawn entity, known by a keyed hash; and of how many entities they were drawn.

    One row, because rows of one entity are alike and would be taken for so many proofs. Rows without an entity are
    left out: nothing is known of whom they belong to.
    """
    column = quoted_name(entity)
    each = " UNION ALL ".join(
        f"SELECT {i} AS file, file_row_number AS row, md5($key || {column}::VARCHAR) AS whose "
        f"FROM read_parquet({quoted_path(path)}, file_row_number=true) WHERE {column} IS NOT NULL"
        for i, path in enumerate(paths)
    )
    backend.con.execute(
        "CREATE TEMP TABLE entities AS SELECT whose, arg_min({file: file, row: row}, "
        f"md5($seed || file || ' ' || row)) AS place FROM ({each}) GROUP BY whose",
        {"key": key, "seed": seed},
    )
    (of,) = backend.con.execute("SELECT count(*) FROM entities").fetchone()
    query = "SELECT place.file AS file, place.row AS row, whose FROM entities ORDER BY md5($seed || whose) LIMIT $size"
    drawn = backend.con.execute(query, {"seed": seed, "size": size}).df()
    return drawn.rename(columns={"whose": WHOSE}), int(of)


def _rows(backend: Any, path: Path, columns: Sequence[ColumnGrid], drawn: pd.DataFrame) -> pd.DataFrame:
    """What the grid counts of these rows' features, value by value, in the file's order."""
    import ibis

    from monitors.views import finite, number_of, word_of

    table = backend.read_parquet(str(path), file_row_number=True)
    present = [column for column in columns if column.source in table.columns]
    values = {
        f"x{i}": finite(number_of(table, column)) if column.is_numeric else word_of(table, column)
        for i, column in enumerate(present)
    }
    wanted = ibis.memtable(drawn[["row", WHOSE]].astype({WHOSE: "str"}))
    seen = table.select(place=table.file_row_number, **values).inner_join(wanted, ibis._.place == wanted.row)
    names = {column.name: f"x{i}" for i, column in enumerate(present)}
    return seen.order_by("place").select(**names, **{WHOSE: WHOSE}).to_pandas()
