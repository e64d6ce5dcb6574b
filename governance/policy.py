"""The shape of `policy.yaml`: the AI policy and what it fits into (5.2, A.2.2 to A.2.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from governance.management import Titled
from governance.system import Strict, Text

_MARKDOWN_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)")
_ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


class OtherPolicy(Strict):
    """Another policy that this one must fit, where it stands, and how the two go together (A.2.3)."""

    title: Text
    link: Text
    fits: Text


class Policy(Titled):
    """`policy.yaml`: the policy's text in Markdown, and the other policies that it fits."""

    title: Text
    text: Annotated[str, Field(min_length=100)]
    fits: tuple[OtherPolicy, ...] = ()


def broken_links(policy: Policy, folder: Path) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every link to a file that is not there: where it stands in the document, and the link.

    Addresses of other machines are not gone to: whether they answer today says little, and checking must work offline.
    """
    for index, other in enumerate(policy.fits):
        if not _is_there(other.link, folder):
            yield ("fits", index, "link"), other.link
    for link in _MARKDOWN_LINK.findall(policy.text):
        if not _is_there(link, folder):
            yield ("text",), link


def _is_there(link: str, folder: Path) -> bool:
    path = link.partition("#")[0]
    return not path or bool(_ELSEWHERE.match(link)) or (folder / path).is_file()
