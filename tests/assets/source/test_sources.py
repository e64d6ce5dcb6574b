"""Every kind of source brings the same rows; what is broken is held back whole, with one reason.

Truth: the rows as they were made, files broken by hand, and the contract's own types.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.landed import landing
from assets.landed.landing import Held, NotArrived
from assets.source import files, sources
from governance.faults import UsageFault
from tests.assets.conftest import (
    FILES,
    KINDS,
    TABLES,
    Sender,
    arrow,
    declare,
    frame,
    here,
    kept_files,
    write_folder,
    write_ipc,
)
from tests.conftest import BATCHES, PROVENANCE, ROWS, SECRET, Made, made_rows, system_yaml

BATCH = BATCHES[2]


@pytest.fixture(autouse=True)
def scratch_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Copies of sources go to a folder of the test's own, and nothing of them may be left there."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def plain(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Made rows as they should be landed."""
    truth = pd.DataFrame(rows).drop(columns="full_name", errors="ignore")
    return truth.sort_values("case", ignore_index=True)


def same(found: pd.DataFrame, truth: pd.DataFrame) -> None:
    assert list(found.columns) == list(truth.columns)
    for name in truth.columns:
        seen = found[name].astype(str) if name == "day" else found[name]
        assert seen.tolist() == truth[name].tolist(), name


# All kinds


@pytest.mark.parametrize("kind", KINDS)
def test_one_batch_of_many_is_landed_whole_with_declared_columns_only(
    made: Made, load_made: Any, send: Sender, kind: str
) -> None:
    declare(made, {"production": send(kind, arrow(made_rows(BATCH) + made_rows(BATCHES[3])))})
    found = landing.land(load_made(), BATCH, "production", here())
    same(frame(found.path), plain(made_rows(BATCH)))
    types = {field.name: str(field.type) for field in pq.read_schema(found.path)}
    assert (types["day"], types["children"], types["income"]) == ("date32[day]", "int64", "double")
    assert found.body["observed"]["personal_dropped"] == ["full_name"]
    assert SECRET.encode() not in found.path.read_bytes()
    assert kept_files(here()) == [found.path.name]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_twice_are_one_batch_and_other_rows_another(
    made: Made, load_made: Any, send: Sender, kind: str
) -> None:
    declare(made, {"production": send(kind, arrow(made_rows(BATCH)))})
    first = landing.land(load_made(), BATCH, "production", here())
    assert landing.land(load_made(), BATCH, "production", here()).digest == first.digest
    assert len(here().register.events("batch.landed")) == 1
    send(kind, arrow(made_rows(BATCH, rows=ROWS - 1)))
    second = landing.land(load_made(), BATCH, "production", here())
    assert (second.digest != first.digest, second.rows) == (True, ROWS - 1)


@pytest.mark.parametrize("kind", KINDS)
def test_outcomes_reference_and_training_come_from_every_kind(
    made: Made, load_made: Any, send: Sender, kind: str
) -> None:
    rows = {batch: made_rows(batch) for batch in BATCHES}
    late = [{"case": row["case"], "late": row["late"]} for row in rows[BATCH][:100] + rows[BATCHES[3]]]
    before = [row for batch in BATCHES[:2] for row in rows[batch]]
    parts = {
        "production": send(kind, arrow(rows[BATCH]), "production"),
        "outcomes": send(kind, arrow(late), "outcomes"),
        "reference": send(kind, arrow(before), "reference"),
        "training": send(kind, arrow(before), "training"),
    }
    declare(made, parts)
    place, declaration = here(), load_made()
    landing.land(declaration, BATCH, "production", place)
    outcomes = landing.land(declaration, BATCH, "outcomes", place)
    truth = {row["case"]: row["late"] for row in rows[BATCH][:100]}
    assert frame(outcomes.path).set_index("case")["late"].to_dict() == truth
    for batch in BATCHES[:2]:
        same(frame(landing.land(declaration, batch, "reference", place).path), plain(rows[batch]))
    same(frame(landing.land(declaration, "training", "training", place).path), plain(before))


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_that_is_not_there_yet_is_no_fault_of_the_data(
    made: Made, load_made: Any, send: Sender, kind: str
) -> None:
    declare(made, {"production": send(kind, arrow(made_rows(BATCHES[3])))})
    with pytest.raises(NotArrived, match="no rows for the batch 2024-03-01"):
        landing.land(load_made(), BATCH, "production", here())
    assert (here().register.events(), kept_files(here())) == ([], [])


