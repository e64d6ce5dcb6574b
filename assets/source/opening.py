"""Opens a file that somebody names, whatever its form, as a table that is parsed at most once and never held whole.

Parquet is read where it lies. CSV and Arrow are written once as Parquet into a temporary folder that the caller
removes. Types are inferred. What no comparison can use (nested or binary values, types that the engine does not
know) becomes its mere presence, so that one odd column never fails the others. Messages hold names, counts and
line numbers, never values. Sources of declared systems are landed by `assets.landed.landing`, which guesses nothing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa

from governance.faults import UsageFault

# What stands for "no value" in CSV files; said on the page, for a country code NA is among them.
MISSING_WORDS = ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "null", "None")
DELIMITERS = ",;\t|"
# Not BOOLEAN: `yes` and `no`, or a column that only says `f`, are kept as they are written.
GUESSED_TYPES = ("BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "VARCHAR")
_AS_IT_IS = re.compile(r"(U?(TINY|SMALL|BIG)INT|U?INTEGER|DOUBLE|FLOAT|VARCHAR|BOOLEAN|DATE|TIMESTAMP.*)$")
_AS_DOUBLE = re.compile(r"(DECIMAL|U?HUGEINT|VARINT|BIGNUM)")
_AS_TEXT = re.compile(r"(ENUM|UUID|JSON)")
PRESENT = "present"


@dataclass(frozen=True)
class Opened:
    """A file as a table.

    Attributes
    ----------
    name : str
        The file's own name, without its folder.
    types : mapping of column to the type in the file (for CSV: as inferred)
    unusable : columns whose values cannot be compared, only their presence
    notes : what a reader must know about how it was read
    """

    name: str
    form: str
    size_bytes: int
    table: ir.Table
    types: Mapping[str, str]
    unusable: frozenset[str]
    notes: tuple[str, ...]


class Desk:
    """One engine and one temporary folder, for as long as the files are looked at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.backend = ibis.duckdb.connect()
        self.engine: duckdb.DuckDBPyConnection = self.backend.con
        for setting, value in (
            ("temp_directory", str(folder / "spill")),
            ("autoinstall_known_extensions", "false"),
            ("preserve_insertion_order", "false"),
            ("enable_progress_bar", "false"),
        ):
            self.engine.execute(f"SET {setting} = {_text(value)}")

    def open(self, path: Path, side: str, as_text: Sequence[str] = ()) -> Opened:
        """The file or folder at `path` as the view `side`; CSV columns in `as_text` are not typed.

        Raises
        ------
        UsageFault
            It is not there, or cannot be read: what is wrong and what to do.
        """
        form = form_of(path)
        try:
            if form == "CSV":
                scan, notes = self._from_csv(path, side, as_text)
            elif form == "Arrow":
                scan, notes = self._from_arrow(path, side)
            else:
                scan, notes = _parquet(_parts(path)), ()
            types = self._described(scan)
            chosen = ", ".join(_column(name, kind) for name, kind in types.items())
            self.engine.execute(f"CREATE OR REPLACE VIEW {side} AS SELECT {chosen} FROM {scan}")
            table = self.backend.table(side)
        except duckdb.OutOfMemoryException:
            raise UsageFault(f"{path.name} does not fit the memory or the temporary folder of this machine.") from None
        except duckdb.Error as error:
            raise UsageFault(f"{path.name} cannot be read as {form}: {kind_of_error(error)}. Write it anew.") from None
        unusable = frozenset(name for name, kind in types.items() if not _is_usable(kind))
        return Opened(path.name, form, _size(path), table, types, unusable, notes)

    def _described(self, scan: str) -> dict[str, str]:
        return {row[0]: row[1] for row in self.engine.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()}

    def _from_csv(self, path: Path, side: str, as_text: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        target = self.folder / f"{side}.parquet"
        notes: list[str] = []
        encoding = _encoding(path)
        plain = {
            "header": "true",
            "delim": _text(_delimiter(path, encoding)),
            "nullstr": _list(MISSING_WORDS),
            "auto_type_candidates": _list(GUESSED_TYPES),
        }
        while True:
            coded = plain if encoding == "utf-8" else plain | {"encoding": _text(encoding)}
            try:
                left_out = self._convert(path, target, coded, as_text)
                break
            except duckdb.InvalidInputException as error:
                if encoding != "utf-8" or "unicode" not in str(error):
                    raise
                encoding = "latin-1"
        if encoding != "utf-8":
            notes.append(f"read as {encoding}: it is not UTF-8")
        if left_out:
            lines = "line does" if left_out == 1 else "lines do"
            notes.append(f"{left_out:,} {lines} not have the header's columns and were left out")
        return _parquet([target]), tuple(notes)

    def _convert(self, path: Path, target: Path, options: Mapping[str, str], as_text: Sequence[str]) -> int:
        """Writes the CSV file as Parquet; returns how many lines could not be read.

        Types are first inferred from the beginning. Where a later value contradicts them, from the whole file; and
        where lines are broken, without these lines.
        """
        whole = {"sample_size": "-1"}
        for more in ({}, whole, whole | {"store_rejects": "true", "rejects_limit": "0"}):
            try:
                self._copy(_csv(path, {**options, **more, **self._untyped(path, options, as_text)}), target)
            except (duckdb.ConversionException, duckdb.InvalidInputException) as error:
                if "store_rejects" in more or "unicode" in str(error):
                    raise
                continue
            return self._rejected(path) if "store_rejects" in more else 0
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _untyped(self, path: Path, options: Mapping[str, str], as_text: Sequence[str]) -> dict[str, str]:
        if not as_text:
            return {}
        there = self._described(_csv(path, {**options, "sample_size": "1", "ignore_errors": "true"}))
        pairs = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in as_text if name in there)
        return {"types": f"{{{pairs}}}"} if pairs else {}

    def _rejected(self, path: Path) -> int:
        found = self.engine.execute("SELECT count(DISTINCT line) FROM reject_errors").fetchone()
        self.engine.execute("DROP TABLE reject_errors")
        self.engine.execute("DROP TABLE reject_scans")
        return int(found[0]) if found else 0

    def _copy(self, scan: str, target: Path) -> None:
        self.engine.execute(f"COPY (SELECT * FROM {scan}) TO {_text(str(target))} (FORMAT parquet, COMPRESSION snappy)")

    def _from_arrow(self, path: Path, side: str) -> tuple[str, tuple[str, ...]]:
        target, notes = self.folder / f"{side}.parquet", []
        try:
            with pa.memory_map(str(path)) as source:
                schema, batches = _arrow_batches(source)
                unknown = [field.name for field in schema if not self._can_read(field)]
                kept = [i for i, field in enumerate(schema) if field.name not in unknown]
                if not kept:
                    raise UsageFault(f"{path.name} holds no column that can be read.")
                thin = pa.schema([schema.field(i) for i in kept])
                arrived = pa.RecordBatchReader.from_batches(thin, (batch.select(kept) for batch in batches))
                self.engine.register("arrived", arrived)
                self._copy("arrived", target)
                self.engine.unregister("arrived")
        except (pa.ArrowInvalid, OSError):
            raise UsageFault(f"{path.name} cannot be read as Arrow to its end. Write it anew, whole.") from None
        if unknown:
            notes.append(f"left out, of a type that cannot be read: {', '.join(map(repr, unknown))}")
        return _parquet([target]), tuple(notes)

    def _can_read(self, field: pa.Field) -> bool:
        try:
            self.engine.register("probe", pa.schema([field]).empty_table())
            self.engine.execute("SELECT * FROM probe").fetchall()
        except (duckdb.Error, pa.ArrowException):
            return False
        finally:
            self.engine.unregister("probe")
        return True


