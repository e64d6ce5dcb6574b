"""Addresses of data outside: `${NAME}` stands for what differs from place to place, and no secret is written out.

Decided here: what a declaration may say of an address, without going there. Nothing is opened, and no message
quotes an address: it may hold the very secret that must not stand there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

import sqlalchemy as sa

PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
SECRET_KEY = re.compile(r"pass|pwd|secret|token|sig$|signature|credential|access_?key|account_?key", re.IGNORECASE)
"""Names of parameters whose value opens a door; some drivers take a whole list of them as one value."""


def is_url(address: str) -> bool:
    """Whether it names a place in an object store, and not a path of this machine."""
    return "://" in address


def filled(address: str, environment: Mapping[str, str]) -> str:
    """The address with every `${NAME}` replaced.

    Raises
    ------
    KeyError
        The environment lacks a name; the error's argument is that name.
    """
    return PLACEHOLDER.sub(lambda found: environment[found[1]], address)


def database_url(address: str, environment: Mapping[str, str]) -> sa.URL:
    """The database's address with every `${NAME}` replaced *after* it was taken apart.

    So a password may hold `@`, `/` or `:` and stands in the environment as it is. Only an address that is one
    `${NAME}` as a whole is taken as written there.

    Raises
    ------
    KeyError
        The environment lacks a name.
    ValueError
        It is no SQLAlchemy URL.
    """
    if PLACEHOLDER.fullmatch(address):
        return _parsed(filled(address, environment))
    names = PLACEHOLDER.findall(address)
    # Digits, because a port must be a number when the address is taken apart.
    marks = {f"9{index:04}7777": environment[name] for index, name in enumerate(names)}
    left = iter(marks)
    url = _parsed(PLACEHOLDER.sub(lambda _: next(left), address))

    def back(text: str) -> str:
        for mark, value in marks.items():
            text = text.replace(mark, value)
        return text

    parts = {key: back(value) for key in ("username", "password", "host", "database") if (value := getattr(url, key))}
    query = {
        key: back(value) if isinstance(value, str) else tuple(map(back, value)) for key, value in url.query.items()
    }
    port = _port(back(str(url.port))) if url.port else None
    return url.set(drivername=back(url.drivername), port=port, query=query, **parts)


def file_problems(address: str) -> Iterator[str]:
    """What is wrong with a file's path or URL."""
    if not is_url(address):
        return
    protocol = address.split("://", 1)[0]
    if "::" in address:
        yield "One protocol only, without `::`."
    elif not PLACEHOLDER.search(protocol) and not _is_known(protocol):
        yield f"Unknown protocol {protocol!r}. Use s3, gs, abfs or another one of fsspec's."
    yield from _secrets(address, "The store's driver takes it from the environment")


def database_problems(address: str) -> Iterator[str]:
    """What is wrong with a database's URL."""
    if "{batch}" in PLACEHOLDER.sub("", address):
        yield "Takes no {batch}: the rows of a batch are chosen by the time column."
        return
    if PLACEHOLDER.fullmatch(address):
        return
    try:
        database_url(address, {name: "1" for name in PLACEHOLDER.findall(address)})
    except ValueError:
        yield "Is no SQLAlchemy URL. Write it like postgresql+psycopg://reader:${NAME}@host:5432/database."
        return
    yield from _secrets(address, "Write ${NAME} in its place and set NAME in the environment")


def _secrets(address: str, remedy: str) -> Iterator[str]:
    place = PLACEHOLDER.sub("${}", address)
    around = place.split("://", 1)[-1].split("?", 1)[0]
    password = around.rpartition("@")[0].partition(":")[2]
    if password not in ("", "${}"):
        yield f"Holds a password. {remedy}."
    for key, value in parse_qsl(place.partition("?")[2], keep_blank_values=True):
        if (SECRET_KEY.search(key) or SECRET_KEY.search(value)) and value != "${}":
            yield f"Holds a secret in its parameter {key!r}. {remedy}."


def _parsed(address: str) -> sa.URL:
    try:
        return sa.make_url(address)
    except sa.exc.ArgumentError:
        raise ValueError("no SQLAlchemy URL") from None


def _port(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("the port is no number")
    return int(text)


def _is_known(protocol: str) -> bool:
    from fsspec import available_protocols

    return protocol in available_protocols()
