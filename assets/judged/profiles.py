"""Profiles and their grids, kept as files named by the digest of their counts.

Sums of numbers are no part of that digest, so the digest of the file's own bytes stands in the record beside it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.kept.lake import Altered, keep_text, replace_file, sha256_of, verified
from assets.kept.stored import digests_of, found_whole, whole
from governance.record.canonical import canonical_bytes

if TYPE_CHECKING:
    from assets.kept.home import Site
    from monitors.profile import Profile

GRID = ".grid.json"
REMEDY = "and run its batch again"


def keep_profile(site: Site, profile: Profile) -> str:
    """Writes the profile and its grid, each whole or not at all; returns the profile's digest.

    The bytes are recorded before the file takes its place: a kill between the two leaves a file that is taken for
    altered and counted again, never one of which nobody knows.
    """
    name = f"profiles/{profile.digest}.parquet"

    def record(part: Path) -> None:
        sha256 = sha256_of(part)
        if sha256 not in digests_of(site, "profile.kept", name):
            body = {"sha256": sha256, "grid": profile.grid.digest, "run": site.run}
            site.register.record("profile.kept", name, body, at=site.at)

    write_profile(site.home.profiles, profile, first=record)
    return profile.digest


def has_profile(site: Site, judged: dict[str, Any]) -> bool:
    """Whether the profile that a judgement rests on is still kept as it was; if not, the batch is counted again."""
    return is_kept(site, judged["inputs"]["profile"])


def is_kept(site: Site, digest: str) -> bool:
    """Whether the profile of that digest and its grid are there as they were kept. What was altered is noted."""
    looks = [functools.partial(look, site, digest) for look in (_profile_as_kept, _grid_as_kept)]
    return all([found_whole(site, look, profile=digest) for look in looks])


def read_profile(site: Site, digest: str) -> Profile:
    """The profile of that digest, its bytes, its counts and its grid verified.

    Raises
    ------
    Altered
        A file is gone, or holds something else now.
    """
    must_be_kept(site, digest)
    profile = parsed_profile(site.home.profiles, digest)
    if profile.digest != digest:
        file = f"profiles/{digest}.parquet"
        what = f"{file} was altered: its counts have the digest {profile.digest[:12]}. Remove the file {REMEDY}."
        raise Altered(what, file=file, found=sha256_of(site.home.profiles / f"{digest}.parquet"))
    return profile


def write_profile(folder: Path, profile: Profile, first: Callable[[Path], object] = lambda part: None) -> Path:
    """Writes profile and grid, each whole or not at all; `first` sees the finished file before it takes its place."""
    frame = profile.to_frame().assign(grid=profile.grid.digest)

    def write(part: Path) -> None:
        frame.to_parquet(part, index=False, compression="zstd")
        first(part)

    keep_text(folder / f"{profile.grid.digest}{GRID}", canonical_bytes(profile.grid.as_dict()).decode())
    return replace_file(folder / f"{profile.digest}.parquet", write)


def parsed_profile(folder: Path, digest: str) -> Profile:
    """What the file of that name holds, whatever that is now.

    Raises
    ------
    Altered
        It or its grid cannot be read.
    """
    import pandas as pd

    from monitors.grid import grid_of
    from monitors.profile import profile_of

    path = folder / f"{digest}.parquet"
    try:
        frame = pd.read_parquet(path)
        grid = json.loads(verified(folder, str(frame["grid"].iloc[0]), GRID).read_text("utf-8"))
        return profile_of(frame, grid_of(grid))
    except Altered:
        raise
    except (OSError, ValueError, KeyError, IndexError):
        what = f"profiles/{path.name} or its grid cannot be read. Remove it {REMEDY}."
        raise Altered(what, file=f"profiles/{path.name}", found=sha256_of(path)) from None


def must_be_kept(site: Site, digest: str) -> None:
    """Refuses a profile or a grid that is gone or is not as it was kept (Altered)."""
    _profile_as_kept(site, digest)
    _grid_as_kept(site, digest)


def _profile_as_kept(site: Site, digest: str) -> None:
    """What was kept before the record held its bytes is known by its counts alone."""
    path, name = site.home.profiles / f"{digest}.parquet", f"profiles/{digest}.parquet"
    known = digests_of(site, "profile.kept", name)
    if known or not path.exists():
        whole(site, path, known, REMEDY)


def _grid_as_kept(site: Site, digest: str) -> None:
    last = site.register.last("profile.kept", f"profiles/{digest}.parquet")
    if last is not None:
        verified(site.home.profiles, last.body["grid"], GRID)
