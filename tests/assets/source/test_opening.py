"""The same rows written in every form are the same table; what is broken is told, and never quoted."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from assets.source.opening import Desk, Opened, form_of
from governance.faults import UsageFault

FRAME = pd.DataFrame({"n": [1, 2, None], "word": ["ä", None, "c,d"], "x": [0.5, 1.5, 2.5]})
Open = Callable[..., Opened]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    place = tmp_path / "desk"
    place.mkdir()
    desk = Desk(place)

    def open_it(path: Path, **more: object) -> Opened:
        return desk.open(path, "reference", **more)  # type: ignore[arg-type]

    yield open_it
    desk.backend.disconnect()


def rows(found: Opened) -> list[dict[str, object]]:
    return sorted(found.table.to_pyarrow().to_pylist(), key=lambda row: str(row.get("x")))


def _csv(path: Path) -> None:
    FRAME.to_csv(path, index=False)


def _semicolons(path: Path) -> None:
    FRAME.to_csv(path, index=False, sep=";")


def _gzipped(path: Path) -> None:
    path.write_bytes(gzip.compress(FRAME.to_csv(index=False).encode()))


def _stream(path: Path) -> None:
    table = pa.Table.from_pandas(FRAME)
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)


def _folder(path: Path) -> None:
    (path / "deep").mkdir(parents=True)
    FRAME[:2].to_parquet(path / "one.parquet")
    FRAME[2:].to_parquet(path / "deep" / "two.parquet")
    (path / "_SUCCESS").write_text("")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        pytest.param("a.csv", _csv, id="CSV"),
        pytest.param("a.txt", _semicolons, id="CSV with semicolons"),
        pytest.param("a.csv.gz", _gzipped, id="CSV, compressed"),
        pytest.param("a[1]*?.csv", _csv, id="a name that reads as a pattern"),
        pytest.param("it's 'quoted' 🙂.csv", _csv, id="quotes and an emoji in the name"),
        pytest.param("a.parquet", lambda p: FRAME.to_parquet(p), id="Parquet"),
        pytest.param("a.feather", lambda p: feather.write_feather(FRAME, p), id="Feather"),
        pytest.param("a.arrows", _stream, id="Arrow stream"),
        pytest.param("folder", _folder, id="folder of Parquet"),
    ],
)
def test_every_form_gives_the_same_rows(
    opened: Open, tmp_path: Path, name: str, write: Callable[[Path], object]
) -> None:
    write(tmp_path / name)
    expected = [{"n": 1, "word": "ä", "x": 0.5}, {"n": 2, "word": None, "x": 1.5}, {"n": None, "word": "c,d", "x": 2.5}]
    assert rows(opened(tmp_path / name)) == expected


def test_a_value_far_down_that_contradicts_the_type_turns_the_column_into_text(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("a,b\n" + "1,2\n" * 60_000 + "oops,2\n")
    found = opened(path)
    assert (found.types["a"], found.types["b"]) == ("VARCHAR", "BIGINT")
    assert found.table.count().to_pyarrow().as_py() == 60_001
    assert found.notes == ()


def test_broken_lines_are_left_out_and_counted(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    path.write_text("a,b\n1,x\n2,y,SECRET\n3,z\n4\n" + "5,w\n" * 100)
    found = opened(path)
    assert list(found.types) == ["a", "b"], "the header decides, not the broken line"
    assert found.notes == ("2 lines do not have the header's columns and were left out",)
    assert found.table.count().to_pyarrow().as_py() == 102


def test_latin_1_is_read_and_said(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_bytes("straße,n\nMünchen,1\n".encode("latin-1"))
    found = opened(path)
    assert rows(found) == [{"straße": "München", "n": 1}]
    assert found.notes == ("read as latin-1: it is not UTF-8",)


def test_yes_and_no_stay_words_and_a_lone_f_is_no_boolean(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text("paid,sex\nyes,F\nno,F\n")
    assert rows(opened(path)) == [{"paid": "yes", "sex": "F"}, {"paid": "no", "sex": "F"}]


def test_columns_asked_for_as_text_keep_their_zeros(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("code,n\n007,1\n008,2\n")
    assert {row["code"] for row in rows(opened(path, as_text=["code", "elsewhere"]))} == {"007", "008"}


def test_nested_and_binary_values_become_their_presence(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "odd.parquet"
    table = pa.table({"many": [[1], None], "parts": [{"a": 1}, None], "raw": [b"x", None], "n": [1, 2]})
    pq.write_table(table, path)
    found = opened(path)
    assert found.unusable == {"many", "parts", "raw"}
    assert [row["many"] for row in found.table.to_pyarrow().to_pylist()] == ["present", None]


def test_an_arrow_type_that_the_engine_does_not_know_is_left_out_and_named(opened: Open, tmp_path: Path) -> None:
    path = tmp_path / "odd.arrow"
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])
    half = pa.array([1, 2], pa.float16())
    table = pa.table({"n": [1, 2], "half": half, "odd": union})
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    found = opened(path)
    assert "n" in found.types
    for name in set(table.column_names) - set(found.types):
        assert name in found.notes[0]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        pytest.param("a.csv", b"", "is empty", id="0 bytes"),
        pytest.param("a.xlsx", b"PK\x03\x04rest", "a workbook", id="a workbook"),
        pytest.param("a.json", b'{"a": 1}', "is JSON", id="JSON"),
        pytest.param("a.parquet", b"PAR1" + b"SECRET" * 9, "cannot be read as Parquet", id="cut Parquet"),
        pytest.param("a.arrow", b"ARROW1\x00\x00SECRET", "cannot be read as Arrow", id="cut Arrow"),
        pytest.param("folder/x.txt", b"SECRET", "holds no .parquet file", id="a folder without Parquet"),
    ],
)
def test_what_cannot_be_read_is_named_without_its_content(
    opened: Open, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(UsageFault) as fault:
        opened(path.parent if "/" in name else path)
    assert says in str(fault.value)
    assert "SECRET" not in str(fault.value)
    assert "\n" not in str(fault.value)


def test_the_form_comes_from_the_content_and_not_from_the_name(tmp_path: Path) -> None:
    path = tmp_path / "really.csv"
    FRAME.to_parquet(path)
    assert form_of(path) == "Parquet"


def test_no_thread_is_left_behind(opened: Open, tmp_path: Path) -> None:
    before = threading.active_count()
    _csv(tmp_path / "a.csv")
    opened(tmp_path / "a.csv")
    assert threading.active_count() == before
