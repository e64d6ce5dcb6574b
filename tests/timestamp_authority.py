"""A time-stamp authority (RFC 3161) of the tests' own, made with `openssl`, and a desk on the loopback to ask it at."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

CONFIG = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[tsa]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[desk]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


@dataclass
class Authority:
    """A certificate authority, and a time-stamp authority that it vouches for."""

    folder: Path

    def openssl(self, *arguments: object, data: bytes | None = None) -> bytes:
        done = subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def make(self, name: str) -> Authority:
        self.folder.mkdir(parents=True)
        conf = self.folder / "openssl.cnf"
        (self.folder / "serial").write_text("01\n")
        for who in ("ca", "tsa"):
            self.openssl(
                "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.folder / f"{who}.key"
            )
        conf.write_text(CONFIG.format(name=f"{name} root", folder=self.folder))
        self.openssl(
            "req",
            "-x509",
            "-new",
            "-key",
            self.folder / "ca.key",
            "-days",
            2,
            "-config",
            conf,
            "-extensions",
            "ca",
            "-out",
            self.folder / "ca.pem",
        )
        conf.write_text(CONFIG.format(name=f"{name} clock", folder=self.folder))
        self.openssl("req", "-new", "-key", self.folder / "tsa.key", "-config", conf, "-out", self.folder / "tsa.csr")
        self.openssl(
            "x509", "-req", "-in", self.folder / "tsa.csr", "-CA", self.folder / "ca.pem", "-CAkey", self.folder / "ca.key", "-CAcreateserial",
            "-days", 2, "-extfile", conf, "-extensions", "tsa", "-out", self.folder / "tsa.pem",
        )  # fmt: skip
        return self

    def answer(self, query: bytes) -> bytes:
        (self.folder / "query").write_bytes(query)
        return self.openssl(
            "ts",
            "-reply",
            "-config",
            self.folder / "openssl.cnf",
            "-section",
            "desk",
            "-queryfile",
            self.folder / "query",
        )

    @property
    def certificates(self) -> Path:
        """Its own certificate and its authority's, as people pass them on."""
        both = self.folder / "chain.pem"
        both.write_bytes((self.folder / "ca.pem").read_bytes() + (self.folder / "tsa.pem").read_bytes())
        return both


@contextmanager
def answering(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    """A server on the loopback that answers as it is told; its address."""

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Desk) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/tsr"
        server.shutdown()
