"""The question whether keys occur in another table, as one query that DuckDB and Spark both read."""

from collections.abc import Sequence

BATCH_VIEW = "aims_contract_batch"
"""The rows under plain names; a plain word, because Great Expectations does not quote a table's name."""

REFERENCE_ANSWERED = ("element_count", "missing_count", "unexpected_count")


def referring_query(batch: str, column_list: Sequence[str], table: str, target_list: Sequence[str]) -> str:
    """Rows, rows whose key has a NULL, rows whose key is not in `table`. All names are plain words of ours.

    The lookup's keys are made distinct first, so that no row of the batch is counted twice.
    """
    keys = ", ".join(f"{name} AS k{place}" for place, name in enumerate(target_list))
    given = " AND ".join(f"b.{name} IS NOT NULL" for name in column_list)
    same = " AND ".join(f"b.{name} = t.k{place}" for place, name in enumerate(column_list))
    return (
        f"SELECT count(*), count(*) - count(CASE WHEN {given} THEN 1 END),"
        f" count(CASE WHEN {given} AND t.k0 IS NULL THEN 1 END)"
        f" FROM {batch} AS b LEFT JOIN (SELECT DISTINCT {keys} FROM {table}) AS t ON {same}"
    )
