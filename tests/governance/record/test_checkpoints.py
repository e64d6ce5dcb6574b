"""What a signed checkpoint catches, and the export that anybody can verify.

Truth: faults planted in exported files and in databases, each beside a clean twin; signatures checked by
`securesystemslib`; hashes computed by the formula alone; the verifier run as a program of its own.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import os
import random
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.ledger import make, verified
from governance.faults import UsageFault
from governance.record import checkpoints, ledger, ledger_export, verify_ledger
from governance.record.canonical import canonical_bytes
from governance.register import Register
from tests.governance.conftest import NOON, Owner

Events = list[dict[str, Any]]


@dataclass
class Installation:
    """A register, its key, and a checkpoint over its first six events that an auditor keeps."""

    register: Register
    key: Ed25519PrivateKey
    folder: Path

    def sign(self, out: Path | None = None, at: dt.datetime = NOON) -> checkpoints.Signed:
        with ledger.writing(self.register.engine) as connection:
            return checkpoints.checkpoint(
                connection, self.key, self.folder / "checkpoints", out=out, actor="service:aims", at=at
            )

    def note(self, *numbers: int) -> None:
        for number in numbers:
            self.register.record("note.made", f"loans/é{number}", {"number": number, "text": 'a "€" \\ \n 😀'}, at=NOON)

    def export(self, name: str = "export") -> Path:
        with self.register.reading() as connection:
            ledger_export.export(connection, self.folder / name, self.folder / "checkpoints", self.key.public_key())
        return self.folder / name

    @property
    def kept(self) -> Path:
        return self.folder / "elsewhere" / "checkpoint.json"

    @property
    def pinned(self) -> Path:
        return write_key(self.folder / "elsewhere" / "ledger.pem", self.key)

    def faults(self, *paths: Path) -> list[str]:
        keys = verify_ledger.keys_in(self.pinned)
        with self.register.reading() as connection:
            return checkpoints.faults(connection, paths or (self.kept,), keys)[0]


def write_key(path: Path, key: Ed25519PrivateKey) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(checkpoints.public_pem(key.public_key()), encoding="ascii")
    return path


def installation(folder: Path) -> Installation:
    folder.mkdir(parents=True, exist_ok=True)
    made = Installation(Register(folder / "register.db"), Ed25519PrivateKey.generate(), folder)
    made.note(1, 2, 3, 4, 5)
    made.sign(out=made.kept)  # over six: five notes and the name that the ledger is given with it
    made.note(8, 9)
    return made


@pytest.fixture
def ours(tmp_path: Path) -> Any:
    made = installation(tmp_path / "ours")
    yield made
    made.register.engine.dispose()


@pytest.fixture
def theirs(tmp_path: Path) -> Any:
    made = installation(tmp_path / "theirs")
    yield made
    made.register.engine.dispose()


def verify(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """The exported verifier as its own program, where nothing of ours can be imported."""
    program = folder / "verify_ledger.py"
    return subprocess.run(
        [sys.executable, "-I", str(program), str(folder), *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath},
    )


def pinned(made: Installation) -> tuple[object, ...]:
    return ("--key", made.pinned, "--checkpoint", made.kept)


# A checkpoint


def test_a_checkpoint_says_what_the_ledger_held_and_the_ledger_says_that_it_was_signed(ours: Installation):
    payload = json.loads(base64.b64decode(json.loads(ours.kept.read_bytes())["payload"]))
    named, signed = (ours.register.events(kind)[0] for kind in ("ledger.named", "ledger.checkpointed"))
    with ours.register.reading() as connection:
        sixth = list(ledger.entries(connection))[5]
    assert payload == {"origin": named.subject, "size": 6, "head": sixth.entry, "time": "2020-01-01T12:00:00.000+00:00"}
    assert (named.seq, signed.seq, signed.subject) == (6, 7, named.subject)
    assert signed.body["envelope"] == hashlib.sha256(ours.kept.read_bytes()).hexdigest()
    assert {key: signed.body[key] for key in payload} == {**payload, "size": 6}
    assert ours.register.faults() == []


def test_the_name_is_given_once(ours: Installation, theirs: Installation):
    ours.sign()
    names = {event.subject for event in ours.register.events("ledger.*")}
    assert len(names) == 1
    assert names.isdisjoint({event.subject for event in theirs.register.events("ledger.*")})


def test_the_envelope_is_one_that_others_can_verify(ours: Installation, theirs: Installation):
    """DSSE as securesystemslib reads it."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    for made, good in ((ours, True), (theirs, False)):
        envelope = Envelope.from_dict(json.loads(ours.kept.read_bytes()))
        (keyid,) = envelope.signatures
        key = SSlibKey.from_crypto(made.key.public_key(), keyid=keyid)
        if good:
            assert envelope.verify([key], 1) == {keyid: key}
        else:
            with pytest.raises(VerificationError):
                envelope.verify([key], 1)


