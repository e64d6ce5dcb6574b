"""Truth: one fault planted at a known line of a sound declaration; the sound twin loads."""

import datetime as dt
import hashlib
import random
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.declared.columns import Kind, values_of
from governance.declared.declarations import Declaration, load, load_all, systems_folder
from governance.declared.metrics import METRICS, Metric
from governance.declared.sources import Sources
from governance.faults import DeclarationFaults, Fault
from tests.governance.conftest import Declared, declare

SHIPPED = Path(__file__).parents[3] / "data" / "systems"
SYSTEM, CONTRACT, ASSESSMENT, MODEL = "system.yaml", "contract.yaml", "impact_assessment.yaml", "model.yaml"
FILES = (SYSTEM, CONTRACT, ASSESSMENT, MODEL, "approval.yaml")


def faults_of(declared: Declared) -> tuple[Fault, ...]:
    with pytest.raises(DeclarationFaults) as error:
        load(declared.folder)
    assert str(error.value) == "\n".join(map(str, error.value.faults))
    return error.value.faults


# The sound one


def test_the_sound_system_is_read_as_it_is_written(declared: Declared):
    found = load(declared.folder)
    assert (found.id, found.is_demonstrated, found.contract_text) == (
        "loans",
        True,
        declared.path(CONTRACT).read_text(),
    )
    assert found.system.reference.from_ == dt.date(2013, 1, 1)
    assert found.system.batches.to == dt.date(2014, 7, 1)
    assert found.system.sources.production.provenance.collected == "2014-01-01"
    assert found.types["day"] == "date"
    assert (found.system.the("label"), found.system.threshold, found.system.having("feature")) == (
        "late",
        0.5,
        ("income", "package"),
    )
    assert [grouping.name for grouping in found.system.groupings] == ["region"]
    assert found.assessment.criteria[0].warn == 0.1
    assert found.model is not None and found.model.seed == 7


def test_groups_may_be_compared_with_the_most_favoured_and_be_smaller_or_larger_than_ten(declared: Declared):
    assert load(declared.folder).system.smallest_group == 10
    declared.edit(SYSTEM, "baseline: south}", "most_favoured: not_selected}")
    declared.edit(SYSTEM, "stage: operation", "stage: operation\nsmallest_group: 20")
    found = load(declared.folder).system
    assert (found.groupings[0].baseline, found.groupings[0].most_favoured) == (None, "not_selected")
    assert found.smallest_group == 20


def test_calibration_by_group_needs_scores_that_are_probabilities(declared: Declared):
    declared.edit(ASSESSMENT, "metric: selection_rate_difference", "metric: calibration_in_the_large_difference")
    assert load(declared.folder).assessment.criteria[-1].needs_labels
    declared.edit(SYSTEM, "score_is_probability: true", "score_is_probability: false")
    assert "needs `score_is_probability: true`." in faults_of(declared)[0].what


def test_a_column_is_numeric_by_its_type_unless_declared_otherwise(declared: Declared):
    found = load(declared.folder)
    kinds = {name: found.kind(name) for name in ("income", "late", "region", "package")}
    assert kinds == {"income": "numeric", "late": "numeric", "region": "categorical", "package": "categorical"}


def test_a_batch_needs_what_the_contract_requires_and_what_gives_rows_their_place(declared: Declared):
    assert load(declared.folder).required == {"region", "day", "case", "score"}


def test_digests_are_those_of_the_files_as_they_lie_there(declared: Declared):
    found = load(declared.folder)
    assert found.digests == {name: hashlib.sha256(declared.path(name).read_bytes()).hexdigest() for name in FILES}
    assert found.assessment_digest == found.digests[ASSESSMENT]


@pytest.mark.parametrize("name", FILES)
def test_any_edit_of_any_file_makes_another_declaration(declared: Declared, name: str):
    before = load(declared.folder)
    declared.path(name).write_bytes(declared.path(name).read_bytes() + b"# a remark\n")
    assert load(declared.folder).digest != before.digest


def test_model_and_approval_may_be_left_out(declared: Declared):
    for name in (MODEL, "approval.yaml"):
        declared.path(name).unlink()
    found = load(declared.folder)
    assert (found.model, found.approval, found.is_demonstrated) == (None, None, False)


@pytest.mark.parametrize(
    ("criterion", "needs"),
    [
        ("metric: accuracy", True),
        ("metric: outcome_rate", True),
        ("metric: roc_auc", True),
        ("metric: selection_rate", False),
        ("metric: label_coverage", False),
        ("metric: true_positive_rate_difference\n    grouping: region", True),
        ("metric: selection_rate_ratio\n    grouping: region", False),
    ],
)
def test_a_criterion_knows_whether_it_rests_on_outcomes(declared: Declared, criterion: str, needs: bool):
    declared.edit(ASSESSMENT, "metric: psi\n    columns: [income]", criterion)
    assert load(declared.folder).assessment.criteria[0].needs_labels is needs


