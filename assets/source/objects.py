"""Object stores as sources, through fsspec: what stands at a URL, and a copy of it on this machine.

Credentials come from the environment, in the way of each store's own driver; none is read or kept here.
"""

from __future__ import annotations

import errno
import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from assets.source.files import is_data
from assets.source.refusals import Held, NotArrived
from governance.faults import UsageFault

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

VERSIONS = {
    *("etag", "generation", "md5hash", "content_md5", "version_id", "versionid"),
    *("mtime", "lastmodified", "last_modified", "updated", "created", "ino"),
}
"""What drivers call the things that change with an object, in small letters."""
DRIVERS_OWN = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("azure.core.exceptions", "AzureError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("aiohttp", "ClientError"),
)


@dataclass(frozen=True)
class Stored:
    """What stands at a URL: one object, or a folder of Parquet objects by their relative names."""

    store: AbstractFileSystem
    root: str
    objects: dict[str, dict[str, Any]]
    is_folder: bool

    @property
    def name(self) -> str:
        """The last part of the URL."""
        return PurePosixPath(self.root).name

    @property
    def mark(self) -> str | None:
        """What changes with any of the objects, from the listing alone; None where a store tells only sizes."""
        seen = [(name, info.get("size"), _version(info)) for name, info in sorted(self.objects.items())]
        if not all(version for _, _, version in seen):
            return None
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def stored_at(url: str, what: str) -> Stored:
    """What stands at a URL now; `what` says in messages whose source it is.

    Raises
    ------
    NotArrived
        Nothing stands there.
    UsageFault
        The store cannot be reached, or its driver is not installed.
    """
    with _told(url, what):
        store, root = _opened(url, what)
        store.invalidate_cache()
        if store.info(root)["type"] != "directory":
            return Stored(store, root, {PurePosixPath(root).name: store.info(root)}, is_folder=False)
        found = store.find(root, detail=True).items()
        inside = {_relative(name, root): info for name, info in found if name.endswith(".parquet")}
        return Stored(store, root, {n: i for n, i in inside.items() if is_data(PurePosixPath(n))}, is_folder=True)


def copied(stored: Stored, url: str, what: str, into: Path) -> Path:
    """A copy below `into`, in folders called `name=value` like those of its URL.

    Raises
    ------
    Held
        It changed while it was copied.
    NotArrived, UsageFault
        As above.
    """
    kept = [part for part in PurePosixPath(stored.root).parent.parts if "=" in part]
    target = into.joinpath(*kept, stored.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _told(url, what):
        if not stored.is_folder:
            stored.store.get_file(stored.root, str(target))
        else:
            target.mkdir()
            for name in stored.objects:
                place = target / name
                place.parent.mkdir(parents=True, exist_ok=True)
                stored.store.get_file(f"{stored.root}/{name}", str(place))
    if stored_at(url, what).mark != stored.mark:
        raise Held(f"{stored.name} changed while it was read. Send it whole, then land it again.")
    return target


def _opened(url: str, what: str) -> tuple[AbstractFileSystem, str]:
    import fsspec
    from fsspec.registry import known_implementations

    protocol = url.split("://", 1)[0]
    try:
        store, root = fsspec.core.url_to_fs(url, use_listings_cache=False, skip_instance_cache=True)
    except ImportError:
        package = known_implementations.get(protocol, {}).get("class", protocol).split(".")[0]
        raise UsageFault(
            f"{what}: {protocol}:// needs the package {package}. Install it: pip install {package}."
        ) from None
    except ValueError:
        raise UsageFault(
            f"{what}: the protocol {protocol!r} is not known. Use s3, gs, abfs or another of fsspec's."
        ) from None
    return store, root.rstrip("/")


@contextmanager
def _told(url: str, what: str) -> Iterator[None]:
    """Errors of a store in one line, without the URL."""
    protocol = url.split("://", 1)[0]
    try:
        yield
    except FileNotFoundError:
        raise NotArrived(f"{what} is not there (yet).") from None
    except _store_errors() as error:
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise
        why = getattr(error, "strerror", None) or type(error).__name__
        raise UsageFault(
            f"{what}: {protocol}:// cannot be read ({why}). Check the store and the driver's credentials in the "
            "environment; nothing landed before is lost."
        ) from None


def _store_errors() -> tuple[type[Exception], ...]:
    """OSError, and what drivers raise besides. A driver that was not loaded cannot have raised anything."""
    return (OSError, *(getattr(sys.modules[module], name) for module, name in DRIVERS_OWN if module in sys.modules))


def _version(info: dict[str, Any]) -> dict[str, str]:
    return {key.casefold(): str(value) for key, value in sorted(info.items()) if key.casefold() in VERSIONS and value}


def _relative(name: str, root: str) -> str:
    """The object's name below its folder. A store's names are no paths: `..` in one would lead out of the copy."""
    relative = name.removeprefix(f"{root}/")
    parts = relative.split("/")
    if relative == name or not all(parts) or {"..", "."} & set(parts):
        raise Held(f"{PurePosixPath(root).name} holds an object whose name is no path below it. Rename it.")
    return relative
