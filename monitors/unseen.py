"""Groups that a batch has and its reference did not: what is known of the reference does not speak of them (A.9.4)."""

from __future__ import annotations

from collections.abc import Iterator

from monitors.profile import Profile


def unseen_groups(current: Profile, reference: Profile, smallest: int) -> Iterator[tuple[str, str, int]]:
    """Grouping, group and rows of every group with no row in the reference and at least `smallest` in the batch.

    Groups of which an attribute is missing are no groups. What the reference keeps as `(other)` cannot be told from
    what is new there: where it holds rows, a new value among them is not seen here.
    """
    for grid in current.grid.groupings:
        now, before = (
            profile.cubes[grid.name].reshape(len(grid.groups), -1).sum(axis=1) for profile in (current, reference)
        )
        for place, group in enumerate(grid.groups):
            rows = int(now[place])
            if not before[place] and rows >= smallest and group not in grid.incomplete:
                yield grid.name, group, rows
