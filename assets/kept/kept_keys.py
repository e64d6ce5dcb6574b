"""Secrets of this installation, each kept under a digest in the record: one that was altered is noticed before its use.

Under another key the same person, row or entity would be another one, and nothing downstream could tell.
"""

from __future__ import annotations

from assets.kept.home import Site, secret
from assets.kept.lake import Altered
from assets.kept.stored import digests_of
from governance.record.canonical import digest_of_bytes

KEPT = "key.kept"


def kept_key(site: Site, name: str, *, harm: str, instead: str | None) -> str:
    """The secret `keys/NAME`, made when it is first needed.

    Parameters
    ----------
    harm : str
        What would come of another key, for the message.
    instead : str or None
        What to do where no copy of the key is left; None where nothing can take its place.

    Raises
    ------
    Altered
        It is another one than was kept; or it is gone, and nothing can take its place.
    """
    path, file = site.home.keys / name, f"keys/{name}"
    known, is_new = digests_of(site, KEPT, file), not path.exists()
    if is_new and known and instead is None:
        raise Altered(f"{file} is gone: {harm}. Put your copy back.", file=file, found=None)
    key = secret(path)
    sha256 = digest_of_bytes(key.encode())
    if sha256 in known:
        return key
    if known and not is_new:
        without = f"; without one, {instead}" if instead else ""
        raise Altered(f"{file} was altered: {harm}. Put your copy back{without}.", file=file, found=sha256)
    site.register.record(KEPT, file, {"sha256": sha256, "run": site.run}, at=site.at)
    return key
