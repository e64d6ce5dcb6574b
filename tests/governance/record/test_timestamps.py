"""Tokens of a time-stamp authority that the test makes itself with `openssl`, and asks over the loopback only."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from governance.faults import UsageFault
from governance.record import timestamps
from governance.record.timestamps import NotStamped
from tests.timestamp_authority import Authority, answering

DATA = b"a signed checkpoint"


@pytest.fixture(scope="module")
def stranger(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tsa") / "stranger").make("Another")


def stamped(authority: Authority, data: bytes = DATA) -> bytes:
    asked = timestamps.request(data)
    answer = authority.answer(asked.as_bytes())
    timestamps.accepted(answer, asked, data)
    return answer


def test_a_token_tells_when_the_bytes_were_there(authority: Authority):
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    token = stamped(authority)
    after = dt.datetime.now(dt.UTC)
    for path in (authority.certificates, authority.folder / "ca.pem"):
        assert before <= timestamps.verified(token, DATA, timestamps.certificates_in(path)) <= after


def test_openssl_verifies_the_same_token(authority: Authority, tmp_path: Path):
    (tmp_path / "x.tsr").write_bytes(stamped(authority))
    (tmp_path / "x").write_bytes(DATA)
    authority.openssl(
        "ts", "-verify", "-in", tmp_path / "x.tsr", "-data", tmp_path / "x", "-CAfile", authority.folder / "ca.pem"
    )


def test_other_bytes_and_another_authority_are_refused(authority: Authority, stranger: Authority):
    token = stamped(authority)
    with pytest.raises(NotStamped, match="Mismatch between messages"):
        timestamps.verified(token, DATA + b".", timestamps.certificates_in(authority.certificates))
    with pytest.raises(NotStamped, match="Error while verifying certificates"):
        timestamps.verified(token, DATA, timestamps.certificates_in(stranger.certificates))


def test_an_altered_token_is_refused(authority: Authority):
    """Any byte of the signature; the last ones are nothing else."""
    token = stamped(authority)
    for place in range(1, 200, 20):
        altered = bytearray(token)
        altered[-place] ^= 1
        with pytest.raises(NotStamped):
            timestamps.verified(bytes(altered), DATA, timestamps.certificates_in(authority.certificates))


def test_an_answer_to_another_request_is_not_accepted(authority: Authority):
    asked = timestamps.request(DATA)
    earlier = authority.answer(timestamps.request(DATA).as_bytes())
    with pytest.raises(NotStamped, match="it answers another request"):
        timestamps.accepted(earlier, asked, DATA)
    with pytest.raises(NotStamped, match="it is over other bytes"):
        timestamps.accepted(authority.answer(asked.as_bytes()), asked, DATA + b".")


@pytest.mark.parametrize("answer", [b"", b"<html>", b"\x30\x00"])
def test_what_is_no_token_is_said_to_be_none(answer: bytes):
    with pytest.raises(NotStamped, match="it is no time-stamp response"):
        timestamps.accepted(answer, timestamps.request(DATA), DATA)


def test_a_refusal_is_told(authority: Authority):
    # A digest that this authority does not stamp.
    query = authority.openssl("ts", "-query", "-digest", "00" * 64, "-sha512", "-cert")
    with pytest.raises(NotStamped, match="the authority refused: "):
        timestamps.accepted(authority.answer(query), timestamps.request(DATA), DATA)


def test_only_a_hash_leaves_the_house(authority: Authority):
    seen: list[bytes] = []

    def answer(query: bytes) -> tuple[int, bytes]:
        seen.append(query)
        return 200, authority.answer(query)

    asked = timestamps.request(DATA)
    with answering(answer) as url:
        timestamps.accepted(timestamps.ask(url, asked), asked, DATA)
    assert seen == [asked.as_bytes()]
    assert DATA not in seen[0] and len(seen[0]) < 120


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file:///etc/hosts", "The address of a time-stamp authority is like https://host:port/path"),
        ("http://user:s3cr3t@127.0.0.1:9/tsr", "The address of a time-stamp authority is like"),
        ("http://127.0.0.1:s3cr3t/", "The address of a time-stamp authority is like"),
        ("http://127.0.0.1:9/s3cr3t?s3cr3t", "The time-stamp authority 127.0.0.1 did not answer: .*refused"),
        ("http://no-such-host.invalid/s3cr3t", "The time-stamp authority no-such-host.invalid did not answer: "),
    ],
)
def test_an_authority_that_cannot_be_reached_is_one_line_without_a_password(url: str, words: str):
    with pytest.raises(UsageFault, match=words) as fault:
        timestamps.ask(url, timestamps.request(DATA))
    assert "s3cr3t" not in str(fault.value) and "\n" not in str(fault.value)


def test_an_authority_that_breaks_is_one_line():
    words = "The time-stamp authority 127.0.0.1 did not answer: Internal Server Error."
    with answering(lambda _: (500, b"")) as url, pytest.raises(UsageFault, match=words):
        timestamps.ask(url, timestamps.request(DATA))


def test_a_file_without_a_certificate_is_one_line(tmp_path: Path):
    (tmp_path / "x.pem").write_text("nothing")
    with pytest.raises(UsageFault, match="x.pem holds no certificate"):
        timestamps.certificates_in(tmp_path / "x.pem")
    with pytest.raises(UsageFault, match="y.pem cannot be read: No such file"):
        timestamps.certificates_in(tmp_path / "y.pem")