# One fault each


@dataclass(frozen=True)
class Planted:
    """`old` becomes `new` in `file`; the fault points at the line that starts with `at`, in these words."""

    file: str
    old: str
    new: str
    at: str
    words: str


def table_(keys: str, at: str, words: str) -> tuple[str, str, str, str]:
    """The production file becomes a table with these keys."""
    file = '    kind: file\n    path: "in/{batch}.csv"\n    format: csv\n'
    return file, f"    kind: table\n    {keys}", at, f"sources.production.{words.removeprefix('production.')}"


IN_SYSTEM = {
    "an unknown key": ("stage: operation", "stage: operation\nstagee: x", "stagee", "stagee: unknown key. Remove it"),
    "an unknown key inside": ("grace_days: 10", "grace_day: 10", "grace_day", "batches.grace_day: unknown key."),
    "groups compared with nobody": (
        "  - {by: [region], baseline: south}",
        "  - {by: [region]}",
        "{by: [region]",
        "Give either the `baseline` group, or `most_favoured: selected`",
    ),
    "groups compared with two": (
        "baseline: south}",
        "baseline: south, most_favoured: selected}",
        "{by: [region]",
        "Give either the `baseline` group, or `most_favoured: selected`",
    ),
    "a wish that is none": (
        "baseline: south}",
        "most_favoured: true}",
        "{by: [region]",
        "groupings.0.most_favoured: Input should be 'selected' or 'not_selected'",
    ),
    "groups too small to hide in": (
        "stage: operation",
        "stage: operation\nsmallest_group: 4",
        "smallest_group",
        "greater than or equal to 5, got 4.",
    ),
    "a missing key": ("owner: team:loans\n", "", "id:", "owner: is missing. Add it."),
    "a missing key inside": ("  period: quarter\n", "", "batches:", "batches.period: is missing. Add it."),
    "a word that is not known": ("stage: operation", "stage: operating", "stage", "got 'operating'. Mend the value."),
    "a word for a number": ("grace_days: 10", "grace_days: ten", "grace_days", "batches.grace_days: Input should be"),
    "a number too small": ("grace_days: 10", "grace_days: -1", "grace_days", "greater than or equal to 0, got -1."),
    "an id that is none": ("id: loans\n", "id: Loans!\n", "id:", "id: String should match pattern"),
    "an owner nobody can reach": ("owner: team:loans", "owner: Ann", "owner", "owner: String should match pattern"),
    "nobody to alert": ("alerts: [team:loans, desk@example.org]", "alerts: []", "alerts", "at least 1 item"),
    "a day that never was": ("from: 2013-07-01", "from: 2013-02-30", "from", "got '2013-02-30'. Mend the value."),
    "no day at all": ("from: 2013-07-01", "from: soon", "from", "batches.from: Input should be a valid date"),
    "an empty period": ("to: 2014-07-01", "to: 2013-07-01", "batches:", "`from` must lie before `to`"),
    "a limit that nothing reaches": ("score_at_least: 0.5", "score_at_least: .nan", "prediction", "a finite number"),
    "a column the contract lacks": (
        "late: {roles: [label]}",
        "late: {roles: [label]}\n  height: {roles: [feature]}",
        "height",
        "columns.height: is not in contract.yaml. Add it",
    ),
    "an unknown role": ("roles: [key]", "roles: [keys]", "case", "columns.case.roles.0: Input should be"),
    "no role": ("roles: [key]", "roles: []", "case", "columns.case.roles: Tuple should have at least 1 item"),
    "an unknown kind of column": ("kind: categorical", "kind: colour", "package: {", "columns.package.kind: Input"),
    "two scores": (
        "income: {roles: [feature]}",
        "income: {roles: [score]}",
        "id:",
        "Only one column may have the role",
    ),
    "no time": ("roles: [time]", "roles: [feature]", "id:", "One column must have the role time"),
    "no decision": ("prediction: {score_at_least: 0.5}\n", "", "id:", "A column must have the role prediction, or"),
    "two decisions": ("income: {roles: [feature]}", "income: {roles: [prediction]}", "id:", "not both."),
    "a threshold without a score": ("roles: [score]", "roles: [feature]", "id:", "needs a column with the role score."),
    "a personal column with a role": (
        "personal: [full_name]",
        "personal: [full_name, income]",
        "id:",
        "Personal columns are never kept and cannot have a role: income.",
    ),
    "groups of no attribute": ("by: [region]", "by: [package]", "id:", "Grouping 'package' needs a column 'package'"),
    "outcomes that cannot be joined": (
        "  case: {roles: [key]}",
        "  case: {roles: [feature]}",
        "id:",
        "An outcomes source needs a column with the role key to join on.",
    ),
    "an end inside a quarter": (
        "to: 2014-07-01",
        "to: 2014-06-01",
        "to: 2014-06-01",
        "batches.to: 2014-06-01 is not the first day of a quarter. Use 2014-04-01.",
    ),
    "a reference from inside a quarter": (
        "from: 2013-01-01",
        "from: 2013-03-31",
        "reference:",
        "reference.from: 2013-03-31 is not the first day of a quarter. Use 2013-01-01.",
    ),
    "a batch in the reference": (
        "to: 2013-07-01, rationale",
        "to: 2013-10-01, rationale",
        "batches:",
        "batches: overlap the reference period; a batch cannot be compared with itself. "
        "Let batches start on 2013-10-01 or later.",
    ),
    "a package without a name": (
        "    package: tiny-data\n",
        "",
        "training:",
        "sources.training.package: is missing. Add it.",
    ),
    "a digest that is none": ("0000a1b\n", "0000A1B\n", "sha256", "sources.training.sha256: String should match"),
    "an unknown key of a source": (
        "    kind: file\n",
        "    kind: file\n    url: nowhere\n",
        "url",
        "sources.production.url: unknown key.",
    ),
    "a format that is none": (
        'in/{batch}.csv"\n    format: csv',
        'in/{batch}.xls"\n    format: xls',
        "format: xls",
        "'csv', 'parquet' or 'arrow', got 'xls'.",
    ),
    "an unknown protocol": ("in/{batch}", "s4://in/{batch}", "path", "path: Unknown protocol 's4'. Use s3, gs, abfs"),
    "two protocols": ("in/{batch}", "zip://x::s3://in/{batch}", "path", "path: One protocol only, without `::`."),
    "a password in a path": ("in/{batch}", "s3://ann:geheim@in/{batch}", "path", "path: Holds a password. The store"),
    "a key in a path": (
        "in/{batch}",
        "https://in/{batch}?sig=geheim",
        "path",
        "path: Holds a secret in its parameter 'sig'.",
    ),
    "a table without a name": table_("url: sqlite:///x.db\n", "production", "production.table: is missing."),
    "a table without a url": table_("table: loans\n", "production", "production.url: is missing."),
    "a table with a format": table_(
        "url: sqlite:///x.db\n    table: loans\n    format: arrow\n", "format: arrow", "production.format: unknown key."
    ),
    "a table with a path": table_(
        "url: sqlite:///x.db\n    table: loans\n    path: x.db\n", "path", "production.path: unknown key."
    ),
    "a password": table_(
        "url: postgresql://ann:geheim@db/loans\n    table: loans\n",
        "url",
        "url: Holds a password. Write ${NAME} in its place",
    ),
    "half a password": table_(
        "url: postgresql://ann:geheim${PW}@db/loans\n    table: loans\n", "url", "url: Holds a password."
    ),
    "a password as a parameter": table_(
        "url: postgresql://db/loans?password=geheim\n    table: loans\n",
        "url",
        "url: Holds a secret in its parameter 'password'.",
    ),
    "a password in a parameter": table_(
        "url: mssql+pyodbc:///?odbc_connect=Server%3Ddb%3BPWD%3Dgeheim\n    table: loans\n",
        "url",
        "url: Holds a secret in its parameter 'odbc_connect'.",
    ),
    "no url at all": table_(
        "url: geheim\n    table: loans\n", "url", "url: Is no SQLAlchemy URL. Write it like postgresql+psycopg://"
    ),
    "a port that is none": table_(
        "url: postgresql://db:geheim/loans\n    table: loans\n", "url", "url: Is no SQLAlchemy URL."
    ),
    "a database per batch": table_(
        "url: 'sqlite:///{batch}.db'\n    table: loans\n", "url", "url: Takes no {batch}: the rows of a batch are"
    ),
    "a table per batch": table_(
        "url: sqlite:///x.db\n    table: 'loans_{batch}'\n", "table", "table: Takes no ${NAME} and no {batch}"
    ),
    "a schema from outside": table_(
        "url: sqlite:///x.db\n    table: '${RISK}.loans'\n", "table", "table: Takes no ${NAME} and no {batch}"
    ),
    "a name of three parts": table_(
        "url: sqlite:///x.db\n    table: a.b.c\n", "table", "table: Must be `name` or `schema.name`; make a view"
    ),
    "a schema without a table": table_(
        "url: sqlite:///x.db\n    table: risk.\n", "table", "table: Must be `name` or `schema.name`;"
    ),
    "a password in a source of no kind": (
        "kind: file",
        "kind: tabel\n    url: postgresql://ann:geheim@db/loans",
        "production",
        "sources.production: Input tag 'tabel'",
    ),
    "an unknown kind of source": ("kind: file", "kind: ftp", "production", "sources.production: Input tag 'ftp'"),
    "a key twice": (
        "stage: operation",
        "stage: operation\nstage: design",
        "stage: design",
        "'stage' stands there twice",
    ),
    "a key twice inside": (
        "  grace_days: 10",
        "  grace_days: 10\n  grace_days: 5",
        "grace_days: 5",
        "twice. Keep one.",
    ),
    "no YAML": ("stage: operation", "stage: : operation", "stage", "Not YAML: mapping values are not allowed here."),
    "a control character": ("Late payers", "Late \a payers", "name", "Not YAML: special characters are not allowed."),
    "a tag that does not fit": ("grace_days: 10", "grace_days: !!int ten", "id:", "Not YAML: invalid literal for int"),
}

