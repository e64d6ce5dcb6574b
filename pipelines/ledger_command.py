"""`aims ledger`: the record verified, signed, time-stamped, exported."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from assets.kept.home import Home, home
from governance.faults import UsageFault
from governance.people.acts import SERVICE
from governance.record import ledger as record
from governance.register import Register

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from assets.on_demand.stored_files import Looked
    from governance.record.verify_ledger import Checkpoint

FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def ledger() -> None:
    """The append-only record behind everything."""


@ledger.command()
@click.option("--key", "keys", type=FILE, multiple=True, help="Public key that signs checkpoints, from elsewhere.")
@click.option("--checkpoint", "paths", type=FILE, multiple=True, help="A signed checkpoint that was kept elsewhere.")
@click.option("--tsa-cert", "authority", type=FILE, help="Certificates of whoever vouches for a time-stamp (PEM).")
@click.option("--files/--no-files", default=True, help="Also hold every stored file against its digest; the default.")
def verify(keys: tuple[Path, ...], paths: tuple[Path, ...], authority: Path | None, files: bool) -> None:
    """Recomputes the chain, compares stored results and files with what vouches for them, and judges them again.

    With checkpoints that were kept elsewhere, and the key that was passed on elsewhere, a rewritten or shortened
    ledger is found as well. Exit 1 when something does not hold.
    """
    from assets.judged.rejudging import rejudge
    from assets.on_demand.stored_files import look_at_all

    place = _existing()
    register = place.register()
    faults = register.faults()
    try:
        again = rejudge(register)
        stored = look_at_all(place, register) if files else []
    except UsageFault as unreadable:
        if not faults:
            raise
        _tell_faults([*faults, str(unreadable)], register)
    faults += again.faults
    wrong, held = _against(place, register, keys, paths)
    stamps, late = _stamps(paths, authority)
    faults += wrong + late
    faults += [item.words for item in stored if item.state in ("altered", "missing")]
    if faults:
        _tell_faults(faults, register)
    count, entry = register.head()
    click.echo(f"{count} events hold; last entry {entry}")
    click.echo(f"{again.verdicts} verdicts follow from their stored measurements")
    if again.by_other_code:
        click.echo(f"{again.by_other_code} verdicts of other versions of this program were not judged again")
    _tell_files(stored)
    _tell_anchors(count, held, stamps, pinned=bool(keys))


@ledger.command()
@click.option("--out", type=FILE, metavar="FILE", help="Write a copy there as well.")
def checkpoint(out: Path | None) -> None:
    """Signs how many events there are, and the last one's entry. Keep a copy where nobody here can write."""
    from governance.record import checkpoints

    place = _existing()
    key = checkpoints.signing_key(*place.ledger_key)
    with record.writing(place.register().engine) as connection:
        done = checkpoints.checkpoint(connection, key, place.checkpoints, out=out, actor=SERVICE, at=_now())
    click.echo(f"{done.size} events signed with key {done.key[:16]}: {', '.join(map(str, done.paths))}")
    click.echo("Keep a copy where whoever can write the database cannot: it proves nothing beside it.")


@ledger.command("key")
def show_key() -> None:
    """Prints the public key that signs checkpoints. Pass it on by another way than the exports."""
    from governance.record import checkpoints

    place = _existing()
    click.echo(checkpoints.public_pem(_public(place)), nl=False)


@ledger.command()
@click.option("--tsa", required=True, metavar="URL", help="The time-stamp authority. Only a hash is sent there.")
@click.option("--checkpoint", "path", type=FILE, metavar="FILE", help="Another checkpoint than the newest.")
def anchor(tsa: str, path: Path | None) -> None:
    """Has a checkpoint time-stamped by a third party (RFC 3161). The one command here that uses the network."""
    from governance.record import checkpoints, timestamps

    place = _existing()
    path = path or checkpoints.newest(place.checkpoints)
    data = _bytes_of(path)
    asked = timestamps.request(data)
    answer = timestamps.ask(tsa, asked)
    try:
        token = timestamps.accepted(answer, asked, data)
    except timestamps.NotStamped as reason:
        raise UsageFault(f"The answer of the time-stamp authority is of no use: {reason}.") from None
    with record.writing(place.register().engine) as connection:
        kept = timestamps.anchor(connection, path, answer, token, tsa, actor=SERVICE, at=_now())
    click.echo(f"{path.name} was there at {token.tst_info.gen_time.isoformat()}, says the authority: {kept}")


