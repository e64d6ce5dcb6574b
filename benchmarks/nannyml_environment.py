"""NannyML's own environment: its pins and the project's cannot be met together.

Made once, in the cache; `python -m benchmarks nannyml` makes it beforehand. Nothing else here uses the network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

VERSION = "0.13.1"
# It imports statsmodels and does not ask for it.
REQUIREMENTS = (f"nannyml=={VERSION}", "statsmodels", "pyarrow")
PYTHONS = ((3, 9), (3, 12))


class Unavailable(Exception):
    """Why there is no such environment, in words that name no place."""


def python_of(folder: Path) -> Path | None:
    """Its interpreter, if it was made."""
    home = folder / f"nannyml-{VERSION}"
    return home / "bin" / "python" if (home / ".ready").exists() else None


def build(folder: Path) -> Path:
    """Makes it if need be. Takes a minute or two, and about 2 GB.

    Raises
    ------
    Unavailable
        No interpreter fits, or an installer failed. What it said is printed to standard error.
    """
    made = python_of(folder)
    if made:
        return made
    home = folder / f"nannyml-{VERSION}"
    python = next(_fitting(), None)
    if python is None:
        oldest, newest = (".".join(map(str, version)) for version in PYTHONS)
        raise Unavailable(f"NannyML {VERSION} needs Python {oldest} to {newest}, none was found")
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    _do([python, "-m", "venv", str(home)], "its environment could not be made")
    interpreter = home / "bin" / "python"
    install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *REQUIREMENTS]
    _do(install, f"pip could not install {', '.join(REQUIREMENTS)}")
    _do([str(interpreter), "-c", "import nannyml"], "it is installed and cannot be imported")
    (home / ".ready").touch()
    return interpreter


def _fitting() -> Iterator[str]:
    ask = "import sys; print(*sys.version_info[:2])"
    others = (shutil.which(f"python3.{minor}") for minor in range(PYTHONS[1][1], PYTHONS[0][1] - 1, -1))
    for python in (sys.executable, *others):
        if python is None:
            continue
        said = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
        if said.returncode == 0 and PYTHONS[0] <= tuple(map(int, said.stdout.split())) <= PYTHONS[1]:
            yield python


def _do(command: list[str], otherwise: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        raise Unavailable(otherwise)