def test_a_checkpoint_that_cannot_be_written_is_not_recorded(ours: Installation, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    before = ours.register.head()
    with pytest.raises(UsageFault, match="file/x.json cannot be written: .*Nothing was recorded."):
        ours.sign(out=tmp_path / "file" / "x.json")
    assert ours.register.head() == before


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path):
    path = tmp_path / "ledger.pem"
    first = checkpoints.signing_key(path, True)
    again = checkpoints.signing_key(path, True)
    assert checkpoints.public_pem(first.public_key()) == checkpoints.public_pem(again.public_key())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in tmp_path.iterdir()] == ["ledger.pem"]


def test_several_who_make_a_key_at_once_get_the_same(tmp_path: Path):
    start = Barrier(8)

    def ask(number: int) -> str:
        start.wait()
        return checkpoints.public_pem(checkpoints.signing_key(tmp_path / f"{number // 8}.pem", True).public_key())

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(ask, range(8 * 20)))
    assert [len(set(got[first : first + 8])) for first in range(0, len(got), 8)] == [1] * 20


def test_a_key_that_is_of_no_use_is_said_in_one_line(tmp_path: Path):
    with pytest.raises(UsageFault, match="cannot be read: No such file or directory. Check AIMS_LEDGER_KEY."):
        checkpoints.signing_key(tmp_path / "none.pem", False)
    rsa = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (b"no key", rsa):
        (tmp_path / "key.pem").write_bytes(data)
        with pytest.raises(UsageFault, match="is no unencrypted Ed25519 private key") as fault:
            checkpoints.signing_key(tmp_path / "key.pem", True)
        assert "\n" not in str(fault.value)


# What the database's own verification finds with it


