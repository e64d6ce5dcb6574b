"""The same rows sent in every way that a source can be declared."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from assets.kept.home import Site, site
from tests.conftest import PROVENANCE, Made, contract_yaml, system_yaml, write_csv

SCHEMA = pa.schema(
    [
        ("case", pa.string()),
        ("day", pa.date32()),
        ("income", pa.float64()),
        ("children", pa.int64()),
        ("region", pa.string()),
        ("score", pa.float64()),
        ("late", pa.int64()),
        ("full_name", pa.string()),
    ]
)
SQL_TYPES = {
    pa.string(): sa.Text(),
    pa.date32(): sa.Date(),
    pa.timestamp("us"): sa.DateTime(),
    pa.float64(): sa.Double(),
    pa.int64(): sa.BigInteger(),
    pa.bool_(): sa.Boolean(),
}


def here() -> Site:
    return site(at=dt.datetime(2024, 7, 1, tzinfo=dt.UTC), run="test")


def kept_files(place: Site) -> list[str]:
    return sorted(path.name for path in place.home.lake.iterdir())


def arrow(rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> pa.Table:
    """Rows as an Arrow table; `day` may be text."""
    names = list(rows[0])
    wanted = schema or pa.schema([f for f in SCHEMA if f.name in names])
    plain = [{**row, "day": dt.date.fromisoformat(row["day"])} if "day" in row else row for row in rows]
    return pa.Table.from_pylist(plain, schema=wanted)


def write_ipc(path: Path, table: pa.Table, *, stream: bool = False, rows: int = 100) -> Path:
    """An Arrow file (compressed, as Feather writes it) or stream, in batches of some rows."""
    options = pa.ipc.IpcWriteOptions(compression=None if stream else "lz4")
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(path, table.schema, options=options) as file:
        file.write_table(table, max_chunksize=rows)
    return path


def write_table(url: str, name: str, table: pa.Table, schema: str | None = None) -> None:
    """A table of a database with these rows, made anew."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    columns = [sa.Column(sa.sql.quoted_name(f.name, True), SQL_TYPES[f.type]) for f in table.schema]
    made = sa.Table(sa.sql.quoted_name(name, True), sa.MetaData(), *columns, schema=schema)
    with engine.begin() as connection:
        made.drop(connection, checkfirst=True)
        made.create(connection)
        keyed = [{f"c{place}": value for place, value in enumerate(row.values())} for row in table.to_pylist()]
        values = {column: sa.bindparam(f"c{place}") for place, column in enumerate(made.columns)}
        connection.execute(sa.insert(made).values(values), keyed)


@dataclass
class Sender:
    """Sends Arrow tables as one kind of source; returns what `system.yaml` says of it."""

    made: Made
    postgres_url: Callable[[], str]

    def __call__(self, kind: str, table: pa.Table, name: str = "loans") -> dict[str, Any]:
        return {**getattr(self, f"_{kind}")(table, name), "provenance": PROVENANCE}

    def _file(self, path: str | Path, format_: str) -> dict[str, Any]:
        return {"kind": "file", "path": str(path), "format": format_}

    def _csv(self, table: pa.Table, name: str) -> dict[str, Any]:
        return self._file(write_csv(self.made.incoming / f"{name}.csv", table.to_pylist()), "csv")

    def _parquet(self, table: pa.Table, name: str) -> dict[str, Any]:
        pq.write_table(table, self.made.incoming / f"{name}.parquet", row_group_size=100)
        return self._file(self.made.incoming / f"{name}.parquet", "parquet")

    def _arrow_file(self, table: pa.Table, name: str) -> dict[str, Any]:
        return self._file(write_ipc(self.made.incoming / f"{name}.arrow", table), "arrow")

    def _arrow_stream(self, table: pa.Table, name: str) -> dict[str, Any]:
        return self._file(write_ipc(self.made.incoming / f"{name}.arrows", table, stream=True), "arrow")

    def _folder(self, table: pa.Table, name: str) -> dict[str, Any]:
        return self._file(write_folder(self.made.incoming / name, table), "parquet")

    def _hive(self, table: pa.Table, name: str) -> dict[str, Any]:
        folder = self.made.incoming / name
        shutil.rmtree(folder, ignore_errors=True)
        by = "day" if "day" in table.column_names else "late"
        pq.write_to_dataset(table, folder, partition_cols=[by])
        return self._file(folder, "parquet")

    def _memory(self, table: pa.Table, name: str) -> dict[str, Any]:
        path = Path(self._parquet(table, name)["path"])
        fsspec.filesystem("memory").pipe_file(f"/bucket/{path.name}", path.read_bytes())
        path.unlink()
        return self._file(f"memory://bucket/{path.name}", "parquet")

    def _file_url(self, table: pa.Table, name: str) -> dict[str, Any]:
        return self._file(Path(self._hive(table, name)["path"]).as_uri(), "parquet")

    def _sqlite(self, table: pa.Table, name: str) -> dict[str, Any]:
        url = f"sqlite:///{self.made.incoming}/made.db"
        write_table(url, name, table)
        return {"kind": "table", "url": url, "table": name}

    def _postgres(self, table: pa.Table, name: str) -> dict[str, Any]:
        write_table(self.postgres_url(), name, table)
        return {"kind": "table", "url": self.postgres_url(), "table": f"public.{name}"}


FILES = ("csv", "parquet", "arrow_file", "arrow_stream", "folder", "hive", "memory", "file_url")
TABLES = ("sqlite", "postgres")
KINDS = (*FILES, *TABLES)


def write_folder(folder: Path, table: pa.Table, parts: int = 3) -> Path:
    """A folder of Parquet files, with what Spark leaves beside them."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "_temporary").mkdir(parents=True)
    (folder / "_SUCCESS").write_bytes(b"")
    (folder / "_temporary" / "half.parquet").write_bytes(b"PAR1 and no more")
    size = -(-table.num_rows // parts)
    for place in range(parts):
        pq.write_table(table.slice(place * size, size), folder / f"part-{place}.parquet")
    return folder


@pytest.fixture
def send(made: Made, request: pytest.FixtureRequest) -> Iterator[Sender]:
    """Sends rows as a kind of source; the PostgreSQL server starts when it is first needed."""
    yield Sender(made, lambda: request.getfixturevalue("postgres_url"))
    store = fsspec.filesystem("memory")
    for path in store.find("/"):
        store.rm(path)


def declare(made: Made, sources: dict[str, Any], **columns: tuple[dict[str, Any], str]) -> None:
    """The made system with these sources instead, and with further columns: name → (declared, logical type)."""
    declared, contract = system_yaml(str(made.incoming)), contract_yaml()
    declared["sources"] = {**declared["sources"], **sources}
    for name, (column, kind) in columns.items():
        declared["columns"][name] = column
        contract["schema"][0]["properties"].append({"name": name, "logicalType": kind})
    made.declare(system=declared, contract=contract)


def frame(path: Path) -> pd.DataFrame:
    """What was landed, in order of its key."""
    return pd.read_parquet(path).sort_values("case", ignore_index=True)
