"""SageMaker Model Monitor's `constraints.json` and `statistics.json` as a contract, a summary and draft criteria.

Constraints say what a batch must hold, so they become rules; thresholds on distributions say how far it may move, so
they become drafts of criteria, which somebody has to weigh and approve. Statistics say what the baseline held; no
value of a text is taken over from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from checks.imports import sql
from checks.imports.carried import Became, CannotCarry, Drafted, Imported, NotKnown, Piece, Told, identifier, mapping
from checks.imports.model_quality import import_metrics, import_thresholds, quality_of

CONSTRAINTS, STATISTICS = "SageMaker constraints", "SageMaker statistics"
_TYPES = {"Integral": "integer", "Fractional": "number", "String": "string"}
_FEATURE = frozenset({"name", "inferred_type", "completeness", "num_constraints", "string_constraints"})
_SWITCHES = {"evaluate_constraints", "emit_metrics"}


def import_constraints(text: str, name: str) -> Imported:
    """The constraints as rules and draft criteria, and what became of each.

    Raises
    ------
    NotKnown
        It is no `constraints.json`.
    """
    document = _document(text)
    task = quality_of(document, "constraints")
    if task:
        return import_thresholds(document, task, name, CONSTRAINTS)
    features = _features(document)
    config = mapping(document.get("monitoring_config"), "monitoring_config")
    contract, told = Drafted(identifier(name)), []
    for feature in features:
        told += list(_feature(feature, config, contract))
    criteria, about = _criteria(features, config)
    told += [*about, *_left_over(document, config)]
    return Imported(CONSTRAINTS, contract.document(), tuple(told), criteria=criteria)


def import_statistics(text: str, name: str) -> Imported:
    """What the baseline held, by column, as counts and numbers; types for the contract.

    Raises
    ------
    NotKnown
        It is no `statistics.json`.
    """
    document = _document(text)
    task = quality_of(document, "metrics")
    if task:
        return import_metrics(document, task, name, STATISTICS)
    contract, told, columns = Drafted(identifier(name)), [], {}
    for feature in _features(document):
        of = str(feature["name"])
        logical = _TYPES.get(str(feature.get("inferred_type")))
        contract.add([Piece(of, attributes={"logicalType": logical} if logical else {})])
        columns[of] = dict(_held(feature))
        told.append(Told(f"{of}: statistics", Became.PARTLY, "counts and moments, as a note beside the declaration"))
        told += list(_not_held(feature))
    items = mapping(document.get("dataset"), "dataset").get("item_count")
    summary = {"rows": items, "columns": columns}
    return Imported(STATISTICS, contract.document(), tuple(told), summary=summary)


def is_statistics(text: str) -> bool:
    """Whether it is `statistics.json` rather than `constraints.json`: both list features."""
    document = _document(text)
    if "dataset" in document or quality_of(document, "metrics"):
        return True
    if quality_of(document, "constraints"):
        return False
    return any("statistics" in key for item in _features(document) for key in item)


def _document(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError:
        raise NotKnown("it is no JSON") from None
    if not isinstance(document, dict):
        raise NotKnown("it is a list or a value, and no document")
    return document


def _features(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = document.get("features")
    if not isinstance(found, list) or not all(
        isinstance(f, dict) and f.get("name") and isinstance(f["name"], str) for f in found
    ):
        raise NotKnown("it has no `features` with a `name` each")
    return found


def _feature(feature: Mapping[str, Any], config: Mapping[str, Any], contract: Drafted) -> Iterator[Told]:
    of = str(feature["name"])
    contract.add([Piece(of)])
    yield from _tried(contract, f"{of}: inferred_type", lambda: _typed(of, feature, config))
    if feature.get("completeness") is not None:
        yield from _tried(contract, f"{of}: completeness", lambda: _complete(of, feature["completeness"]))
    numbers, texts = (
        mapping(feature.get("num_constraints"), "num_constraints"),
        mapping(feature.get("string_constraints"), "string_constraints"),
    )
    if numbers.get("is_non_negative"):
        yield from _tried(contract, f"{of}: is_non_negative", lambda: _not_negative(of))
    if texts.get("domains"):
        yield from _tried(contract, f"{of}: domains", lambda: _domain(of, texts["domains"], config))
    left = [key for key in feature if key not in _FEATURE and feature[key]]
    left += [f"num_constraints.{key}" for key in numbers if key != "is_non_negative"]
    left += [f"string_constraints.{key}" for key in texts if key != "domains"]
    for key in left:
        yield Told(f"{of}: {key}", Became.NOT_CARRIED, "it has no counterpart here")


def _tried(contract: Drafted, what: str, pieces: Any) -> Iterator[Told]:
    try:
        made, note = pieces()
        contract.add(made)
    except CannotCarry as why:
        yield Told(what, Became.NOT_CARRIED, str(why))
    else:
        yield Told(what, Became.PARTLY if note else Became.CARRIED, note or "a rule of the contract")


Made = tuple[list[Piece], str]


def _typed(of: str, feature: Mapping[str, Any], config: Mapping[str, Any]) -> Made:
    kind = str(feature.get("inferred_type"))
    if kind not in _TYPES:
        raise CannotCarry(f"the type {kind!r} says nothing of the values")
    share = _threshold(config, "datatype_check_threshold")
    note = "" if share == 1 else f"all values must be of the type, and not only {float(share):g} of them"
    return [Piece(of, attributes={"logicalType": _TYPES[kind]})], note


def _complete(of: str, share: Any) -> Made:
    least = _share(share)
    if least == 1:
        return [Piece(of, attributes={"required": True})], ""
    left = {"metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": sql.percent_left(least)}
    return [Piece(of, {"name": "completeness", **left})], ""


def _not_negative(of: str) -> Made:
    return [Piece(of, attributes={"logicalTypeOptions": {"minimum": 0}}, type="number")], ""


def _domain(of: str, values: Any, config: Mapping[str, Any]) -> Made:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise CannotCarry("it is no list of texts")
    least = _threshold(config, "domain_content_threshold")
    rule: dict[str, Any] = {"name": "domain", "metric": "invalidValues", "arguments": {"validValues": values}}
    demand = {"mustBe": 0} if least == 1 else {"unit": "percent", "mustBeLessOrEqualTo": sql.percent_left(least)}
    return [Piece(of, rule | demand, type="string")], ""


def _threshold(config: Mapping[str, Any], key: str) -> Decimal:
    found = config.get(key)
    return Decimal(1) if found is None else _share(found)


def _share(found: Any) -> Decimal:
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= 1:
        raise CannotCarry("it must be a share from 0 to 1")
    return Decimal(str(found))


def _criteria(features: list[dict[str, Any]], config: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[Told]]:
    """How far a distribution may move, as drafts: what is measured here is not what was measured there."""
    asked = mapping(config.get("distribution_constraints"), "distribution_constraints")
    if asked.get("perform_comparison", "Enabled") != "Enabled":
        return [], [Told("distribution_constraints", Became.NOT_CARRIED, "comparison is switched off in it")]
    criteria, told = [], []
    for metric, key, types in (
        ("ks", "comparison_threshold", ("Integral", "Fractional")),
        ("total_variation", "categorical_comparison_threshold", ("String",)),
    ):
        columns = [str(f["name"]) for f in features if f.get("inferred_type") in types]
        limit = asked.get(key)
        if limit is None:
            continue
        if asked.get("categorical_drift_method") == "ChiSquared" and metric == "total_variation":
            why = "it is a level of significance, which grows with the rows: give the distance that matters"
            told.append(Told(f"distribution_constraints.{key}", Became.NOT_CARRIED, why))
        elif not columns:
            told.append(Told(f"distribution_constraints.{key}", Became.NOT_CARRIED, "no column is of this kind"))
        else:
            criteria.append({"metric": metric, "columns": columns, "direction": "above", "limit": float(limit)})
            how = f"a draft of a criterion on {metric}: weigh its limit, and have the assessment approved"
            told.append(Told(f"distribution_constraints.{key}", Became.PARTLY, how))
    return criteria, told


def _left_over(document: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[Told]:
    for key in sorted(set(document) - {"version", "features", "monitoring_config"}):
        yield Told(key, Became.NOT_CARRIED, "it has no counterpart here")
    known = {"datatype_check_threshold", "domain_content_threshold", "distribution_constraints"}
    for key in sorted(set(config) - known):
        why = "every check is made, and every number is kept" if key in _SWITCHES else "it has no counterpart here"
        yield Told(f"monitoring_config.{key}", Became.NOT_CARRIED, why)
    distribution = mapping(config.get("distribution_constraints"), "distribution_constraints")
    for key in sorted(set(distribution) & {"comparison_method", "categorical_drift_method"}):
        yield Told(
            f"distribution_constraints.{key}", Became.NOT_CARRIED, "noise is reckoned with here in a way of its own"
        )


_NUMBERS = ("mean", "sum", "std_dev", "min", "max")


def _held(feature: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "inferred_type", feature.get("inferred_type")
    for key in ("numerical_statistics", "string_statistics"):
        found = mapping(feature.get(key), key)
        common = mapping(found.get("common"), "common")
        for name in ("num_present", "num_missing"):
            if name in common:
                yield name, common[name]
        for name in (*_NUMBERS, "distinct_count"):
            if name in found:
                yield name, found[name]


def _not_held(feature: Mapping[str, Any]) -> Iterator[Told]:
    of = feature["name"]
    numbers, texts = (
        mapping(feature.get("numerical_statistics"), "numerical_statistics"),
        mapping(feature.get("string_statistics"), "string_statistics"),
    )
    if numbers.get("distribution"):
        why = "bins are frozen from the reference's own rows: land them, and nothing is lost"
        yield Told(f"{of}: distribution", Became.NOT_CARRIED, why)
    if texts.get("distribution"):
        yield Told(f"{of}: distribution", Became.NOT_CARRIED, "values of texts are not taken over")
