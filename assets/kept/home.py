"""Where state lives: one folder outside the tree, `AIMS_HOME`, and a cache of fetched packages outside that."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import sqlalchemy as sa

from governance.declared import addresses
from governance.faults import UsageFault
from governance.record import database
from governance.register import Register

FOLDERS = (
    "lake",
    "keyprints",
    "profiles",
    "reports",
    "models",
    "keys",
    "checkpoints",
    "concerns",
    "notices",
    "spill",
    "dagster",
)


@dataclass(frozen=True)
class Home:
    """The folders of one installation."""

    root: Path

    @property
    def lake(self) -> Path:
        """Landed batches, Parquet, named by digest. Rows of persons: readable by the service only."""
        return self.root / "lake"

    @property
    def keyprints(self) -> Path:
        """Which landed batches share rows: keys as numbers under a secret of ours. Made anew from the lake if lost."""
        return self.root / "keyprints"

    @property
    def profiles(self) -> Path:
        """Grids and profiles, named by digest. No person's row."""
        return self.root / "profiles"

    @property
    def reports(self) -> Path:
        """Pages for people."""
        return self.root / "reports"

    @property
    def models(self) -> Path:
        """Trained candidate models, named by digest."""
        return self.root / "models"

    @property
    def keys(self) -> Path:
        """Secrets of this installation. Kept out of the lake, so that a copy of the lake alone tells less."""
        return self.root / "keys"

    @property
    def spill(self) -> Path:
        """Where the engine puts what does not fit into memory, for as long as a query runs."""
        return self.root / "spill"

    @property
    def concerns(self) -> Path:
        """What people wrote who raised a concern, named by salted digest. It may name people, and can be erased."""
        return self.root / "concerns"

    @property
    def notices(self) -> Path:
        """Drafts of notices about incidents. Nothing here was sent by this program."""
        return self.root / "notices"

    @property
    def dagster(self) -> Path:
        """Dagster's own instance: a view of what ran, never the record."""
        return self.root / "dagster"

    @property
    def cache(self) -> Path:
        """Fetched packages. They hold raw personal data and therefore lie outside `AIMS_HOME`."""
        named = os.environ.get("AIMS_CACHE")
        return Path(named) if named else Path(platformdirs.user_cache_dir("aims-monitor"))

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded here."""
        return database.exists(self.database)

    @property
    def database(self) -> Path | sa.URL:
        """Where the record is: `register.db` in this home, or what `AIMS_DATABASE_URL` names.

        Raises
        ------
        UsageFault
            That is not the URL of a PostgreSQL database.
        """
        address = os.environ.get("AIMS_DATABASE_URL")
        return _database_url(address) if address else self.root / "register.db"

    @property
    def ledger_key(self) -> tuple[Path, bool]:
        """The private key that signs checkpoints, and whether to make one: not where `AIMS_LEDGER_KEY` names it."""
        named = os.environ.get("AIMS_LEDGER_KEY")
        return (Path(named), False) if named else (self.keys / "ledger.pem", True)

    @property
    def checkpoints(self) -> Path:
        """Signed checkpoints of the ledger, and what time-stamps them. Copies of them belong elsewhere."""
        return self.root / "checkpoints"

    def register(self) -> Register:
        """The ledger and its projections, made when not there.

        Raises
        ------
        UsageFault
            The folder cannot be made or written, or the database cannot be opened.
        """
        self._make()
        return Register(self.database)

    def _make(self) -> None:
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in FOLDERS:
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UsageFault(
                f"AIMS_HOME={self.root} cannot be written: {error.strerror}. Name another folder with AIMS_HOME."
            ) from None
        if not os.access(self.root, os.W_OK):
            raise UsageFault(f"AIMS_HOME={self.root} cannot be written. Name another folder with AIMS_HOME.")


def home() -> Home:
    """`AIMS_HOME`, or `.aims` in the project's folder."""
    named = os.environ.get("AIMS_HOME")
    return Home(Path(named).absolute() if named else Path(__file__).resolve().parents[2] / ".aims")


def _database_url(address: str) -> sa.URL:
    # No part of the address is told: it may hold a password.
    try:
        url = addresses.database_url(address, os.environ)
    except KeyError as missing:
        raise UsageFault(f"AIMS_DATABASE_URL names ${{{missing.args[0]}}}, which is not set.") from None
    except ValueError:
        url = None
    # An `@` in a password that was not escaped: what stands behind it is no host, but a piece of the password.
    torn = url is None or "@" in (url.host or "")
    if url is None or torn or url.drivername not in ("postgresql", "postgresql+psycopg") or not url.database:
        raise UsageFault(
            "AIMS_DATABASE_URL is no URL of a PostgreSQL database. "
            "Write it like postgresql://user:${NAME}@host:5432/database, or leave it out for a file in AIMS_HOME."
        )
    return url


def secret(path: Path) -> str:
    """The secret kept in this file, 64 hexadecimal digits; made when there is none, readable by its owner only."""
    if not path.exists():
        handle, part = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        # Of two that make one at the same time, the first stays.
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
        os.unlink(part)
    return path.read_text("ascii")


@dataclass(frozen=True)
class Site:
    """One run at one place: where things are kept, when it started, and what it is called.

    The clock enters here, once per run, so that nothing below it has to ask for the time.
    """

    home: Home
    register: Register
    at: dt.datetime
    run: str


def site(at: dt.datetime | None = None, run: str = "") -> Site:
    """The site of a run that starts now."""
    place = home()
    return Site(place, place.register(), at or dt.datetime.now(dt.UTC), run)
