"""What it costs to verify an exported ledger, by the file that comes with it, in a process of its own (Linux)."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from governance import checkpoints, verify_ledger
from governance.canonical import canonical_bytes

NAME = "urn:uuid:00000000-0000-4000-8000-000000000000"
TIME = "2020-01-01T12:00:00.000+00:00"
# About as long as the event of a batch that was attached to a case.
BODY = canonical_bytes(
    {
        "batch": "2013-07-01",
        "case": 3,
        "evidence": {"value": 0.3125, "low": 0.25, "limit": 0.25, "n": 120, "reason": None},
        "inputs": {"data": "ab" * 32, "declaration": "cd" * 32},
        "run": "run-1",
    }
).decode()
# VmHWM and not ru_maxrss: that one starts at the size of whoever started the process.
MEASURED = """\
import json, re, runpy, sys, time
begun, code = time.perf_counter(), None
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    code = end.code
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(json.dumps({"code": code, "seconds": time.perf_counter() - begun, "peak_kib": peak}))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Exit code, wall seconds, and the most memory that the process held at a time."""

    code: int
    seconds: float
    peak_kib: int


def make(folder: Path, events: int) -> None:
    """Writes a good export of so many events, with a checkpoint over all of them. Nothing is kept in memory."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    folder.mkdir(parents=True, exist_ok=True)
    entry = bytes(32)
    with (folder / "events.jsonl").open("wb") as file:
        for seq in range(1, events + 1):
            kind, subject, body = ("ledger.named", NAME, "{}") if seq == 1 else ("note.made", "loans/psi/all", BODY)
            event = {"seq": seq, "at": TIME, "actor": "service:aims", "kind": kind, "subject": subject, "body": body}
            leaf = hashlib.sha256(b"\x00" + verify_ledger.canonical(event)).digest()
            entry = hashlib.sha256(b"\x01" + entry + leaf).digest()
            file.write(verify_ledger.as_line({**event, "leaf": leaf.hex(), "entry": entry.hex()}))
    key = Ed25519PrivateKey.generate()
    statement = {"origin": NAME, "size": events, "head": entry.hex(), "time": TIME}
    (folder / "kept.json").write_bytes(checkpoints.signed(canonical_bytes(statement), key))
    (folder / "keys.pem").write_text(checkpoints.public_pem(key.public_key()), encoding="ascii")


def verified(folder: Path) -> Cost:
    """Runs the verifier over an export that `make` wrote."""
    given = ["--key", str(folder / "keys.pem"), "--checkpoint", str(folder / "kept.json")]
    command = [sys.executable, "-c", MEASURED, str(verify_ledger.__file__), str(folder), *given]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Cost(**json.loads(done.stdout.splitlines()[-1]))
