"""Signed notes, their keys, and checkpoints: the C2SP formats in which a tree's head is signed.

Promise: what is parsed here is exactly what would be written here: one text has one form. Nothing is believed before
`open_note` has found a good signature of the key that it was given, and one bad signature of that key refuses the note.
The arithmetic of Ed25519 is the caller's: KMS signs, and whoever verifies brings a verifier.

Source: https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass

from audit_core.errors import AuditError
from audit_core.merkle import HASH_BYTES

MAX_SIGNATURES = 32
"""A verifier must take sixteen at least."""
MAX_NOTE_BYTES = 256 * 1024
"""Enough for the largest ones that exist: cosignatures of witnesses, some 5 KB each before base64."""
KEY_BYTES = 32
SIGNATURE_BYTES = 64
_ED25519 = b"\x01"
_SPKI = bytes.fromhex("302a300506032b6570032100")
"""An Ed25519 public key in DER is these bytes, which name the algorithm, and then the key (RFC 8410)."""
_ID_BYTES = 4
_SIGNATURE = re.compile(r"\u2014 (?P<name>[^\s+]+) (?P<data>[A-Za-z0-9+/]+={0,2})")
_UNPRINTABLE = re.compile(r"[\x00-\x09\x0b-\x1f]")
SIZE = re.compile(r"0|[1-9][0-9]{0,17}")

Verify = Callable[[bytes, bytes, bytes], bool]
"""Whether a signature is good: of the public key (32 bytes), the signature (64), the message."""


class NoteError(AuditError):
    """Not a note, not by this key, or not a checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """An Ed25519 public key and the name that it signs under."""

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(letter.isspace() for letter in self.name):
            raise NoteError("must have a name without spaces and plus signs", field="key")
        if len(self.public_key) != KEY_BYTES:
            raise NoteError("must have 32 bytes", field="key")

    @property
    def key_id(self) -> bytes:
        """The four bytes that signature lines name the key by."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()[:_ID_BYTES]

    @property
    def text(self) -> str:
        """The key in signed-note verifier form: name, id and key, joined by plus signs."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public_key).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A tree's head: whose log, how many leaves, and the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def parse_key(text: str) -> VerifierKey:
    """Parse a key in its verifier form. Raise `NoteError`."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    material = _decode(encoded, "key")
    if material[:1] != _ED25519:
        raise NoteError("must be an Ed25519 verifier key", field="key")
    key = VerifierKey(name=name, public_key=material[1:])
    if key_id != key.key_id.hex():
        raise NoteError("has an id that is not its own", field="key")
    return key


def key_from_der(name: str, encoded: bytes) -> VerifierKey:
    """Return the key in a SubjectPublicKeyInfo, such as KMS gives. Raise `NoteError`."""
    if not encoded.startswith(_SPKI):
        raise NoteError("must be an Ed25519 key", field="key")
    return VerifierKey(name=name, public_key=encoded[len(_SPKI) :])


def note(text: str, key: VerifierKey, signature: bytes) -> bytes:
    """Return the note of `text`, which ends with a newline, with one signature."""
    line = base64.b64encode(key.key_id + signature).decode()
    return f"{text}\n\u2014 {key.name} {line}\n".encode()


def split_note(data: bytes) -> tuple[str, list[Signature]]:
    """Return a note's text and its unchecked signatures. Raise `NoteError`."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError("is too long for a note")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise NoteError("is not UTF-8") from None
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or _UNPRINTABLE.search(whole):
        raise NoteError("is not a signed note")
    signatures: list[Signature] = []
    for line in lines[:-1].split("\n"):
        match = _SIGNATURE.fullmatch(line)
        if match is None or len(signatures) == MAX_SIGNATURES:
            raise NoteError("has a malformed signature line")
        signed = _decode(match["data"], "signature")
        if len(signed) <= _ID_BYTES:
            raise NoteError("has a malformed signature line")
        signatures.append(Signature(name=match["name"], key_id=signed[:_ID_BYTES], signature=signed[_ID_BYTES:]))
    return text + "\n", signatures


def open_note(data: bytes, key: VerifierKey, verify: Verify) -> str:
    """Return the text of a note that `key` has signed. Raise `NoteError`."""
    text, signatures = split_note(data)
    ours = [
        signed.signature
        for signed in signatures
        if signed.name == key.name and hmac.compare_digest(signed.key_id, key.key_id)
    ]
    if not ours:
        raise NoteError("is not signed by this key")
    if not all(len(given) == SIGNATURE_BYTES and verify(key.public_key, given, text.encode()) for given in ours):
        raise NoteError("has a signature that is not good")
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    """Parse a checkpoint. Reject extension lines, because nobody could check them. Raise `NoteError`."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0] or not SIZE.fullmatch(lines[1]):  # noqa: PLR2004 - three, and the end
        raise NoteError("is not a checkpoint of three lines")
    root = _decode(lines[2], "root")
    if len(root) != HASH_BYTES:
        raise NoteError("must have 32 bytes", field="root")
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root)


def open_checkpoint(data: bytes, key: VerifierKey, verify: Verify) -> Checkpoint:
    """Return the checkpoint that `key` has signed, of the log that the key is named after. Raise `NoteError`."""
    found = parse_checkpoint(open_note(data, key, verify))
    if found.origin != key.name:
        raise NoteError("is of another log", field="origin")
    return found


def _decode(encoded: str, field: str) -> bytes:
    """Base64 in its one proper form: as written here, padding and all."""
    try:
        decoded = binascii.a2b_base64(encoded.encode(), strict_mode=True)
    except (binascii.Error, ValueError):
        raise NoteError("must be base64", field=field) from None
    if base64.b64encode(decoded).decode() != encoded:
        raise NoteError("must be base64 in its one proper form", field=field)
    return decoded
