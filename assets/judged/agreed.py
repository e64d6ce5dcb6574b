"""What is promised about a system as the record has it: which version is in force, and why nothing is, where so.

The record decides, not the file beside it: a file that was edited is a draft until it was submitted and approved, and
what was agreed last goes on being judged (decision 0024).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from assets.kept.home import Site
from governance.approval.accepting import acceptance
from governance.approval.approvals import Version, in_force, versions
from governance.declared.declarations import Declaration
from governance.people.acts import Before
from governance.record import ledger


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a batch is held against.

    Attributes
    ----------
    declaration : Declaration
        Under the version in force; as it is declared where none is.
    version : Version or None
        None where nothing is judged: then measurements are observations.
    why : str or None
        Why nothing is judged.
    """

    declaration: Declaration
    version: Version | None
    why: str | None = None

    @property
    def digest(self) -> str | None:
        """Of the version that is judged by."""
        return self.version.digest if self.version else None


@contextmanager
def record_now(site: Site) -> Iterator[Before]:
    """The record as it stands: one consistent view, and no lock."""
    with site.register.reading() as connection:
        yield Before(connection, ledger.head(connection)[0] + 1, site.at)


def agreed(declaration: Declaration, site: Site) -> Agreed:
    """What is promised about this system now."""
    with record_now(site) as before:
        return agreed_in(before, declaration)


def agreed_in(before: Before, declaration: Declaration) -> Agreed:
    """What is promised about this system, as the record stood."""
    version = in_force(versions(before, declaration.id))
    if version is None:
        return Agreed(declaration, None, "no version of the impact assessment is approved")
    under = declaration.under(version.text)
    lacking = under.unmeasurable()
    if lacking:
        why = f"version {version.number} is in force and no longer fits what is declared: {lacking[0]}"
        return Agreed(declaration, None, why)
    if acceptance(before, declaration.id) is None:
        return Agreed(under, None, "the frozen reference has not been accepted")
    return Agreed(under, version)