def form_of(path: Path) -> str:
    """CSV, Parquet, Parquet folder or Arrow, from what the file begins with; its name only decides about text.

    Raises
    ------
    UsageFault
        There is nothing, nothing in it, or something else.
    """
    if path.is_dir():
        return "Parquet folder"
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise UsageFault(f"{path.name} cannot be read: {(error.strerror or 'no access').lower()}.") from None
    if not start:
        raise UsageFault(f"{path.name} is empty (0 bytes): there is nothing to look at. Write it anew.")
    if start[:4] == b"PAR1":
        return "Parquet"
    if start[:6] == b"ARROW1" or start[:4] == b"\xff\xff\xff\xff":
        return "Arrow"
    known = {b"PK\x03\x04": "a ZIP archive or a workbook", b"FEA1": "Feather version 1", b"\x89HDF": "HDF5"}
    if start[:4] in known:
        raise UsageFault(f"{path.name} is {known[start[:4]]}. Give it as CSV, Parquet or Arrow.")
    if start[:1] in b"{[" and path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        raise UsageFault(f"{path.name} is JSON. Give it as CSV, Parquet or Arrow.")
    return "CSV"


def kind_of_error(error: duckdb.Error) -> str:
    """The error's kind and line; its text is left out because it can quote a row."""
    line = re.search(r"Line:? (\d+)", str(error))
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__.removesuffix("Exception")).lower()
    return f"{words} error{f' in line {line[1]}' if line else ''}"


