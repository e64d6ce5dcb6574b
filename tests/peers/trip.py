"""What became of one published document on its way through the import and back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from checks.imports.carried import Became, Told


@dataclass
class Trip:
    """What became of one document.

    Attributes
    ----------
    items : things that it asks for
    carried, partly, not_carried : of them; of what is not carried the reasons, counted
    refused : why the whole document is not read; empty when it is
    lost : parts that went without a word
    unequal : what did not come back as it went
    equal : what did
    asked : verdicts that were compared with the peer's own
    """

    items: int = 0
    carried: int = 0
    partly: int = 0
    not_carried: Counter[str] = field(default_factory=Counter)
    refused: str = ""
    lost: list[str] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)
    equal: int = 0
    asked: int = 0

    def count(self, told: Told) -> None:
        """Takes in what was said of one item."""
        self.items += 1
        if told.became is Became.CARRIED:
            self.carried += 1
        elif told.became is Became.PARTLY:
            self.partly += 1
        else:
            self.not_carried[told.how] += 1

    @property
    def failed(self) -> bool:
        """Whether this must not be."""
        return bool(self.lost or self.unequal)
