"""The engine that counts a system's batches: DuckDB in this process, or Spark where the declaration says so."""

from __future__ import annotations

import functools
import os
import shutil
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.declared.system import Engine
from governance.faults import UsageFault

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Times are UTC in the lake, and this product tells nobody anything of its own accord.
SPARK = {
    "spark.app.name": "aims-monitor",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # Times of the day, which Parquet has and Spark 4.1 began to read.
    "spark.sql.timeType.enabled": "true",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
# On one machine: two tasks a shuffle instead of 200, and nothing that listens beyond it.
SPARK_HERE = {
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}


def table_of(engine: Engine, paths: Sequence[Path], spill: Path) -> ir.Table:
    """Landed files as one table of the engine.

    Parameters
    ----------
    spill : Path
        Folder for what does not fit into memory. It holds rows of persons while a query runs, and lies where the
        lake does for that reason.

    Raises
    ------
    UsageFault
        Spark, or the Java that it needs, is not installed; or AIMS_MEMORY is no size.
    """
    backend, files = connected(engine, spill), [str(path) for path in paths]
    if engine.kind == "duckdb":
        return backend.read_parquet(files)
    # Ibis hands Spark one path at a time.
    return functools.reduce(lambda one, two: one.union(two), (backend.read_parquet(file) for file in files))


def connected(engine: Engine, spill: Path) -> Any:
    """The engine's backend of Ibis. DuckDB takes at most AIMS_MEMORY (such as 4GB; its own default otherwise)."""
    import duckdb
    import ibis

    if engine.kind == "spark":
        return ibis.pyspark.connect(spark_session(engine.master or "local[*]", str(spill)))
    backend = ibis.duckdb.connect(temp_directory=str(spill), autoinstall_known_extensions=False)
    backend.con.execute("SET TimeZone = 'UTC'")
    limit = os.environ.get("AIMS_MEMORY")
    if limit:
        try:
            backend.con.execute("SET memory_limit = ?", [limit])
        except duckdb.ParserException:
            raise UsageFault(f"AIMS_MEMORY={limit} is no size. Write it like 4GB or 512MB.") from None
    return backend


@functools.cache
def spark_session(master: str, spill: str) -> Any:
    """One session per master and process: starting one takes seconds."""
    # PySpark 4.3 warns of pandas 3 at every answer, and passes it a keyword that it has dropped. What is asked for
    # here are whole numbers and texts, and the tests hold them against DuckDB's.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    warnings.filterwarnings("ignore", "The copy keyword is deprecated")
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise UsageFault("engine: spark needs the extra `spark`: pip install 'aims-monitor[spark]'.") from None
    if shutil.which("java") is None:
        raise UsageFault("engine: spark needs Java 17 or newer on PATH: install it, or take duckdb as the engine.")
    builder = SparkSession.builder.master(master)
    here: dict[str, str] = {}
    if master.startswith("local"):
        here = {**SPARK_HERE, "spark.local.dir": spill}
        # Patterns of a contract are searched for by workers in Python; by themselves they take any `python3` of PATH.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    for key, value in {**SPARK, **here}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session
