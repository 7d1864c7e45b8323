"""The keys of digests and pseudonyms: made here, kept in one encrypted parameter, and read by the log writer alone.

Guarantee: 256 random bits each. A new generation adds a key and takes none away, so that older digests can be
recomputed for as long as the parameter lives, also when the stack's state was lost. No key is in the function's
package, its environment or an output.

Why the parameter store and not Secrets Manager: a standard parameter under the AWS managed key costs nothing, where a
secret costs $0.40 a month, and both are encrypted, versioned and guarded by IAM alike; what Secrets Manager adds is
rotation by a function of its own, which would forget the older keys. https://aws.amazon.com/systems-manager/pricing/
The managed key decrypts for whoever in the account may get the parameter, so what guards it is that one permission: of
this kit's roles the writer alone has it, and an administrator of the account can have it, as of anything there.
https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-restrict-decryption.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from components.arguments import refuse, require_range
from policies.keys import MAX_KEY_GENERATION, PURPOSES, render_keys

KEY_CHARACTERS: Final = 43
"""Letters and digits that a key is made of: 62 to the power of 43 is more than 2 to the power of 256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStoreArgs:
    """`parameter`: its name. The generations (from 1) say which key of each kind is the current one.

    `deployed`: the value that the parameter holds already, or nothing; its keys are kept. `protect` makes `pulumi
    destroy` refuse the keys: without them, nobody can recompute the log's digests.
    """

    parameter: str
    digest_generation: int
    pseudonym_generation: int
    deployed: str = field(repr=False)
    protect: bool

    def __post_init__(self) -> None:
        """Refuse a name without a leading slash, and a generation out of range."""
        if not self.parameter.startswith("/"):
            refuse(self, "parameter", "begin with a slash")
        require_range(self, "digest_generation", 1, MAX_KEY_GENERATION)
        require_range(self, "pseudonym_generation", 1, MAX_KEY_GENERATION)


class KeyStore(pulumi.ComponentResource):
    """The keys. Output: `parameter`, its name, known once the keys are in it."""

    parameter: pulumi.Output[str]

    def __init__(self, name: str, args: KeyStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register what each key is made of, and the parameter."""
        super().__init__("agent-audit-log:aws:KeyStore", name, None, opts)
        drawn = {
            purpose: pulumi.Output.all(
                *(self._draw(name, f"{purpose}-{number}", protect=args.protect) for number in range(1, generations + 1))
            )
            for purpose, generations in zip(PURPOSES, (args.digest_generation, args.pseudonym_generation), strict=True)
        }
        parameter = aws.ssm.Parameter(
            f"{name}-parameter",
            name=args.parameter,
            type="SecureString",
            tier="Standard",
            description="The keys of the audit log's digests and pseudonyms.",
            value=pulumi.Output.secret(pulumi.Output.all(**drawn)).apply(lambda keys: render_keys(keys, args.deployed)),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.parameter = parameter.name
        self.register_outputs({"parameter": self.parameter})

    def _draw(self, name: str, key: str, *, protect: bool) -> pulumi.Output[str]:
        """Draw the text that one key is made of. Its resource's id is `none`; RandomBytes would have the key as id."""
        return random.RandomPassword(
            f"{name}-{key}",
            length=KEY_CHARACTERS,
            special=False,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        ).result
