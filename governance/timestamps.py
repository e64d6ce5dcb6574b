"""Time-stamps of third parties over checkpoints (RFC 3161): that a checkpoint was there at a time they vouch for.

The only place that uses the network is `ask`. A token is verified without it, against the authority's certificate;
`openssl ts -verify` verifies the same files.
"""

from __future__ import annotations

import datetime as dt
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from governance import ledger
from governance.canonical import digest_of_bytes
from governance.checkpoints import keep
from governance.faults import UsageFault

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampRequest, TimeStampResponse

ANCHORED = "ledger.anchored"
SECONDS = 30
LARGEST_ANSWER = 2**20


class NotStamped(ValueError):
    """A token that does not vouch for these bytes."""


def token_of(checkpoint: Path) -> Path:
    """Where the token over a checkpoint stands: beside it."""
    return checkpoint.with_name(checkpoint.name + ".tsr")


def request(data: bytes) -> TimeStampRequest:
    """A request for a time-stamp over these bytes; only their SHA-256 leaves the house."""
    client = _client()
    asked: TimeStampRequest = (
        client.TimestampRequestBuilder().data(data).hash_algorithm(client.HashAlgorithm.SHA256).build()
    )
    return asked


def ask(url: str, asked: TimeStampRequest) -> bytes:
    """The answer of the authority at `url`, over the network.

    Raises
    ------
    UsageFault
        It is no web address, or nobody answers there.
    """
    if not _is_address(url):
        raise UsageFault(
            "The address of a time-stamp authority is like https://host:port/path, without a name and password in it."
        )
    query = urllib.request.Request(url, asked.as_bytes(), {"Content-Type": "application/timestamp-query"})
    try:
        with urllib.request.urlopen(query, timeout=SECONDS) as answer:
            return bytes(answer.read(LARGEST_ANSWER))
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise UsageFault(f"The time-stamp authority {_host(url)} did not answer: {reason}.") from None


def accepted(answer: bytes, asked: TimeStampRequest, data: bytes) -> TimeStampResponse:
    """The answer, if it is one to this request.

    Raises
    ------
    NotStamped
        The authority refused, or stamped something else.
    """
    token = _decoded(answer)
    if token.tst_info.nonce != asked.nonce:
        raise NotStamped("it answers another request")
    _covers(token, data)
    return token


def anchor(
    connection: sa.Connection,
    checkpoint: Path,
    answer: bytes,
    token: TimeStampResponse,
    url: str,
    *,
    actor: str,
    at: dt.datetime,
) -> Path:
    """Keeps the token beside the checkpoint and records it, inside the caller's transaction."""
    body = {
        "checkpoint": digest_of_bytes(checkpoint.read_bytes()),
        "token": digest_of_bytes(answer),
        "time": token.tst_info.gen_time.astimezone(dt.UTC).isoformat(timespec="milliseconds"),
        "authority": _host(url),
    }
    ledger.append(connection, ANCHORED, checkpoint.name, body, actor=actor, at=at)
    path = token_of(checkpoint)
    keep(path, answer)
    return path


def verified(token: bytes, data: bytes, certificates: list[Certificate]) -> dt.datetime:
    """The time that the authority vouches for; `certificates` are those of whoever vouches for it, root included.

    Raises
    ------
    NotStamped
        The token is of another authority, is over other bytes, or is no token.
    """
    client = _client()
    response = _decoded(token)
    roots = [item for item in certificates if item.issuer == item.subject] or certificates
    verifier = client.VerifierBuilder()
    for certificate in roots:
        verifier = verifier.add_root_certificate(certificate)
    for certificate in certificates:
        if certificate not in roots:
            verifier = verifier.add_intermediate_certificate(certificate)
    try:
        verifier.build().verify_message(response, data)
    except client.VerificationError as error:
        raise NotStamped(" ".join(str(error).split()).rstrip(".")) from None
    return response.tst_info.gen_time


def certificates_in(path: Path) -> list[Certificate]:
    """The certificates of a PEM file.

    Raises
    ------
    UsageFault
        There is no such file, or no certificate in it.
    """
    from cryptography.x509 import load_pem_x509_certificates

    try:
        return load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise UsageFault(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise UsageFault(f"{path} holds no certificate (PEM).") from None


def _decoded(answer: bytes) -> TimeStampResponse:
    try:
        token: TimeStampResponse = _client().decode_timestamp_response(answer)
        if token.status != 0:
            raise NotStamped(f"the authority refused: {', '.join(token.status_string) or f'status {token.status}'}")
    except ValueError as error:
        if isinstance(error, NotStamped):
            raise
        raise NotStamped("it is no time-stamp response (RFC 3161, in DER)") from None
    return token


def _covers(token: TimeStampResponse, data: bytes) -> None:
    if token.tst_info.message_imprint.message.hex() != digest_of_bytes(data):
        raise NotStamped("it is over other bytes")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in url and parts.port != 0
    except ValueError:  # the port is no number
        return False


def _host(url: str) -> str:
    """The authority without whatever else stands in its address: that may be a secret."""
    return str(urlsplit(url).hostname)


def _client() -> Any:
    try:
        import rfc3161_client
    except ModuleNotFoundError:
        raise UsageFault("Time-stamps need their library: pip install 'aims-monitor[anchor]'.") from None
    return rfc3161_client