IN_ASSESSMENT = {
    "an unknown column": (
        "columns: [income]",
        "columns: [incme]",
        "columns",
        "criteria.income_is_stable.columns: unknown column 'incme'. Declare it in system.yaml, or mend it.",
    ),
    "an unknown grouping": (
        "grouping: region",
        "grouping: race",
        "grouping",
        "criteria.regions_are_alike.grouping: unknown grouping 'race', declared are ['region'].",
    ),
    "a criterion of no described harm": (
        "harm: wrong_people\n    metric: psi",
        "harm: nobody\n    metric: psi",
        "id: loans_impact",
        "Criterion 'income_is_stable' names the harm 'nobody', which is not described.",
    ),
    "a criterion without a harm": (
        "    harm: wrong_people\n    metric: psi",
        "    metric: psi",
        "id: income_is_stable",
        "criteria.0.harm: is missing.",
    ),
    "a harm that nobody watches": (
        "    not_measured_because: No data tells who read a letter.\n",
        "",
        "id: loans_impact",
        "Harm 'shame' has no criterion and no `not_measured_because`.",
    ),
    "a measure against no described harm": (
        "harm: shame,",
        "harm: pride,",
        "id: loans_impact",
        "Measure 'second_look' names the harm 'pride', which is not described.",
    ),
    "two harms with one id": (
        "- id: shame",
        "- id: wrong_people",
        "id: loans_impact",
        "The harm 'wrong_people' stands",
    ),
    "two criteria with one id": (
        "- id: regions_are_alike",
        "- id: income_is_stable",
        "id: loans_impact",
        "The criterion 'income_is_stable' stands there twice: ids must be unique.",
    ),
    "an unknown metric": (
        "metric: psi",
        "metric: pis",
        "id: income_is_stable",
        "Unknown metric 'pis'. Known: accuracy",
    ),
    "a distance without columns": ("    columns: [income]\n", "", "id: income_is", "Metric 'psi' needs `columns`."),
    "a rate with columns": ("metric: psi", "metric: accuracy", "id: income_is", "'accuracy' takes no `columns`."),
    "a gap without groups": ("    grouping: region\n", "", "id: regions", "_difference' needs `grouping`."),
    "a distance with groups": ("warn: 0.1", "grouping: region", "id: income_is", "Metric 'psi' takes no `grouping`."),
    "a grouping as a whole with contrasts": (
        "metric: selection_rate_difference\n    grouping: region",
        "metric: attribute_coverage\n    contrasts: [[a, b]]\n    grouping: region",
        "id: regions",
        "'attribute_coverage' is about a grouping as a whole and takes no `contrasts`.",
    ),
    "contrasts without groups": ("warn: 0.1", "contrasts: [[a, b]]", "id: income", "`contrasts` goes with `grouping`."),
    "a distance that is too small": ("direction: above", "direction: below", "id: income", "direction must be above"),
    "a warning after the limit": ("warn: 0.1", "warn: 0.3", "id: income", "`warn` must be reached before `limit`, got"),
    "a change of no size": ("limit: 0.2\n", "limit: 0\n", "id: regions", "is the size of a change and must be > 0"),
    "a limit that is no number": (
        "limit: 0.25",
        "limit: .nan",
        "limit: .nan",
        "criteria.0.limit: Input should be a finite",
    ),
    "a limit that nothing exceeds": ("limit: 0.25", "limit: .inf", "limit: .inf", "Input should be a finite number"),
    "a chance of a half": ("warn: 0.1", "alpha: 0.5", "alpha", "criteria.0.alpha: Input should be less than 0.5"),
    "no rows needed": (
        "min_n: 50\n    severity: major",
        "min_n: 0\n    severity: major",
        "min_n: 0",
        "criteria.0.min_n",
    ),
    "no control": ("controls: [A.5.4]", "controls: []", "controls: []", "criteria.1.controls: Tuple should have"),
    "no reason": ("rationale: A region makes nobody late.", "rationale: ''", "rationale: ''", "criteria.1.rationale"),
    "another system": ("system: loans", "system: rents", "system", "system: 'rents' is not 'loans'. Name the system"),
    "a version before the first": ("version: 1", "version: 0", "version", "version: Input should be greater than or"),
}

