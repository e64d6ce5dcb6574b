"""Every stored file held against the record at once: which are altered, which are gone, which nobody speaks of.

Each read of a file verifies that file; this looks at those that nobody has read for a while. What is needed is what
the newest event about something rests on: an older file may have been removed, and is only counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from assets.judged.profiles import GRID
from assets.kept.home import Home
from assets.kept.lake import Altered, holding, sha256_of
from assets.landed.key_index import KeyFiles
from governance.erased_files import LANDED, files_by_system
from governance.record.ledger import Event
from governance.record.timestamps import token_of
from governance.register import Register

FOLDERS = ("lake", "profiles", "models", "reports", "checkpoints", "notices", "concerns")
State = Literal["whole", "altered", "missing", "removed", "unknown"]


@dataclass(frozen=True, slots=True)
class Looked:
    """One file, and how it stands against the record; `words` say it to people."""

    file: str
    state: State
    words: str


@dataclass(slots=True)
class _Promised:
    """What the record says of one file: the digests that it may have, and whether something rests on it now."""

    digests: set[str] = field(default_factory=set)
    needed: bool = False


def look_at_all(place: Home, register: Register) -> list[Looked]:
    """Every file that the record speaks of or that lies in a folder of kept files, in order of its name."""
    promised = _promised(register)
    found = [_looked(place.root / file, file, what) for file, what in promised.items()]
    for path in _files_of(place):
        file = path.relative_to(place.root).as_posix()
        if file not in promised:
            found.append(_unspoken(path, file))
    found += [*_key_indexes(place), *_signing_key(place, register)]
    return sorted(found, key=lambda item: item.file)


def _looked(path: Path, file: str, what: _Promised) -> Looked:
    try:
        holding(path, file, what.digests, "once you have looked at it; the next run makes it anew")
    except Altered as altered:
        if altered.found is not None:
            return Looked(file, "altered", str(altered))
        if what.needed:
            return Looked(file, "missing", f"{file} is gone. Run its system again.")
        return Looked(file, "removed", f"{file} was removed; nothing rests on it now.")
    return Looked(file, "whole", f"{file} holds.")


def _unspoken(path: Path, file: str) -> Looked:
    if path.parent.name == "concerns":
        # Its name is the digest of its salted text, and the record holds the name of those that were not erased.
        found = sha256_of(path)
        state: State = "whole" if found == path.name else "altered"
        return Looked(file, state, f"{file} {'holds' if state == 'whole' else 'was altered'}.")
    return Looked(file, "unknown", f"{file} is not in the record, and nothing uses it.")


def _files_of(place: Home) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (path for path in sorted((place.root / folder).rglob("*")) if path.is_file())


def _key_indexes(place: Home) -> Iterator[Looked]:
    """Indexes of keys: they are made from the lake, and sealed by themselves instead of by the record."""
    for folder in sorted(path for path in place.keyprints.glob("*") if path.is_dir()):
        for file, altered in KeyFiles(folder).look():
            yield Looked(file, "altered" if altered else "whole", str(altered) if altered else f"{file} holds.")


def _promised(register: Register) -> dict[str, _Promised]:
    promised: dict[str, _Promised] = {}
    needed = set(_needed(register))
    for file, digest in _spoken_of(register):
        one = promised.setdefault(file, _Promised(needed=file in needed))
        one.digests.add(digest)
    return promised


def _spoken_of(register: Register) -> Iterator[tuple[str, str]]:
    """File → a digest that it was kept with, from every event that speaks of one."""
    for event in register.events(LANDED):
        yield f"lake/{event.body['digest']}.parquet", event.body["digest"]
    for event in register.events("personal.erased"):
        yield f"lake/{event.body['new']}.parquet", event.body["new"]
    for event in register.events("profile.kept"):
        yield event.subject, event.body["sha256"]
        yield f"profiles/{event.body['grid']}{GRID}", event.body["grid"]
    for event in register.events("model.trained"):
        yield f"models/{event.body['model']}.joblib", event.body["model"]
    for event in register.events("batch.reported"):
        yield event.body["page"], event.body["sha256"]
    for event in register.events("key.kept"):
        yield event.subject, event.body["sha256"]
    for event in register.events("ledger.checkpointed"):
        yield f"checkpoints/checkpoint-{event.body['size']}.json", event.body["envelope"]
    for event in register.events("ledger.anchored"):
        yield f"checkpoints/{token_of(Path(event.subject)).name}", event.body["token"]
    for event in register.events("incident.notice_drafted"):
        incident, sha256 = event.body["incident"], event.body["draft_sha256"]
        yield f"notices/INC-{incident}-{event.body['clock']}-{sha256[:12]}.md", sha256


def _needed(register: Register) -> Iterator[str]:
    """Files on which the newest event about something rests."""
    landed = register.events(LANDED)
    files = files_by_system(landed, register.events("personal.erased"))
    for event in _newest(landed):
        yield f"lake/{files[event.subject.split('/')[0]][event.body['digest']]}.parquet"
    for event in _newest(register.events("reference.frozen")):
        yield f"profiles/{event.body['profile']}.parquet"
        yield f"profiles/{event.body['grid']}{GRID}"
    for event in _newest(register.events("batch.judged")):
        yield f"profiles/{event.body['inputs']['profile']}.parquet"
    for event in _newest(register.events("model.trained")):
        yield f"models/{event.body['model']}.joblib"
    for event in _newest(register.events("batch.reported")):
        yield event.body["page"]
    for event in _newest(register.events("key.kept")):
        yield event.subject


def _newest(events: Iterable[Event]) -> Iterable[Event]:
    return {event.subject: event for event in events}.values()


def _signing_key(place: Home, register: Register) -> Iterator[Looked]:
    """The key that signs checkpoints: no digest of it is kept, and its public half stands in each of them."""
    from governance.faults import UsageFault
    from governance.record.checkpoints import public_pem, signing_key

    path, own = place.ledger_key
    signed = {event.body["public_key"] for event in register.events("ledger.checkpointed")}
    if not own or not path.exists() or not signed:
        return
    file = path.relative_to(place.root).as_posix()
    try:
        same = public_pem(signing_key(path, make=False).public_key()) in signed
    except UsageFault:
        same = False
    said = "holds." if same else "was altered: it signed none of the checkpoints. Put your copy back."
    yield Looked(file, "whole" if same else "altered", f"{file} {said}")
