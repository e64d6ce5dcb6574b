"""The kept study: its counts against what is promised, its page against its counts; and tiny runs of each part."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from benchmarks.__main__ import main
from benchmarks.study import bounds, columns, enumerated, groups, keeping, pages, sampled
from monitors.proportions import score_bounds

KEPT = keeping.kept(keeping.FOLDER)


def records(part: str) -> list[dict[str, Any]]:
    return KEPT[part]["records"]


def refuted(cells: Iterator[tuple[str, int, int, float]]) -> list[str]:
    """Cells whose count refutes their nominal rate: exact binomial test, Holm at 5 % over all of them."""
    named = list(cells)
    p = np.array([stats.binomtest(n, runs, rate, alternative="greater").pvalue for _, n, runs, rate in named])
    order = np.argsort(p)
    passed = np.flatnonzero(p[order] > 0.05 / (len(p) - np.arange(len(p))))
    return [named[i][0] for i in order[: passed[0] if passed.size else len(p)]]


def test_the_page_is_what_the_kept_counts_give() -> None:
    assert list(KEPT) == list(keeping.PARTS)
    assert keeping.PAGE.read_text(encoding="utf-8") == pages.page(KEPT)
    assert "<!-- unchanged" not in pages.page(KEPT)


def test_all_of_it_was_run_and_with_the_seed_that_is_named() -> None:
    assert {(part["factor"], part["seed"]) for part in KEPT.values()} == {(1.0, keeping.SEED)}
    assert {record["rows"] for record in records("columns")} == {50, 200, 1_000, 10_000, 100_000, 1_000_000}
    assert all(set(record["breaches"]) == {"5", "50", "500"} for record in records("columns"))
    assert {record["groups"] for record in records("groups")} == {2, 5, 10, 20, 40}
    assert {record["people"] for record in records("groups")} == {50, 100, 200, 500, 1_000, 10_000}


def test_no_cell_of_columns_has_more_false_alarms_than_promised() -> None:
    cells = list(columns.false_alarm_cells(records("columns")))
    assert len(cells) == 6 * 2 * 3 and refuted(iter(cells)) == []


def test_no_cell_of_groups_has_more_false_alarms_than_promised() -> None:
    cells = list(groups.false_alarm_cells(records("groups")))
    assert len(cells) == 5 * 6 * 2 * 3 * 2 and refuted(iter(cells)) == []


def test_a_count_that_is_too_high_is_refuted() -> None:
    wrong = [{**records("groups")[0], "fair": 650}, *records("groups")[1:]]
    assert len(refuted(groups.false_alarm_cells(wrong))) == 1
    assert [name for name, *_ in pages.refuted_cells(groups.false_alarm_cells(wrong))] == refuted(
        groups.false_alarm_cells(wrong)
    )


def test_a_gap_of_a_fifth_between_two_groups_of_a_thousand_is_found() -> None:
    mine = [record for record in records("groups") if (record["groups"], record["people"]) == (2, 1_000)]
    assert len(mine) == 6 and min(record["power"] / record["runs"] for record in mine) >= 0.95


def test_power_is_within_three_points_of_the_oracle_unless_the_difference_moves_in_long_steps() -> None:
    """From a twentieth of the standard error of the difference, a step is long: no bound can stand between two."""
    behind = {
        name: points
        for record in records("groups")
        for name, points in [(tuple(record.values())[:4], groups.behind_the_oracle(record))]
        if record["step"] < 0.05 * np.sqrt(2 * 0.25 / record["people"])
    }
    assert len(behind) >= 80 and max(behind.values()) <= 0.03, max(behind.items(), key=lambda item: item[1])
    # Of all 180 cells, those with long steps among them, five fall short of it, and none by more than this.
    every = [groups.behind_the_oracle(record) for record in records("groups")]
    assert len(every) == 180 and sum(points > 0.03 for points in every) <= 5 and max(every) < 0.065


def test_a_moved_column_is_found_where_the_sample_can_show_it() -> None:
    found = {(r["rows"], r["shift"]): r for r in records("columns") if not r["limit"]}
    for key in [(1_000, 0.5), (10_000, 0.2), (100_000, 0.1), (1_000_000, 0.1)]:
        assert min(found[key]["breaches"].values()) >= 0.95 * found[key]["runs"], key


def test_drawn_bounds_lie_beyond_the_truth_no_more_often_than_they_say() -> None:
    cells = list(bounds.sampled_cells(records("bounds")))
    assert len(cells) > 200 and refuted(iter(cells)) == []


def test_enumerated_bounds_of_rates_never_miss_more_often_than_they_say() -> None:
    mine = [record for record in records("bounds") if record["metric"] == "rate"]
    assert len(mine) == 5 * 5 * 2
    assert max(record[side] / record["alpha"] for record in mine for side in ("low", "high")) <= 1


@pytest.mark.parametrize("metric", ["difference", "change", "ratio"])
def test_enumerated_bounds_of_two_rates_hold_on_average_and_nearly_in_every_case(metric: str) -> None:
    """A tenth over at most; more only where ten stand against two hundred and one rate is near its end."""
    mine = [record for record in records("bounds") if record["metric"] == metric]
    parts = {
        (record["rows"], record["case"], record["alpha"], side): record[side] / record["alpha"]
        for record in mine
        for side in ("low", "high")
    }
    assert len(parts) == 4 * len({(record["rows"], record["case"]) for record in mine})
    assert np.mean(list(parts.values())) < 1 and max(parts.values()) < 1.3
    assert max(part for (rows, *_), part in parts.items() if rows != "10 and 200") < 1.1


def test_what_is_enumerated_is_what_scipy_and_a_simulation_say() -> None:
    rate = next(c for c in enumerated.cells([0.025], (10,), (), ()) if c["case"] == "0.1")
    exact = [stats.binomtest(hits, 10).proportion_ci(0.95) for hits in range(11)]
    beyond = stats.binom.pmf(np.arange(11), 10, 0.1) @ [[end.low > 0.1, end.high < 0.1] for end in exact]
    assert [rate["low"], rate["high"]] == pytest.approx(beyond, abs=1e-6)

    pair = next(c for c in enumerated.cells([0.025], (), ((20, 30),), ()) if c["case"] == "0.8 and 0.3")
    rng, runs = np.random.default_rng(70), 4_000
    low, high = score_bounds(rng.binomial(20, 0.8, runs), 20, rng.binomial(30, 0.3, runs), 30, 0.025)
    for side, missed in (("low", (low > 0.5).sum()), ("high", (high < 0.5).sum())):
        assert stats.binomtest(int(missed), runs, pair[side]).pvalue > 0.01


def test_each_part_gives_the_same_records_for_the_same_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "SIZES", (50, 200))
    monkeypatch.setattr(groups, "GROUPS", (2, 5))
    monkeypatch.setattr(groups, "PEOPLE", (50,))
    monkeypatch.setattr(enumerated.cells, "__defaults__", ((10,), ((10, 10),), ((5, 5),)))
    monkeypatch.setattr(sampled, "DISTANCE_ROWS", (200,))
    for part in keeping.PARTS:
        lines: list[str] = []
        one, two = (keeping.run(part, 0.001, lines.append) for _ in range(2))
        assert one["records"] == two["records"] and one["records"]
        assert lines and all(line.startswith(part) for line in lines)


def test_a_part_run_with_fewer_runs_is_shown_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "GROUPS", (2,))
    monkeypatch.setattr(groups, "PEOPLE", (50,))
    monkeypatch.setattr(keeping, "keep", lambda *_: pytest.fail("kept"))
    monkeypatch.setattr(groups, "RATES", (0.3,))
    found = CliRunner().invoke(main, ["study", "groups", "--runs-factor", "0.001"])
    assert found.exit_code == 0, found.output
    assert "2 of 50 and more, rate 0.3" in found.output and "Not run." in found.output
