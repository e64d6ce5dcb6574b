"""Dagster assets and checks for one declared system, made from its declaration: no code per system.

Few steps per system (a step costs time, a job or sensor per system costs minutes at a thousand systems), each of
which fetches, calls and keeps through plain functions in the files beside this one. Results are in the register
before anything is yielded.
"""

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg

from assets.column_metadata import landed_columns, measured_columns
from assets.judged.judging import judge_batch, judge_restated, write_report
from assets.judged.reference import freeze_reference, reference_profile
from assets.judged.taught import note_overlap
from assets.judged.training import train
from assets.judged.windows import judge_windows, review_window, window_ending_with
from assets.kept.home import Site, home
from assets.landed.checking import Checked, land_and_check
from assets.landed.landing import Held, NotArrived, batch_part, usable
from assets.source.acquisition import AcquisitionFault
from checks.overlap import Overlap
from checks.results import as_check_result, data_check
from governance.arrivals import in_words
from governance.declared import periods
from governance.declared.declarations import Declaration
from governance.faults import UsageFault
from governance.recognised.reading import redacted
from governance.recognised.withholding import unspoken

Step = Callable[[dg.AssetExecutionContext], Iterator[Any]]
# One identical definition per cadence, for all systems: Dagster refuses to mix others in one schedule.
FIRST = "2010-01-01"
CRON = {
    "day": "0 0 * * *",
    "week": "0 0 * * 1",
    "month": "0 0 1 * *",
    "quarter": "0 0 1 */3 *",
    "year": "0 0 1 1 *",
}
PARTITIONS: Mapping[str, dg.TimeWindowPartitionsDefinition] = {
    period: dg.TimeWindowPartitionsDefinition(cron_schedule=cron, start=FIRST, fmt="%Y-%m-%d", timezone="UTC")
    for period, cron in CRON.items()
}
DATA_CHECKS = {
    "source_can_be_used": "The source is what it says, and holds every required column in its declared type.",
    "provenance_is_complete": "Who supplied it, under which licence and legal basis, and what we saw of it (A.7.5).",
    "contract_is_met": "Every rule of the data contract (A.7.4).",
    "rows_are_its_own": "No row of the reference comes again, by its key or as a whole batch (A.7.4).",
}


def assets_of(declaration: Declaration) -> list[dg.AssetsDefinition]:
    """All assets of one system, with a check per promise."""
    made = [_reference(declaration), _batch(declaration), _measured(declaration), _review(declaration)]
    if declaration.system.sources.outcomes:
        made.append(_outcomes(declaration))
    if declaration.model:
        made.append(_model(declaration))
    return made


def key(declaration: Declaration, name: str) -> dg.AssetKey:
    """`SYSTEM/NAME`."""
    return dg.AssetKey([declaration.id, name])


def here(context: dg.AssetExecutionContext) -> Site:
    """The site of a Dagster run: the clock is read once per step."""
    place = home()
    return Site(place, place.register(), dt.datetime.now(dt.UTC), context.run.run_id)


def _spec(
    declaration: Declaration, name: str, text: str, *, kinds: set[str], partitioned: bool = True, **more: Any
) -> dg.AssetSpec:
    partitions = PARTITIONS[declaration.system.batches.period] if partitioned else None
    return dg.AssetSpec(
        key(declaration, name),
        description=text,
        group_name=declaration.id,
        owners=[declaration.system.owner],
        kinds=kinds,
        partitions_def=partitions,
        metadata={"system": declaration.system.name, "purpose": declaration.system.purpose},
        **more,
    )


def _data_check_specs(declaration: Declaration, asset: str) -> list[dg.AssetCheckSpec]:
    return [
        dg.AssetCheckSpec(name, asset=key(declaration, asset), description=DATA_CHECKS[name])
        for name in _data_checks(asset)
    ]


def _data_checks(asset: str) -> tuple[str, ...]:
    """Outcomes have no rows of their own: theirs are those of the batch."""
    return tuple(name for name in DATA_CHECKS if asset == "batch" or name != "rows_are_its_own")


