"""A time-stamping authority (RFC 3161) for tests: its certificates, its answers, and an HTTP server that gives them."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SIGNED_DATA = "1.2.840.113549.1.7.2"
_TST_INFO = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.47"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_ECDSA = "1.2.840.10045.4.3.2"
_POLICY = "1.3.6.1.4.1.99999.1"
_LONG = 0x80
_MIME = "application/timestamp-reply"
_serials = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A root, and a certificate below it that signs time stamps."""

    root: x509.Certificate
    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The root, as `--anchors` takes it."""
        return self.root.public_bytes(Encoding.PEM)

    def stamp(self, data: bytes, *, when: datetime | None = None, nonce: int | None = None, status: int = 0) -> bytes:
        """Answer that `data` was there at a time (now), under a PKIStatus; any but 0 carries a text, as in practice."""
        return self._answer(hashlib.sha256(data).digest(), nonce, when or datetime.now(UTC), status)

    def answer(self, request: bytes) -> bytes:
        """Answer a request in DER: its message imprint, and its nonce where it has one."""
        marker = _sequence(_oid(_SHA256), b"\x05\x00") + b"\x04\x20"
        place = request.index(marker) + len(marker)
        return self._answer(request[place : place + 32], _nonce(request[place + 32 :]), datetime.now(UTC))

    def _answer(self, digest: bytes, nonce: int | None, when: datetime, status: int = 0) -> bytes:
        info = _sequence(
            _integer(1),
            _oid(_POLICY),
            _sequence(_sequence(_oid(_SHA256), b"\x05\x00"), _tagged(0x04, digest)),
            _integer(next(_serials)),
            _tagged(0x18, f"{when.astimezone(UTC):%Y%m%d%H%M%SZ}".encode()),
            b"" if nonce is None else _integer(nonce),
        )
        encoded = self.certificate.public_bytes(Encoding.DER)
        signing = _sequence(_sequence(_sequence(_tagged(0x04, hashlib.sha256(encoded).digest()))))
        attributes = sorted(
            (
                _sequence(_oid(_CONTENT_TYPE), _set(_oid(_TST_INFO))),
                _sequence(_oid(_MESSAGE_DIGEST), _set(_tagged(0x04, hashlib.sha256(info).digest()))),
                _sequence(_oid(_SIGNING_CERTIFICATE), _set(signing)),
            )
        )
        signature = self.private.sign(_set(*attributes), ec.ECDSA(hashes.SHA256()))
        signer = _sequence(
            _integer(1),
            _sequence(self.certificate.issuer.public_bytes(), _integer(self.certificate.serial_number)),
            _sequence(_oid(_SHA256)),
            _tagged(0xA0, b"".join(attributes)),
            _sequence(_oid(_ECDSA)),
            _tagged(0x04, signature),
        )
        signed = _sequence(
            _integer(3),
            _set(_sequence(_oid(_SHA256))),
            _sequence(_oid(_TST_INFO), _tagged(0xA0, _tagged(0x04, info))),
            _tagged(0xA0, encoded),
            _set(signer),
        )
        said = _sequence(_tagged(0x0C, b"another policy than the one asked for")) if status else b""
        return _sequence(_sequence(_integer(status), said), _sequence(_oid(_SIGNED_DATA), _tagged(0xA0, signed)))


def make_authority(name: str = "Authority", *, began: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> Authority:
    """Make an authority whose certificates are good for ten years."""
    root_key, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name}, root")])
    own_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    def begun(subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, signs: bool) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(root_name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(began)
        builder = builder.not_valid_after(began + timedelta(days=3650))
        usage = x509.KeyUsage(
            digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(x509.BasicConstraints(ca=signs, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        return builder.add_extension(usage, critical=True)

    root = begun(root_name, root_key, signs=True).sign(root_key, hashes.SHA256())
    own_builder = begun(own_name, own, signs=False).add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True
    )
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    certificate = own_builder.add_extension(issued_by, critical=False).sign(root_key, hashes.SHA256())
    return Authority(root=root, certificate=certificate, private=own)


@contextmanager
def served(authority: Authority) -> Iterator[str]:
    """Yield the URL of a server on this machine that answers requests for time stamps."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = authority.answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", _MIME)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that it has
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Return an authority."""
    return make_authority()


def _nonce(rest: bytes) -> int | None:
    """The whole number that comes next in a request, after the imprint; there may be a policy before it."""
    while rest and rest[0] != 0x02:
        rest = rest[2 + rest[1] :]
    return int.from_bytes(rest[2 : 2 + rest[1]], "big") if rest else None


def _tagged(tag: int, body: bytes) -> bytes:
    if len(body) < _LONG:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + body


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, b"".join(parts))


def _set(*parts: bytes) -> bytes:
    return _tagged(0x31, b"".join(parts))


def _integer(value: int) -> bytes:
    return _tagged(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    body = b""
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.insert(0, arc & 0x7F | _LONG)
        body += bytes(groups)
    return _tagged(0x06, body)
