"""Truth is written down: what a reader must see for each value. The rows themselves are read on the page."""

import pytest

from reports.tables import number


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0123456, "0.01235"),
        (None, "–"),
        (float("nan"), "–"),
        (-0.25, "−0.25"),
        (12345.0, "12,345"),
        (-0.0, "0"),
    ],
)
def test_a_number_is_written_with_four_digits_or_as_absent(value: float | None, written: str) -> None:
    assert number(value) == written
