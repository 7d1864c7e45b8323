"""aws:iam/*: roles and their inline policies."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import Handler, SettingHandler, drop_none, stale_tags, tag_list, tag_map
from localcloud.provider.policy import for_emulator, from_emulator
from localcloud.provider.schema import Schema, boolean, integer, mapping, policy, text
from localcloud.provider.values import Props

_GONE: Final = ("NoSuchEntity", "NoSuchEntityException")


def _policy_text(document: object) -> str:
    """Return a policy as text; botocore decodes it when it is valid JSON, and leaves it alone otherwise."""
    return document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))


class Role(Handler):
    """`aws:iam/role:Role`."""

    token = "aws:iam/role:Role"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "assumeRolePolicy": policy(required=True),
        "description": text(),
        "forceDetachPolicies": boolean(default=False, echoed=True),
        "maxSessionDuration": integer(default=3600),
        "name": text(force_new=True, autoname=64),
        "path": text(default="/", force_new=True),
        "permissionsBoundary": text(),
        "tags": mapping(),
    }
    outputs = frozenset({"arn", "createDate", "tagsAll", "uniqueId"})

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """A role's id is its name."""
        return inputs.get("name")

    def create(self, inputs: Props) -> str:
        """Make the role, unless there is one of that name."""
        iam, name = self.cloud.client("iam"), str(inputs["name"])
        with missing("EntityAlreadyExists", "EntityAlreadyExistsException"):
            iam.create_role(
                RoleName=name,
                AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
                MaxSessionDuration=inputs["maxSessionDuration"],
                Path=inputs["path"],
                Tags=tag_list(inputs.get("tags")),
                **drop_none(
                    Description=inputs.get("description"), PermissionsBoundary=inputs.get("permissionsBoundary")
                ),
            )
        return name

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the role's properties."""
        del state
        iam = self.cloud.client("iam")
        with missing(*_GONE):
            found = iam.get_role(RoleName=resource_id)["Role"]
            tags = tag_map(iam.list_role_tags(RoleName=resource_id)["Tags"])
            return {
                "arn": found["Arn"],
                "assumeRolePolicy": _policy_text(found["AssumeRolePolicyDocument"]),
                "createDate": found["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
                "description": found.get("Description"),
                "maxSessionDuration": found.get("MaxSessionDuration", 3600),
                "name": found["RoleName"],
                "path": found["Path"],
                "permissionsBoundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
                "tags": tags,
                "tagsAll": tags,
                "uniqueId": found["RoleId"],
            }
        return None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs."""
        iam = self.cloud.client("iam")
        if "assumeRolePolicy" in changed:
            iam.update_assume_role_policy(RoleName=resource_id, PolicyDocument=inputs["assumeRolePolicy"])
        if "description" in changed:
            # Not in update_role, where the emulator takes an empty description for none given.
            iam.update_role_description(RoleName=resource_id, Description=inputs.get("description", ""))
        if "maxSessionDuration" in changed:
            iam.update_role(RoleName=resource_id, MaxSessionDuration=inputs["maxSessionDuration"])
        if "permissionsBoundary" in changed:
            if inputs.get("permissionsBoundary"):
                iam.put_role_permissions_boundary(
                    RoleName=resource_id, PermissionsBoundary=inputs["permissionsBoundary"]
                )
            elif state.get("permissionsBoundary"):
                iam.delete_role_permissions_boundary(RoleName=resource_id)
        if "tags" in changed:
            stale = stale_tags(state, inputs)
            if stale:
                iam.untag_role(RoleName=resource_id, TagKeys=stale)
            if inputs.get("tags"):
                iam.tag_role(RoleName=resource_id, Tags=tag_list(inputs["tags"]))

    def delete(self, resource_id: str, state: Props) -> None:
        """Delete the role; policies that others hung on it go first only with forceDetachPolicies."""
        iam = self.cloud.client("iam")
        with missing(*_GONE):
            if state.get("forceDetachPolicies"):
                for name in iam.list_role_policies(RoleName=resource_id)["PolicyNames"]:
                    iam.delete_role_policy(RoleName=resource_id, PolicyName=name)
                for attached in iam.list_attached_role_policies(RoleName=resource_id)["AttachedPolicies"]:
                    iam.detach_role_policy(RoleName=resource_id, PolicyArn=attached["PolicyArn"])
            iam.delete_role(RoleName=resource_id)


class RolePolicy(SettingHandler):
    """`aws:iam/rolePolicy:RolePolicy`: an inline policy."""

    token = "aws:iam/rolePolicy:RolePolicy"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "name": text(force_new=True, autoname=128),
        "policy": policy(required=True),
        "role": text(required=True, force_new=True),
    }

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """`role:name`."""
        return f"{inputs['role']}:{inputs['name']}" if "role" in inputs and "name" in inputs else None

    def put(self, inputs: Props) -> None:
        """Set the whole document."""
        self.cloud.client("iam").put_role_policy(
            RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=for_emulator(inputs["policy"])
        )

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the document, None when the role or the policy is gone."""
        del state
        role, _, name = resource_id.partition(":")
        with missing(*_GONE):
            found = self.cloud.client("iam").get_role_policy(RoleName=role, PolicyName=name)
            document = from_emulator(_policy_text(found["PolicyDocument"]))
            return {"name": name, "policy": document, "role": role}
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Take the policy off the role."""
        del state
        role, _, name = resource_id.partition(":")
        with missing(*_GONE):
            self.cloud.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


HANDLERS: Final[tuple[type[Handler], ...]] = (Role, RolePolicy)
