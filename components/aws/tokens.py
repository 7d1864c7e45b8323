"""One token for each agent: made once, kept as a secret in the stack's state. The writer knows only its digest.

Guarantee: a token has at least 256 random bits. An agent's generation names its token: rotating makes a new token, and
removing the agent from the settings removes its token. Only the SHA-256 of a token leaves this module unencrypted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
import pulumi_random as random

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOKEN_CHARACTERS: Final = 43
"""Letters and digits after the prefix: 62 to the power of 43 is more than 2 to the power of 256."""
TOKEN_PREFIX: Final = "aal_"  # noqa: S105 - what every token starts with, so that scanners can know one
_SLUG_DIGITS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenHolder:
    """An agent, the generation of its token (from 1), and until when (RFC 3339) the one before it still works."""

    agent: str
    generation: int
    previous_until: str | None = None

    def __post_init__(self) -> None:
        """Refuse a generation that there cannot be."""
        if self.generation < 1:
            msg = f"TokenHolder.generation: must be at least 1, got {self.generation}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensArgs:
    """Who gets a token."""

    holders: Sequence[TokenHolder]

    def __post_init__(self) -> None:
        """Refuse an agent named twice: one of its two tokens could never be taken away."""
        names = [holder.agent for holder in self.holders]
        if len(set(names)) != len(names):
            msg = f"TokensArgs.holders: must name each agent once, got {names}"
            raise ValueError(msg)


class Tokens(pulumi.ComponentResource):
    """The agents' tokens.

    Outputs: `tokens`, the current one of each agent (secret); `accepted`, for each agent what the writer accepts:
    pairs of a token's SHA-256 in hex and the RFC 3339 time when it ends, or None.
    """

    tokens: pulumi.Output[Mapping[str, str]]
    accepted: pulumi.Output[Mapping[str, Sequence[tuple[str, str | None]]]]

    def __init__(self, name: str, args: TokensArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register the current token of each agent, and the previous one while it still works."""
        super().__init__("agent-audit-log:aws:Tokens", name, None, opts)
        current: dict[str, pulumi.Output[str]] = {}
        accepted: dict[str, list[pulumi.Output[tuple[str, str | None]]]] = {}
        for holder in args.holders:
            token = self._token(name, holder.agent, holder.generation)
            current[holder.agent] = token
            accepted[holder.agent] = [_accept(token, None)]
            if holder.previous_until is not None and holder.generation > 1:
                previous = self._token(name, holder.agent, holder.generation - 1)
                accepted[holder.agent].append(_accept(previous, holder.previous_until))
        # Secret whatever the provider says of its outputs.
        self.tokens = pulumi.Output.secret(pulumi.Output.all(**current))
        self.accepted = pulumi.Output.all(**{agent: pulumi.Output.all(*known) for agent, known in accepted.items()})
        self.register_outputs({"tokens": self.tokens})

    def _token(self, name: str, agent: str, generation: int) -> pulumi.Output[str]:
        """Register and return the token of an agent's generation.

        Not of RandomBytes: the id of one is its bytes, in base64, and ids lie in the state and the CLI's output in
        clear. The id of a RandomPassword is `none`.
        """
        resource = random.RandomPassword(
            f"{name}-{slug(agent)}-{generation}",
            length=TOKEN_CHARACTERS,
            special=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return resource.result.apply(lambda drawn: TOKEN_PREFIX + drawn)


def slug(agent: str) -> str:
    """Return an agent's name as part of a resource's name: itself if it is plain ASCII, else a digest of it."""
    if agent.isascii():
        return agent
    return f"u{hashlib.sha256(agent.encode('utf-8')).hexdigest()[:_SLUG_DIGITS]}"


def _accept(token: pulumi.Output[str], until: str | None) -> pulumi.Output[tuple[str, str | None]]:
    """Return a token's digest and when the token ends. Nobody can guess 256 random bits from a digest."""
    return pulumi.Output.unsecret(token.apply(lambda text: (hashlib.sha256(text.encode("ascii")).hexdigest(), until)))
