"""The roles of a stack, each with the permissions of its rows in `policies.iam` and no other.

Guarantee: no role can delete, bypass a lock or change the bucket's protections. The role that writes cannot read. The
roles that people take and that read cannot write. The role that seals writes no record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from policies import iam
from policies.place import OF_FUNCTIONS, Principal, ResourceNames

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_DESCRIPTIONS = {
    Principal.WRITER: "Stores records of what agents call. Adds, and does nothing else.",
    Principal.SEALER: "Makes what was stored part of the sealed log. Writes no record, deletes nothing.",
    Principal.AUDITOR: "Reads the audit log and how it is protected. Changes nothing.",
    Principal.RETENTION_ADMIN: "Extends retention and places legal holds. Cannot release, shorten or delete.",
    Principal.HOLD_RELEASER: "Releases legal holds. Every use of it alarms.",
    Principal.VAULT_READER: "Reads payloads in the vault. Every read is recorded.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RolesArgs:
    """`place`: the names that policies are about. `bounds`: what the retention admin is kept within.

    `assumed_by`: the ARNs that may take each role but the functions', which are theirs alone. `permissions_boundary`:
    the ARN of the policy that bounds every role; empty for none.
    """

    place: ResourceNames
    bounds: iam.Bounds
    assumed_by: Mapping[Principal, Sequence[str]]
    permissions_boundary: str = ""

    def __post_init__(self) -> None:
        """Refuse a role that nobody, or anybody, may take."""
        for principal in self.place.roles:
            if principal in OF_FUNCTIONS:
                continue
            given = self.assumed_by.get(principal, ())
            if not given or any("*" in arn for arn in given):
                msg = f"RolesArgs.assumed_by[{principal.value}]: must name principals, without wildcards, got {given!r}"
                raise ValueError(msg)


class Roles(pulumi.ComponentResource):
    """The roles. Output: `arns`, each role's ARN, known once the role has its permissions."""

    arns: Mapping[Principal, pulumi.Output[str]]

    def __init__(self, name: str, args: RolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Register each role and its one policy."""
        super().__init__("agent-audit-log:aws:Roles", name, None, opts)
        self.arns = {principal: self._role(name, args, principal) for principal in args.place.roles}
        self.register_outputs({"arns": {principal.value: arn for principal, arn in self.arns.items()}})

    def _role(self, name: str, args: RolesArgs, principal: Principal) -> pulumi.Output[str]:
        """One role with its one policy; its ARN."""
        role = aws.iam.Role(
            f"{name}-{principal.value}",
            name=args.place.roles[principal],
            path=args.place.role_path,
            permissions_boundary=args.permissions_boundary or None,
            description=_DESCRIPTIONS[principal],
            assume_role_policy=iam.document(
                iam.trust_statements(principal, args.place, args.assumed_by.get(principal, ()))
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        policy = aws.iam.RolePolicy(
            f"{name}-{principal.value}-policy",
            name="permissions",
            # By its name, not from its output, so that the guardrails see whose permissions these are beforehand.
            role=args.place.roles[principal],
            policy=iam.document(iam.role_statements(principal, args.place, args.bounds)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
        )
        return pulumi.Output.all(role.arn, policy.id).apply(lambda values: values[0])
