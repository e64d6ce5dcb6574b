"""Files and folders as sources: what is in them by digest, and how DuckDB scans them.

A folder is one source: all its `.parquet` files, those in folders called `name=value` included, whose values are
columns like others. Names that begin with `_` or `.` are not data (Spark writes `_SUCCESS` and works in
`_temporary`). Its digest is SHA-256 over a line for each file in order of name: relative name, NUL, the file's own
SHA-256. How Arrow is read is in `assets.source.arrow_files`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import Literal

import duckdb

from assets.kept.lake import sha256_of
from assets.source.landing_sql import kind_of, quoted_path
from assets.source.refusals import Held, NotArrived

Format = Literal["csv", "parquet", "arrow"]
ARROW_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class Scan:
    """A source that stands ready as DuckDB's view `source`.

    `texts` are columns that hold text whatever their type is meant to be; `untaken` are columns that stay where they
    are, with their type there; `spoilt` are columns that are there and cannot be told, with what is wrong.
    """

    noun: Literal["file", "folder", "table"]
    texts: frozenset[str] = frozenset()
    all_texts: bool = False
    untaken: dict[str, str] = field(default_factory=dict)
    spoilt: dict[str, str] = field(default_factory=dict)


def is_data(relative: PurePath) -> bool:
    """Whether a file of a folder belongs to its data."""
    return relative.suffix == ".parquet" and not any(part.startswith(("_", ".")) for part in relative.parts)


def members(folder: Path) -> list[Path]:
    """The data files of a folder, in order of their relative names."""
    found = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return sorted((path for path in found if is_data(path.relative_to(folder))), key=lambda p: _relative(p, folder))


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of a folder as described above, in bounded memory.

    Raises
    ------
    OSError
        It cannot be read, or a file went away meanwhile; FileNotFoundError for a folder without data.
    """
    if not path.is_dir():
        return sha256_of(path)
    state = hashlib.sha256()
    for member in _some_members(path):
        state.update(_relative(member, path) + b"\x00" + sha256_of(member).encode() + b"\n")
    return state.hexdigest()


def stamp_of(path: Path) -> list[int | str]:
    """What changes when a file or folder changes, without reading it: sizes, times and names.

    Raises
    ------
    OSError
        It is not there, or a folder without data.
    """
    if not path.is_dir():
        return [path.stat().st_size, path.stat().st_mtime_ns]
    state = hashlib.sha256()
    for member in _some_members(path):
        stat = member.stat()
        state.update(_relative(member, path) + f"\x00{stat.st_size}\x00{stat.st_mtime_ns}\n".encode())
    return [state.hexdigest()]


def must_be_there(path: Path, format_: Format, what: str) -> None:
    """Refuses what is not there, is empty, or is something else than declared.

    Raises
    ------
    NotArrived
        There is no such file, or no data file in the folder.
    Held
        It is there and cannot be what was declared.
    """
    if not path.exists():
        raise NotArrived(f"{what} is not there (yet).")
    if not path.is_dir():
        _must_begin_like(path, path.name, format_)
        return
    if format_ != "parquet":
        raise Held(f"{path.name} is a folder. Only `format: parquet` takes one; send one {format_.upper()} file.")
    found = members(path)
    if not found:
        raise NotArrived(f"{what} holds no .parquet file (yet).")
    for member in found:
        _must_begin_like(member, str(member.relative_to(path)), format_)


def scan(
    connection: duckdb.DuckDBPyConnection, path: Path, format_: Format, wanted: Collection[str], scratch: Path
) -> Scan:
    """Makes the file or folder the view `source`; what must be written over for it goes to `scratch`.

    Raises
    ------
    Held
        It cannot be read as what it is declared.
    """
    try:
        if format_ == "csv":
            return _scan_csv(connection, path)
        if format_ == "arrow":
            return _scan_arrow(connection, path, wanted, scratch)
        return _scan_parquet(connection, path, wanted)
    except duckdb.Error as error:
        what = f"{path.name} is not {format_.upper()} that can be read ({kind_of(error)}). Send it again."
        raise Held(what) from None


