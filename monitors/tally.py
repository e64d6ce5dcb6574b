"""Rows per word and per code, for many columns at once, in one scan: standard SQL's grouping sets.

A set per column lets the engine count each column in a small table of its own while the rows pass by once. It is
the one thing that Ibis cannot say, so the sentence around its expressions is written here; every name in it is ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir
import pyarrow as pa

# Columns in one statement: an engine plans a few dozen well, and thousands slowly.
AT_ONCE = 48
# What a tally may bring back: more than the words and cells of any grid, and far less than a batch.
MOST_ROWS = 2_000_000


def tally(
    table: ir.Table, words: Sequence[ir.Value], codes: Sequence[ir.Value] = (), numbers: Sequence[ir.Value] = ()
) -> ir.Table:
    """Rows of each word, code and number, as a table of (part, word, code, number, n).

    Parameters
    ----------
    words, codes, numbers : sequences of string, int64 and float64 expressions over `table`
        `part` is the index in `words`, then in `codes`, then in `numbers`; the value is NULL where it was NULL.
    """
    kinds = (("w", words), ("k", codes), ("x", numbers))
    names = [f"{letter}{i}" for letter, values in kinds for i in range(len(values))]
    projected = table.select(**dict(zip(names, (*words, *codes, *numbers), strict=True)))
    engine = table.get_backend()
    parts = " ".join(f"WHEN GROUPING({name}) = 0 THEN {i}" for i, name in enumerate(names))
    word, code, number = _first(names, "w", "VARCHAR(1)"), _first(names, "k", "BIGINT"), _first(names, "x", "DOUBLE")
    sets = ", ".join(f"({name})" for name in names)
    query = (
        f"SELECT CASE {parts} END AS part, {word} AS word, {code} AS code, {number} AS number, count(*) AS n "
        f"FROM ({engine.compile(projected)}) AS p GROUP BY GROUPING SETS ({sets})"
    )
    schema = ibis.schema({"part": "int32", "word": "string", "code": "int64", "number": "float64", "n": "int64"})
    return engine.sql(query, schema=schema, dialect=engine.name)


def summed(
    table: ir.Table, words: Sequence[ir.Value], codes: Sequence[ir.Value], numbers: Mapping[str, ir.Value]
) -> ir.Table:
    """Sums of numbers per word and code: a table of (part, word, code) and a column for each number.

    Parameters
    ----------
    words, codes : sequences of string and int64 expressions over `table`; `part` is as in `tally`
    numbers : mapping of name to float64 expression over `table`
        What is NULL is left out; a sum of nothing is NULL.
    """
    names = [f"w{i}" for i in range(len(words))] + [f"k{len(words) + i}" for i in range(len(codes))]
    sums = [f"s{i}" for i in range(len(numbers))]
    projected = table.select(**dict(zip([*names, *sums], [*words, *codes, *numbers.values()], strict=True)))
    engine = table.get_backend()
    parts = " ".join(f"WHEN GROUPING({name}) = 0 THEN {i}" for i, name in enumerate(names))
    query = (
        f"SELECT CASE {parts} END AS part, {_first(names, 'w', 'VARCHAR(1)')} AS word, "
        f"{_first(names, 'k', 'BIGINT')} AS code, "
        f"{', '.join(f'sum({name}) AS {name}' for name in sums)} "
        f"FROM ({engine.compile(projected)}) AS p GROUP BY GROUPING SETS ({', '.join(f'({name})' for name in names)})"
    )
    schema = ibis.schema({"part": "int32", "word": "string", "code": "int64"} | dict.fromkeys(sums, "float64"))
    return engine.sql(query, schema=schema, dialect=engine.name).rename(dict(zip(numbers, sums, strict=True)))


def _first(names: Sequence[str], kind: str, nothing: str) -> str:
    mine = [name for name in names if name.startswith(kind)]
    if not mine:
        return f"CAST(NULL AS {nothing})"
    return f"coalesce({', '.join(mine)})" if len(mine) > 1 else mine[0]


def known_or_sketched(tallied: ir.Table, known: Sequence[Sequence[str]]) -> pa.Table | None:
    """What of a tally may leave the engine: (part, code, number, register, rest, n).

    `code` is the index of a known word, or the code of a part of codes. Words that are not known are never named:
    their rows are summed per register of a sketch, with the least `rest` of their hashes. All NULL: the value was.
    None where there are more than `MOST_ROWS` such rows: the numbers are not as few as they were.
    """
    rows = [(part, word, code) for part, words in enumerate(known) for code, word in enumerate(words)]
    parts, words, codes = zip(*rows, strict=True) if rows else ((), (), ())
    listed = pa.table(
        {
            "part": pa.array(parts, pa.int32()),
            "word": pa.array(words, pa.string()),
            "known": pa.array(codes, pa.int64()),
        }
    )
    joined = tallied.left_join(ibis.memtable(listed), ["part", "word"])
    hashed = joined.word.hexdigest("md5")
    strange = joined.word.notnull() & joined.known.isnull()
    prepared = joined.select(
        part=joined.part,
        code=ibis.coalesce(joined.known, joined.code),
        number=joined.number,
        register=strange.ifelse(hashed[0:3], None),
        rest=strange.ifelse(hashed[3:32], None),
        n=joined.n,
    )
    places = ("part", "code", "number", "register")
    summed = prepared.group_by(*places).agg(rest=prepared.rest.min(), n=prepared.n.sum())
    found = summed.limit(MOST_ROWS + 1).to_pyarrow()
    return found if found.num_rows <= MOST_ROWS else None
