"""aws:iam/*: roles and their inline policies."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import TAGS, Handler, SettingHandler, Tagging
from localcloud.provider.policy import for_emulator, from_emulator
from localcloud.provider.schema import Schema, boolean, integer, policy, text
from localcloud.provider.values import Props

_GONE: Final = ("NoSuchEntity", "NoSuchEntityException")


def _policy_text(document: object) -> str:
    """Return a policy as text; botocore decodes it if it is valid JSON, and leaves it alone otherwise."""
    return document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))


class Role(Handler):
    """`aws:iam/role:Role`."""

    token = "aws:iam/role:Role"  # noqa: S105 - a type token
    service, gone, id_parameter, deletion = "iam", _GONE, "RoleName", "delete_role"
    inputs: ClassVar[Schema] = {
        "assumeRolePolicy": policy(required=True, api="AssumeRolePolicyDocument"),
        "description": text(),
        "forceDetachPolicies": boolean(default=False, echoed=True, api=None),
        "maxSessionDuration": integer(default=3600),
        "name": text(force_new=True, autoname=64, api="RoleName"),
        "path": text(default="/", force_new=True),
        "permissionsBoundary": text(),
        "tags": TAGS,
    }
    outputs = frozenset({"arn", "createDate", "tagsAll", "uniqueId"})
    tagging = Tagging(get="list_role_tags", add="tag_role", remove="untag_role", parameter="RoleName", by_id=True)

    def create(self, inputs: Props) -> str:
        """Make the role, unless one of that name exists."""
        with missing("EntityAlreadyExists", "EntityAlreadyExistsException"):
            self.client.create_role(**self.request(inputs), **self.new_tags(inputs))
        return str(inputs["name"])

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the role's properties."""
        del state
        found = self.client.get_role(RoleName=resource_id)["Role"]
        return {
            "maxSessionDuration": 3600,
            **self.answer(found),
            "arn": found["Arn"],
            "assumeRolePolicy": _policy_text(found["AssumeRolePolicyDocument"]),
            "createDate": found["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissionsBoundary": found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "uniqueId": found["RoleId"],
        }

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs."""
        iam, role = self.client, {"RoleName": resource_id}
        boundary = inputs.get("permissionsBoundary")
        if "assumeRolePolicy" in changed:
            iam.update_assume_role_policy(**role, PolicyDocument=inputs["assumeRolePolicy"])
        if "description" in changed:
            # Not in update_role, where the emulator takes an empty description for none given.
            iam.update_role_description(**role, Description=inputs.get("description", ""))
        if "maxSessionDuration" in changed:
            iam.update_role(**role, MaxSessionDuration=inputs["maxSessionDuration"])
        if "permissionsBoundary" in changed and boundary:
            iam.put_role_permissions_boundary(**role, PermissionsBoundary=boundary)
        elif "permissionsBoundary" in changed and state.get("permissionsBoundary"):
            iam.delete_role_permissions_boundary(**role)

    def remove(self, resource_id: str, state: Props) -> None:
        """Delete the role. Policies that others attached go first only with forceDetachPolicies."""
        iam, role = self.client, {"RoleName": resource_id}
        if state.get("forceDetachPolicies"):
            for name in iam.list_role_policies(**role)["PolicyNames"]:
                iam.delete_role_policy(**role, PolicyName=name)
            for attached in iam.list_attached_role_policies(**role)["AttachedPolicies"]:
                iam.detach_role_policy(**role, PolicyArn=attached["PolicyArn"])
        iam.delete_role(**role)


class RolePolicy(SettingHandler):
    """`aws:iam/rolePolicy:RolePolicy`: an inline policy."""

    token = "aws:iam/rolePolicy:RolePolicy"  # noqa: S105
    service, gone, deletion = "iam", _GONE, "delete_role_policy"
    inputs: ClassVar[Schema] = {
        "name": text(force_new=True, autoname=128),
        "policy": policy(required=True),
        "role": text(required=True, force_new=True),
    }

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return `role:name`."""
        return f"{inputs['role']}:{inputs['name']}" if "role" in inputs and "name" in inputs else None

    def target(self, resource_id: str, state: Mapping[str, Any]) -> Props:
        """Return role and policy."""
        del state
        role, _, name = resource_id.partition(":")
        return {"RoleName": role, "PolicyName": name}

    def put(self, inputs: Props) -> None:
        """Set the whole document."""
        self.client.put_role_policy(
            RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=for_emulator(inputs["policy"])
        )

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the document."""
        target = self.target(resource_id, state)
        found = self.client.get_role_policy(**target)
        document = from_emulator(_policy_text(found["PolicyDocument"]))
        return {"name": target["PolicyName"], "policy": document, "role": target["RoleName"]}
