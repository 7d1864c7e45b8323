"""Self-signed certificates for servers on loopback, and a log's endpoint that uses one."""

import datetime as dt
import ipaddress
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)
INVALID = pytest.mark.parametrize(
    ("host", "expired", "vouched"),
    [
        ("127.0.0.1", False, False),
        ("other.example", False, True),
        ("127.0.0.2", False, True),
        ("127.0.0.1", True, True),
    ],
    ids=["self-signed", "of another name", "of another address", "expired"],
)
"""Certificates that a client must refuse. `vouched`: the client is given the authority."""


@dataclass(frozen=True)
class Certificate:
    """A certificate's file, and its key's file."""

    file: Path
    key: Path


def make(folder: Path, *, host: str = "127.0.0.1", expired: bool = False) -> Certificate:
    """Make a self-signed certificate for an address or a name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    begin = dt.datetime.now(dt.UTC) - 10 * _DAY
    san = x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + (_DAY if expired else 20 * _DAY))
        .add_extension(x509.SubjectAlternativeName([san]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    made.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


class SecureEndpoint(ThreadingHTTPServer):
    """Stores every event, over TLS. `got` counts the requests."""

    daemon_threads = True
    got = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: clients hang up in these tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer that the event is stored."""
        self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, SecureEndpoint)
        self.server.got += 1
        body = json.dumps({"stored": [{"index": 0}], "refused": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class has it
        """Print nothing."""


@contextmanager
def serving_tls(certificate: Certificate) -> Iterator[tuple[SecureEndpoint, str]]:
    """Serve on loopback with this certificate. Yield the server and its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    with SecureEndpoint(("127.0.0.1", 0), _Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server, f"https://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(5)
