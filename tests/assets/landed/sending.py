"""A process of its own that sends a history and may be killed: `python -m tests.assets.landed.sending FOLDER SEED`.

How far it came stands in a file, so that a new start goes on with the step that was interrupted.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from assets.kept.home import site
from assets.landed import checking
from governance.declared.declarations import load
from tests.assets.landed.test_arrival_order import KILLED, counted, send, shuffled
from tests.conftest import Made


def main(folder: Path, seed: int) -> None:
    made = Made(folder / "systems", folder / "incoming", folder / "home")
    checking.contract_outcome = counted
    declaration, place, done = load(made.folder), site(run="sending"), folder / "sent"
    sent = int(done.read_text()) if done.exists() else 0
    for number, step in enumerate(shuffled(KILLED, random.Random(seed)), 1):
        if number > sent:
            send(made, declaration, step, None, pytest.MonkeyPatch(), place)
            done.write_text(str(number))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
