"""Which columns of a Parquet file can be read at all, told by Arrow for every engine alike.

Asked only after an engine failed: it reads the columns whole, a piece at a time.
"""

from checks.shown import Table


def unreadable(table: Table) -> frozenset[str]:
    """What is shown of the columns that cannot be read, by its names in the contract: all, where the file is gone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = table.schema.names
    torn = set()
    for place in {shown.place for shown in table.shown.values()}:
        try:
            with pq.ParquetFile(table.path) as file:
                for _ in file.iter_batches(columns=[names[place]]):
                    pass
        except (OSError, pa.ArrowInvalid):
            torn.add(place)
    return frozenset(name for name, shown in table.shown.items() if shown.place in torn)
