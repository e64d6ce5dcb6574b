"""The page that people read about one batch: our verdicts on top, Evidently's drawings below.

Records in, document out: nothing is judged here. Decides what stands on the page, and that no verdict stands there
without an approved assessment. How records are written in rows is in `reports.tables`, the points that stand in for
rows in `reports.pseudo_sample`, what Evidently draws of them in `reports.drawings`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from governance.records import Measurement, Part, Verdict
from monitors.grid import RARE
from monitors.profile import GridMismatch, Profile
from reports.drawings import as_script, drawable, drawing, library
from reports.explanations import beside, explanations
from reports.pages import template
from reports.pseudo_sample import DRAWN_CATEGORIES, POINTS, folded, pseudo_sample
from reports.ranking import ranking_rows, said_by
from reports.tables import counted, measurement_tables, verdict_rows


@dataclass(frozen=True)
class BatchReview:
    """Everything the tables show. The page computes nothing.

    Attributes
    ----------
    batch, batch_label, reference_label : str
        Partition key (start date) and what people call the period; what the batch is compared with.
    assessment : mapping or None
        `sha256`, `version`, `approved_by`, `demonstration`; where known `approved_on`, and `owners`, a mapping
        of criterion to the person who owns it. `None`: nothing is approved, so all numbers are observations.
    inputs : mapping of name to SHA-256 or None
        Digests of data, profile, reference and code.
    as_known_on : str
        The day up to which labels were taken into account.
    parts : tuple of Part
        What the measurements are made of; those of breaches and warnings are shown.
    snapshot : str or None
        What is known of the data that the candidate model was trained on; `snapshot_failed` where that failed.
    """

    system_name: str
    system_id: str
    batch: str
    batch_label: str
    reference_label: str
    verdicts: tuple[Verdict, ...]
    measurements: tuple[Measurement, ...]
    assessment: dict[str, Any] | None
    inputs: dict[str, str | None]
    as_known_on: str
    parts: tuple[Part, ...] = ()
    snapshot: str | None = None
    snapshot_failed: bool = False

    def __post_init__(self) -> None:
        if self.assessment is None and self.verdicts:
            raise ValueError(
                f"{len(self.verdicts)} verdicts without an approved assessment: only approved criteria are judged."
            )


def render(review: BatchReview, reference: Profile | None, current: Profile, *, seed: str) -> str:
    """One self-contained HTML page about a batch. The same arguments give the same bytes.

    Parameters
    ----------
    reference : Profile or None
        `None` where nothing is compared, as for the batches of the reference period: the page then shows the
        batch alone.
    seed : str
        Orders the points of each pseudo-sample, so that no two columns seem to go together.

    Raises
    ------
    GridMismatch
        Reference and batch were counted into different bins.
    """
    if reference is not None and reference.grid.digest != current.grid.digest:
        raise GridMismatch("Reference and batch were counted into different bins: profile both on one grid.")
    sides = {"current": current} if reference is None else {"reference": reference, "current": current}
    samples, undrawn = drawable({side: pseudo_sample(p, sides, seed + side) for side, p in sides.items()})
    drawn = drawing(samples, current) if not samples["current"].empty else None
    made_of = explanations(review.verdicts, review.parts)
    owners = (review.assessment or {}).get("owners") or {}
    return template("batch_review.html").render(
        review=review,
        counted=counted(review.verdicts),
        verdicts=verdict_rows(review.verdicts, owners),
        made_of=made_of,
        beside=beside(made_of, review.measurements),
        tables=measurement_tables(review.measurements),
        ranking=ranking_rows(review.measurements),
        reliance_said_by=said_by(review.measurements),
        compared=reference is not None,
        drawing=as_script(drawn) if drawn else None,
        library=Markup(library()) if drawn else None,
        undrawn=undrawn,
        valueless=list(_valueless(sides)),
        folded=list(folded(sides)),
        points=POINTS,
        drawn_categories=DRAWN_CATEGORIES,
        rare=RARE,
    )


def _valueless(sides: Mapping[str, Profile]) -> Iterator[tuple[str, list[str]]]:
    """Numeric columns in which some rows hold no finite number, with their counts on each side."""
    for grid in next(iter(sides.values())).grid.columns:
        counts = [int(profile.columns[grid.name][-4:].sum()) for profile in sides.values()]
        if grid.is_numeric and any(counts):
            rows = [profile.rows for profile in sides.values()]
            yield grid.name, [f"{n:,} of {of:,}" for n, of in zip(counts, rows, strict=True)]
