"""One byte of a stored file is altered; then the program is run as its users run it. The clean twin stays green."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.judged.training import model_file
from assets.kept.home import home, site
from assets.kept.lake import Altered, verified
from assets.on_demand.stored_files import look_at_all
from tests.conftest import BATCHES, PROVENANCE, Made, made_rows, system_yaml, write_csv
from tests.people import People

PLACES: dict[str, Callable[[bytes], int]] = {
    "first byte": lambda raw: 0,
    "byte in the middle": lambda raw: len(raw) // 2,
    "last byte": lambda raw: len(raw) - 1,
}


def alter(path: Path, place: Callable[[bytes], int]) -> None:
    raw = bytearray(path.read_bytes())
    raw[place(raw)] ^= 1
    path.write_bytes(raw)


def declare_all(made: Made) -> None:
    """Every kind of stored file: rows, outcomes and a snapshot, grids, profiles, a model, pages, a key of entities."""
    declared = system_yaml(str(made.incoming))
    source = {"kind": "file", "format": "csv", "provenance": PROVENANCE}
    declared["columns"]["region"]["roles"] = ["attribute", "entity"]
    declared["sources"] = {
        "production": {**source, "path": f"{made.incoming}/p-{{batch}}.csv"},
        "reference": {**source, "path": f"{made.incoming}/{{batch}}.csv"},
        "outcomes": {**source, "path": f"{made.incoming}/outcomes.csv"},
        "training": {**source, "path": f"{made.incoming}/training.csv"},
    }
    made.declare(system=declared)
    model = {"name": "ranking", "estimator": "logistic_regression", "features": ["income", "children"]}
    release = [{"metric": "roc_auc", "limit": 0.6, "rationale": "Better than nothing."}]
    text = yaml.safe_dump({**model, "holdout_share": 0.25, "seed": 7, "release": release})
    (made.folder / "model.yaml").write_text(text, encoding="utf-8")
    for batch in BATCHES[:2]:
        made.send(batch)
    for batch in BATCHES[2:]:
        rows = [{key: value for key, value in row.items() if key != "late"} for row in made_rows(batch)]
        write_csv(made.incoming / f"p-{batch}.csv", rows)
    late = [{"case": r["case"], "late": r["late"]} for batch in BATCHES[2:] for r in made_rows(batch)]
    write_csv(made.incoming / "outcomes.csv", late)
    rows = made_rows("2023-01-01", rows=600)
    taught = [row | {"late": int(row["income"] + 300 * row["children"] > 3400)} for row in rows]
    write_csv(made.incoming / "training.csv", taught)


@dataclass
class Kept:
    """A home in which everything was run and nothing is wrong; each test gets a copy."""

    made: Made
    files: dict[str, str]

    def file(self, kind: str) -> Path:
        return self.made.home / self.files[kind]


@pytest.fixture(scope="module")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    folder = tmp_path_factory.mktemp("kept")
    world = Made(folder / "systems", folder / "incoming", folder / "home")
    world.incoming.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIMS_HOME", str(world.home))
        patch.setenv("AIMS_SYSTEMS", str(world.systems))
        declare_all(world)
        world.aims("run", "loans")
        world.aims("ledger", "checkpoint")
        yield Kept(world, stored(world))


def stored(made: Made) -> dict[str, str]:
    """One file of each kind, from what the record says of the third month."""
    register = home().register()

    def digest(kind: str, subject: str, *keys: str) -> str:
        value: Any = register.last(kind, subject).body  # type: ignore[union-attr]
        for key in keys:
            value = value[key]
        return str(value)

    batch = f"loans/{BATCHES[2]}"
    (checkpoint,) = (made.home / "checkpoints").glob("*.json")
    return {
        "rows": f"lake/{digest('batch.landed', f'{batch}/production', 'digest')}.parquet",
        "rows of the reference": f"lake/{digest('batch.landed', f'loans/{BATCHES[0]}/reference', 'digest')}.parquet",
        "outcomes": f"lake/{digest('batch.landed', f'{batch}/outcomes', 'digest')}.parquet",
        "snapshot": f"lake/{digest('batch.landed', 'loans/training/training', 'digest')}.parquet",
        "profile": f"profiles/{digest('batch.judged', batch, 'inputs', 'profile')}.parquet",
        "profile of the reference": f"profiles/{digest('reference.frozen', 'loans', 'profile')}.parquet",
        "grid": f"profiles/{digest('reference.frozen', 'loans', 'grid')}.grid.json",
        "model": f"models/{digest('model.trained', 'loans/ranking', 'model')}.joblib",
        "page": digest("batch.reported", batch, "page"),
        "checkpoint": f"checkpoints/{checkpoint.name}",
        "index of keys": "keyprints/loans/index",
        "keys": f"keyprints/loans/{next((made.home / 'keyprints' / 'loans').glob('*.npy')).name}",
        "key of entities": "keys/entities",
        "key of the ledger": "keys/ledger.pem",
    }


MADE_ANEW = (
    "rows",
    "rows of the reference",
    "outcomes",
    "snapshot",
    "profile",
    "profile of the reference",
    "grid",
    "model",
    "page",
)


@pytest.fixture
def kept(run_once: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    before = run_once.made
    shutil.copytree(before.home, tmp_path / "home")
    monkeypatch.setenv("AIMS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIMS_SYSTEMS", str(before.systems))
    return Kept(Made(before.systems, before.incoming, tmp_path / "home"), run_once.files)


def events(kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [(e.subject, {k: v for k, v in e.body.items() if k != "run"}) for e in home().register().events(kind)]


def test_every_kind_of_file_that_is_left_alone_holds(kept: Kept) -> None:
    found = look_at_all(home(), home().register())
    assert {item.state for item in found} == {"whole"}
    assert set(kept.files.values()) <= {item.file for item in found}
    assert kept.made.aims("ledger", "verify").output.count("stored files hold") == 1
    judged, before = events("batch.judged"), home().register().head()
    assert "found altered" not in kept.made.aims("run", "loans").output
    assert (events("batch.judged"), home().register().head()) == (judged, before)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_run_names_every_altered_file_uses_none_and_ends_like_a_finding(
    kept: Kept, place: Callable[[bytes], int]
) -> None:
    twin = {name: kept.file(name).read_bytes() for name in MADE_ANEW}
    judged, models = events("batch.judged"), {body["model"] for _, body in events("model.trained")}
    for name in MADE_ANEW:
        alter(kept.file(name), place)
    done = kept.made.aims("run", "loans", check=1)
    named = {subject for subject, _ in events("file.altered")}
    assert named == {kept.files[name] for name in MADE_ANEW}
    assert all(name in done.stdout for name in named)
    # What was judged and trained before stands, nothing else was: the same digests from the same sources.
    assert events("batch.judged") == judged
    assert {body["model"] for _, body in events("model.trained")} == models
    # Counts again are the same counts; a rounded sum may come out otherwise, so the file is another one and recorded.
    same = [name for name in MADE_ANEW if not name.startswith("profile")]
    assert {name: kept.file(name).read_bytes() for name in same} == {name: twin[name] for name in same}
    assert {item.state for item in look_at_all(home(), home().register())} == {"whole"}
    assert "found altered" not in kept.made.aims("run", "loans").output


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_verifying_the_record_names_each_altered_file_of_every_kind(kept: Kept, place: Callable[[bytes], int]) -> None:
    for name in kept.files:
        # A key in PEM ends in a blank: another one there leaves the key what it is.
        alter(kept.file(name), PLACES["first byte"] if name == "key of the ledger" else place)
    found = {item.file: item.state for item in look_at_all(home(), home().register())}
    assert {file for file, state in found.items() if state == "altered"} == set(kept.files.values())
    output = kept.made.aims("ledger", "verify", check=1).output
    assert all(f"{file} was altered" in output for file in kept.files.values())


def test_a_file_that_is_gone_and_one_that_nobody_knows_are_named(kept: Kept) -> None:
    kept.file("profile").unlink()
    (kept.made.home / "models" / f"{'0' * 64}.joblib").write_bytes(b"planted")
    done = kept.made.aims("ledger", "verify", check=1)
    assert f"{kept.files['profile']} is gone" in done.output
    found = {item.file: item.state for item in look_at_all(home(), home().register())}
    assert found[f"models/{'0' * 64}.joblib"] == "unknown"
    assert kept.made.aims("ledger", "verify", "--no-files").exit_code == 0


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_entities_are_not_hashed_under_an_altered_key(kept: Kept, place: Callable[[bytes], int]) -> None:
    judged = events("batch.judged")
    alter(kept.file("key of entities"), place)
    done = kept.made.aims("run", "loans", check=1)
    assert "keys/entities was altered" in done.output
    assert events("batch.judged") == judged


def test_an_altered_model_is_neither_loaded_nor_released_and_its_twin_is(kept: Kept) -> None:
    people = People(home().register(), dt.datetime.now(dt.UTC))
    whole = kept.file("model").read_bytes()
    digest = kept.file("model").stem
    alter(kept.file("model"), PLACES["byte in the middle"])
    with pytest.raises(Altered, match=f"models/{digest}.joblib was altered"):
        model_file(home(), digest)

    def ask(verb: str, subject: str, by: str, check: int, *more: str) -> str:
        token = kept.made.home / "token"
        token.write_text(people.secrets[by])
        return kept.made.aims("act", verb, subject, *more, "--token-file", str(token), check=check).output

    why = ("--reason", "It is the first.")
    assert f"models/{digest}.joblib was altered" in ask("request-release", "loans", "eve", 2, *why)
    kept.file("model").write_bytes(whole)
    asked = json.loads(ask("request-release", "loans", "eve", 0, *why, "--json"))
    alter(kept.file("model"), PLACES["last byte"])
    refused = ask("release-model", f"REL-{asked['seq']}", "oda", 2, "--statement", "It is as good as it was.")
    assert f"models/{digest}.joblib was altered" in refused
    assert not events("release.granted")


def test_a_source_that_is_gone_cannot_make_up_for_altered_rows(kept: Kept) -> None:
    judged, away = events("batch.judged"), kept.made.incoming.with_name("away")
    alter(kept.file("rows"), PLACES["byte in the middle"])
    kept.made.incoming.rename(away)
    try:
        done = kept.made.aims("run", "loans", BATCHES[2], check=1)
    finally:
        away.rename(kept.made.incoming)
    assert f"{kept.files['rows']} was altered" in done.stderr
    assert events("batch.judged") == judged


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(("rows", "model", "grid")))
def test_any_byte_will_do(run_once: Kept, tmp_path: Path, data: st.DataObject, kind: str) -> None:
    original = run_once.file(kind)
    raw = bytearray(original.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    name = original.name.split(".", 1)
    (tmp_path / "lake").mkdir(exist_ok=True)
    (tmp_path / "lake" / original.name).write_bytes(raw)
    with pytest.raises(Altered, match=name[0]):
        verified(tmp_path / "lake", name[0], f".{name[1]}")


def test_sums_that_no_count_digest_sees_are_found_by_the_bytes(kept: Kept) -> None:
    """The digest of a profile is over its counts: a mean that was moved left it as it was."""
    import pandas as pd

    from assets.judged.profiles import parsed_profile, read_profile

    path = kept.file("profile")
    frame = pd.read_parquet(path)
    moved = frame["number"].notna()
    assert moved.any()
    frame.loc[moved, "number"] = frame.loc[moved, "number"] * 1.001
    frame.to_parquet(path, index=False, compression="zstd")
    assert parsed_profile(path.parent, path.stem).digest == path.stem
    with pytest.raises(Altered, match="was altered"):
        read_profile(site(run="test"), path.stem)
