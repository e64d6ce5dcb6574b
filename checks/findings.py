"""What was found in a column, and from when on values that could be persons' are more than chance explains."""

from __future__ import annotations

from dataclasses import dataclass

# Of a form that one value does not tell: from this share of a column's values on, and from so many rows.
SHARE, FEWEST = 0.01, 3
# How often made-up numbers may be taken for those of persons: a column of texts, or the numbers of a whole batch.
CHANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Finding:
    """What a column holds, in how many of its values; `at_least` where not all of them were looked at."""

    column: str
    form: str
    rows: int
    of: int
    at_least: bool = False

    def __str__(self) -> str:
        count = f"at least {self.rows}" if self.at_least else f"{self.rows}"
        article = "an" if self.form[0].lower() in "aeio" else "a"
        return f"The column {self.column!r} holds {count} of {self.of} values with {article} {self.form}."


def tail(hits: int, of: int, chance: float) -> float:
    """Probability of so many hits or more, each by `chance`; 1 where the share of hits is no more than that."""
    from scipy.special import bdtrc

    if not of or hits <= of * chance:
        return 1.0
    return float(bdtrc(hits - 1, of, chance))
