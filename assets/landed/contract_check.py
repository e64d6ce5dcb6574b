"""What the contract says of one landed part: each of its rules and service levels, and what it does not ask at all.

Decided here: which engine counts (the one that counts the system's batches), which rules outcomes are held against,
and what is kept: of every rule its outcome, reason and counts, and no cell. Four things are kept apart: met, unmet, not
evaluated, and not declared, which are the standard's dimensions of quality that the contract asks nothing about.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from assets.kept.home import Site
from assets.landed.landing import Landing
from assets.landed.lookups import lookup_files
from assets.landed.preceding import asks_about_it, preceding
from assets.persons.erased import lake_file
from assets.source.engines import spark_session
from governance.declared.declarations import Declaration

if TYPE_CHECKING:
    from checks.counting import Engine
    from checks.expectations import RuleResult
    from checks.service_levels import Level


def contract_outcome(declaration: Declaration, landing: Landing, site: Site) -> dict[str, Any]:
    """The outcome of every rule and level, ready to be recorded.

    Raises
    ------
    Altered
        A stored lookup, or the batch before where a level asks about it, is not the one that was landed.
    """
    from checks.contract import read_contract
    from checks.expectations import RuleOutcome, check_contract, not_declared
    from checks.service_levels import levels_of

    # Outcomes bring two columns of the contract; the others are checked where they arrive.
    only = {declaration.system.the("key"), declaration.system.the("label")} if landing.part == "outcomes" else None
    contract = read_contract(declaration.contract_text)
    levels = levels_of(contract, declaration.system.the("time"))
    lookups = lookup_files(declaration, site)
    engine = _engine(declaration, site)
    results = list(check_contract(contract, landing.path, engine=engine, lookups=lookups))
    if landing.part in ("production", "reference"):
        results += _levels(declaration, landing, levels, site)
    kept = [result for result in results if only is None or result.column in only]
    by_outcome: dict[RuleOutcome, list[RuleResult]] = {outcome: [] for outcome in RuleOutcome}
    for result in kept:
        by_outcome[result.outcome].append(result)
    met, unmet, not_evaluated = (by_outcome[outcome] for outcome in RuleOutcome)
    return {
        "met": len(met),
        "met_rules": [_as_plain(result) for result in met],
        "unmet": [_as_plain(result) for result in unmet],
        "not_evaluated": [_as_plain(result) for result in not_evaluated],
        "not_declared": list(not_declared(contract, levels)),
        "tool_failed": any(result.tool_failed for result in not_evaluated),
    }


def _as_plain(result: RuleResult) -> dict[str, Any]:
    return {
        "rule": result.rule,
        "blocking": result.blocking,
        "reason": result.reason,
        "dimension": result.dimension,
        "unexpected": result.unexpected,
        "rows": result.rows,
        "tool_failed": result.tool_failed,
    }


def _engine(declaration: Declaration, site: Site) -> Engine | None:
    """Spark where the system's batches are counted there; else what a check takes by itself."""
    engine = declaration.system.engine
    if engine.kind != "spark":
        return None
    from checks.spark_rows import Spark

    return Spark(spark_session(engine.master or "local[*]", str(site.home.spill)))


def _levels(declaration: Declaration, landing: Landing, levels: Sequence[Level], site: Site) -> tuple[RuleResult, ...]:
    from checks.service_levels import Arrival, columns_of, evaluate, newest_in

    columns = columns_of(levels)
    if not columns:
        return evaluate(levels, Arrival(site.at, {}, None))
    before = None
    if asks_about_it(declaration):
        earlier = preceding(declaration, landing.batch, site)
        before = newest_in(lake_file(site, declaration.id, earlier[1].body["digest"]), columns) if earlier else None
    when = dt.datetime.fromisoformat(_landed_at(landing, site)).astimezone(dt.UTC).replace(tzinfo=None)
    return evaluate(levels, Arrival(when, newest_in(landing.path, columns), before))


def _landed_at(landing: Landing, site: Site) -> str:
    """When these bytes came first: landing them again makes nothing younger."""
    subject = f"{landing.system}/{landing.batch}/{landing.part}"
    came = site.register.events("batch.landed", subject)
    first = next((event for event in came if event.body["digest"] == landing.digest), None)
    return str((first.body if first else landing.body)["observed"]["landed_at"])
