"""One real call in a process of its own; everything else on costs written by hand."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import law, pages, ratios, running, timing
from benchmarks.files import Fault
from benchmarks.plan import FULL, PEERS, part_of

ROWS = 2000


def cost(cpu: float = 1.0, wall: float = 1.0, memory: float = 100.0) -> dict[str, Any]:
    shared = {"cpu_s": cpu, "wall_s": wall, "memory_mb": memory, "baseline_mb": 100.0}
    return {"runs": 1, **shared, "phases": {}, "facts": {}, "versions": {"numpy": "2", "cores": "2"}}


def result(name: str, costs: dict[str, Any], columns: int = 34) -> dict[str, Any]:
    titles = {key: f"the {key}" for key in costs}
    rows = int(float(name.split("x")[0]))
    return {"name": name, "rows": rows, "columns": columns, "date": "2026-01-01", "titles": titles, "costs": costs}


def named(found: list[ratios.Ratio], start: str) -> ratios.Ratio:
    return next(ratio for ratio in found if ratio.question.startswith(start))


def test_a_call_in_a_process_of_its_own_costs_something_and_not_much(tmp_path: Path) -> None:
    path = str(law.write(tmp_path / "made.parquet", ROWS, seed=1))
    job = timing.Job(ROWS, law.WIDTH, (), (path,), (path,), (path,), str(tmp_path))
    found = running._timed(Path(sys.executable), "benchmarks.ours:bare_scan", job, print)
    assert 0 < found["cpu_s"] < 60 and 0 < found["wall_s"] < 60
    assert list(found["phases"]) == ["scan"]
    # An interpreter with an engine in it, and a few megabytes of data.
    assert found["baseline_mb"] > 20 and 0 <= found["memory_mb"] < 1000
    assert found["facts"]["threads"] >= 1 and found["versions"]["duckdb"]


def test_a_call_that_fails_is_a_reason_that_names_no_path(tmp_path: Path) -> None:
    job = timing.Job(ROWS, law.WIDTH, (), (str(tmp_path / "none.parquet"),), (), (), str(tmp_path))
    with pytest.raises(running.Failed) as fault:
        running._timed(Path(sys.executable), "benchmarks.nothing:at_all", job, print)
    assert str(fault.value) == "failed: ModuleNotFoundError"


def test_phases_are_timed_one_by_one_and_what_follows_is_not() -> None:
    begun: list[str] = []

    def task(job: timing.Job) -> Any:
        yield timing.READY
        sum(range(10**5))
        for phase in ("one", "two"):
            yield phase
            begun.append(phase)
        yield timing.DONE
        begun.append("after")
        return {"seen": True}

    found = timing.cost_of(task, timing.Job(0, 34, (), (), (), (), ""))
    assert begun == ["one", "two", "after"]
    assert list(found["phases"]) == ["one", "two"] and found["facts"] == {"seen": True}
    assert found["wall_s"] == pytest.approx(sum(phase["wall_s"] for phase in found["phases"].values()))


def test_the_median_is_taken_of_each_figure() -> None:
    found = running.median_of([cost(3, 1, 10), cost(1, 2, 30), cost(2, 9, 20)])
    assert (found["cpu_s"], found["wall_s"], found["memory_mb"], found["runs"]) == (2, 2, 20, 3)
    assert (found["cpu_low_s"], found["cpu_high_s"]) == (1, 3)


@pytest.mark.parametrize(("scan", "holds"), [(1.0, True), (0.99, False)], ids=["at ten times", "beyond"])
def test_the_profile_is_held_against_the_scan(scan: float, holds: bool) -> None:
    ratio = named(ratios.ratios_of([result("1e7", {"profile": cost(10), "scan": cost(scan)})]), "our profile")
    assert (ratio.cpu, ratio.holds) == (pytest.approx(10 / scan), holds)


def test_times_of_peers_add_and_of_their_memory_the_largest_counts() -> None:
    costs = {
        "whole": cost(1, 1, 100),
        "evidently": cost(40, 45, 1000),
        "fairlearn": cost(8, 3, 200),
        "nannyml": cost(2, 2, 50),
    }
    ratio = named(ratios.ratios_of([result("1e6", costs)]), "Evidently, fairlearn")
    assert (ratio.cpu, ratio.wall, ratio.memory, ratio.holds) == (50, 50, 10, True)


def test_no_ratio_is_made_of_less_memory_than_can_be_told_apart() -> None:
    pair = {"rates": cost(1, 1, 0.99), "fairlearn": cost(1, 1, 500)}
    assert named(ratios.ratios_of([result("1e6", pair)]), "fairlearn group rates").memory is None


def test_a_peer_without_a_figure_is_named_and_left_out_of_the_sum() -> None:
    costs = {"whole": cost(), "evidently": cost(40), "nannyml": {"reason": "pip could not install it"}}
    found = ratios.ratios_of([result("1e6", costs)])
    ratio = named(found, "Evidently, fairlearn")
    assert (ratio.cpu, ratio.holds) == (40, False)
    assert ratio.note == "not measured: the nannyml pip could not install it"


def test_wide_tables_are_compared_per_column() -> None:
    both = [result(f"1e5x{n}", {"profile": cost(n / 100), "after": cost(n / 50)}, n) for n in (250, 2000)]
    assert named(ratios.ratios_of(both), "profile to verdicts").cpu == pytest.approx(1)


def test_the_page_is_replaced_between_its_markers_and_nowhere_else(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{pages.BEGIN}\nfigures of last week\n{pages.END}\nafter\n")
    found = [result("1e5", {"scan": cost(), "evidently": {"reason": "failed: MemoryError"}})]
    pages.write_into(page, found)
    once = page.read_text()
    pages.write_into(page, found)
    assert page.read_text() == once
    assert once.startswith("before\n") and once.endswith("after\n") and "last week" not in once
    assert "| not measured: failed: MemoryError |" in once


def test_the_page_shows_the_figures_that_are_kept() -> None:
    folder = Path(pages.__file__).parent
    assert pages.markdown(running.kept(folder / "results")) in (folder / "README.md").read_text(encoding="utf-8")


def test_what_is_kept_names_no_host_and_no_path() -> None:
    for path in (Path(pages.__file__).parent / "results").glob("*.json"):
        text = path.read_text()
        assert json.loads(text)["name"] == path.stem
        assert "/" not in text and "\\" not in text.replace("\\u", "")


def test_every_part_has_a_plan_and_the_large_ones_no_peers() -> None:
    plans = {name: part_of(name) for name in FULL}
    assert plans["1e8"].reference == 10_000_000
    with_peers = {name for name, plan in plans.items() if any(entry.is_peer for entry in plan.entries)}
    assert with_peers == {"1e5", "1e6"}
    assert all(set(PEERS) <= set(plans[name].entries) for name in with_peers)


@pytest.mark.parametrize("name", ["", "1e6x", "many", "0", "-5"])
def test_a_part_that_is_none_is_told(name: str) -> None:
    with pytest.raises(Fault, match="A part is small, a number of rows"):
        part_of(name)


def test_the_kept_profile_of_34_columns_is_well_under_a_megabyte(tmp_path: Path) -> None:
    """With 300,000 rows, most cells of the outcome cubes hold somebody; more rows then add digits, not cells."""
    from assets.judged.profiles import parsed_profile, write_profile
    from benchmarks.ours import shape_of, table_of
    from monitors.freezing import freeze
    from monitors.profiling import profile

    table = table_of([str(law.write(tmp_path / "made.parquet", 300_000, seed=2))])
    found = profile(table, freeze(table, shape_of(law.WIDTH)))
    folder = tmp_path / "profiles"
    folder.mkdir()
    kept = write_profile(folder, found)
    assert kept.stat().st_size + (folder / f"{found.grid.digest}.grid.json").stat().st_size < 500_000
    assert parsed_profile(folder, found.digest).digest == found.digest


def test_a_contract_is_asked_of_one_file_that_is_gone_afterwards(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    parts = tuple(str(law.write(tmp_path / f"{n}.parquet", 1_000, seed=2, part=n)) for n in range(3))
    with running.one_file(parts, tmp_path, print) as whole:
        assert pq.read_metadata(whole).num_rows == 3_000
    assert not Path(whole).exists() and all(Path(part).exists() for part in parts)
    with running.one_file(parts[:1], tmp_path, print) as only:
        assert only == parts[0]
    assert Path(only).exists()