IN_MODEL = {
    "an unknown feature": ("[income, package]", "[income, colour]", "features", "features: unknown column 'colour'."),
    "all rows held out": ("holdout_share: 0.25", "holdout_share: 1", "holdout", "holdout_share: Input should be less"),
    "an unknown estimator": ("logistic_regression", "oracle", "estimator", "estimator: Input should be"),
    "no release criterion": ("metric: roc_auc", "metric: luck", "{metric", "release.0.metric: Input should be"),
}

CASES = [
    pytest.param(Planted(file, *planted), id=f"{file}: {name}")
    for file, table in ((SYSTEM, IN_SYSTEM), (ASSESSMENT, IN_ASSESSMENT), (MODEL, IN_MODEL))
    for name, planted in table.items()
]


@pytest.mark.parametrize("planted", CASES)
def test_one_fault_is_told_with_its_file_its_line_and_what_to_do(declared: Declared, planted: Planted):
    if "outcomes source" in planted.words:
        made = "  outcomes: {kind: file, path: out.csv, format: csv, provenance: *made}\n"
        declared.edit(SYSTEM, "  training:\n", made + "  training:\n")
    declared.edit(planted.file, planted.old, planted.new)
    (fault,) = faults_of(declared)
    line = declared.line(planted.file, planted.at)
    assert str(fault).startswith(f"loans/{planted.file}:{line}: ")
    assert planted.words in str(fault)
    assert "geheim" not in str(fault), "what must not stand there is not repeated either"