def rewritten(made: Installation) -> None:
    """Event 3 edited, and every hash from there on made anew: the chain holds."""
    owner = Owner(made.folder / "register.db")
    triggers = owner.ask("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    owner.run(*(f"DROP TRIGGER {name}" for (name,) in triggers))
    rows = recomputed(
        [
            {**row, "body": row["body"].replace("3", "4")} if row["seq"] == 3 else row
            for row in map(json.loads, (made.export("before").joinpath("events.jsonl")).read_text().splitlines())
        ]
    )
    for row in rows:
        body = row["body"].replace("'", "''")
        owner.run(
            f"UPDATE event SET body = '{body}', leaf = '{row['leaf']}', entry = '{row['entry']}' WHERE seq = {row['seq']}"
        )


def test_a_ledger_that_nobody_touched_stands_up_to_its_checkpoints(ours: Installation):
    ours.sign()
    stored = tuple(sorted((ours.folder / "checkpoints").glob("*.json")))
    assert (len(stored), ours.faults(ours.kept, *stored)) == (2, [])


def test_a_rewritten_database_runs_up_against_the_checkpoint(ours: Installation):
    rewritten(ours)
    assert ours.register.faults() == []
    assert ours.faults() == [
        f"{ours.kept} was signed over another event 6: the events up to it were rewritten, and their hashes with them."
    ]


def test_a_shortened_database_runs_up_against_the_checkpoint(ours: Installation):
    owner = Owner(ours.folder / "register.db")
    owner.run("DROP TRIGGER event_no_delete", "DELETE FROM event WHERE seq > 6")
    assert ours.faults() == []  # the checkpoint speaks of six, and knows nothing of what came later
    owner.run("DELETE FROM event WHERE seq > 5")
    assert [fault.split("; ")[1] for fault in ours.faults()] == [
        "this one has no name: it was cut off or rewritten before it was named, or is another ledger."
    ]


def test_a_checkpoint_of_another_system_or_key_is_told_apart(ours: Installation, theirs: Installation):
    assert [fault.split(str(theirs.kept))[1] for fault in ours.faults(theirs.kept)] == [
        " is not signed by the key given."
    ]
    theirs.key = ours.key
    theirs.sign(out=theirs.kept)
    (fault,) = ours.faults(theirs.kept)
    assert "is of another ledger (urn:uuid:" in fault


# The export, verified alone


def test_the_verifier_is_exported_as_it_stands(ours: Installation):
    assert (ours.export() / "verify_ledger.py").read_bytes() == Path(verify_ledger.__file__).read_bytes()


def test_a_good_export_is_accepted(ours: Installation):
    ours.sign()
    folder = ours.export()
    done = verify(folder, *pinned(ours))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"10 events hold; last entry {ours.register.head()[1]}"
    assert lines[1].startswith(
        "3 checkpoints hold; the newest covers events 1 to 9, signed 2020-01-01T12:00:00.000+00:00"
    )
    assert lines[1].endswith("; events 10 to 10 came after")
    assert len(lines) == 2


def test_without_a_key_and_a_checkpoint_from_elsewhere_it_says_unanchored(ours: Installation):
    folder = ours.export()
    for arguments in ((), ("--key", ours.pinned), ("--checkpoint", ours.kept)):
        done = verify(folder, *arguments)
        assert (done.returncode, done.stdout.count("unanchored")) == (0, 1)
    assert "unanchored" not in verify(folder, *pinned(ours)).stdout


def hashed(event: dict[str, Any], previous: str) -> dict[str, Any]:
    """The event with its hashes made anew, by the formula alone."""
    plain = {name: event[name] for name in ("seq", "at", "actor", "kind", "subject", "body")}
    leaf = hashlib.sha256(b"\x00" + canonical_bytes(plain)).hexdigest()
    entry = hashlib.sha256(b"\x01" + bytes.fromhex(previous) + bytes.fromhex(leaf)).hexdigest()
    return {**plain, "leaf": leaf, "entry": entry}


def recomputed(events: Events) -> Events:
    done: Events = []
    for event in events:
        done.append(hashed(event, done[-1]["entry"] if done else "0" * 64))
    return done


def edit(events: Events) -> Events:
    events[2]["body"] = events[2]["body"].replace("3", "4")
    return events


def dated_back(events: Events) -> Events:
    events[2]["at"] = "2019" + events[2]["at"][4:]
    return events


def another_actor(events: Events) -> Events:
    events[2]["actor"] = "person:ann"
    return events


def edit_with_its_hashes(events: Events) -> Events:
    events[2] = hashed(edit(events)[2], events[1]["entry"])
    return events


def remove(events: Events) -> Events:
    return events[:2] + events[3:]


def remove_three(events: Events) -> Events:
    return events[:2] + events[5:]


def remove_the_first(events: Events) -> Events:
    return events[1:]


def swap(events: Events) -> Events:
    events[2], events[3] = events[3], events[2]
    return events


def swap_and_renumber(events: Events) -> Events:
    swap(events)
    events[2]["seq"], events[3]["seq"] = 3, 4
    return events


def repeat(events: Events) -> Events:
    return [*events[:3], events[2], *events[3:]]


def insert(events: Events) -> Events:
    new = hashed({**events[2], "subject": "loans/new"}, events[1]["entry"])
    later = [{**event, "seq": event["seq"] + 1} for event in events[2:]]
    return [*events[:2], new, *later]


def append_one(events: Events) -> Events:
    return [*events, {**events[-1], "seq": events[-1]["seq"] + 1}]


@pytest.mark.parametrize(
    ("plant", "found"),
    [
        pytest.param(edit, ["event 3 (note.made, loans/é3) was altered: its content does not match its leaf."], id="edited"),
        pytest.param(dated_back, ["event 3 (note.made, loans/é3) was altered: its content does not match its leaf."], id="dated back"),
        pytest.param(another_actor, ["event 3 (note.made, loans/é3) was altered: its content does not match its leaf."], id="another actor"),
        pytest.param(edit_with_its_hashes, ["event 4 (note.made, loans/é4) does not follow from the one before it."], id="edited, its hashes made anew"),
        pytest.param(remove, ["event 3 is missing: the next one is 4.", "event 4 (note.made, loans/é4) does not follow from the one before it."], id="removed"),
        pytest.param(remove_three, ["events 3 to 5 are missing: the next one is 6.", "event 6 (ledger.named, NAME) does not follow from the one before it."], id="three removed"),
        pytest.param(remove_the_first, ["event 1 is missing: the next one is 2.", "event 2 (note.made, loans/é2) does not follow from the one before it."], id="the first removed"),
        pytest.param(
            swap,
            [
                "event 3 is missing: the next one is 4.",
                "event 4 (note.made, loans/é4) does not follow from the one before it.",
                "event 3 stands after event 4: out of order, or put in.",
                "event 3 (note.made, loans/é3) does not follow from the one before it.",
                "event 5 (note.made, loans/é5) does not follow from the one before it.",
            ],
            id="re-ordered",
        ),
        pytest.param(
            swap_and_renumber,
            [
                "event 3 (note.made, loans/é4) was altered: its content does not match its leaf.",
                "event 3 (note.made, loans/é4) does not follow from the one before it.",
                "event 4 (note.made, loans/é3) was altered: its content does not match its leaf.",
                "event 4 (note.made, loans/é3) does not follow from the one before it.",
                "event 5 (note.made, loans/é5) does not follow from the one before it.",
            ],
            id="re-ordered and numbered anew",
        ),
        pytest.param(
            repeat,
            [
                "event 3 stands after event 3: out of order, or put in.",
                "event 3 (note.made, loans/é3) does not follow from the one before it.",
            ],
            id="repeated",
        ),
        pytest.param(append_one, ["event 10 (note.made, loans/é9) was altered: its content does not match its leaf.", "event 10 (note.made, loans/é9) does not follow from the one before it."], id="a copy added at the end"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(ours: Installation, plant: Callable[[Events], Events], found: list[str]):
    folder = ours.export()
    assert verify(folder, *pinned(ours)).returncode == 0
    name = ours.register.events("ledger.named")[0].subject
    rewrite(folder, plant)
    done = verify(folder, *pinned(ours))
    told = [line for line in done.stdout.splitlines() if "checkpoint" not in line]
    assert told == [line.replace("NAME", name) for line in found]
    assert done.returncode == 1
    assert "The ledger does NOT hold" in done.stderr


def rewrite(folder: Path, plant: Callable[[Events], Events]) -> None:
    path = folder / "events.jsonl"
    events = plant([json.loads(line) for line in path.read_bytes().splitlines()])
    path.write_bytes(b"".join(map(verify_ledger.as_line, events)))


def test_an_inserted_event_is_found(ours: Installation):
    folder = ours.export()
    rewrite(folder, insert)
    done = verify(folder, *pinned(ours))
    assert done.returncode == 1
    altered = [f"event {seq} (" for seq in range(4, 11)]
    assert [
        line[: len(start)]
        for line, start in zip((x for x in done.stdout.splitlines() if "altered" in x), altered, strict=True)
    ] == altered


def only_fault(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = set(done.stdout.splitlines())
    return line


@pytest.mark.parametrize(
    "plant", [edit, remove, remove_three, swap, swap_and_renumber, insert, dated_back], ids=lambda f: f.__name__
)
def test_a_recomputed_chain_is_found_by_the_checkpoint_alone(ours: Installation, plant: Callable[[Events], Events]):
    folder = ours.export()
    for path in (folder / "checkpoints").iterdir():
        path.unlink()
    rewrite(folder, lambda events: recomputed([{**event, "seq": seq} for seq, event in enumerate(plant(events), 1)]))
    assert "unanchored" in verify(folder).stdout  # nothing in the export itself could tell
    assert "was signed over another event 6: the events up to it were rewritten" in only_fault(
        verify(folder, *pinned(ours))
    )


def test_a_truncated_tail_is_found_by_the_checkpoint_alone(ours: Installation):
    ours.sign(out=ours.kept)  # over nine
    folder = ours.export()
    assert verify(folder, *pinned(ours)).returncode == 0
    for path in (folder / "checkpoints").iterdir():
        path.unlink()
    rewrite(folder, lambda events: events[:9])
    assert verify(folder, *pinned(ours)).returncode == 0
    rewrite(folder, lambda events: events[:8])
    assert "unanchored" in verify(folder).stdout
    assert "was signed over 9 events, and 8 are there: the end was cut off." in only_fault(
        verify(folder, *pinned(ours))
    )
    rewrite(folder, lambda events: [])
    assert "this one has no name: it was cut off" in only_fault(verify(folder, *pinned(ours)))


def test_a_swapped_key_is_found_by_the_pinned_one(ours: Installation):
    """Everything in the export made anew and signed with a key of one's own."""
    folder = ours.export()
    mine = Ed25519PrivateKey.generate()
    rewrite(folder, lambda events: recomputed(edit(events)))
    events = [json.loads(line) for line in (folder / "events.jsonl").read_bytes().splitlines()]
    (stored,) = (folder / "checkpoints").iterdir()
    payload = json.loads(base64.b64decode(json.loads(stored.read_bytes())["payload"]))
    stored.write_bytes(checkpoints.signed(canonical_bytes({**payload, "head": events[5]["entry"]}), mine))
    write_key(folder / "keys.pem", mine)
    assert "unanchored" in verify(folder).stdout
    done = verify(folder, "--key", ours.pinned)
    assert done.returncode == 1
    assert [line.rsplit("/", 1)[-1] for line in done.stdout.splitlines()] == [
        f"keys.pem of the export holds the key {verify_ledger.key_id(mine.public_key())[:16]}, which is not among those given.",
        "checkpoint-6.json is not signed by the key given.",
    ]


def test_another_systems_checkpoint_is_found(ours: Installation, theirs: Installation):
    folder = ours.export()
    foreign = only_fault(verify(folder, "--key", ours.pinned, "--checkpoint", theirs.kept))
    assert foreign == f"{theirs.kept} is not signed by the key given."
    theirs.key = ours.key
    theirs.sign(out=theirs.kept)
    assert "is of another ledger (urn:uuid:" in only_fault(
        verify(folder, "--key", ours.pinned, "--checkpoint", theirs.kept)
    )
    assert (
        verify(theirs.export(), "--key", ours.pinned, "--checkpoint", theirs.kept).returncode == 1
    )  # its first one: their old key
    shutil.rmtree(theirs.folder / "export" / "checkpoints")
    (theirs.folder / "export" / "keys.pem").unlink()
    assert verify(theirs.folder / "export", "--key", ours.pinned, "--checkpoint", theirs.kept).returncode == 0


def test_a_changed_key_is_no_fault_where_both_are_given(ours: Installation):
    old = write_key(ours.folder / "elsewhere" / "old.pem", ours.key)
    ours.key = Ed25519PrivateKey.generate()
    ours.sign(out=ours.kept)
    folder = ours.export()
    assert verify(folder, "--key", ours.pinned, "--key", old, "--checkpoint", ours.kept).returncode == 0
    assert verify(folder, "--key", ours.pinned, "--checkpoint", ours.kept).returncode == 1


def altered_payload(envelope: dict[str, Any]) -> None:
    statement = json.loads(base64.b64decode(envelope["payload"]))
    envelope["payload"] = base64.b64encode(canonical_bytes({**statement, "size": 5})).decode()


def no_signature(envelope: dict[str, Any]) -> None:
    envelope["signatures"] = []


def another_type(envelope: dict[str, Any]) -> None:
    envelope["payloadType"] = "application/vnd.in-toto+json"


@pytest.mark.parametrize("alter", [altered_payload, no_signature, another_type], ids=lambda f: f.__name__)
def test_an_altered_checkpoint_is_refused(ours: Installation, alter: Callable[[dict[str, Any]], None]):
    folder = ours.export()
    envelope = json.loads(ours.kept.read_bytes())
    alter(envelope)
    ours.kept.write_text(json.dumps(envelope))
    assert only_fault(verify(folder, *pinned(ours))) == f"{ours.kept} is not signed by the key given."


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b"\xff", b'{"payload": 1, "payloadType": "x", "signatures": []}', b'{"payload": "%", "payloadType": "x", "signatures": []}', b'{"payload": "", "payloadType": "x", "signatures": [1]}'],
)  # fmt: skip
def test_what_is_no_checkpoint_is_said_to_be_none(ours: Installation, data: bytes):
    folder = ours.export()
    ours.kept.write_bytes(data)
    assert only_fault(verify(folder, *pinned(ours))) == f"{ours.kept} is no signed checkpoint."


def test_a_signature_over_something_else_is_no_checkpoint(ours: Installation):
    folder = ours.export()
    for payload in (b"no json", b"{}", canonical_bytes({"origin": "x", "size": "6", "head": "y", "time": "z"})):
        ours.kept.write_bytes(checkpoints.signed(payload, ours.key))
        assert only_fault(verify(folder, *pinned(ours))) == f"{ours.kept} is signed, and no checkpoint of a ledger."


def test_a_signature_made_for_another_purpose_is_no_checkpoint(ours: Installation, monkeypatch: pytest.MonkeyPatch):
    """The right statement, signed as a document of another kind."""
    folder = ours.export()
    payload = base64.b64decode(json.loads(ours.kept.read_bytes())["payload"])
    monkeypatch.setattr(verify_ledger, "PAYLOAD_TYPE", "application/vnd.in-toto+json")
    ours.kept.write_bytes(checkpoints.signed(payload, ours.key))
    assert only_fault(verify(folder, *pinned(ours))) == f"{ours.kept} is signed, and no checkpoint of a ledger."


@pytest.mark.parametrize(
    "alter",
    [
        lambda line: line.replace(b'{"actor"', b'{"actor":"person:ann","actor"'),
        lambda line: line.replace(b'"actor":', b'"actor": '),
        lambda line: line[:-20] + b"\n",
        lambda line: line.replace(b'"seq":3', b'"seq":3.0'),
        lambda line: line.replace(b'"seq":3', b'"seq":true'),
        lambda line: line.replace(b'"seq":3', b'"seq":"3"'),
        lambda line: line.replace(b'"seq":3', b'"seq":' + b"9" * 4_300),
        lambda line: line.replace(b'"seq":3', b'"more":1,"seq":3'),
        lambda line: line.replace("loans/é3".encode(), b"loans/\\ud800"),
        lambda line: line.replace("loans/é3".encode(), b"loans/\xff"),
        lambda line: b"\n",
        lambda line: b"[" * 100_000 + b"\n",
    ],
    ids=["a field twice", "a blank more", "cut short", "a broken number", "a truth value", "a text for a number", "a number without end", "a field more", "half a character", "no UTF-8", "empty", "deep"],
)  # fmt: skip
def test_a_line_that_is_no_event_is_found(ours: Installation, alter: Callable[[bytes], bytes]):
    folder = ours.export()
    path = folder / "events.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    changed = alter(lines[2])
    assert changed != lines[2]
    path.write_bytes(b"".join([*lines[:2], changed, *lines[3:]]))
    done = verify(folder, *pinned(ours))
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "line 3 of the events is no event as it is exported.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--key", "no.pem"), "no.pem cannot be read: No such file or directory."),
        (("--key", "README.txt"), "README.txt holds no Ed25519 public key (PEM)."),
        (("--checkpoint", "no.json"), "no.json cannot be read: No such file or directory."),
    ],
)
def test_what_cannot_be_checked_as_asked_is_one_line_and_exit_2(
    ours: Installation, arguments: tuple[str, str], words: str
):
    done = verify(ours.export(), *arguments)
    assert (done.returncode, done.stderr, done.stdout) == (2, f"verify_ledger: {words}\n", "")