@ledger.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def export(folder: Path) -> None:
    """Writes events, checkpoints, public keys and a verifier that runs alone into DIR."""
    from governance.record import ledger_export

    place = _existing()
    public = _public(place) if place.ledger_key[0].exists() else None
    with place.register().reading() as connection:
        size = ledger_export.export(connection, folder, place.checkpoints, public)
    click.echo(f"{size} events: {folder}")
    click.echo(f"Verify with: python {folder / 'verify_ledger.py'} {folder} --key KEY.pem --checkpoint FILE")


def _tell_faults(faults: list[str], register: Register) -> NoReturn:
    for fault in faults:
        click.echo(fault)
    click.echo(f"The ledger does NOT hold: {len(faults)} faults in {register.head()[0]} events.", err=True)
    sys.exit(1)


def _against(
    place: Home, register: Register, keys: tuple[Path, ...], paths: tuple[Path, ...]
) -> tuple[list[str], list[Checkpoint]]:
    from governance.record import checkpoints, verify_ledger

    if not keys and not paths:
        return [], []
    try:
        pinned = {name: key for path in keys for name, key in verify_ledger.keys_in(path).items()}
    except verify_ledger.Unusable as fault:
        raise UsageFault(str(fault)) from None
    if not keys:
        path = place.ledger_key[0]
        if not path.exists():
            raise UsageFault(f"There is no key in {path}. Give the one that signed the checkpoint with --key.")
        public = _public(place)
        pinned = {verify_ledger.key_id(public): public}
    with register.reading() as connection:
        return checkpoints.faults(connection, paths, pinned)


def _stamps(paths: tuple[Path, ...], authority: Path | None) -> tuple[list[str], list[str]]:
    """What time-stamps say of these checkpoints, and what is wrong with them."""
    if authority is None:
        return [], []
    from governance.record import timestamps

    if not paths:
        raise UsageFault("--tsa-cert verifies the time-stamps of checkpoints: name one with --checkpoint.")

    certificates = timestamps.certificates_in(authority)
    said, wrong = [], []
    for path in paths:
        token = timestamps.token_of(path)
        try:
            time = timestamps.verified(_bytes_of(token), _bytes_of(path), certificates)
            said.append(f"{path.name} was there at {time.isoformat()}, says the time-stamp authority")
        except timestamps.NotStamped as reason:
            wrong.append(f"{token} does not vouch for {path.name}: {reason}.")
    return said, wrong


def _tell_files(stored: list[Looked]) -> None:
    states = Counter(item.state for item in stored)
    if stored:
        removed = f"; {states['removed']} older ones were removed, nothing rests on them" if states["removed"] else ""
        click.echo(f"{states['whole']} stored files hold{removed}")
    for item in stored:
        if item.state == "unknown":
            click.echo(f"note: {item.words}")


def _tell_anchors(count: int, held: list[Checkpoint], stamps: list[str], *, pinned: bool) -> None:
    from governance.record.verify_ledger import coverage

    if held:
        click.echo(coverage(count, held))
    for line in stamps:
        click.echo(line)
    if not held:
        click.echo("unanchored: no signed checkpoint kept elsewhere was given, so a wholly rewritten file would pass")
    elif not pinned:
        click.echo("unanchored: the key is this installation's own; give the one that was passed on with --key")


def _existing() -> Home:
    place = home()
    if not place.exists:
        raise UsageFault(f"There is no ledger in {place.root}. Run something first, or name it with AIMS_HOME.")
    return place


def _public(place: Home) -> Ed25519PublicKey:
    from governance.record import checkpoints

    return checkpoints.signing_key(*place.ledger_key).public_key()


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageFault(f"{path} cannot be read: {error.strerror}.") from None


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