@pytest.mark.parametrize(
    "reference",
    ["from: 2013-04-01, to: 2013-07-01", "from: 2014-07-01, to: 2014-10-01"],
    ids=["just before", "just after"],
)
def test_a_reference_may_touch_the_batches(declared: Declared, reference: str):
    declared.edit(SYSTEM, "from: 2013-01-01, to: 2013-07-01", reference)
    assert load(declared.folder).system.reference


def test_a_metric_without_bounds_cannot_be_judged_by_a_bound(declared: Declared, monkeypatch: pytest.MonkeyPatch):
    boundless = Metric("boundless", "rows", has_bounds=False)
    for module in ("assessment", "criterion_faults"):
        monkeypatch.setattr(f"governance.declared.{module}.METRICS", {**METRICS, "boundless": boundless})
    declared.edit(ASSESSMENT, "metric: psi\n    columns: [income]", "metric: boundless")
    (fault,) = faults_of(declared)
    assert "'boundless' is measured without bounds and could never breach: say `evidence: point`." in fault.what
    declared.edit(ASSESSMENT, "metric: boundless", "metric: boundless\n    evidence: point")
    assert load(declared.folder).assessment.criteria[0].evidence == "point"


@pytest.mark.parametrize(("warn", "is_sound"), [(0.9, True), (0.8, True), (0.7, False)])
def test_a_value_that_may_not_fall_is_warned_of_from_above(declared: Declared, warn: float, is_sound: bool):
    declared.edit(
        ASSESSMENT, "metric: psi\n    columns: [income]\n    direction: above", "metric: roc_auc\n    direction: below"
    )
    declared.edit(ASSESSMENT, "warn: 0.1\n    limit: 0.25", f"warn: {warn}\n    limit: 0.8")
    if is_sound:
        assert load(declared.folder).assessment.criteria[0].warn == warn
    else:
        assert "got warn 0.7 and limit 0.8." in str(faults_of(declared)[0])


def test_nobody_approves_their_own_assessment(declared: Declared):
    declared.approve("ann")
    (fault,) = faults_of(declared)
    assert (fault.where, fault.line) == ("loans/approval.yaml", 2)
    assert fault.what == "approved_by: 'ann' is the author of the assessment."
    assert fault.remedy == "Somebody else must approve it."


@pytest.mark.parametrize("by", ["Ann", "' ann '", "Jane Roe"])
def test_an_approver_is_an_account_and_no_name_of_a_person(declared: Declared, by: str):
    declared.approve(by)
    (fault,) = faults_of(declared)
    assert fault.what.startswith("approved_by: String should match pattern")


def test_a_file_stands_for_no_real_approval(declared: Declared):
    declared.edit("approval.yaml", "demonstration: true", "demonstration: false")
    (fault,) = faults_of(declared)
    assert fault.what == "demonstration: Input should be True, got False."


