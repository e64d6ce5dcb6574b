"""Arrow IPC files and streams ("Feather V2"), written over to Parquet batch by batch: DuckDB does not read them itself.

Handing Arrow's batches to DuckDB directly was tried: it reads faster than it writes, and Arrow's memory grew with the
file (385 MB for 0.9 GB). Written over first, a file of any size takes a few MB, at about a quarter more time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from assets.source.files import ARROW_MAGIC, STREAM_MAGIC

STREAM_END = STREAM_MAGIC + bytes(4)
"""Without it a stream that was cut between two batches looks whole to its reader."""


def schema_of(path: Path) -> pa.Schema:
    """The columns of an Arrow file or stream.

    Raises
    ------
    pyarrow.ArrowException, OSError
        It is none, or not whole.
    """
    with _opened(path) as (schema, _):
        return schema


def is_plain(kind: pa.DataType) -> bool:
    """Whether one of the contract's types could be read from it."""
    types = pa.types
    return bool(
        types.is_boolean(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
        or types.is_date(kind)
        or types.is_timestamp(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_string_view(kind)
        or (types.is_dictionary(kind) and is_plain(kind.value_type))
    )


def write_over(path: Path, names: Collection[str], target: Path) -> None:
    """Writes some columns, each of which must be there once, to a Parquet file.

    Every batch is checked in full first: an engine that trusts a forged offset reads memory that is not its own.

    Raises
    ------
    pyarrow.ArrowException, OSError
        It cannot be read to its end.
    """
    with _opened(path) as (schema, batches):
        places = [place for place, name in enumerate(schema.names) if name in names]
        wanted = pa.schema([schema.field(place) for place in places])
        with pq.ParquetWriter(target, wanted, compression="snappy") as file:
            for batch in batches:
                batch.validate(full=True)
                file.write_batch(batch.select(places))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    with pa.OSFile(str(path)) as file:
        if file.read(len(ARROW_MAGIC)) == ARROW_MAGIC:
            reader = pa.ipc.open_file(file)
            yield reader.schema, map(reader.get_batch, range(reader.num_record_batches))
            return
        file.seek(max(0, file.size() - len(STREAM_END)))
        if file.read() != STREAM_END:
            raise pa.ArrowInvalid("The stream has no end.")
        file.seek(0)
        stream = pa.ipc.open_stream(file)
        yield stream.schema, iter(stream)