@pytest.mark.parametrize("kind", KINDS)
def test_missing_and_retyped_columns_are_told_alike(made: Made, load_made: Any, send: Sender, kind: str) -> None:
    table = arrow(made_rows(BATCH)).drop_columns("score")
    table = table.set_column(3, "children", pa.array(["two"] * ROWS))
    declare(made, {"production": send(kind, table)})
    with pytest.raises(Held) as held:
        landing.land(load_made(), BATCH, "production", here())
    assert "'score' is missing" in str(held.value)
    assert ("'children' is VARCHAR in the" in str(held.value)) is (kind != "csv")
    assert "two" not in str(held.value)
    assert kept_files(here()) == []


NAMES = {
    "a quote": 'in"come',
    "an apostrophe": "in'come",
    "a space": "in come",
    "a dot": "in.come",
    "an emoji": "in💶come",
    "a keyword": "select",
    "the name of the view": "source",
    "300 letters": "x" * 300,
    "an attack": 'x"; DROP TABLE y; --',
    "a placeholder": "%(income)s %s :income ? ${HOME} {batch}",
    "a backslash": "in\\come",
    "right to left": "دخل",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_an_awkward_name_is_only_a_name(made: Made, load_made: Any, send: Sender, kind: str, name: str) -> None:
    if kind == "postgres" and len(name) > 63:
        pytest.skip("PostgreSQL itself cuts names after 63 bytes")
    send(kind, arrow(made_rows(BATCHES[4])), "y")
    table = arrow(made_rows(BATCH))
    production = send(kind, table.rename_columns([name if n == "income" else n for n in table.column_names]))
    declare(made, {"production": production}, **{name: ({"roles": ["feature"]}, "number")})
    found = frame(landing.land(load_made(), BATCH, "production", here()).path)
    assert found[name].tolist() == plain(made_rows(BATCH))["income"].tolist()
    other = declared_again(made, send, kind)
    assert landing.land(load_made(), BATCHES[4], "production", here()).rows == ROWS, other


def declared_again(made: Made, send: Sender, kind: str) -> str:
    """The bystander `y`, which an injected statement would have dropped, as the source now."""
    source = {
        "sqlite": {"kind": "table", "url": f"sqlite:///{made.incoming}/made.db", "table": "y"},
        "postgres": {"kind": "table", "url": send.postgres_url() if kind == "postgres" else "", "table": "y"},
    }.get(kind) or send(kind, arrow(made_rows(BATCHES[4])), "y")
    declare(made, {"production": {**source, "provenance": PROVENANCE}})
    return kind


AWKWARD = {
    "income": [math.nan, math.inf, -math.inf, -0.0, 1e308, 5e-324, None],
    "until": [dt.date(9999, 12, 31), dt.date(1, 1, 1), dt.date(2024, 2, 29), None, None, None, None],
    "note": ["zero\u200bwidth", "\u202eright to left\u202c", "עברית", "", 'a "quoted", one', "two\nlines", None],
}


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("csv", "sqlite")])
def test_awkward_values_arrive_unharmed(made: Made, load_made: Any, send: Sender, kind: str) -> None:
    awkward_values(made, load_made, send, kind, AWKWARD)


@pytest.mark.parametrize(
    ("kind", "why"),
    [("csv", "an empty text and none are one in CSV"), ("sqlite", "SQLite keeps NaN as NULL and -0.0 as 0")],
)
def test_awkward_values_arrive_unharmed_where_they_can_be_written(
    made: Made, load_made: Any, send: Sender, kind: str, why: str
) -> None:
    writable = {name: list(values) for name, values in AWKWARD.items()}
    writable["note"][3] = "there"
    writable["income"][0] = math.inf
    if kind == "sqlite":
        writable["income"][3] = -1.5
    awkward_values(made, load_made, send, kind, writable)