@pytest.mark.parametrize(
    ("old", "new", "at", "words"),
    [
        pytest.param(
            "      - {name: late,",
            "      - {name: height, logicalType: number}\n      - {name: late,",
            (SYSTEM, "columns:"),
            "columns: the contract's column 'height' has no role.",
            id="a column without a role",
        ),
        pytest.param(
            "      - {name: late,",
            "      - {name: income, logicalType: string}\n      - {name: late,",
            (CONTRACT, "{name: income, logicalType: string"),
            "The column 'income' stands there twice.",
            id="a column twice",
        ),
        pytest.param(
            "logicalType: date",
            "logicalType: datum",
            (CONTRACT, "{name: day"),
            "Column 'day' has the logicalType 'datum'. Use string, integer,",
            id="an unknown type",
        ),
        pytest.param(
            "      - {name: late,",
            "      - late\n      - {name: late,",
            (CONTRACT, "late"),
            "Column None has the logicalType None.",
            id="a column that is only a word",
        ),
        pytest.param(
            "{name: case,", "{name: yes,", (CONTRACT, "{name: yes"), "Column True has", id="a name that is no text"
        ),
        pytest.param("schema:", "shema:", (CONTRACT, "apiVersion"), "schema: must hold one object", id="no schema"),
        pytest.param(
            "schema:\n",
            "schema: [loans]\nold:\n",
            (CONTRACT, "schema"),
            "schema: must hold one",
            id="a word for a schema",
        ),
        pytest.param(
            "    properties:", "    columns:", (CONTRACT, "schema"), "schema: must hold one object", id="no properties"
        ),
    ],
)
def test_a_contract_with_a_fault_is_told(declared: Declared, old: str, new: str, at: tuple[str, str], words: str):
    declared.edit(CONTRACT, old, new)
    found = [fault for fault in faults_of(declared) if words in str(fault)]
    assert [(fault.where, fault.line) for fault in found] == [(f"loans/{at[0]}", declared.line(*at))]


@pytest.mark.parametrize("name", [SYSTEM, CONTRACT, ASSESSMENT])
def test_a_missing_file_is_one_fault(declared: Declared, name: str):
    declared.path(name).unlink()
    (fault,) = faults_of(declared)
    assert str(fault).startswith(f"loans/{name}:1: The file is missing. Write it;")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"id: caf\xe9\n", "Not UTF-8 text (byte 7). Save it as UTF-8.", id="not UTF-8"),
        pytest.param(b"- one\n- two\n", "Must be a mapping, got list.", id="a list"),
        pytest.param(b"", "Must be a mapping, got NoneType.", id="empty"),
        pytest.param(b"id: 'loans\n", "Not YAML: found unexpected end of stream.", id="a quote left open"),
        pytest.param(b"id: \x00\n", "Not YAML: special characters are not allowed.", id="a zero byte"),
        pytest.param(b"id: &a [*a]\n", "Nested in itself, or too deeply. Write it out.", id="nested in itself"),
        pytest.param(b"id: " + b"[" * 600 + b"]" * 600, "Nested in itself, or too deeply.", id="nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_fault(declared: Declared, name: str, content: bytes, words: str):
    declared.path(name).write_bytes(content)
    (fault,) = faults_of(declared)
    assert fault.where == f"loans/{name}"
    assert words in str(fault)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_place_of_a_file_is_a_fault(declared: Declared, name: str):
    declared.path(name).unlink()
    declared.path(name).mkdir()
    assert [str(fault) for fault in faults_of(declared)] == [
        f"loans/{name}:1: Cannot be read: Is a directory. It must be a readable file."
    ]


def test_an_id_that_is_not_the_folders_name_is_a_fault(declared: Declared):
    declared.edit(SYSTEM, "id: loans\n", "id: rents\n")
    assert [str(fault) for fault in faults_of(declared)] == [
        "loans/impact_assessment.yaml:3: system: 'loans' is not 'rents'. Name the system that this assessment is about.",
        "loans/system.yaml:1: id: 'rents' is not the folder's name 'loans'. Make them equal.",
    ]


@pytest.mark.parametrize(
    ("metric", "gone", "words"),
    [
        (
            "roc_auc",
            ("roles: [score]", "roles: [prediction]"),
            "criteria.income_is_stable.metric: roc_auc needs a column",
        ),
        (
            "accuracy",
            ("late: {roles: [label]}", "late: {roles: [feature]}"),
            "accuracy needs a column with the role label",
        ),
        (
            "label_coverage",
            ("roles: [label]", "roles: [feature]"),
            "label_coverage needs a column with the role label.",
        ),
        ("brier_score", ("score_is_probability: true", "score_is_probability: false"), "brier_score needs `score_is_"),
        ("log_loss", ("score_is_probability: true", "score_is_probability: false"), "log_loss needs `score_is_prob"),
        (
            "calibration_in_the_large",
            ("score_is_probability: true", "score_is_probability: false"),
            "calibration_in_the_large needs `score_is_prob",
        ),
        (
            "estimated_accuracy",
            ("late: {roles: [label]}", "late: {roles: [feature]}"),
            "estimated_accuracy needs a column with the role label",
        ),
        (
            "estimated_accuracy",
            ("roles: [score]", "roles: [prediction]"),
            "estimated_accuracy needs a column with the role score",
        ),
    ],
)
def test_a_criterion_that_could_never_be_measured_is_a_fault(
    declared: Declared, metric: str, gone: tuple[str, str], words: str
):
    declared.edit(ASSESSMENT, "metric: psi\n    columns: [income]", f"metric: {metric}\n    evidence: point")
    declared.edit(SYSTEM, *gone)
    declared.path(MODEL).unlink()
    if "roles: [score]" in gone:
        declared.edit(SYSTEM, "prediction: {score_at_least: 0.5}\n", "")
    (fault,) = faults_of(declared)
    assert (fault.where, fault.line) == ("loans/impact_assessment.yaml", declared.line(ASSESSMENT, f"metric: {metric}"))
    assert words in fault.what


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("  training:\n    kind: package", "  reference:\n    kind: package", "A model needs a training source."),
        ("late: {roles: [label]}", "late: {roles: [feature]}", "A model needs a column with the role label."),
    ],
)
def test_a_model_that_could_never_be_trained_is_a_fault(declared: Declared, old: str, new: str, words: str):
    declared.edit(SYSTEM, old, new)
    assert [(fault.where, fault.what) for fault in faults_of(declared)] == [("loans/model.yaml", words)]


