"""Conditions on a column as Spark expresses them. PySpark is imported where it is used: it is an extra."""

from typing import Any


def always() -> Any:
    from pyspark.sql import functions as f

    return f.lit(True)


def has_pattern(column: Any, pattern: str) -> Any:
    """Whether the pattern is found, by RE2 in Arrow on the workers: Java's own engine reads other patterns."""
    import pyarrow as pa
    from pyspark.sql.functions import arrow_udf

    def search(texts: pa.Array) -> pa.Array:
        import pyarrow.compute as pc

        return pc.match_substring_regex(texts, pattern)

    # PySpark reads types of a function, and these are text where annotations are.
    search.__annotations__ = {"texts": pa.Array, "return": pa.Array}
    return arrow_udf(search, "boolean")(column)


def is_multiple(column: Any, base: float, few: float) -> Any:
    from pyspark.sql import functions as f

    quotient = column.cast("double") / f.lit(base)
    off = f.abs(quotient - f.rint(quotient))
    finite = (f.abs(quotient) < f.lit(float("inf"))) & ~f.isnan(quotient)
    return finite & (off <= f.lit(few) * f.greatest(f.lit(1.0), f.abs(quotient)))


def time_of_day(text: str) -> Any:
    from pyspark.sql import functions as f

    return f.to_time(f.lit(text))


def has_items(column: Any, fewest: int | None, most: int | None, distinct: bool) -> Any:
    from pyspark.sql import functions as f

    found = always()
    if fewest is not None:
        found &= f.size(column) >= fewest
    if most is not None:
        found &= f.size(column) <= most
    if distinct:
        known = f.filter(column, lambda item: item.isNotNull())
        found &= f.size(f.array_distinct(known)) == f.size(known)
    return found
