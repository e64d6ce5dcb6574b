"""The peers' public repositories at pinned commits, and their files as texts. Nothing is checked out or run.

`AIMS_PEERS` names a folder that has them already, one git repository OWNER+NAME each; else they are fetched into the
cache, once, without their history and without files above a megabyte, of which none is an example.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assets.kept.home import home

LARGEST = "1m"


@dataclass(frozen=True)
class Repository:
    """One public repository as it was at one commit; `release` is for people."""

    name: str
    commit: str
    release: str

    @property
    def address(self) -> str:
        """Where it is published."""
        return f"https://github.com/{self.name}"


GREAT_EXPECTATIONS = (
    Repository("great-expectations/great_expectations", "84cfd3d6b25aa5b9998e27bcb87e31b2b123a72a", "1.2.0"),
    Repository("great-expectations/great_expectations", "7f39ce03e158b2f18fec8a21b6d8bdbc221dc286", "0.18.21"),
    Repository("great-expectations/great_expectations", "9038eb1077355e04747007bd946970383547dee4", "0.15.50"),
    Repository("great-expectations/great_expectations", "a1f42adeb54902d696a8ac73a20ae6f7c39ad16f", "0.13.49"),
    Repository("great-expectations/great_expectations", "fb1b1ce7422ce99298a5c16eead147c0d60e159c", "0.10.12"),
    Repository("great-expectations/gx_tutorials", "1cf778224be1f1a9aecf394a693dc96357bce355", "2024-03-27"),
)
EVIDENTLY = (
    Repository("evidentlyai/evidently", "a4aa4c2b37fe7a4344cc5031f566deccf3d69e4f", "2026-05-02"),
    Repository("evidentlyai/evidently", "8d50976ad34a30417e51801503af8b0eab574c93", "0.4.40"),
    Repository("evidentlyai/evidently", "43da819e4cebc826e033670553b1f6c293e869a9", "0.2.8"),
)
SAGEMAKER = (Repository("aws/sagemaker-python-sdk", "83a90639e7f1c9994db36a18695329c4587f7407", "2.254.1"),)
CONTRACTS = (
    Repository("bitol-io/open-data-contract-standard", "e6a1c66ffc08fd0135105cf5e8d6ce85c3099285", "2026-06-02"),
    Repository("bitol-io/open-data-contract-standard", "b9d3ffc5aabe9e058afe4469cabe5a218fe9946d", "3.1.0"),
    Repository("bitol-io/open-data-contract-standard", "009d4e88d781f148c490b02129c9da333aa2b440", "3.0.2"),
    Repository("datacontract/datacontract-cli", "f8059d9ec2e6513e6fdb40ac8a6afa95713cfb5f", "2026-08-21"),
)


def files(repository: Repository, wanted: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """Path and text of each file that is wanted; those that are no UTF-8, or that were too large to fetch, are none."""
    git = _stored(repository)
    listed = _git(git, "ls-tree", "-r", "-z", "--name-only", repository.commit).decode().split("\0")
    paths = [path for path in listed if path and "\n" not in path and wanted(path)]
    asked = "".join(f"{repository.commit}:{path}\n" for path in paths).encode()
    answer, at = _git(git, "cat-file", "--batch", given=asked), 0
    for path in paths:
        end = answer.index(b"\n", at)
        words = answer[at:end].split()
        if words[-1] == b"missing":
            at = end + 1
            continue
        size = int(words[-1])
        content, at = answer[end + 1 : end + 1 + size], end + 2 + size
        try:
            yield path, content.decode("utf-8")
        except UnicodeDecodeError:
            continue


def _stored(repository: Repository) -> Path:
    folder = repository.name.replace("/", "+")
    given = os.environ.get("AIMS_PEERS")
    if given:
        return Path(given) / folder
    path = home().cache / "peers" / folder
    if not path.exists():
        subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)
    known = subprocess.run(
        ["git", "-C", str(path), "cat-file", "-e", f"{repository.commit}^{{commit}}"], capture_output=True, check=False
    )
    if known.returncode:
        print(f"fetching {repository.address} at {repository.commit[:10]} ({repository.release})", flush=True)
        _git(
            path,
            "fetch",
            "--quiet",
            "--depth=1",
            f"--filter=blob:limit={LARGEST}",
            repository.address,
            repository.commit,
        )
        # What was left out stays out: without this, asking for such a file would fetch it.
        _git(path, "config", "--remove-section", f"remote.{repository.address}")
    return path


def _git(folder: Path, *words: str, given: bytes = b"") -> bytes:
    """What git answers. Where it fails it has said why, and the command ends with what to do."""
    done = subprocess.run(["git", "-C", str(folder), *words], input=given, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(
            f"{folder} has not what is pinned (git {words[0]}: {done.returncode}). Unset AIMS_PEERS to have it "
            "fetched, or put a git repository there that has the commit."
        )
    return done.stdout
