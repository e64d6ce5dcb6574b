"""Truth: SQLAlchemy's own parts of a URL, and secrets that were planted."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from governance.declared.addresses import database_problems, database_url, file_problems, filled, is_url

AWKWARD = "p@ss/w:rd?#%20 ö${X}"


def test_a_secret_may_hold_what_a_url_may_not():
    names = {"WHO": "ann@corp", "PW": AWKWARD, "HOST": "db.example", "PORT": "5433", "DB": "loans", "MODE": "require"}
    found = database_url("postgresql+psycopg://${WHO}:${PW}@${HOST}:${PORT}/${DB}?sslmode=${MODE}", names)
    truth = sa.URL.create(
        "postgresql+psycopg", "ann@corp", AWKWARD, "db.example", 5433, "loans", {"sslmode": "require"}
    )
    assert found == truth
    assert AWKWARD not in str(found)


def test_an_address_that_is_one_name_is_taken_as_it_is_written_there():
    assert database_url("${DB}", {"DB": "sqlite:////tmp/x.db"}) == sa.make_url("sqlite:////tmp/x.db")


def test_a_name_used_twice_is_filled_twice():
    found = database_url("postgresql://${A}:${A}@${A}/${A}", {"A": "x"})
    assert (found.username, found.password, found.host, found.database) == ("x", "x", "x", "x")


@pytest.mark.parametrize(
    ("address", "names", "error"),
    [
        ("postgresql://${WHO}@db/x", {}, KeyError),
        ("${DB}", {"DB": "nothing"}, ValueError),
        ("postgresql://db:${PORT}/x", {"PORT": "geheim"}, ValueError),
    ],
)
def test_what_cannot_be_filled_is_told_without_what_was_filled_in(
    address: str, names: dict[str, str], error: type[Exception]
):
    with pytest.raises(error) as told:
        database_url(address, names)
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://reader:${PW}@db:5432/loans",
        "postgresql+psycopg://${WHO}:${PW}@${HOST}:${PORT}/${DB}",
        "postgresql://reader@db/loans?host=/run/postgres",
        "postgresql://db/loans?password=${PW}",
        "postgresql://[::1]:5432/loans",
        "sqlite:///loans.db",
        "${LOANS_DB}",
    ],
)
def test_an_address_without_a_secret_is_sound(address: str):
    assert list(database_problems(address)) == []


@pytest.mark.parametrize(
    "address",
    [
        "s3://bucket/loans-{batch}.csv",
        "abfs://container@account.dfs.core.windows.net/loans",
        "gs://${BUCKET}/loans",
        "https://example.org/loans.csv?sig=${SAS}",
        "${WHERE}/loans.csv",
        "memory://loans",
        "ann:geheim@a path of this machine/loans.csv",
    ],
)
def test_a_place_without_a_secret_is_sound(address: str):
    assert list(file_problems(address)) == []


def test_a_path_and_a_url_are_told_apart_after_filling():
    assert is_url(filled("${WHERE}/loans.csv", {"WHERE": "s3://bucket"}))
    assert not is_url(filled("${WHERE}/loans.csv", {"WHERE": "/data"}))
