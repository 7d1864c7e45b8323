"""Signed notes, checkpoints, entries and proofs: one form each, and nothing believed before its signature."""

import base64

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from audit_core.entries import Entry, SealedObject, parse_entry
from audit_core.errors import AuditError, DecodeError
from audit_core.merkle import leaf_hash
from audit_core.notes import (
    Checkpoint,
    NoteError,
    VerifierKey,
    note,
    open_checkpoint,
    open_note,
    parse_key,
    split_note,
)
from audit_core.tiles import Edge
from cli.verify.inclusion import ProofError, prove_inclusion
from cli.verify.proofs import Proof, check_proof, parse_proof

ORIGIN = "example.com/seal"
_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = VerifierKey(name=ORIGIN, public_key=_PRIVATE.public_key().public_bytes_raw())

# The example of the signed-note specification.
_EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
_EXAMPLE = (
    "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Z"
    "tg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()


def verify(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature is good, by the library that the command line uses."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def signed(text: str, private: Ed25519PrivateKey = _PRIVATE, key: VerifierKey = KEY) -> bytes:
    """A note of `text`."""
    return note(text, key, private.sign(text.encode()))


def _proof(count: int, index: int) -> tuple[bytes, list[bytes]]:
    entries = [
        Entry(
            key=f"records/dt=2026-01-01/{number}.jsonl.gz",
            version="v1",
            line=0,
            record_id=f"{number}-0",
            digest="sha256:" + "0" * 64,
            whole=SealedObject(digest="sha256:" + "1" * 64, retain_until="2026-01-01T00:00:00Z"),
        ).data
        for number in range(count)
    ]
    edge, files = Edge().grow([leaf_hash(entry) for entry in entries])
    checkpoint = signed(Checkpoint(origin=ORIGIN, size=count, root=edge.root()).text)
    path = tuple(prove_inclusion(index, count, files.__getitem__))
    return Proof(entry=entries[index], index=index, path=path, checkpoint=checkpoint).data, entries


def test_the_specifications_example() -> None:
    """The specification's own note opens with its own key, and its key is written as it was read."""
    key = parse_key(_EXAMPLE_KEY)
    assert key.text == _EXAMPLE_KEY
    assert open_note(_EXAMPLE, key, verify) == "This is an example message.\n"


def test_checkpoint_comes_back() -> None:
    """A checkpoint that was signed is the one that is opened."""
    checkpoint = Checkpoint(origin=ORIGIN, size=20852163, root=bytes(range(32)))
    assert open_checkpoint(signed(checkpoint.text), KEY, verify) == checkpoint


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_one_flipped_bit_is_found(place: int, bit: int) -> None:
    """No checkpoint with a flipped bit opens."""
    data = bytearray(signed(Checkpoint(origin=ORIGIN, size=5, root=bytes(32)).text))
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(NoteError):
        open_checkpoint(bytes(data), KEY, verify)


def test_signatures_of_others_do_not_count() -> None:
    """A note needs a signature of the key; others are passed over, and a bad one under its name and id refuses it."""
    text = Checkpoint(origin=ORIGIN, size=5, root=bytes(32)).text
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    strange = VerifierKey(name=ORIGIN, public_key=stranger.public_key().public_bytes_raw())
    theirs = signed(text, stranger, strange)
    with pytest.raises(NoteError, match="not signed by this key"):
        open_note(theirs, KEY, verify)
    both = theirs + signed(text).rpartition(b"\n\n")[2]
    assert open_note(both, KEY, verify) == text
    forged = both + note(text, KEY, bytes(64)).rpartition(b"\n\n")[2]
    with pytest.raises(NoteError, match="not good"):
        open_note(forged, KEY, verify)


def test_many_large_signatures_of_witnesses() -> None:
    """Sixteen cosignatures, each as large as any there is, do not keep a checkpoint from being read."""
    checkpoint = Checkpoint(origin=ORIGIN, size=5, root=bytes(32))
    witness = base64.b64encode(bytes(5000)).decode()
    lines = "".join(f"\u2014 witness-{number}.example {witness}\n" for number in range(15))
    assert open_checkpoint(signed(checkpoint.text) + lines.encode(), KEY, verify) == checkpoint


@pytest.mark.parametrize("name", ["wit+ness.example", "wit\u00a0ness.example", "wit\u2003ness.example", ""])
def test_names_that_no_key_has(name: str) -> None:
    """A signature line under a name with a space or a plus sign in it makes the note none, as it does for others."""
    line = f"\u2014 {name} {base64.b64encode(bytes(68)).decode()}\n"
    with pytest.raises(NoteError, match="signature line"):
        split_note(signed("text\n") + line.encode())


@pytest.mark.parametrize(
    "text",
    [
        "example.com/seal\n5\n",
        f"{ORIGIN}\n05\n{base64.b64encode(bytes(32)).decode()}\n",
        f"{ORIGIN}\n-5\n{base64.b64encode(bytes(32)).decode()}\n",
        f"{ORIGIN}\n5\n{base64.b64encode(bytes(31)).decode()}\n",
        f"{ORIGIN}\n5\n{base64.b64encode(bytes(32)).decode().rstrip('=')}\n",
        f"{ORIGIN}\n5\n{base64.b64encode(bytes(32)).decode()}\nextension\n",
        f"other.example\n5\n{base64.b64encode(bytes(32)).decode()}\n",
    ],
)
def test_signed_but_no_checkpoint(text: str) -> None:
    """A good signature does not make a checkpoint of what is none, or is another log's."""
    with pytest.raises(NoteError):
        open_checkpoint(signed(text), KEY, verify)


@given(data=st.binary(max_size=300))
def test_anything_is_refused_by_name(data: bytes) -> None:
    """Bytes that are no note, proof, key or entry raise the one family of errors, and nothing else."""
    for read in (split_note, parse_proof, parse_entry):
        with pytest.raises(AuditError):
            read(data)
    with pytest.raises(AuditError):
        parse_key(data.decode("latin-1"))


@pytest.mark.parametrize(
    "text",
    [
        _EXAMPLE_KEY.replace("530d903a", "530d903b"),
        _EXAMPLE_KEY.replace("example.com/foo", "example.com/bar"),
        _EXAMPLE_KEY[:-4],
        "a b+00000000+" + base64.b64encode(b"\x01" + bytes(32)).decode(),
        _EXAMPLE_KEY.replace("+Aeky", "+Beky"),
    ],
)
def test_keys_that_are_none(text: str) -> None:
    """A key whose name, id or material do not fit together is refused."""
    with pytest.raises(NoteError):
        parse_key(text)


@given(count=st.integers(1, 600), data=st.data())
def test_proofs_prove(count: int, data: st.DataObject) -> None:
    """A proof that was written is read and holds, with the key and nothing else."""
    index = data.draw(st.integers(0, count - 1))
    proof, entries = _proof(count, index)
    proved = check_proof(proof, KEY, verify)
    assert proved.entry.data == entries[index]
    assert (proved.index, proved.checkpoint.size) == (index, count)
    assert parse_proof(proof).data == proof


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_altered_proof_proves(place: int, bit: int) -> None:
    """A proof with any one bit flipped is refused."""
    proof, _ = _proof(11, 6)
    data = bytearray(proof)
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(AuditError):
        check_proof(bytes(data), KEY, verify)


def test_entry_of_another_record_does_not_pass() -> None:
    """A proof's way up does not carry another entry."""
    proof, entries = _proof(8, 3)
    parsed = parse_proof(proof)
    swapped = Proof(entry=entries[4], index=parsed.index, path=parsed.path, checkpoint=parsed.checkpoint).data
    with pytest.raises(ProofError, match="root"):
        check_proof(swapped, KEY, verify)


_WHOLE = SealedObject(digest="sha256:" + "a" * 64, retain_until="2026-11-23T12:00:00Z")


@pytest.mark.parametrize(
    "entry",
    [
        Entry(key="records/a", version="v", line=0, record_id="x-0", digest="sha256:" + "b" * 64, whole=_WHOLE),
        Entry(key="records/a", version="v", line=7, record_id="x-7", digest="sha256:" + "b" * 64),
        Entry(
            key="records/\u00e9",
            version="v",
            line=0,
            record_id=None,
            digest=None,
            whole=SealedObject(digest="sha256:" + "a" * 64, retain_until=None, unreadable="is not gzip"),
        ),
    ],
)
def test_entries_come_back(entry: Entry) -> None:
    """An entry that was written is the one that is read."""
    assert parse_entry(entry.data) == entry


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"line":0', b'"line": 0'),
        (b'"line":0', b'"line":1'),
        (b'"line":0', b'"line":true'),
        (b'"version":"v"', b'"version":""'),
        (b'"version"', b'"more":1,"version"'),
        (b"sha256:bb", b"sha256:BB"),
        (b"}", b"} "),
        (b"{", b"[{"),
        (b"{", b"[" * 5000 + b"{"),
        (b'"digest"', b'"digest":null,"digest"'),
    ],
)
def test_entries_in_another_form(old: bytes, new: bytes) -> None:
    """An entry in any form but its own is refused."""
    data = Entry(key="records/a", version="v", line=0, record_id="x-0", digest="sha256:" + "b" * 64, whole=_WHOLE).data
    assert old in data
    with pytest.raises(DecodeError):
        parse_entry(data.replace(old, new))