# Several faults, several systems


def test_faults_in_three_files_are_told_at_once(declared: Declared):
    declared.edit(SYSTEM, "stage: operation", "stage: operating")
    declared.edit(ASSESSMENT, "severity: major", "severity: huge")
    declared.edit(MODEL, "seed: 7", "seed: lucky")
    assert [(fault.where, fault.line) for fault in faults_of(declared)] == [
        ("loans/impact_assessment.yaml", declared.line(ASSESSMENT, "severity: huge")),
        ("loans/model.yaml", 5),
        ("loans/system.yaml", 6),
    ]


def test_faults_in_one_file_are_told_at_once_in_its_order(declared: Declared):
    for old, new in (
        ("grace_days: 10", "grace_days: ten"),
        ("stage: operation", "stage: x"),
        ("id: loans\n", "id: 1\n"),
    ):
        declared.edit(SYSTEM, old, new)
    lines = [declared.line(SYSTEM, start) for start in ("id:", "stage", "grace_days")]
    assert [fault.line for fault in faults_of(declared)] == lines


def test_one_broken_system_never_hides_a_sound_one(tmp_path: Path):
    sound, broken = declare(tmp_path, "loans"), declare(tmp_path, "rents")
    broken.edit(SYSTEM, "stage: operation", "stage: operating")
    for name in (".hidden", "_draft"):
        declare(tmp_path, "drafts").folder.rename(tmp_path / name)
    (tmp_path / "README.md").write_text("no system")
    found = load_all(tmp_path)
    assert found.sound == {"loans": load(sound.folder)}
    assert {name: len(faults) for name, faults in found.faults.items()} == {"rents": 1}


scalars = [
    "",
    "~",
    "yes",
    "[]",
    "{}",
    "0",
    "-1",
    ".nan",
    "2013-02-30",
    "'",
    "*made",
    "!!float x",
    "\x00",
    "é",
    "&a [*a]",
]


@given(st.sampled_from(FILES), st.randoms(use_true_random=False), st.sampled_from(scalars))
@settings(deadline=None, max_examples=30)
def test_whatever_is_wrong_with_a_line_the_other_system_is_still_there(
    tmp_path_factory: pytest.TempPathFactory, name: str, chance: random.Random, scalar: str
):
    folder = tmp_path_factory.mktemp("systems")
    declare(folder, "sound")
    damaged = declare(folder, "loans").path(name)
    lines = damaged.read_text(encoding="utf-8").splitlines()
    index = chance.randrange(len(lines))
    key, _, _ = lines[index].partition(":")
    change = chance.choice(["drop", "repeat", "put", "indent"])
    lines[index : index + 1] = {
        "drop": [],
        "repeat": [lines[index]] * 2,
        "put": [f"{key}: {scalar}"],
        "indent": [f"   {lines[index]}"],
    }[change]
    damaged.write_text("\n".join(lines), encoding="utf-8")
    found = load_all(folder)
    assert "sound" in found.sound
    assert ("loans" in found.sound) is not ("loans" in found.faults)
    for fault in found.faults.get("loans", ()):
        assert 1 <= fault.line <= len((damaged.parent / fault.where.split("/")[1]).read_text().splitlines() or [""])