def view_rows(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Makes rows that were brought here as Parquet the view `source`; no file: none of the columns was there."""
    rows = f"read_parquet({quoted_path(path)})" if path.exists() else "(SELECT NULL AS nothing LIMIT 0)"
    connection.execute(f"CREATE VIEW source AS SELECT * FROM {rows}")


def twice_among(names: Sequence[str], wanted: Collection[str]) -> dict[str, str]:
    """Wanted columns of which it cannot be told which one they are.

    DuckDB knows no capital letters and numbers the second `x` as `x_1`, which may then be taken for a column of
    that name.
    """
    often = {name: count for name, count in Counter(map(str.casefold, names)).items() if count > 1}
    found = {}
    for name in wanted:
        first = re.sub(r"(_\d+)+$", "", name.casefold())
        double = next((other for other in (name.casefold(), first) if other in often), None)
        if double is not None:
            found[name] = f"The column {name!r} cannot be told: {often[double]} columns have that name. Send it once."
    return found


def _scan_csv(connection: duckdb.DuckDBPyConnection, path: Path) -> Scan:
    connection.execute(
        f"CREATE VIEW source AS SELECT * FROM read_csv({quoted_path(path)}, all_varchar=true, header=true, delim=',', "
        "quote='\"', escape='\"', null_padding=false, strict_mode=true, hive_partitioning=false)"
    )
    return Scan("file", all_texts=True)


def _scan_arrow(connection: duckdb.DuckDBPyConnection, path: Path, wanted: Collection[str], scratch: Path) -> Scan:
    import pyarrow as pa

    from assets.source.arrow_files import is_plain, schema_of, write_over

    try:
        schema = schema_of(path)
    except (pa.ArrowException, OSError) as error:
        raise Held(f"{path.name} is not ARROW that can be read ({kind_of(error)}). Send it again.") from None
    spoilt = twice_among(schema.names, wanted)
    taken = [f.name for f in schema if f.name in wanted and f.name not in spoilt and is_plain(f.type)]
    try:
        if taken:
            write_over(path, taken, scratch / "rows.parquet")
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise
        raise Held(f"{path.name} cannot be read to its end ({kind_of(error)}). Send it again, whole.") from None
    view_rows(connection, scratch / "rows.parquet")
    return Scan("file", untaken={f.name: str(f.type) for f in schema if f.name not in taken}, spoilt=spoilt)


def _scan_parquet(connection: duckdb.DuckDBPyConnection, path: Path, wanted: Collection[str]) -> Scan:
    found = members(path) if path.is_dir() else [path]
    names = [_column_names(member, path) for member in found]
    partitions = _partitions(found, path)
    listed = ", ".join(map(quoted_path, found))
    connection.execute(
        f"CREATE VIEW source AS SELECT * FROM read_parquet([{listed}], union_by_name=true, hive_types_autocast=false, "
        f"hive_partitioning={'true' if partitions else 'false'})"
    )
    spoilt = {name: text for inside in names for name, text in twice_among(inside, wanted).items()}
    spoilt |= dict(_in_some_only(names, wanted, partitions))
    spoilt |= dict(_in_both(names, wanted, partitions))
    return Scan("folder" if path.is_dir() else "file", texts=partitions, spoilt=spoilt)


def _column_names(member: Path, whole: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(member).names)
    except (pa.ArrowException, OSError) as error:
        name = member.name if member == whole else str(member.relative_to(whole.parent))
        raise Held(f"{name} is not PARQUET that can be read ({kind_of(error)}). Send it again, whole.") from None


def _partitions(found: Sequence[Path], whole: Path) -> frozenset[str]:
    """Columns that the folders' names give, the same for all files."""
    each = {frozenset(p.partition("=")[0] for p in member.parts[:-1] if "=" in p[1:]) for member in found}
    if len(each) > 1:
        many = ", ".join(sorted({name for names in each for name in names}))
        raise Held(f"{whole.name}: not all files stand in folders for the same columns ({many}). Send one layout.")
    return next(iter(each))


def _in_some_only(
    names: Sequence[Sequence[str]], wanted: Collection[str], partitions: Collection[str]
) -> Iterator[tuple[str, str]]:
    for name in wanted:
        lacking = sum(name not in inside for inside in names)
        if 0 < lacking < len(names) and name not in partitions:
            yield name, f"The column {name!r} is missing in {lacking} of {len(names)} files. Send it in all of them."


def _in_both(
    names: Sequence[Sequence[str]], wanted: Collection[str], partitions: Collection[str]
) -> Iterator[tuple[str, str]]:
    inside = {name.casefold() for one in names for name in one}
    for name in wanted:
        if name.casefold() in inside and name.casefold() in map(str.casefold, partitions):
            yield name, f"The column {name!r} stands in the file and in its folder's name. Send it in one place."


def _must_begin_like(path: Path, name: str, format_: Format) -> None:
    if path.stat().st_size == 0:
        raise Held(f"{name} is empty (0 bytes). Send the batch again.")
    with path.open("rb") as file:
        start = file.read(8)
    looks = (
        "parquet"
        if start.startswith(b"PAR1")
        else "arrow"
        if start.startswith((ARROW_MAGIC, STREAM_MAGIC))
        else "csv"  # any text might be; reading it tells
    )
    if looks != format_:
        seen = {"parquet": "Parquet", "arrow": "Arrow", "csv": "something else"}[looks]
        declared = format_.upper()
        raise Held(f"{name} is declared as {declared} and begins like {seen}. Send {declared}.")


def _some_members(folder: Path) -> list[Path]:
    found = members(folder)
    if not found:
        raise FileNotFoundError(folder)
    return found


def _relative(path: Path, folder: Path) -> bytes:
    return os.fsencode(PurePosixPath(path.relative_to(folder)))