def test_a_folder_without_events_is_one_line_and_exit_2(ours: Installation):
    folder = ours.export()
    (folder / "events.jsonl").unlink()
    done = verify(folder, *pinned(ours))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "events.jsonl cannot be read" in done.stderr


def test_an_export_goes_into_an_empty_folder_only(ours: Installation):
    ours.export()
    with pytest.raises(UsageFault, match="is not empty. Name a new folder"):
        ours.export()


def test_an_altered_database_is_exported_as_it_is_and_found(ours: Installation):
    owner = Owner(ours.folder / "register.db")
    owner.run("DROP TRIGGER event_no_update", "UPDATE event SET body = x'ff' WHERE seq = 3")
    done = verify(ours.export(), *pinned(ours))
    assert done.stdout == "event 3 (note.made, loans/é3) was altered: its content does not match its leaf.\n"


@given(
    st.lists(
        st.tuples(st.text(max_size=5), st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)),
        max_size=5,
    ),
    st.randoms(use_true_random=False),
)
@settings(deadline=None, max_examples=15)
def test_any_ledger_is_accepted_and_any_changed_byte_of_it_is_found(
    tmp_path_factory: pytest.TempPathFactory, written: list[Any], chance: random.Random
):
    folder = tmp_path_factory.mktemp("any")
    made = Installation(Register(folder / "register.db"), Ed25519PrivateKey.generate(), folder)
    for subject, body in written:
        made.register.record("note.made", subject, body, at=NOON)
    made.sign(out=made.kept)
    path = made.export() / "events.jsonl"
    made.register.engine.dispose()
    data = path.read_bytes()

    def found() -> list[str]:
        seen = verify_ledger.Seen(frozenset({len(written) + 1}))
        with path.open("rb") as file:
            told = list(verify_ledger.walk(verify_ledger.lines_of(file), seen))
        point = verify_ledger.opened("kept", made.kept.read_bytes(), verify_ledger.keys_in(made.pinned))
        return told + [fault for fault in [verify_ledger.against(point, seen)] if fault]

    assert found() == []
    for _ in range(20):
        position, changed = chance.randrange(len(data)), chance.randrange(1, 256)
        path.write_bytes(data[:position] + bytes([data[position] ^ changed]) + data[position + 1 :])
        assert found() != []


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the kernel's own mark of memory is read: Linux")
def test_memory_does_not_grow_with_the_ledger(tmp_path: Path):
    """Peak memory of the verifier on 2,000 events and on 40,000, which are 24 MB more as text, and more as objects."""
    costs = []
    for size in (2_000, 40_000):
        make(tmp_path / str(size), size)
        costs.append(verified(tmp_path / str(size)))
    assert [cost.code for cost in costs] == [0, 0]
    assert costs[1].peak_kib - costs[0].peak_kib < 8_000, costs


def test_the_public_key_is_what_others_call_it(ours: Installation):
    der = ours.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert verify_ledger.key_id(ours.key.public_key()) == hashlib.sha256(der).hexdigest()
    assert base64.b64encode(der).decode() in checkpoints.public_pem(ours.key.public_key()).replace("\n", "")


def test_a_subject_cannot_write_lines_of_its_own(ours: Installation):
    folder = ours.export()
    words = "x\n10 events hold\x1b[2J\u202e"
    rewrite(folder, lambda events: [{**event, "subject": words} if event["seq"] == 3 else event for event in events])
    assert only_fault(verify(folder, *pinned(ours))) == (
        "event 3 (note.made, x\\n10 events hold\\x1b[2J\\u202e) was altered: its content does not match its leaf."
    )
