"""random:index/randomBytes: random bytes that are made once and then kept in the stack's state, as a secret.

Guarantees: the operating system's generator, and only at creation; nothing but the state ever holds them. Unlike the
official provider's, the resource's id says nothing about them (there the id *is* the bytes, in base64, and an id is
not encrypted in the state): it is a fingerprint that leads nowhere.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import ProviderError
from localcloud.provider.handler import Resource
from localcloud.provider.schema import Failure, Schema, integer, mapping
from localcloud.provider.values import Props

_LONGEST: Final = 4096


class RandomBytes(Resource):
    """`random:index/randomBytes:RandomBytes`; changing `keepers` or `length` makes new ones."""

    token = "random:index/randomBytes:RandomBytes"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "keepers": mapping(force_new=True, echoed=True),
        "length": integer(required=True, force_new=True),
    }
    outputs = frozenset({"base64", "hex"})
    secret_outputs = frozenset({"base64", "hex"})

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """At least one byte."""
        length = inputs.get("length")
        if isinstance(length, int) and not 1 <= length <= _LONGEST:
            yield Failure(path="length", reason=f"must be from 1 to {_LONGEST}, not {length}")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Nothing about it can be told from its inputs."""
        del inputs

    def make(self, inputs: Props) -> tuple[str, Props]:
        """Draw the bytes."""
        drawn = secrets.token_bytes(inputs["length"])
        fingerprint = hashlib.sha256(b"random-bytes\n" + drawn).hexdigest()[:16]
        state: Props = {**inputs, "base64": base64.b64encode(drawn).decode(), "hex": drawn.hex()}
        return f"bytes-{fingerprint}", state

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the state itself: there is no other place where it could have changed."""
        del resource_id
        return dict(state) if "base64" in state else None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Never called: every input replaces."""
        del resource_id, state, inputs
        msg = f"random bytes cannot be changed in place: {', '.join(sorted(changed))}"
        raise ProviderError(msg)

    def delete(self, resource_id: str, state: Props) -> None:
        """Nothing to do: with the state they are gone."""
        del resource_id, state
