"""random:index/randomPassword: random letters and digits, made once and then kept in the stack's state, as a secret.

Guarantees: the operating system's generator, and only at creation; nothing but the state ever holds them, and there
only as a secret output: the resource's id is `none`, as the official provider has it. (Of its `RandomBytes` the id *is*
the bytes, in base64, and an id is neither encrypted in the state nor hidden in what the CLI shows. Hence this type.)
"""

import secrets
import string
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import ProviderError
from localcloud.provider.handler import Resource
from localcloud.provider.schema import Failure, Schema, boolean, integer, mapping
from localcloud.provider.values import Props

_LONGEST: Final = 4096
_ALPHABETS: Final[Mapping[str, str]] = {
    "lower": string.ascii_lowercase,
    "numeric": string.digits,
    "special": "!@#$%&*()-_=+[]{}<>:?",
    "upper": string.ascii_uppercase,
}
"""The official provider's: each input, and the characters that it lets be drawn."""


class RandomPassword(Resource):
    """`random:index/randomPassword:RandomPassword`; changing any input makes a new one. It has no `bcryptHash`."""

    token = "random:index/randomPassword:RandomPassword"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "keepers": mapping(force_new=True, echoed=True),
        "length": integer(required=True, force_new=True),
        **dict.fromkeys(_ALPHABETS, boolean(default=True, force_new=True)),
    }
    outputs = frozenset({"result"})
    secret_outputs = frozenset({"result"})

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Ask for at least one character, out of at least one alphabet."""
        length = inputs.get("length")
        if isinstance(length, int) and not 1 <= length <= _LONGEST:
            yield Failure(path="length", reason=f"must be from 1 to {_LONGEST}, not {length}")
        if not any(inputs.get(name) for name in _ALPHABETS):
            yield Failure(path="lower", reason=f"or another of {', '.join(_ALPHABETS)} must be true")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return None: the inputs do not tell the id."""
        del inputs

    def make(self, inputs: Props) -> tuple[str, Props]:
        """Draw the characters, each of the alphabets' equally often."""
        alphabet = "".join(characters for name, characters in _ALPHABETS.items() if inputs[name])
        drawn = "".join(secrets.choice(alphabet) for _ in range(inputs["length"]))
        return "none", {**inputs, "result": drawn}

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the state itself: it exists nowhere else."""
        del resource_id
        return dict(state) if "result" in state else None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Refuse: every input replaces."""
        del resource_id, state, inputs
        raise ProviderError(f"a random password cannot be changed in place: {', '.join(sorted(changed))}")

    def delete(self, resource_id: str, state: Props) -> None:
        """Do nothing: it is gone with the state."""
        del resource_id, state
