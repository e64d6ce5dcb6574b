"""Profiles and their grids, kept as files named by the digest of their counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.lake import Altered, keep_text, replace_file
from governance.record.canonical import canonical_bytes

if TYPE_CHECKING:
    from monitors.profile import Profile


def keep_profile(folder: Path, profile: Profile) -> str:
    """Writes the profile and its grid, each whole or not at all; returns the profile's digest."""
    grid = folder / f"{profile.grid.digest}.grid.json"
    if not grid.exists():
        keep_text(grid, canonical_bytes(profile.grid.as_dict()).decode())
    frame = profile.to_frame().assign(grid=profile.grid.digest)
    replace_file(
        folder / f"{profile.digest}.parquet", lambda part: frame.to_parquet(part, index=False, compression="zstd")
    )
    return profile.digest


def has_profile(folder: Path, judged: dict[str, Any]) -> bool:
    """Whether the profile that a judgement rests on is still kept; if not, the batch is counted again."""
    return (folder / f"{judged['inputs']['profile']}.parquet").exists()


def read_profile(folder: Path, digest: str) -> Profile:
    """The profile of that digest, its counts verified.

    Raises
    ------
    Altered
        The file is gone, or holds other counts now.
    """
    import pandas as pd

    from monitors.grid import grid_of
    from monitors.profile import profile_of

    path = folder / f"{digest}.parquet"
    if not path.exists():
        raise Altered(f"profiles/{path.name} is gone. Run the batch again.")
    try:
        frame = pd.read_parquet(path)
        grid = json.loads((folder / f"{frame['grid'].iloc[0]}.grid.json").read_text("utf-8"))
        profile = profile_of(frame, grid_of(grid))
    except (OSError, ValueError, KeyError, IndexError):
        raise Altered(f"profiles/{path.name} or its grid cannot be read. Remove it and run the batch again.") from None
    if profile.digest != digest:
        raise Altered(f"profiles/{path.name} was altered: its counts have the digest {profile.digest[:12]}.")
    return profile
