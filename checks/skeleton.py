"""The files of a drafted declaration, as text: what is known is written, what is not says TODO, guesses are listed.

No limit is proposed and nothing is said of the world: purpose, provenance, harms and limits are for people. How a
draft is refused until somebody has edited it is decided in `governance.declared.drafts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from governance.declared.drafts import CONTRACT_JUDGEMENT, JUDGEMENT, TODO

_HEAD = """\
# A draft. Wherever it says TODO something has to be written, and each line under {judgement} is a guess that
# somebody has to decide and then remove. Nothing runs before; `aims check` lists what is left.
"""
_PROVENANCE = {
    "origin": "where the data come from",
    "supplier": "who hands them over",
    "licence": "on what terms they may be used",
    "legal_basis": "why they may be processed",
    "collected": "when and how they were collected",
}


@dataclass(frozen=True)
class SystemDraft:
    """What is known or guessed of a system; None and empty where nothing is."""

    id: str
    columns: Mapping[str, Mapping[str, Any]]
    task: str | None = None
    score_is_probability: bool = False
    personal: Sequence[str] = ()
    groupings: Sequence[Mapping[str, Any]] = ()
    source: Mapping[str, str] = field(default_factory=dict)
    reference: Mapping[str, str] = field(default_factory=dict)
    batches: Mapping[str, str] = field(default_factory=dict)
    guesses: Sequence[str] = ()

    def having(self, role: str) -> list[str]:
        """Columns with this role."""
        return [name for name, column in self.columns.items() if role in column["roles"]]


def todo(what: str) -> str:
    """Stands where a person has to write."""
    return f"{TODO}: {what}"


def system_text(draft: SystemDraft) -> str:
    """`system.yaml`."""
    document: dict[str, Any] = {
        "id": draft.id,
        "name": todo("what people call it"),
        "purpose": todo("what it decides or supports, and for whom"),
        "owner": todo("team:NAME, who answers for it"),
        "organisation_role": todo("provider, producer, customer, user or partner"),
        "stage": todo("design, development, verification, deployment, operation or retirement"),
        "alerts": [todo("team:NAME or an address, who is told")],
        "task": draft.task or todo("binary_classification or regression"),
        "columns": {name: dict(column) for name, column in draft.columns.items()},
    }
    if draft.personal:
        document["personal"] = list(draft.personal)
    if draft.groupings:
        document["groupings"] = [dict(grouping) for grouping in draft.groupings]
    if draft.task != "regression" and not draft.having("prediction"):
        document["prediction"] = {"score_at_least": todo("the score from which a case counts as predicted positive")}
    if draft.score_is_probability:
        document["score_is_probability"] = True
    document["labels"] = {
        "delay_days": todo("days after the end of a batch until its outcomes are known"),
        "meaning": todo("what the label says of the world"),
    }
    document["sources"] = {
        "production": {
            "kind": "file",
            "path": draft.source.get("path", todo("the file, with {batch} for its start date where there are many")),
            "format": draft.source.get("format", todo("csv, parquet or arrow")),
            "provenance": {key: todo(what) for key, what in _PROVENANCE.items()},
        }
    }
    document["reference"] = {
        "from": draft.reference.get("from", todo("first day of the reference")),
        "to": draft.reference.get("to", todo("the day after its last")),
        "rationale": todo("why this period is what later batches are compared with"),
    }
    document["batches"] = {
        "period": draft.batches.get("period", todo("day, week, month, quarter or year")),
        "from": draft.batches.get("from", todo("first day of the first batch")),
        "to": draft.batches.get("to", todo("the day after the last batch that is expected")),
    }
    return _text(document, draft.guesses)


def assessment_text(draft: SystemDraft, criteria: Sequence[Mapping[str, Any]] = ()) -> str:
    """`impact_assessment.yaml`: harms without words, promises without limits; `criteria` are drafts from elsewhere."""
    harms = {
        "population_changes": "people differ from those whom the system was made for",
        "decisions_go_wrong": "the system is wrong about somebody",
    }
    harms |= {f"unequal_by_{_plain(g)}": f"people are treated worse by their {_words(g)}" for g in draft.groupings}
    promised = [*_promises(draft), *(_imported(c, n) for n, c in enumerate(criteria, 1))]
    watched = {criterion["harm"] for criterion in promised}
    document: dict[str, Any] = {
        "id": f"{draft.id}_impact"[:41],
        "version": 1,
        "system": draft.id,
        "author": todo("the account of whoever writes this"),
        "review_by": todo("the day by which somebody looks at it again"),
        "intended_use": todo("what it is for, and who relies on it"),
        "excluded_uses": [todo("what it must not be used for")],
        "affected_groups": [todo("who is affected, also those who never see it")],
        "harms": [_harm(name, what, name in watched) for name, what in harms.items()],
        "false_alarms": {"at_most": todo("how many false alarms are bearable in the period"), "per": "year"},
        "criteria": promised,
    }
    guesses = [
        "harms: these are places to start from; add those that only people who know the system can see",
        "criteria: these are what such data let be measured; keep those that stand for a harm",
        *(
            f"criteria.{name}.limit: it was another tool's limit, on what that tool measured"
            for name in _taken_over(promised)
        ),
    ]
    return _text(document, guesses)


def _taken_over(promised: Sequence[Mapping[str, Any]]) -> list[str]:
    return [criterion["id"] for criterion in promised if not isinstance(criterion["limit"], str)]


def contract_text(document: Mapping[str, Any], guesses: Sequence[str]) -> str:
    """`contract.yaml`; the guesses stand in a custom property, for the standard has no key of ours."""
    contract = dict(document)
    if guesses:
        contract["customProperties"] = [{"property": CONTRACT_JUDGEMENT, "value": list(guesses)}]
    return _HEAD.format(judgement=CONTRACT_JUDGEMENT) + _yaml(contract)


def summary_text(summary: Mapping[str, Any]) -> str:
    """What was said of the data that a foreign document was made from. Nothing reads it."""
    return "# What the imported statistics say of their baseline. For people: nothing reads it.\n" + _yaml(summary)


def _promises(draft: SystemDraft) -> list[dict[str, Any]]:
    features = [
        name for name in draft.having("feature") if draft.columns[name].get("kind") not in ("text", "timestamp")
    ]
    found = []
    if features:
        found.append(_criterion("features_are_stable", "population_changes", "psi", "above", columns=features))
    if draft.task == "regression":
        found.append(_criterion("predictions_are_stable", "decisions_go_wrong", "mean_prediction_change", "either"))
        return found
    if draft.having("score") and draft.having("label"):
        found.append(_criterion("ranking_is_useful", "decisions_go_wrong", "roc_auc", "below"))
    if draft.having("label"):
        found.append(_criterion("outcomes_are_stable", "population_changes", "outcome_rate_change", "either"))
    found.append(_criterion("share_selected_is_stable", "decisions_go_wrong", "selection_rate_change", "either"))
    for grouping in draft.groupings:
        name = _plain(grouping)
        metric, harm = "selection_rate_difference", f"unequal_by_{name}"
        found.append(
            _criterion(f"selected_alike_by_{name}", harm, metric, "either", grouping=" × ".join(grouping["by"]))
        )
    return found


def _criterion(name: str, harm: str, metric: str, direction: str, **about: Any) -> dict[str, Any]:
    return {
        "id": name[:41],
        "harm": harm,
        "metric": metric,
        **about,
        "direction": direction,
        "limit": todo("how far is too far, and why stands in the rationale"),
        "min_n": todo("the fewest rows that say anything"),
        "severity": todo("minor, major or critical"),
        "owner": todo("team:NAME, who answers for it"),
        "controls": ["A.6.2.6"],
        "rationale": todo("why this limit"),
    }


def _imported(criterion: Mapping[str, Any], number: int) -> dict[str, Any]:
    columns = {"columns": list(criterion["columns"])} if "columns" in criterion else {}
    harm = "population_changes" if columns else "decisions_go_wrong"
    made = _criterion(f"imported_{number}", harm, criterion["metric"], criterion["direction"], **columns)
    return {**made, "limit": criterion["limit"]}


def _harm(name: str, what: str, watched: bool) -> dict[str, Any]:
    harm = {
        "id": name,
        "party": todo("to whom"),
        "description": todo(f"how it would come about that {what}"),
        "severity": todo("low, medium or high"),
        "likelihood": todo("low, medium or high"),
        "reversible": todo("true or false"),
        "rationale": todo("why it is rated so"),
    }
    return harm if watched else {**harm, "not_measured_because": todo("why nothing is measured")}


def _plain(grouping: Mapping[str, Any]) -> str:
    from checks.imports.carried import identifier

    return identifier("_".join(grouping["by"]))[:22].rstrip("_")


def _words(grouping: Mapping[str, Any]) -> str:
    return " and ".join(grouping["by"])


def _text(document: dict[str, Any], guesses: Sequence[str]) -> str:
    return _HEAD.format(judgement=JUDGEMENT) + _yaml(document | ({JUDGEMENT: list(guesses)} if guesses else {}))


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=10_000)