def test_systems_are_looked_for_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("AIMS_SYSTEMS", str(tmp_path))
    assert systems_folder() == tmp_path
    monkeypatch.delenv("AIMS_SYSTEMS")
    assert systems_folder() == SHIPPED


# Approval


@pytest.mark.parametrize("edit", [b"# a remark\n", b"\n"], ids=["a remark", "an empty line"])
def test_a_demonstration_is_for_these_very_bytes(declared: Declared, edit: bytes):
    path = declared.path(ASSESSMENT)
    path.write_bytes(path.read_bytes() + edit)
    assert not load(declared.folder).is_demonstrated
    declared.approve()
    assert load(declared.folder).is_demonstrated


def test_an_edit_elsewhere_leaves_the_approval_as_it_is(declared: Declared):
    declared.edit(SYSTEM, "grace_days: 10", "grace_days: 20")
    assert load(declared.folder).is_demonstrated


# What is shipped


@pytest.fixture(params=sorted(path.name for path in SHIPPED.iterdir() if path.is_dir()))
def shipped(request: pytest.FixtureRequest) -> Declaration:
    return load(SHIPPED / request.param)


def test_a_shipped_system_is_demonstrated_by_another_person_for_its_very_bytes(shipped: Declaration):
    approval = yaml.safe_load((shipped.folder / "approval.yaml").read_text(encoding="utf-8"))
    assert approval["assessment_sha256"] == hashlib.sha256((shipped.folder / ASSESSMENT).read_bytes()).hexdigest()
    assessment = yaml.safe_load((shipped.folder / ASSESSMENT).read_text(encoding="utf-8"))
    assert approval["approved_by"].strip().lower() != assessment["author"].strip().lower()
    assert shipped.is_demonstrated


def test_a_shipped_approval_says_that_it_is_a_demonstration(shipped: Declaration):
    assert shipped.approval is not None and shipped.approval.demonstration


def test_every_shipped_system_is_sound():
    found = load_all(SHIPPED)
    assert found.faults == {}
    assert len(found.sound) >= 2


def test_the_sources_shown_in_the_docs_are_sound():
    text = (SHIPPED.parents[1] / "docs" / "declarations.md").read_text(encoding="utf-8")
    (shown,) = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "kind: table" in block]
    provenance = dict.fromkeys(("origin", "supplier", "licence", "legal_basis", "collected"), "not stated")
    found = Sources.model_validate(
        {part: {**source, "provenance": provenance} for part, source in yaml.safe_load(shown).items()}
    )
    assert {found.production.kind, found.reference.kind, found.training.kind, found.outcomes.kind} == {"file", "table"}


UNSUITED = {
    "categories along a line": (
        "wasserstein",
        "region",
        "categorical",
        "psi, jensen_shannon, total_variation, chi_square",
    ),
    "a gap of categories": ("ks", "region", "categorical", "psi, jensen_shannon, total_variation, chi_square"),
    "numbers by category": ("total_variation", "income", "numeric", "psi, jensen_shannon, ks, wasserstein"),
    "a test of numbers by category": ("chi_square", "income", "numeric", "psi, jensen_shannon, ks, wasserstein"),
}


@pytest.mark.parametrize(("metric", "column", "values", "others"), UNSUITED.values(), ids=UNSUITED)
def test_a_distance_that_does_not_suit_its_column_is_a_fault(
    declared: Declared, metric: str, column: str, values: str, others: str
):
    declared.edit(ASSESSMENT, "metric: psi\n    columns: [income]", f"metric: {metric}\n    columns: [{column}]")
    (fault,) = faults_of(declared)
    said = f"criteria.income_is_stable.metric: {metric!r} cannot be measured of {column!r}, which is {values}; {others} can."
    assert fault.what == said


@pytest.mark.parametrize(("metric", "column"), [("wasserstein", "income"), ("total_variation", "region")])
def test_a_distance_that_suits_its_column_is_taken(declared: Declared, metric: str, column: str):
    declared.edit(ASSESSMENT, "metric: psi\n    columns: [income]", f"metric: {metric}\n    columns: [{column}]")
    assert load(declared.folder).assessment.criteria[0].metric == metric


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("text", {"x (length)": "numeric", "x (characters)": "categorical"}),
        ("timestamp", {"x (week)": "categorical"}),
    ],
)
def test_views_are_numbers_or_categories(kind: Kind, expected: dict[str, str]):
    assert values_of("x", kind) == expected
