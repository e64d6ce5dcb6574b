"""What a form of personal data is: its name, a shape that the engine can look for, and how sure one value of it is.

Where a value begins and ends is told by the edges below; what the engine sorts out beforehand is in `sieves`. A check
digit that a made-up number passes one time in ten tells a column and not a value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

# What stands before and after a value: never part of a longer word, of an id, of a number with a point in it.
BEFORE, AFTER = r"(?<![\w@-])(?<!\d[.,])", r"(?![\w-]|[.,]\d)"
# So far before a value words are looked at that say what it is.
NEAR = 40


class Grade(IntEnum):
    """How sure one value of a form is."""

    NONE = 0  # it is not one: a check digit fails, a day does not exist
    LIKELY = 1  # it could be one: a share of a column tells
    SURE = 2  # one is enough


@dataclass(frozen=True)
class Form:
    """One form of personal data.

    Attributes
    ----------
    name : str
        As it is told, and put in the place of a value: `<e-mail address>`.
    shape : str
        Of a value as people write it. With a group `value`, only that is the value.
    grade : callable
        Of a text that has the shape.
    bare : str
        The same without blanks and signs, where that is nothing but digits; empty where there is no such writing.
    words : str
        Words near a value, or in the name of its column, that make one value enough.
    chance : float
        Share of made-up texts of the `bare` shape that pass the check; 1 where there is no check.
    edges : bool
        Whether a value must not be part of a longer word. False where the shape says that itself.
    sure : bool
        Whether one value that is written so can be enough by itself.
    whole : str
        The digits of a whole number that is one, where more than the `bare` writing is usual there.
    zeros : int
        How many noughts at its beginning a number can have lost by being kept as a whole number.
    """

    name: str
    shape: str
    grade: Callable[[str], Grade]
    bare: str = ""
    words: str = ""
    chance: float = 1.0
    edges: bool = True
    sure: bool = True
    whole: str = ""
    zeros: int = 0

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The shape with its edges."""
        shapes = "|".join(f"(?:{shape})" for shape in (self.shape, self.bare) if shape)
        return re.compile(f"{BEFORE}(?:{shapes}){AFTER}" if self.edges else shapes)

    @cached_property
    def context(self) -> re.Pattern[str] | None:
        """The words, as a pattern."""
        return re.compile(rf"(?i)(?<![^\W_])(?:{self.words})(?![^\W\d_])") if self.words else None

    def written_out(self, number: int) -> str | None:
        """The digits of a whole number as this form has them, lost noughts put back; None where it cannot be one."""
        shape, digits = self.whole or self.bare, str(number)
        tries = (f"{'0' * lost}{digits}" for lost in range(self.zeros + 1))
        return next((text for text in tries if shape and re.fullmatch(shape, text)), None)

    def is_named_by(self, text: str) -> bool:
        """Whether the words of this form are in a text, such as the name of a column."""
        return self.context is not None and self.context.search(text) is not None


def checked(valid: Callable[[str], bool], grade: Grade = Grade.LIKELY) -> Callable[[str], Grade]:
    """A form whose values pass a check, and are all equally sure."""
    return lambda text: grade if valid(text) else Grade.NONE


def sure_if_written(valid: Callable[[str], bool], signs: str = r"[ .-]") -> Callable[[str], Grade]:
    """A form whose values pass a check; written with its blanks and signs one is enough, bare digits are not."""
    written = re.compile(signs)

    def grade(text: str) -> Grade:
        if not valid(text):
            return Grade.NONE
        return Grade.SURE if written.search(text) else Grade.LIKELY

    return grade