def _parts(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(
        part
        for part in path.rglob("*")
        if part.suffix.lower() in (".parquet", ".pq")
        and part.is_file()
        and not any(piece.startswith((".", "_")) for piece in part.relative_to(path).parts)
    )
    if not found:
        raise UsageFault(f"The folder {path.name} holds no .parquet file.")
    return found


def _size(path: Path) -> int:
    return sum(part.stat().st_size for part in (_parts(path) if path.is_dir() else [path]))


def _parquet(parts: Sequence[Path]) -> str:
    listed = _list([_literally(part) for part in parts])
    return f"read_parquet({listed}{', union_by_name=true' if len(parts) > 1 else ''})"


def _csv(path: Path, options: Mapping[str, str]) -> str:
    return f"read_csv({_text(_literally(path))}, {', '.join(f'{key}={value}' for key, value in options.items())})"


def _literally(path: Path) -> str:
    """The path as a pattern that matches itself only."""
    return re.sub(r"([*?\[])", r"[\1]", str(path.absolute()))


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        return "utf-16" if file.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8"


def _delimiter(path: Path, encoding: str) -> str:
    """The one that stands most often in the header line. A broken line further down must not decide it."""
    if path.suffix.lower() in (".gz", ".zst"):
        import gzip

        if path.suffix.lower() == ".zst":
            return ","
        with gzip.open(path, "rt", encoding="latin-1") as file:
            line = file.readline(1_000_000)
    else:
        with path.open(encoding="utf-16" if encoding == "utf-16" else "latin-1", newline="") as file:
            line = file.readline(1_000_000)
    counts = {mark: len(next(csv.reader([line], delimiter=mark), [])) for mark in DELIMITERS}
    return max(counts, key=lambda mark: counts[mark])


def _arrow_batches(source: pa.NativeFile) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    try:
        file = pa.ipc.open_file(source)
    except pa.ArrowInvalid:
        stream = pa.ipc.open_stream(source)
        return stream.schema, iter(stream)
    return file.schema, (file.get_batch(i) for i in range(file.num_record_batches))


def _is_usable(kind: str) -> bool:
    return not _is_nested(kind) and any(form.match(kind) for form in (_AS_IT_IS, _AS_DOUBLE, _AS_TEXT))


def _is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION"))


def _column(name: str, kind: str) -> str:
    """The column in a type that every later step knows."""
    quoted = _name(name)
    if not _is_usable(kind):
        return f"CASE WHEN {quoted} IS NOT NULL THEN '{PRESENT}' END AS {quoted}"
    if _AS_DOUBLE.match(kind):
        return f"CAST({quoted} AS DOUBLE) AS {quoted}"
    if _AS_TEXT.match(kind):
        return f"CAST({quoted} AS VARCHAR) AS {quoted}"
    return quoted


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, texts))}]"


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(literal: Any) -> str:
    return "'" + str(literal).replace("'", "''") + "'"
