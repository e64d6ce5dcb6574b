"""Which groups are held against which: those of the declared groupings, and further ones that criteria name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.declared.declarations import Declaration

if TYPE_CHECKING:
    from monitors.levels import Contrast
    from monitors.profile import Profile


def contrasts_for(declaration: Declaration, profile: Profile) -> tuple[Contrast, ...]:
    """All contrasts of the system's groupings."""
    from monitors.levels import contrasts_of

    criteria = declaration.assessment.criteria
    found = [contrasts_of(grouping, profile.grid, criteria) for grouping in declaration.system.groupings]
    return tuple(contrast for part in found for contrast in part)