def _reference(declaration: Declaration) -> dg.AssetsDefinition:
    spec = _spec(
        declaration,
        "reference",
        f"The frozen period that batches are compared with. {declaration.system.reference.rationale}",
        kinds={"duckdb", "parquet"},
        partitioned=False,
        tags={"control/A.7.4": "", "control/A.7.5": ""},
    )

    @dg.multi_asset(name=f"{declaration.id}__reference", specs=[spec], op_tags={"system": declaration.id})
    @_unspoken
    def reference(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        site = here(context)
        with _one_line():
            digest = freeze_reference(declaration, site)
            rows = reference_profile(declaration, site).rows
        yield dg.MaterializeResult(
            asset_key=spec.key,
            data_version=dg.DataVersion(digest),
            metadata={"rows": rows, "profile": digest, **_reference_columns(declaration, site)},
        )

    return reference


def _reference_columns(declaration: Declaration, site: Site) -> dict[str, Any]:
    """Columns of the first of its batches: all of them have those that are required."""
    batch = periods.reference_batches(declaration.system)[0]
    part = batch_part(declaration, batch)
    event = usable(declaration, batch, part, site)
    return landed_columns(declaration, part, event.body) if event else {}


def _batch(declaration: Declaration) -> dg.AssetsDefinition:
    return _landing(declaration, "batch", "One batch as landed: declared columns only, named by its digest.")


def _outcomes(declaration: Declaration) -> dg.AssetsDefinition:
    return _landing(
        declaration, "outcomes", f"Outcomes of one batch, joined later. {declaration.system.labels.meaning}"
    )


def _landing(declaration: Declaration, name: str, text: str) -> dg.AssetsDefinition:
    """A landed part of a batch with its data checks; what is held back is not materialised."""
    tags = {"control/A.7.3": "", "control/A.7.4": "", "control/A.7.5": ""}
    deps = [key(declaration, "batch")] if name == "outcomes" else []
    spec = _spec(declaration, name, text, kinds={"duckdb", "parquet"}, skippable=True, tags=tags, deps=deps)

    @dg.multi_asset(
        name=f"{declaration.id}__{name}",
        specs=[spec],
        check_specs=_data_check_specs(declaration, name),
        op_tags={"system": declaration.id},
    )
    @_unspoken
    def landing(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        site, batch = here(context), _known_batch(declaration, context.partition_key)
        part = "outcomes" if name == "outcomes" else batch_part(declaration, batch)
        try:
            checked = _land_and_check(declaration, batch, part, site)
        except (Held, NotArrived) as reason:
            with _one_line():
                # Others may have been judged beside what is out of use now, or held for its rows.
                for later in judge_restated(declaration, batch, site) if name == "batch" else ():
                    write_report(declaration, later, site)
            yield from _held_results(spec.key, reason)
            return
        landing = checked.landing
        yield dg.MaterializeResult(
            asset_key=spec.key,
            data_version=dg.DataVersion(landing.digest),
            metadata={
                "dagster/row_count": landing.rows,
                "digest": landing.digest,
                "batch": batch,
                **landed_columns(declaration, part, landing.body),
                "arrival": in_words(landing.body.get("arrival") or {}),
            },
        )
        yield from checked_results(spec.key, checked)

    return landing


def _held_results(asset: dg.AssetKey, reason: Exception) -> Iterator[dg.AssetCheckResult]:
    arrived = None if isinstance(reason, NotArrived) else False
    yield data_check(asset, "source_can_be_used", arrived, redacted(str(reason)))
    for name in _data_checks(asset.path[-1])[1:]:
        yield data_check(asset, name, None, "not evaluated: there is no landed batch to look at")


def checked_results(asset: dg.AssetKey, checked: Checked) -> Iterator[dg.AssetCheckResult]:
    """What the data checks said, one result a claim."""
    yield data_check(asset, "source_can_be_used", True, f"{checked.landing.rows} rows landed")
    missing = ", ".join(checked.missing_facts)
    yield data_check(asset, "provenance_is_complete", not missing, f"missing: {missing}" if missing else "complete")
    unmet = "; ".join(item["reason"] for item in checked.unmet)
    unknown = "; ".join(f"{item['rule']}: {item['reason']}" for item in checked.not_evaluated)
    met = f"{checked.met} rules met, {len(checked.not_evaluated)} not evaluated"
    yield data_check(
        asset,
        "contract_is_met",
        # A tool that broke is no fault of the data, and no pass either.
        False if unmet else None if checked.tool_failed else True,
        unmet or (f"{met}: {unknown}" if checked.tool_failed else met),
        met=checked.met,
        unmet=len(checked.unmet),
        not_evaluated=unknown or "none",
        not_declared=", ".join(checked.not_declared) or "none",
    )
    if "rows_are_its_own" in _data_checks(asset.path[-1]):
        seen = checked.overlap or Overlap(None, "not evaluated: the batch belongs to the reference")
        yield data_check(asset, "rows_are_its_own", None if seen.rows is None else not seen.rows, seen.reason)


def _measured(declaration: Declaration) -> dg.AssetsDefinition:
    """Profile, measurements and verdicts of one batch, with a check per criterion; and the page about it."""
    deps = [key(declaration, "batch"), key(declaration, "reference")]
    if declaration.system.sources.outcomes:
        deps.append(key(declaration, "outcomes"))
    # What moved is weighed by how much the candidate relies on it.
    weighed_by = [key(declaration, "model")] if declaration.model else []
    control = {f"control/{c}": "" for item in declaration.assessment.criteria for c in item.controls}
    specs = [
        _spec(
            declaration,
            "profile",
            "One batch as counts; no person's row.",
            kinds={"ibis", "duckdb"},
            deps=deps,
        ),
        _spec(
            declaration,
            "measurements",
            "Drift, performance and fairness of one batch, held against the approved assessment's criteria.",
            kinds={"fairlearn", "scipy"},
            deps=[key(declaration, "profile"), *weighed_by],
            tags=control,
        ),
        _spec(
            declaration,
            "report",
            "The page about one batch: verdicts, measurements, and drawings made from counts.",
            kinds={"evidently"},
            deps=[key(declaration, "measurements")],
        ),
    ]
    checks = [
        dg.AssetCheckSpec(
            criterion.id,
            asset=key(declaration, "measurements"),
            description=criterion.rationale,
            metadata={"limit": criterion.limit, "metric": criterion.metric, "owner": criterion.owner},
        )
        for criterion in declaration.assessment.criteria
    ]

    @dg.multi_asset(
        name=f"{declaration.id}__measured",
        specs=specs,
        check_specs=checks,
        op_tags={"system": declaration.id},
    )
    @_unspoken
    def measured(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        site, batch = here(context), _known_batch(declaration, context.partition_key)
        with _one_line():
            body = judge_batch(declaration, batch, site)
            restated = judge_restated(declaration, batch, site)
            windows = judge_windows(declaration, batch, site)
        inputs = body["inputs"]
        yield dg.MaterializeResult(
            asset_key=specs[0].key,
            data_version=dg.DataVersion(inputs["profile"]),
            metadata={"digest": inputs["profile"], "reference": inputs["reference"]},
        )
        yield dg.MaterializeResult(
            asset_key=specs[1].key,
            metadata={
                "measurements": body["measurements"],
                "verdicts": body["verdicts"],
                "results": body["results"],
                "windows": ", ".join(windows) or "none judged anew",
                "restated": ", ".join(restated) or "no batch is compared with this one and was judged before it",
                **measured_columns(declaration),
            },
        )
        rows = site.register.verdicts(system=declaration.id)
        in_reference = periods.part_of(declaration.system, batch) == "reference"
        for criterion in declaration.assessment.criteria:
            judged = batch
            if criterion.window != "batch":
                judged = window_ending_with(declaration, batch, criterion.window) or ""
            mine = [row for row in rows if row["criterion"] == criterion.id and row["batch"] == judged]
            if in_reference:
                why = "not judged: the batch belongs to the reference period"
                yield data_check(specs[1].key, criterion.id, None, why)
            elif criterion.window != "batch" and not mine:
                why = f"not judged: no complete window ({criterion.window}) ends with this batch"
                yield data_check(specs[1].key, criterion.id, None, why)
            else:
                yield as_check_result(specs[1].key, criterion, mine)
        path = write_report(declaration, batch, site)
        for later in restated:
            write_report(declaration, later, site)
        yield dg.MaterializeResult(
            asset_key=specs[2].key,
            metadata={"page": dg.MetadataValue.url(path.as_uri()), "size": path.stat().st_size},
        )

    return measured


def _review(declaration: Declaration) -> dg.AssetsDefinition:
    spec = _spec(
        declaration,
        "review",
        "Everything judged so far as one window, from merged profiles.",
        kinds={"python"},
        partitioned=False,
        deps=[key(declaration, "measurements")],
    )

    @dg.multi_asset(name=f"{declaration.id}__review", specs=[spec], op_tags={"system": declaration.id})
    @_unspoken
    def review(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        with _one_line():
            site = here(context)
            window = review_window(declaration, site)
            note_overlap(declaration, site)
        yield dg.MaterializeResult(asset_key=spec.key, metadata={"window": window or "nothing judged yet"})

    return review


def _model(declaration: Declaration) -> dg.AssetsDefinition:
    assert declaration.model is not None
    spec = _spec(
        declaration,
        "model",
        f"The candidate {declaration.model.name}, trained on the declared snapshot, held against its release criteria.",
        kinds={"scikitlearn"},
        partitioned=False,
        tags={"control/A.6.2.3": "", "control/A.6.2.4": ""},
    )
    check = dg.AssetCheckSpec(
        "release_criteria_are_met",
        asset=spec.key,
        description="What the candidate must show on held-out rows (A.6.2.4).",
    )

    @dg.multi_asset(
        name=f"{declaration.id}__model", specs=[spec], check_specs=[check], op_tags={"system": declaration.id}
    )
    @_unspoken
    def model(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        with _one_line():
            trained = train(declaration, here(context))
        yield dg.MaterializeResult(
            asset_key=spec.key, data_version=dg.DataVersion(trained["model"]), metadata=trained["metrics"]
        )
        failed = [item["reason"] for item in trained["release"] if not item["met"]]
        yield data_check(spec.key, check.name, not failed, "; ".join(failed) or "all met on held-out rows")

    return model


def _known_batch(declaration: Declaration, wanted: str) -> str:
    try:
        return periods.find_batch(declaration.system, wanted)
    except UsageFault as fault:
        raise dg.Failure(redacted(str(fault)), allow_retries=False) from None


def _land_and_check(declaration: Declaration, batch: str, part: Any, site: Site) -> Checked:
    """As the step does it, but what is held back or not there yet is no failure of the step."""
    held: Held | NotArrived
    with _one_line():
        try:
            return land_and_check(declaration, batch, part, site)
        except (Held, NotArrived) as reason:
            held = reason
    raise held


def _unspoken(step: Step) -> Step:
    """Dagster keeps the text of what breaks a step: of what nobody foresaw it gets class, place and trace instead."""

    @functools.wraps(step)
    def run(context: dg.AssetExecutionContext) -> Iterator[Any]:
        with unspoken(dg.Failure, Held, NotArrived):
            yield from step(context)

    return run


class _one_line:
    """Faults that we can name end a step with their one line; anything else is a fault of ours and keeps its trace."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, _trace: Any) -> None:
        from assets.kept.lake import Altered

        if isinstance(error, (UsageFault, AcquisitionFault, Altered, Held, NotArrived)):
            raise dg.Failure(redacted(str(error)), allow_retries=False) from None
