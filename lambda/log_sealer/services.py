"""The other services that the sealer asks: the key that signs, the queue that reports new objects, the topic.

Promise: the private key never leaves KMS. A signature of KMS is used only after KMS has verified it, too.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote_plus

from audit_core.notes import Checkpoint, NoteError, VerifierKey, key_from_der, note, open_checkpoint
from aws_client.services import JsonService, ServiceError

_ALGORITHM = "ED25519_SHA_512"
_MAX_MESSAGE_BYTES = 4096
"""What KMS takes of a message as it is; it would answer a longer one with an error, and no checkpoint is as long."""
_RECEIVED_AT_ONCE = 10


class Signer(Protocol):
    """What signs checkpoints."""

    @property
    def key(self) -> VerifierKey:
        """The public key, under the log's name."""
        ...

    def sign(self, checkpoint: Checkpoint) -> bytes:
        """Return the signed note of a checkpoint, the same bytes each time."""
        ...

    def opened(self, data: bytes) -> Checkpoint | None:
        """Return the checkpoint in a note that this key has signed, or None."""
        ...


class KmsSigner:
    """Signs with an Ed25519 key in KMS."""

    def __init__(self, *, key_id: str, origin: str, kms: JsonService) -> None:
        self._key_id = key_id
        self._origin = origin
        self._kms = kms
        self._key: VerifierKey | None = None

    @property
    def key(self) -> VerifierKey:
        """The public key, under the log's name."""
        if self._key is None:
            encoded = _bytes(self._kms.call("GetPublicKey", {"KeyId": self._key_id}), "PublicKey")
            try:
                self._key = key_from_der(self._origin, encoded)
            except NoteError as error:
                raise ServiceError("kms GetPublicKey", str(error)) from None
        return self._key

    def sign(self, checkpoint: Checkpoint) -> bytes:
        """Return the signed note of a checkpoint. Raise `ServiceError` when KMS rejects its own signature."""
        asked = self._asked(checkpoint.text.encode())
        signed = note(checkpoint.text, self.key, _bytes(self._kms.call("Sign", asked), "Signature"))
        if self.opened(signed) != checkpoint:
            raise ServiceError("kms Sign", "the signature is not good")
        return signed

    def opened(self, data: bytes) -> Checkpoint | None:
        """Return the checkpoint in a note that this key has signed, or None."""
        try:
            return open_checkpoint(data, self.key, self._verify)
        except NoteError:
            return None

    def _verify(self, _: bytes, signature: bytes, message: bytes) -> bool:
        if len(message) > _MAX_MESSAGE_BYTES:
            return False
        asked = {**self._asked(message), "Signature": base64.b64encode(signature).decode()}
        try:
            return self._kms.call("Verify", asked).get("SignatureValid") is True
        except ServiceError as error:
            if "KMSInvalidSignature" in str(error):
                return False
            raise

    def _asked(self, message: bytes) -> dict[str, object]:
        return {
            "KeyId": self._key_id,
            "Message": base64.b64encode(message).decode(),
            "MessageType": "RAW",
            "SigningAlgorithm": _ALGORITHM,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message of the queue: the objects that it reports (key and version), and its handle."""

    handle: str
    objects: tuple[tuple[str, str], ...]


class Notices:
    """The queue of what S3 says was put."""

    def __init__(self, *, queue_url: str, sqs: JsonService) -> None:
        self._queue_url = queue_url
        self._sqs = sqs

    def receive(self) -> list[Notice]:
        """Return some waiting messages, or none when the queue seems empty."""
        asked = {"QueueUrl": self._queue_url, "MaxNumberOfMessages": _RECEIVED_AT_ONCE, "WaitTimeSeconds": 0}
        messages = self._sqs.call("ReceiveMessage", asked).get("Messages")
        return [
            Notice(handle=handle, objects=tuple(_objects(message.get("Body"))))
            for message in (messages if isinstance(messages, list) else [])
            if isinstance(message, dict) and isinstance(handle := message.get("ReceiptHandle"), str)
        ]

    def done(self, notices: list[Notice]) -> None:
        """Delete messages whose objects are sealed."""
        for start in range(0, len(notices), _RECEIVED_AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": notice.handle}
                for number, notice in enumerate(notices[start : start + _RECEIVED_AT_ONCE])
            ]
            self._sqs.call("DeleteMessageBatch", {"QueueUrl": self._queue_url, "Entries": entries})


def _objects(body: object) -> Iterator[tuple[str, str]]:
    """Yield keys and versions in S3's own message. Skip the rest of a malformed one: the daily reconcile finds it."""
    try:
        records = json.loads(body if isinstance(body, str) else "")["Records"]
        for record in records:
            described = record["s3"]["object"]
            key = unquote_plus(described["key"])
            key.encode()
            yield key, str(described.get("versionId") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return


def _bytes(reply: Mapping[str, object], name: str) -> bytes:
    value = reply.get(name)
    try:
        return base64.b64decode(value if isinstance(value, str) else "", validate=True)
    except ValueError:
        raise ServiceError("kms", f"{name} is not base64") from None
