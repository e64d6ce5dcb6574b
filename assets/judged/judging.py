"""Profiles, measures and judges what was landed, and keeps all of it; and the page about it.

Every step may be repeated: what is already kept under the same inputs is not written again, and what a killed run
left undone is done by the next one.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assets.code import code_digest
from assets.environment import note_environment
from assets.judged.agreed import Agreed, agreed
from assets.judged.comparisons import chosen_for, earlier_of, inputs_of, restated_by
from assets.judged.contrasts import contrasts_for
from assets.judged.demonstrating import enter_demonstration, wants_demonstration
from assets.judged.population import outside_intended_use
from assets.judged.profiles import has_profile, keep_profile, must_be_kept, read_profile
from assets.judged.reassessing import note_new_segments
from assets.judged.reference import entity_key, reference_profile
from assets.judged.relying import reliance_inputs, reliance_of
from assets.judged.sampling import rows_told_apart
from assets.kept.home import Site
from assets.kept.lake import Altered, keep_text, verified
from assets.kept.stored import digests_of, found_whole, is_whole, whole
from assets.landed import lineage_events
from assets.landed.checking import land_and_check, settled
from assets.landed.landing import Landing, NotArrived, Part, batch_part, landed, usable
from assets.landed.sharing import turned_by
from assets.persons.erased import file_digest
from assets.source.engines import table_of
from assets.source.sources import is_unchanged
from governance.approval.snapshots import snapshot_of
from governance.batches import standing
from governance.declared import periods
from governance.declared.assessment import Criterion
from governance.declared.budget import looks
from governance.declared.declarations import Declaration
from governance.declared.metrics import METRICS
from governance.declared.system import Window
from governance.faults import DeclarationFaults
from governance.organisation.laid_down import declared_deadlines
from governance.record.canonical import digest_of_bytes
from governance.records import Measurement, Verdict
from governance.register import Judgement

if TYPE_CHECKING:
    from monitors.levels import Levels
    from monitors.measure import Earlier
    from monitors.profile import Profile

# What a profile is counted from: where none of it changed, the kept one is judged anew and no row is read.
COUNTED = ("data", "outcomes", "reference", "system", "code")


@lineage_events.tells("judge", lineage_events.judged)
def judge_batch(declaration: Declaration, batch: str, site: Site) -> dict[str, Any]:
    """Profiles, measures and judges one landed batch, and keeps all of it. Returns the body of its event.

    Raises
    ------
    NotArrived
        The batch or the reference has not been landed.
    """
    landing = landed_or_again(declaration, batch, batch_part(declaration, batch), site)
    if landing is None:
        raise NotArrived(f"{declaration.id}: the batch {batch} has not been landed.")
    enter_demonstration(declaration, site)
    promised = agreed(declaration, site)
    declaration = promised.declaration
    reference = reference_profile(declaration, site)
    outcomes = landed_or_again(declaration, batch, "outcomes", site) if declaration.system.sources.outcomes else None
    chosen = chosen_for(declaration, batch, reference.digest, site)
    known = outcomes.digest if outcomes else None
    inputs = _inputs(promised, batch, landing.digest, known, reference.digest, site)
    inputs |= inputs_of(chosen)
    subject = f"{declaration.id}/{batch}"
    last = site.register.last("batch.judged", subject)
    kept = has_profile(site, last.body) if last else False
    if last and kept and {**last.body["inputs"], "profile": None} == inputs:
        return last.body
    if last and kept and all(last.body["inputs"][name] == inputs[name] for name in COUNTED):
        profile = read_profile(site, last.body["inputs"]["profile"])
    else:
        profile = profile_of_batch(reference, landing, outcomes, declaration, site)
    inputs["profile"] = keep_profile(site, profile)
    in_reference = periods.part_of(declaration.system, batch) == "reference"
    criteria = () if in_reference else criteria_of(promised, "batch")
    if not in_reference:
        note_new_segments(promised, batch, profile, reference, site)
    judgement = judgement_of(
        promised,
        batch,
        profile,
        None if in_reference else reference,
        criteria,
        inputs,
        site,
        rows=landing,
        earlier=earlier_of(chosen, site),
        also=label_age(declaration, batch, landing, outcomes),
    )
    site.register.keep(judgement, at=site.at, look_back_days=look_back_days())
    note_environment(site)
    event = site.register.last("batch.judged", subject)
    assert event is not None
    return event.body


def landed_or_again(declaration: Declaration, batch: str, part: Part, site: Site) -> Landing | None:
    """What was landed last and may be used; where its file was altered, what the source holds now, checked anew.

    Raises
    ------
    Altered
        The rows are gone, or were altered and the source does not give them any more.
    """
    try:
        return landed(declaration, batch, part, site)
    except Altered as altered:
        if altered.found is None:
            raise
        land_and_check(declaration, batch, part, site)
    return landed(declaration, batch, part, site)


def look_back_days() -> int | None:
    """How long after its closing a breach reopens a case; however long, where nobody could read what was declared.

    That they are is told by `aims check`; it keeps no batch from being judged.
    """
    try:
        return declared_deadlines().look_back_days
    except DeclarationFaults:
        return None


def judge_restated(declaration: Declaration, batch: str, site: Site) -> tuple[str, ...]:
    """Judges anew what was judged before this batch came, changed or was held, and would be judged otherwise now.

    That are batches compared with this one, those that it had held and let go again, and batches compared with those:
    also with those that are held since. No row is read again. Returns the names of those judged anew.
    """
    promised = agreed(declaration, site).declaration
    turned = list(turned_by(declaration, batch, site))
    anew = {later for later in turned if _judge_turned(declaration, later, site)}
    restated = {later for one in (batch, *turned) for later in restated_by(promised, one, site)}
    for later in sorted(restated):
        judge_batch(declaration, later, site)
    return tuple(sorted(restated | anew))


def _judge_turned(declaration: Declaration, batch: str, site: Site) -> bool:
    """Judges what another batch had held and let go again, unless it was. Returns whether that is new."""
    before = site.register.last("batch.judged", f"{declaration.id}/{batch}")
    if usable(declaration, batch, batch_part(declaration, batch), site) is None:
        return False
    body = judge_batch(declaration, batch, site)
    return before is None or body != before.body


def label_age(
    declaration: Declaration, batch: str, landing: Landing, outcomes: Landing | None
) -> tuple[Measurement, ...]:
    """Days from the end of the batch until the outcomes now in use were landed; none where no label is declared.

    Counted to the landing and not to the day of judging: the same outcomes do not ripen by being looked at again.
    """
    if not declaration.system.the("label"):
        return ()
    apart = (
        declaration.system.sources.outcomes is not None and periods.part_of(declaration.system, batch) != "reference"
    )
    source = outcomes if apart else landing
    method = f"end of the batch to the landing of its {'outcomes' if apart else 'rows, which hold the outcomes'}"
    if source is None:
        return (Measurement("label_age_days", None, 0, "days", method, reason="no outcomes have been landed"),)
    days = dt.datetime.fromisoformat(source.body["observed"]["landed_at"]).date() - periods.end_of(
        declaration.system, batch
    )
    return (Measurement("label_age_days", float(days.days), source.rows, "days", method),)


def write_report(declaration: Declaration, batch: str, site: Site) -> Path:
    """The page about one judged batch, made from what is kept. Written once per judgement."""
    from reports.batch_review import BatchReview, render

    subject = f"{declaration.id}/{batch}"
    body = site.register.judged_batches(declaration.id)[batch].body
    label = periods.label_of(declaration.system, batch)
    path = _page(declaration, batch, body, site)
    if found_whole(site, lambda: written_page(path, subject, site), page=batch):
        return path
    path.parent.mkdir(mode=0o700, exist_ok=True)
    compared = periods.part_of(declaration.system, batch) == "production"
    current = read_profile(site, body["inputs"]["profile"])
    measurements, verdicts = site.register.records(declaration.id, batch)
    span = declaration.system.reference
    model = declaration.model.name if declaration.model else ""
    trained = site.register.last("model.trained", f"{declaration.id}/{model}")
    snapshot = snapshot_of(site.register, trained) if trained else None
    review = BatchReview(
        system_name=declaration.system.name,
        system_id=declaration.id,
        batch=batch,
        batch_label=label,
        reference_label=f"{span.from_} to {span.to}",
        verdicts=verdicts,
        measurements=measurements,
        assessment=_with_owners(body["assessment"]),
        inputs=body["inputs"],
        as_known_on=body["as_known_on"],
        parts=site.register.part_records(declaration.id, batch),
        snapshot=snapshot.words if snapshot else None,
        snapshot_failed=bool(snapshot and snapshot.failed),
    )
    reference = reference_profile(declaration, site) if compared else None
    return _keep_page(path, subject, body, render(review, reference, current, seed=body["results"]), site)


def _keep_page(path: Path, subject: str, judged: dict[str, Any], text: str, site: Site) -> Path:
    """Its digest is recorded first: a page that nobody vouches for is never shown."""
    name, sha256 = path.relative_to(site.home.root).as_posix(), digest_of_bytes(text.encode())
    if sha256 not in digests_of(site, "batch.reported", subject, page=name):
        body = {"page": name, "sha256": sha256, "results": judged["results"], "run": site.run}
        site.register.record("batch.reported", subject, body, at=site.at)
    return keep_text(path, text)


def written_page(path: Path, subject: str, site: Site) -> Path:
    """The page, as it was written.

    Raises
    ------
    Altered
        It is gone, or holds something else now.
    """
    name = path.relative_to(site.home.root).as_posix()
    return whole(site, path, digests_of(site, "batch.reported", subject, page=name), "and run its batch again")


def _page(declaration: Declaration, batch: str, body: dict[str, Any], site: Site) -> Path:
    """Where the page about this judgement stands; an older judgement keeps its own."""
    label = periods.label_of(declaration.system, batch)
    return site.home.reports / declaration.id / f"{label}-{body['results'][:12]}.html"


def is_current(declaration: Declaration, batch: str, part: Part, site: Site) -> bool:
    """Whether nothing has changed since the batch was judged: source, declaration, contract, code, labels, page.

    Compares digests and reads no rows, so that a repeated run costs next to nothing. A table has no digest that could
    be had without its rows: its batches are never current, and the step that lands them compares what they hold.
    """
    landing = _landed_from_the_same(declaration, batch, part, site)
    judged = site.register.last("batch.judged", f"{declaration.id}/{batch}")
    reference = site.register.last("reference.frozen", declaration.id)
    if landing is None or judged is None or reference is None or wants_demonstration(declaration, site):
        return False
    if settled(declaration, f"{declaration.id}/{batch}/{part}", landing, site) is None:
        return False
    data, outcomes = (
        event.body["digest"] if event else None
        for event in (
            usable(declaration, batch, batch_part(declaration, batch), site),
            usable(declaration, batch, "outcomes", site),
        )
    )
    promised = agreed(declaration, site)
    inputs = _inputs(promised, batch, data or "", outcomes, reference.body["profile"], site)
    inputs |= inputs_of(chosen_for(promised.declaration, batch, reference.body["profile"], site))
    same = {**judged.body["inputs"], "profile": None} == inputs
    return same and _is_whole(declaration, batch, judged.body, site)


def _is_whole(declaration: Declaration, batch: str, judged: dict[str, Any], site: Site) -> bool:
    """Whether the files that the judgement rests on, and the page about it, are as they were kept.

    Rows that are gone were removed by somebody, who may have had to: only a judgement anew would ask for them.
    """
    subject = f"{declaration.id}/{batch}"
    landed = [digest for name in ("data", "outcomes") if (digest := judged["inputs"][name])]
    rows = [file_digest(site, declaration.id, digest) for digest in landed]
    there = [digest for digest in rows if (site.home.lake / f"{digest}.parquet").exists()]
    looks: list[Callable[[], object]] = [
        functools.partial(verified, site.home.lake, digest, ".parquet") for digest in there
    ]
    page = _page(declaration, batch, judged, site)
    looks.append(functools.partial(written_page, page, subject, site))
    looks.append(functools.partial(must_be_kept, site, judged["inputs"]["profile"]))
    return all(map(is_whole, looks))


def _landed_from_the_same(declaration: Declaration, batch: str, part: Part, site: Site) -> str | None:
    """Digest of what was landed from the source as it is now; None when it changed, was refused, or never came."""
    stands = standing(site.register, f"{declaration.id}/{batch}/{part}")
    came = stands.usable
    if came is None or stands.held:
        return None
    same = came.body["declaration"] == declaration.digest
    return str(came.body["digest"]) if same and is_unchanged(declaration, part, batch, came.body["observed"]) else None


def _with_owners(assessment: dict[str, Any] | None) -> dict[str, Any] | None:
    """The assessment as it was quoted, with criterion → owner beside it, as the page shows it."""
    if assessment is None:
        return None
    return {**assessment, "owners": {name: item["owner"] for name, item in assessment["criteria"].items()}}


def profile_of_batch(
    reference: Profile, landing: Landing, outcomes: Landing | None, declaration: Declaration, site: Site
) -> Profile:
    """Counts of one landed batch, its outcomes joined by their key, on the reference's grid."""
    from monitors.profiling import profile

    table = table_of(declaration.system.engine, [landing.path], site.home.spill)
    if outcomes is not None:
        key, label = declaration.system.the("key"), declaration.system.the("label")
        known = table.get_backend().read_parquet(str(outcomes.path))[[key, label]]
        base = table.drop(label) if label in table.columns else table
        table = base.left_join(known, key).drop(f"{key}_right")
    return profile(table, reference.grid, entity_key=entity_key(declaration, site))


