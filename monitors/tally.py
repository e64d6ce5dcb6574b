"""Rows per word and per code, for many columns at once, in one scan: standard SQL's grouping sets.

A set per column lets the engine count each column in a small table of its own while the rows pass by once. It is
the one thing that Ibis cannot say, so the sentence around its expressions is written here; every name in it is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from monitors import distinct

# Columns in one statement: an engine plans a few dozen well, and thousands slowly.
AT_ONCE = 48

Registers = distinct.Registers


def tally(table: ir.Table, words: Sequence[ir.Value], codes: Sequence[ir.Value]) -> ir.Table:
    """Rows of each word and each code, as a table of (part, word, code, n).

    Parameters
    ----------
    words, codes : sequences of string and of int64 expressions over `table`
        `part` is the index in `words`, then in `codes`; `word` or `code` is the value, NULL where that was NULL.
    """
    names = [f"w{i}" for i in range(len(words))] + [f"k{i}" for i in range(len(codes))]
    projected = table.select(**dict(zip(names, (*words, *codes), strict=True)))
    engine = table.get_backend()
    parts = " ".join(f"WHEN GROUPING({name}) = 0 THEN {i}" for i, name in enumerate(names))
    word, code = _first(names, "w", "VARCHAR(1)"), _first(names, "k", "BIGINT")
    sets = ", ".join(f"({name})" for name in names)
    query = (
        f"SELECT CASE {parts} END AS part, {word} AS word, {code} AS code, count(*) AS n "
        f"FROM ({engine.compile(projected)}) AS p GROUP BY GROUPING SETS ({sets})"
    )
    schema = ibis.schema({"part": "int32", "word": "string", "code": "int64", "n": "int64"})
    return engine.sql(query, schema=schema, dialect=engine.name)


def _first(names: Sequence[str], kind: str, nothing: str) -> str:
    mine = [name for name in names if name.startswith(kind)]
    if not mine:
        return f"CAST(NULL AS {nothing})"
    return f"coalesce({', '.join(mine)})" if len(mine) > 1 else mine[0]


def known_or_sketched(tallied: ir.Table, known: Sequence[Sequence[str]]) -> pa.Table:
    """What of a tally may leave the engine: (part, code, register, rest, n).

    `code` is the index of a known word, or the code of a part of codes. Words that are not known are never named:
    their rows are summed per register of a sketch, with the least `rest` of their hashes. All NULL: the value was.
    """
    rows = [(part, word, code) for part, words in enumerate(known) for code, word in enumerate(words)]
    places, words, codes = zip(*rows, strict=True) if rows else ((), (), ())
    listed = pa.table(
        {
            "part": pa.array(places, pa.int32()),
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
        register=strange.ifelse(hashed[0:3], None),
        rest=strange.ifelse(hashed[3:32], None),
        n=joined.n,
    )
    summed = prepared.group_by("part", "code", "register").agg(rest=prepared.rest.min(), n=prepared.n.sum())
    return summed.to_pyarrow()
