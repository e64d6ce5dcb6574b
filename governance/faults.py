"""What is wrong with something a person wrote or sent, in the words that person needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong in a declaration.

    `where` is a file (with `line` 1-based), `what` the rule and the value that broke it, `remedy` what to do.
    """

    where: str
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: {self.what} {self.remedy}".rstrip()


class DeclarationFaults(ValueError):
    """All faults of one system's declaration at once, so that they can be mended in one go."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("\n".join(map(str, self.faults)))


class UsageFault(ValueError):
    """A request that cannot be met as asked: an unknown system or batch, a home that cannot be written."""