def _inputs(
    promised: Agreed,
    batch: str,
    data: str,
    outcomes: str | None,
    reference: str,
    site: Site,
) -> dict[str, str | None]:
    declaration = promised.declaration
    return {
        "data": data,
        "outcomes": outcomes,
        "reference": reference,
        "system": declaration.digests["system.yaml"],
        "assessment": promised.digest,
        "labels": "mature" if is_mature(declaration, batch, site) else "immature",
        "code": code_digest(),
        "profile": None,
        **reliance_inputs(declaration, site),
    }


def is_mature(declaration: Declaration, batch: str, site: Site) -> bool:
    """Whether the outcomes of this batch can be known by now."""
    known_from = periods.end_of(declaration.system, batch) + dt.timedelta(days=declaration.system.labels.delay_days)
    return known_from <= site.at.date()


def criteria_of(promised: Agreed, *windows: Window | Literal["batch"]) -> tuple[Criterion, ...]:
    """What is promised of single batches, or of windows of these kinds; nothing where nobody has approved it."""
    if promised.version is None:
        return ()
    return tuple(criterion for criterion in promised.declaration.criteria if criterion.window in windows)


def judgement_of(
    promised: Agreed,
    batch: str,
    profile: Profile,
    reference: Profile | None,
    criteria: tuple[Criterion, ...],
    inputs: dict[str, str | None],
    site: Site,
    *,
    rows: Landing | None = None,
    earlier: tuple[Earlier, ...] = (),
    also: tuple[Measurement, ...] = (),
) -> Judgement:
    """Everything measured of a batch or window, and each of the `criteria` held against it.

    `rows` are those of the batch, for the metric that needs some; a window has none. `earlier` is what it is compared
    with besides the reference; `also` was measured elsewhere.
    """
    from monitors.decomposition import decompose
    from monitors.judge import Labels, judge_all
    from monitors.levels import levels_of
    from monitors.measure import measure

    declaration = promised.declaration
    contrasts = contrasts_for(declaration, profile)
    # What nobody approved is still measured, as sure as the criterion would ask.
    asked = criteria or tuple(c for c in declaration.criteria if c.window == "batch")
    levels, reliance = levels_of(asked, contrasts), reliance_of(declaration, site)
    found = measure(
        profile,
        reference,
        contrasts,
        levels,
        seed=profile.digest,
        reliance=reliance,
        earlier=earlier,
        smallest_group=declaration.system.smallest_group,
    )
    found += also
    if rows is not None and reference is not None:
        found += outside_intended_use(declaration.assessment, rows.path, levels)
    if rows is not None and reference is not None and _needs_rows(declaration, asked):
        found += (_told_apart(declaration, rows, reference, levels, site),)
    before = {one.against: _known(one.profile) for one in earlier}
    labels = Labels(_coverage(found), inputs.get("labels") == "mature", profile.grid.outcome_columns, before)
    measurements: tuple[Measurement, ...]
    verdicts: tuple[Verdict, ...]
    measurements, verdicts = judge_all(found, criteria, contrasts, labels)
    smallest = declaration.system.smallest_group
    parts = decompose(measurements, profile, reference, contrasts, smallest=smallest)
    for one in earlier:
        parts += decompose(
            measurements, profile, one.profile, (), against=one.against, frozen=reference, smallest=smallest
        )
    return Judgement(
        system=declaration.id,
        batch=batch,
        reference=reference.digest if reference else "",
        as_known_on=site.at.date().isoformat(),
        inputs=inputs,
        measurements=measurements,
        verdicts=verdicts,
        assessment=_assessment(promised) if criteria else None,
        run=site.run,
        labels={**asdict(labels), "columns": sorted(labels.columns)},
        parts=parts,
    )


