"""The system that somebody names on the command line, or in one line why there is none."""

from __future__ import annotations

from governance.declared.declarations import Declaration, Declarations
from governance.faults import UsageFault


def the_system(found: Declarations, system: str) -> Declaration:
    """The declaration of this id among those found.

    Raises
    ------
    UsageFault
        It has faults, or there is none.
    """
    if system in found.faults:
        raise UsageFault(f"{system} has {len(found.faults[system])} faults in its declaration. See `aims check`.")
    if system not in found.sound:
        raise UsageFault(f"There is no system {system!r}; declared are {', '.join(found.sound) or 'none'}.")
    return found.sound[system]
