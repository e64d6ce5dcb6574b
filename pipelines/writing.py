"""Drafted files put into a folder: what is there already is never touched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from governance.faults import UsageFault


def write_new(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Writes all files, or none where one of them exists.

    Raises
    ------
    UsageFault
        A file exists already, or the folder cannot be written.
    """
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise UsageFault(f"{folder} holds {there[0]} already, and nothing is overwritten. Name another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
    except OSError as error:
        raise UsageFault(f"{folder}: {(error.strerror or 'cannot be written').lower()}.") from None
    return [folder / name for name in files]