def _needs_rows(declaration: Declaration, asked: Iterable[Criterion]) -> bool:
    """Whether anybody wants the batch looked at row by row: it costs a second, and is asked for or not done."""
    return declaration.system.multivariate is not None or any(METRICS[c.metric].needs_rows for c in asked)


def _told_apart(declaration: Declaration, rows: Landing, reference: Profile, levels: Levels, site: Site) -> Measurement:
    alpha = levels.alpha("domain_classifier_auc")
    return rows_told_apart(declaration, rows.path, reference.grid, alpha, seed=rows.digest, site=site)


def _coverage(measurements: Iterable[Measurement]) -> float | None:
    return next((m.value for m in measurements if m.metric == "label_coverage" and m.segment is None), None)


def _known(profile: Profile | None) -> float | None:
    """Share of rows whose outcome is known."""
    from monitors.performance import hits_of

    known, rows = hits_of(profile.cube, "label_coverage") if profile else (0, 0)
    return known / rows if rows else None


def _assessment(promised: Agreed) -> dict[str, Any]:
    """What a verdict quotes: the version in force, who approved it, the budget of false alarms, and every criterion.

    Each criterion as a whole, so that the verdict can be reached again from the stored measurement alone.
    """
    version, declaration = promised.version, promised.declaration
    assert version is not None and version.decided_at is not None
    budget = declaration.assessment.false_alarms
    return {
        "id": declaration.assessment.id,
        "version": version.number,
        "sha256": version.digest,
        "approved_by": version.decided_by,
        "approved_on": version.decided_at[:10],
        "demonstration": version.demonstration,
        "false_alarms": {
            **budget.model_dump(),
            "looks": {
                c.id: looks(c.window, declaration.system.batches.period, budget.per) for c in declaration.criteria
            },
        },
        "criteria": {c.id: c.model_dump(mode="json") for c in declaration.criteria},
    }