def awkward_values(made: Made, load_made: Any, send: Sender, kind: str, awkward: dict[str, list[Any]]) -> None:
    table = arrow(made_rows(BATCH, rows=7))
    table = table.set_column(2, "income", pa.array(awkward["income"], pa.float64()))
    table = table.append_column("until", pa.array(awkward["until"], pa.date32()))
    table = table.append_column("note", pa.array(awkward["note"], pa.string()))
    more = {
        "until": ({"roles": ["feature"], "kind": "categorical"}, "date"),
        "note": ({"roles": ["feature"]}, "string"),
    }
    declare(made, {"production": send(kind, table)}, **more)
    found = pq.read_table(landing.land(load_made(), BATCH, "production", here()).path).sort_by("case")
    incomes = found["income"].to_pylist()
    assert [repr(value) for value in incomes] == [repr(value) for value in awkward["income"]]
    assert found["until"].to_pylist() == awkward["until"]
    assert found["note"].to_pylist() == awkward["note"]


@pytest.mark.parametrize(
    ("stored", "truth"),
    [
        (pa.timestamp("ns"), dt.datetime(2024, 3, 31, 23, 59, 59, 999999)),
        (pa.timestamp("ms"), dt.datetime(2024, 3, 31, 23, 59, 59, 999000)),
        (pa.timestamp("s"), dt.datetime(2024, 3, 31, 23, 59, 59)),
        (pa.timestamp("us", "Europe/Berlin"), dt.datetime(2024, 3, 31, 23, 59, 59, 999999)),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["parquet", "arrow_file"])
def test_times_of_every_unit_are_times_and_those_with_a_zone_are_told_in_utc(
    made: Made, load_made: Any, send: Sender, kind: str, stored: pa.DataType, truth: dt.datetime
) -> None:
    """The last moment of March in UTC is April in Berlin: the row belongs to March all the same."""
    last = dt.datetime(2024, 3, 31, 23, 59, 59, 999999, tzinfo=dt.UTC)
    first = dt.datetime(2024, 4, 1, tzinfo=dt.UTC)
    moments = pa.array([last, first], pa.timestamp("us", "UTC")).cast(stored, safe=False)
    table = arrow(made_rows(BATCH, rows=2)).set_column(1, "day", moments)
    declared, source = system_yaml(str(made.incoming)), send(kind, table)
    declare(made, {"production": source})
    text = (made.folder / "contract.yaml").read_text().replace("logicalType: date\n", "logicalType: timestamp\n")
    (made.folder / "contract.yaml").write_text(text)
    found = landing.land(load_made(), BATCH, "production", here())
    assert pq.read_table(found.path)["day"].to_pylist() == [truth]
    assert declared["columns"]["day"]["format"], "a format is how text writes a time; these are no text"


# Broken files


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zeros_inside(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 4] + bytes(len(raw) // 2) + raw[len(raw) // 4 * 3 :])


def cut_between_batches(path: Path) -> None:
    """Two whole batches of three, and no end: its reader takes it for a stream of two."""
    table = arrow(made_rows(BATCH))
    with path.open("wb") as file:
        writer = pa.ipc.new_stream(file, table.schema)
        writer.write_table(table.slice(0, 200), max_chunksize=100)


def forged_offset(path: Path) -> None:
    """A text that claims to be 2 GB long."""
    raw = bytearray(path.read_bytes())
    offsets = pa.array([row["case"] for row in made_rows(BATCH)[:100]]).buffers()[1].to_pybytes()[: 4 * 101]
    at = raw.find(offsets)
    assert at > 0
    raw[at + 400 : at + 404] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(raw)


def feather_one(path: Path) -> None:
    path.write_bytes(b"FEA1" + bytes(100))


def one_member_truncated(path: Path) -> None:
    truncated(path / "part-1.parquet")


def one_member_empty(path: Path) -> None:
    (path / "part-1.parquet").write_bytes(b"")


def one_member_lacks_a_column(path: Path) -> None:
    member = path / "part-1.parquet"
    pq.write_table(pq.read_table(member).drop_columns("score"), member)


def one_member_of_another_type(path: Path) -> None:
    member = path / "part-1.parquet"
    table = pq.read_table(member)
    pq.write_table(table.set_column(3, "children", pa.array(["0"] * table.num_rows)), member)


def a_member_outside_the_partitions(path: Path) -> None:
    shutil.copy(next(path.rglob("*.parquet")), path / "stray.parquet")


def a_partition_that_stands_in_the_file(path: Path) -> None:
    shutil.rmtree(path)
    (path / "region=north").mkdir(parents=True)
    pq.write_table(arrow(made_rows(BATCH)), path / "region=north" / "part.parquet")


BROKEN = {
    "Parquet without its end": ("parquet", truncated, "loans.parquet is not PARQUET that can be read"),
    "half a Parquet file": ("parquet", cut_in_half, "loans.parquet is not PARQUET that can be read"),
    "Parquet with a hole": ("parquet", zeros_inside, "cannot be read to its end"),
    "an Arrow file without its end": ("arrow_file", truncated, "loans.arrow is not ARROW that can be read"),
    "half an Arrow file": ("arrow_file", cut_in_half, "loans.arrow is not ARROW that can be read"),
    "an Arrow file with a hole": ("arrow_file", zeros_inside, "loans.arrow (is not ARROW that can|cannot) be read"),
    "half an Arrow stream": ("arrow_stream", cut_in_half, "loans.arrows is not ARROW that can be read"),
    "a stream cut between batches": ("arrow_stream", cut_between_batches, "loans.arrows is not ARROW that can"),
    "a forged offset": ("arrow_stream", forged_offset, "cannot be read to its end"),
    "Feather of the first version": ("arrow_file", feather_one, "declared as ARROW and begins like something else"),
    "CSV called Arrow": ("arrow_file", lambda p: p.write_text("a,b\n1,2\n"), "declared as ARROW and begins like some"),
    "Parquet called Arrow": ("arrow_file", lambda p: pq.write_table(pa.table({"a": [1]}), p), "begins like Parquet"),
    "Arrow called Parquet": ("parquet", lambda p: write_ipc(p, pa.table({"a": [1]})), "begins like Arrow"),
    "an empty Arrow file": ("arrow_file", lambda p: p.write_bytes(b""), r"loans.arrow is empty \(0 bytes\)"),
    "a truncated member": ("folder", one_member_truncated, "loans/part-1.parquet is not PARQUET that can be read"),
    "an empty member": ("folder", one_member_empty, r"part-1.parquet is empty \(0 bytes\)"),
    "a member that lacks a column": ("folder", one_member_lacks_a_column, "'score' is missing in 1 of 3 files"),
    "a member of another type": ("folder", one_member_of_another_type, "'children' is VARCHAR in the folder"),
    "a stray member": ("hive", a_member_outside_the_partitions, "not all files stand in folders for the same columns"),
    "a column in two places": ("hive", a_partition_that_stands_in_the_file, "'region' stands in the file and in its"),
}


@pytest.mark.parametrize(("kind", "spoil", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_broken_is_held_back_whole(
    made: Made, load_made: Any, send: Sender, kind: str, spoil: Callable[[Path], Any], words: str
) -> None:
    source = send(kind, arrow(made_rows(BATCH)))
    spoil(Path(source["path"]))
    declare(made, {"production": source})
    place = here()
    with pytest.raises(Held, match=words) as held:
        landing.land(load_made(), BATCH, "production", place)
    assert "\n" not in str(held.value)
    assert not any(value in str(held.value) for value in ("Wilhelmina", f"{BATCH}-", "north'"))
    assert kept_files(place) == []
    assert [event.kind for event in place.register.events()] == ["batch.held"]


@pytest.mark.parametrize("write", [write_ipc, pq.write_table], ids=["Arrow", "Parquet"])
def test_two_columns_of_one_name_cannot_be_told_from_each_other(made: Made, load_made: Any, write: Any) -> None:
    table = arrow(made_rows(BATCH))
    path = made.incoming / "loans.data"
    kind = "parquet" if write is pq.write_table else "arrow"

    def sent(names: list[str]) -> None:
        columns = [table[name] for name in names]
        twice = pa.Table.from_arrays(columns, names=names)
        write(path, twice) if kind == "arrow" else write(twice, path)

    declare(made, {"production": {"kind": "file", "path": str(path), "format": kind, "provenance": PROVENANCE}})
    sent([*table.column_names, "score"])
    with pytest.raises(Held, match="'score' cannot be told: 2 columns have that name. Send it once."):
        landing.land(load_made(), BATCH, "production", here())
    assert kept_files(here()) == []
    sent([*table.column_names, "income"])
    found = landing.land(load_made(), BATCH, "production", here())
    assert found.body["observed"]["absent_or_retyped"] == ["income"], "an optional column may be missing"
    sent([*table.column_names, "full_name"])
    assert "income" in landing.land(load_made(), BATCH, "production", here()).body["observed"]["columns"]


def test_the_second_of_two_equal_names_is_never_taken_for_a_column_of_that_name(made: Made, load_made: Any) -> None:
    """DuckDB calls the second `full_name` `full_name_1`; a system that declares such a column must not get names."""
    table = arrow(made_rows(BATCH))
    twice = pa.Table.from_arrays([*table.columns, table["full_name"]], names=[*table.column_names, "full_name"])
    pq.write_table(twice, made.incoming / "loans.parquet")
    source = {"kind": "file", "path": f"{made.incoming}/loans.parquet", "format": "parquet", "provenance": PROVENANCE}
    declare(made, {"production": source}, full_name_1=({"roles": ["feature"]}, "string"))
    found = landing.land(load_made(), BATCH, "production", here())
    assert found.body["observed"]["absent_or_retyped"] == ["full_name_1"]
    assert SECRET.encode() not in found.path.read_bytes()


@pytest.mark.parametrize("kind", ["csv", "parquet", "arrow_file", "folder", "hive"])
def test_a_source_that_changes_while_it_is_read_is_refused(
    made: Made, load_made: Any, send: Sender, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = send(kind, arrow(made_rows(BATCH)))
    declare(made, {"production": source})
    write = landing.write_parquet

    def meanwhile(*arguments: Any) -> int:
        written = write(*arguments)
        path = Path(source["path"])
        extra = path / "part-9.parquet" if path.is_dir() else path
        with extra.open("ab") as file:
            file.write(b"\n")
        return written

    monkeypatch.setattr(landing, "write_parquet", meanwhile)
    place = here()
    with pytest.raises(Held, match="loans.* changed while it was read. Send it whole"):
        landing.land(load_made(), BATCH, "production", place)
    assert kept_files(place) == []
    assert [event.kind for event in place.register.events()] == ["batch.held"]


# Files that DuckDB would take for others


@pytest.mark.parametrize("kind", ["csv", "parquet", "folder"])
@pytest.mark.parametrize("name", ["loans[1]", "loan?", "loan*", "lo'ans", 'lo"ans', "lo ans", "löans\u200b"])
def test_the_file_that_is_read_is_the_one_that_is_digested(
    made: Made, load_made: Any, send: Sender, kind: str, name: str
) -> None:
    """DuckDB reads `loans[1].csv` as a pattern, which means the file `loans1.csv`."""
    source = send(kind, arrow(made_rows(BATCH, rows=7)), name)
    for other in ("loans1", "loans", "loan1"):
        send(kind, arrow(made_rows(BATCH)), other)
    declare(made, {"production": source})
    assert landing.land(load_made(), BATCH, "production", here()).rows == 7


def test_a_folder_above_that_looks_like_a_partition_gives_csv_no_column(made: Made, load_made: Any) -> None:
    folder = made.incoming / "region=west"
    folder.mkdir()
    made.send(BATCH).rename(folder / "loans.csv")
    source = {"kind": "file", "path": f"{folder}/loans.csv", "format": "csv", "provenance": PROVENANCE}
    declare(made, {"production": source})
    found = frame(landing.land(load_made(), BATCH, "production", here()).path)
    assert found["region"].tolist() == plain(made_rows(BATCH))["region"].tolist()


# Folders


def test_a_folder_s_digest_is_what_the_docs_say_and_the_same_in_every_store(
    made: Made, load_made: Any, send: Sender
) -> None:
    folder = write_folder(made.incoming / "loans", arrow(made_rows(BATCH)))
    lines = b"".join(
        f"{name}\x00".encode() + hashlib.sha256((folder / name).read_bytes()).hexdigest().encode() + b"\n"
        for name in ("part-0.parquet", "part-1.parquet", "part-2.parquet")
    )
    truth = hashlib.sha256(lines).hexdigest()
    assert files.digest_of(folder) == truth
    for path in (str(folder), folder.as_uri()):
        declare(made, {"production": {"kind": "file", "path": path, "format": "parquet", "provenance": PROVENANCE}})
        observed = landing.land(load_made(), BATCH, "production", here()).body["observed"]
        assert (observed["source_sha256"], observed["source"]["file"]) == (truth, "loans")


def renamed_member(folder: Path) -> None:
    (folder / "part-0.parquet").rename(folder / "part-00.parquet")


def swapped_members(folder: Path) -> None:
    first, second = folder / "part-0.parquet", folder / "part-1.parquet"
    other = second.read_bytes()
    first.rename(second)
    first.write_bytes(other)


@pytest.mark.parametrize("change", [renamed_member, swapped_members, lambda f: (f / "part-2.parquet").unlink()])
def test_a_folder_s_digest_is_another_when_a_file_or_a_name_is(tmp_path: Path, change: Any) -> None:
    folder = write_folder(tmp_path / "loans", arrow(made_rows(BATCH)))
    before, stamp = files.digest_of(folder), files.stamp_of(folder)
    change(folder)
    assert files.digest_of(folder) != before
    assert files.stamp_of(folder) != stamp


def test_a_folder_s_digest_does_not_see_what_is_no_data(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "loans", arrow(made_rows(BATCH)))
    before = files.digest_of(folder)
    (folder / ".part-0.parquet.crc").write_bytes(b"crc")
    (folder / "_started").write_bytes(b"")
    (folder / "README.txt").write_text("Loans.")
    (folder / "_temporary" / "more.parquet").write_bytes(b"PAR1")
    assert files.digest_of(folder) == before


def test_partitions_are_columns_typed_by_the_contract(made: Made, load_made: Any) -> None:
    """`children=03` is the number 3, an empty partition is no value, and `%2F` is the character it stands for."""
    folder = made.incoming / "loans"
    table = arrow(made_rows(BATCH, rows=4)).drop_columns(["children", "region", "late"])
    places = [
        "children=03/region=north/late=1",
        "children=1/region=a%2Fb/late=0",
        "children=1/region=s%20uth/late=__HIVE_DEFAULT_PARTITION__",
        "children=0/region=north/late=1",
    ]
    for row, place in enumerate(places):
        (folder / place).mkdir(parents=True)
        pq.write_table(table.slice(row, 1), folder / place / "part-0.parquet")
    declare(made, {"production": {"kind": "file", "path": str(folder), "format": "parquet", "provenance": PROVENANCE}})
    found = frame(landing.land(load_made(), BATCH, "production", here()).path)
    assert found["children"].tolist() == [3, 1, 1, 0]
    assert found["region"].tolist() == ["north", "a/b", "s uth", "north"]
    assert [None if pd.isna(value) else int(value) for value in found["late"]] == [1, 0, None, 1]
    (folder / "children=few" / "region=north" / "late=1").mkdir(parents=True)
    pq.write_table(table.slice(0, 1), folder / "children=few" / "region=north" / "late=1" / "part-0.parquet")
    with pytest.raises(Held, match="'children' holds 1 of 5 values that are not integer"):
        landing.land(load_made(), BATCH, "production", here())


def test_a_partition_that_looks_like_a_number_is_text_where_text_is_declared(made: Made, load_made: Any) -> None:
    folder = made.incoming / "loans" / "region=007"
    folder.mkdir(parents=True)
    pq.write_table(arrow(made_rows(BATCH, rows=4)).drop_columns("region"), folder / "part-0.parquet")
    source = {"kind": "file", "path": str(folder.parent), "format": "parquet", "provenance": PROVENANCE}
    declare(made, {"production": source})
    found = frame(landing.land(load_made(), BATCH, "production", here()).path)
    assert found["region"].tolist() == ["007"] * 4


def test_each_batch_may_be_a_partition_of_its_own(
    made: Made, load_made: Any, send: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = arrow(made_rows(BATCH)).drop_columns("day")
    folder = made.incoming / "loans" / f"day={BATCH}"
    folder.mkdir(parents=True)
    pq.write_table(table, folder / "part-0.parquet")
    store = fsspec.filesystem("memory")
    store.pipe_file(f"/bucket/day={BATCH}/part-0.parquet", (folder / "part-0.parquet").read_bytes())
    digests = set()
    for root in ("${LOANS_DIR}", "memory://bucket"):
        source = {"kind": "file", "path": f"{root}/day={{batch}}", "format": "parquet", "provenance": PROVENANCE}
        declare(made, {"production": source})
        if root.startswith("$"):
            with pytest.raises(UsageFault, match="needs the environment variable LOANS_DIR"):
                landing.land(load_made(), BATCH, "production", here())
            monkeypatch.setenv("LOANS_DIR", str(made.incoming / "loans"))
        found = landing.land(load_made(), BATCH, "production", here())
        assert set(frame(found.path)["day"].astype(str)) == {BATCH}
        digests.add((found.digest, found.body["observed"]["source_sha256"]))
        with pytest.raises(NotArrived, match="is not there"):
            landing.land(load_made(), BATCHES[3], "production", here())
    assert len(digests) == 1


def test_an_empty_folder_has_not_arrived_and_a_folder_of_csv_never_will(made: Made, load_made: Any) -> None:
    folder = made.incoming / "loans"
    (folder / "_temporary").mkdir(parents=True)
    for format_, error, words in (
        ("parquet", NotArrived, "holds no .parquet file"),
        ("csv", Held, "loans is a folder. Only `format: parquet` takes one; send one CSV file"),
    ):
        source = {"kind": "file", "path": str(folder), "format": format_, "provenance": PROVENANCE}
        declare(made, {"production": source})
        with pytest.raises(error, match=words):
            landing.land(load_made(), BATCH, "production", here())


# Object stores


def test_credentials_and_store_are_not_in_the_record(made: Made, load_made: Any, send: Sender) -> None:
    declare(made, {"production": send("memory", arrow(made_rows(BATCH)))})
    observed = landing.land(load_made(), BATCH, "production", here()).body["observed"]
    assert observed["source"] == {"file": "loans.parquet", "store": "memory"}


@pytest.mark.parametrize(
    ("url", "package"), [("s3://b/x.csv", "s3fs"), ("gs://b/x.csv", "gcsfs"), ("abfs://c@a.example/x.csv", "adlfs")]
)
def test_a_missing_driver_is_named(made: Made, load_made: Any, url: str, package: str) -> None:
    if package in _installed():
        pytest.skip(f"{package} is installed here")
    declare(made, {"production": {"kind": "file", "path": url, "format": "csv", "provenance": PROVENANCE}})
    with pytest.raises(UsageFault, match=rf":// needs the package {package}. Install it: pip install {package}\.$"):
        landing.land(load_made(), BATCH, "production", here())
    assert here().register.events() == []


def _installed() -> set[str]:
    import importlib.metadata

    return {found.metadata["Name"] for found in importlib.metadata.distributions()}


def test_an_object_that_is_not_there_has_not_arrived(made: Made, load_made: Any) -> None:
    source = {"kind": "file", "path": "memory://bucket/{batch}.csv", "format": "csv", "provenance": PROVENANCE}
    declare(made, {"production": source})
    with pytest.raises(NotArrived, match="production source is not there"):
        landing.land(load_made(), BATCH, "production", here())


def test_an_object_that_changes_while_it_is_copied_is_refused(
    made: Made, load_made: Any, send: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(made, {"production": send("memory", arrow(made_rows(BATCH)))})
    store = type(fsspec.filesystem("memory"))
    fetch = store.get_file

    def meanwhile(self: Any, remote: str, local: str, **more: Any) -> None:
        fetch(self, remote, local, **more)
        self.pipe_file(remote, b"something else")

    monkeypatch.setattr(store, "get_file", meanwhile)
    with pytest.raises(Held, match=r"loans.parquet changed while it was read"):
        landing.land(load_made(), BATCH, "production", here())
    assert kept_files(here()) == []


def test_a_store_that_fails_is_a_matter_for_operations(
    made: Made, load_made: Any, send: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(made, {"production": send("memory", arrow(made_rows(BATCH)))})
    good = landing.land(load_made(), BATCH, "production", here())

    def fails(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", "bucket/of/secrets")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "get_file", fails)
    with pytest.raises(UsageFault, match=r"memory:// cannot be read \(Permission denied\)") as fault:
        landing.land(load_made(), BATCH, "production", here())
    assert "secrets" not in str(fault.value)
    assert [event.kind for event in here().register.events()] == ["schema.found", "batch.landed"]
    assert landing.landed(load_made(), BATCH, "production", here()).digest == good.digest


@pytest.mark.parametrize("name", ["../../escaped.parquet", "a//b.parquet", "./x.parquet"])
def test_an_object_s_name_cannot_lead_out_of_the_copy(
    made: Made, load_made: Any, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = type(fsspec.filesystem("memory"))
    fsspec.filesystem("memory").pipe_file("/bucket/loans/part-0.parquet", b"PAR1")
    found = {f"/bucket/loans/{name}": {"size": 1, "created": 1}}
    monkeypatch.setattr(store, "find", lambda *_, **__: found)
    source = {"kind": "file", "path": "memory://bucket/loans", "format": "parquet", "provenance": PROVENANCE}
    declare(made, {"production": source})
    with pytest.raises(Held, match="holds an object whose name is no path below it"):
        landing.land(load_made(), BATCH, "production", here())
    assert list(tmp_path.rglob("escaped*")) == []


# What is current


@pytest.mark.parametrize("kind", FILES)
def test_a_source_is_unchanged_until_it_changes_and_when_it_is_gone(
    made: Made, load_made: Any, send: Sender, kind: str
) -> None:
    source = send(kind, arrow(made_rows(BATCH)))
    declare(made, {"production": source})
    observed = landing.land(load_made(), BATCH, "production", here()).body["observed"]
    known: dict[str, Any] = {}

    def state() -> tuple[bool, bool]:
        sign = sources.sign_of(load_made(), "production", BATCH, known)
        seen = sign in (observed["source_sha256"], observed.get("source_mark"))
        return sources.is_unchanged(load_made(), "production", BATCH, observed), seen

    assert state() == (True, True)
    send(kind, arrow(made_rows(BATCH, rows=ROWS - 1)))
    assert state() == (False, False)
    remove(source["path"])
    assert sources.is_unchanged(load_made(), "production", BATCH, observed), "what is gone took nothing with it"
    assert sources.sign_of(load_made(), "production", BATCH, known) is None


def remove(path: str) -> None:
    store, root = fsspec.core.url_to_fs(path)
    store.rm(root, recursive=True)


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_never_counts_as_unchanged(made: Made, load_made: Any, send: Sender, kind: str) -> None:
    declare(made, {"production": send(kind, arrow(made_rows(BATCH)))})
    observed = landing.land(load_made(), BATCH, "production", here()).body["observed"]
    assert not sources.is_unchanged(load_made(), "production", BATCH, observed)


# Large files


def test_a_large_stream_is_read_in_bounded_memory(made: Made, load_made: Any) -> None:
    """More than 140 MB in 150 batches of 8,000 rows: Arrow never holds more than some of them, be there ever so many."""
    rows = made_rows(BATCH, rows=2_000)
    table = pa.concat_tables([arrow([{**row, "case": f"{row['case']}{'x' * 60}"} for row in rows])] * 4)
    path = made.incoming / "loans.arrows"
    with pa.ipc.new_stream(path, table.schema) as file:
        for _ in range(150):
            file.write_table(table.combine_chunks())
    assert os.path.getsize(path) > 140e6
    source = {"kind": "file", "path": str(path), "format": "arrow", "provenance": PROVENANCE}
    declare(made, {"production": source})
    before = pa.default_memory_pool().max_memory()
    assert landing.land(load_made(), BATCH, "production", here()).rows == 150 * 8_000
    assert pa.default_memory_pool().max_memory() - before < 20e6
