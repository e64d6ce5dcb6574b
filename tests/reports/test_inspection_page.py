"""The page and the screen of a first look. Truth is planted: states, numbers and secrets chosen by hand."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from rich.console import Console

from governance.records import Measurement
from monitors.facts import ColumnFacts
from monitors.first_look import ColumnLook, FileLook, Inspection, ShareShift, Shift, State
from monitors.kinds import Kind
from monitors.picture import Picture
from reports.inspection_page import LISTED, render
from reports.inspection_rows import KEYS, rows_of
from reports.inspection_terminal import show
from reports.inspection_words import lead, share
from reports.small_drawings import drawing

HOSTILE = "</style><script>alert('x')</script>[bold]&{{ x }}"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

PSI = Measurement(
    "psi", 0.251, 2000, "nats", "16 bins", column="income", low=0.2, high=0.3, alpha=0.01, noise_floor=0.02
)
LINE = Picture(True, (), (0.2, 0.5, 0.3), (0.1, 0.2, 0.1), (0.0, 0.6), 10.0, 90.0)
BARS = Picture(False, (HOSTILE, "north", "(other)"), (0.5, 0.4, 0.1), (0.3, 0.2, 0.1), (0.0, 0.4))


def facts(nulls: int = 0) -> ColumnFacts:
    return ColumnFacts("x", "number", 2000, nulls)


def column(name: str, state: State = State.WITHIN_NOISE, kind: Kind = Kind.NUMERIC, **more: object) -> ColumnLook:
    known: dict[str, object] = {"distances": (replace(PSI, column=name),), "facts": (facts(), facts(1200))}
    return ColumnLook(name, kind, "values", state, "noise alone reaches 0.02", **(known | more))  # type: ignore[arg-type]


FILES = tuple(FileLook(side, f"{side}.csv", "CSV", 12345, 2000, 4, 7) for side in ("reference", "batch"))
FOUND = Inspection(
    files=(FILES[0], FILES[1]),
    columns=(
        column("income", State.MOVED, shift=Shift("median", 3000.0, 3250.0), picture=LINE),
        column("region", State.MOVED, Kind.CATEGORICAL, new=(("west", 160),), picture=BARS),
        column("few", State.TOO_FEW),
        column(HOSTILE, remarks=("the type changed: DOUBLE in the reference, VARCHAR in the batch",)),
        column("mix", kind=Kind.CATEGORICAL, shares=ShareShift("north", 0.5, 0.4)),
    ),
    only=((), ("late_column",)),
    excluded=("left_out",),
    tested=5,
    rates=(),
    groupings=(),
    outcome_notes=(),
    notes=(),
    shared=0,
    asked=False,
)


def body(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.split("<body", 1)[1])).split())


def screen(found: Inspection, width: int = 100, *, colour: bool = False) -> str:
    written = io.StringIO()
    show(found, Console(file=written, width=width, force_terminal=colour, highlight=False))
    return written.getvalue()


def test_the_page_says_what_moved_by_how_much_and_what_noise_alone_shows() -> None:
    seen = body(render(FOUND))
    for part in (
        "2 of 5 columns moved · 1 too few rows to tell · 2 within noise",
        "0.251 [0.200, 0.300], noise 0.020",
        "median 3,000 → 3,250",
        "new: “west” 8 %",
        "missing 0 % → 60 %",
        "Only in the batch: late_column.",
        "0.05 shared over 5 tests",
        "Observations, not verdicts.",
        "docs/declarations.md",
    ):
        assert part in seen, part
    assert not re.search(r"\b(nan|None|null|breach|conforming|drift detected)\b", seen)


def test_the_screen_says_the_same() -> None:
    seen = " ".join(screen(FOUND).split())
    for part in ("2 of 5 columns moved", "0.251 [0.200, 0.300] 0.020", "new: “west” 8 %", "60 % of the batch"):
        assert part in seen, part


def test_what_did_not_move_is_not_described_as_if_it_had() -> None:
    assert "50 % → 40 %" not in body(render(FOUND)) + screen(FOUND)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_screen_fits_its_width_and_has_no_colour_in_a_pipe(width: int) -> None:
    seen = screen(FOUND, width)
    assert max(len(line) for line in seen.splitlines()) <= width
    assert "\x1b" not in seen
    assert "\x1b" in screen(FOUND, width, colour=True)


def test_nothing_is_taken_for_markup() -> None:
    page = render(FOUND)
    assert "<script" not in page
    assert page.count("</style>") == 1
    assert "{{ x }}" in body(page)
    assert "[bold]" in screen(replace(FOUND, columns=(column("[bold]red", State.MOVED),)))


def test_nothing_is_loaded_from_elsewhere_and_no_script_is_needed() -> None:
    page = render(FOUND)
    assert not re.search(r"https?:|url\(|@import|src\s*=", page)
    assert "default-src 'none'" in page


def test_the_same_records_give_the_same_bytes() -> None:
    assert render(FOUND) == render(FOUND)


def test_every_drawing_is_described_in_words_and_draws_no_more_than_its_shares() -> None:
    line, bars = str(drawing("a", LINE)), str(drawing("b", BARS))
    assert "histogram from 10 to 90; missing 0 % in the reference, 60 % in the batch" in line
    assert "north 40 %, now 20 %" in bars
    assert line.count("<rect") == 3 + 2
    assert bars.count("<rect") == 2 * 4
    assert str(drawing("c", Picture(True, (), (), (), (1.0, 1.0)))) == ""


def test_a_page_of_very_many_columns_stays_small_and_says_what_it_leaves_out() -> None:
    many = tuple(column(f"c{i}" + "x" * 290, picture=BARS) for i in range(3000))
    page = render(replace(FOUND, columns=many, tested=3000))
    assert len(page.encode()) < 1_000_000
    assert f"{3000 - LISTED} more columns are not listed here" in body(page)
    assert len(screen(replace(FOUND, columns=many)).splitlines()) < 100


def test_rows_have_the_same_keys_and_are_plain_data() -> None:
    rows = [json.loads(json.dumps(row, allow_nan=False)) for row in rows_of(FOUND)]
    assert all(tuple(row) == KEYS for row in rows)
    assert {row["column"]: row["state"] for row in rows if row["part"] == "column"} == {
        "income": "moved", "region": "moved", "few": "too few rows to tell", HOSTILE: "within noise",
        "mix": "within noise", "late_column": "not compared", "left_out": "not compared",
    }  # fmt: skip
    (missing,) = (r for r in rows if (r["column"], r["side"], r["metric"]) == ("income", "batch", "missing_share"))
    assert missing["value"] == 0.6


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.0004, "<0.1 %"), (0.9996, ">99.9 %"), (0.5, "50 %"), (None, "–")],
)
def test_a_share_never_rounds_to_none_or_all(value: float | None, said: str) -> None:
    assert share(value) == said


def test_one_column_is_one_column() -> None:
    assert lead(replace(FOUND, columns=(column("a"),))) == "0 of 1 column moved · 1 within noise"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)")
@pytest.mark.parametrize("width", [1280, 360])
def test_a_browser_shows_the_page_without_a_complaint_and_without_scrolling_sideways(
    tmp_path: Path, width: int
) -> None:
    page = tmp_path / "page.html"
    # Measured in the page itself; the page as delivered has no script, and its policy would not let one run.
    probe = "<script>document.title = `${document.documentElement.scrollWidth} of ${innerWidth}`</script></body>"
    frame = tmp_path / "frame.html"
    page.write_text(render(FOUND), encoding="utf-8")
    measured = re.sub(r"<meta http-equiv[^>]*>", "", render(FOUND)).replace("</body>", probe)
    # A window of Chromium is no narrower than about 500: a frame is.
    (tmp_path / "measured.html").write_text(measured, encoding="utf-8")
    frame.write_text(
        f'<iframe src="measured.html" width="{width}" height="900"></iframe><script>onload = () => '
        "document.title = frames[0].document.title</script>",
        encoding="utf-8",
    )
    plain = _chromium(tmp_path, page)
    assert "CONSOLE" not in plain.stderr
    assert "income" in plain.stdout
    shown = _chromium(tmp_path, frame, "--allow-file-access-from-files")
    title = re.search(r"<title>(\d+) of (\d+)</title>", shown.stdout)
    assert title, shown.stdout[:300]
    assert int(title[1]) <= int(title[2]) == width


def _chromium(folder: Path, page: Path, *more: str) -> subprocess.CompletedProcess[str]:
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    options += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--enable-logging=stderr"]
    options += [f"--user-data-dir={folder / 'profile'}", "--window-size=1400,1000", "--virtual-time-budget=5000", *more]
    command = [str(CHROMIUM), *options, "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
