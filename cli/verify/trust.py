"""What signatures are checked with: Ed25519 from `cryptography`, and the key that the caller trusts."""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit_core.errors import AuditError
from audit_core.notes import VerifierKey, parse_key
from cli.exits import CouldNot

_MAX_KEY_FILE = 4096


def verify_signature(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether `signature` is the key's, of `message`. Never raises."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_key(path: Path) -> VerifierKey:
    """Return the public key in a file, in signed-note verifier form. Raise CouldNot."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_KEY_FILE).decode()
        return parse_key(text)
    except OSError as error:
        raise CouldNot(f"--public-key: {path}: {error.strerror}") from None
    except (UnicodeDecodeError, AuditError):
        raise CouldNot(f"--public-key: {path}: is not a key as `audit-log verify key` prints it") from None
