"""aws:kms/*: a key and a name for it.

A key has no name of its own. It is known by its description here, which is therefore required and must be unique.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import REGION, TAGS, Handler, SettingHandler, Tagging, drop_none
from localcloud.provider.schema import Failure, Schema, boolean, integer, policy, text
from localcloud.provider.values import Props

_GONE: Final = ("NotFoundException",)
_PENDING_DELETE: Final = ("PendingDeletion", "PendingReplicaDeletion")
_WINDOW: Final = (7, 30)
_SPECS: Final = {"SYMMETRIC_DEFAULT": "ENCRYPT_DECRYPT", "ECC_NIST_EDWARDS25519": "SIGN_VERIFY"}
"""The kinds of keys that exist here, and what each is for."""


class Key(Handler):
    """`aws:kms/key:Key` of one region: one that encrypts, or an Ed25519 one that signs."""

    token = "aws:kms/key:Key"  # noqa: S105 - a type token
    service, gone, id_parameter = "kms", _GONE, "KeyId"
    inputs: ClassVar[Schema] = {
        "customerMasterKeySpec": text(
            default="SYMMETRIC_DEFAULT", force_new=True, choices=tuple(_SPECS), api="KeySpec"
        ),
        "deletionWindowInDays": integer(echoed=True, api=None),
        "description": text(required=True),
        "enableKeyRotation": boolean(default=False, api=None),
        "isEnabled": boolean(default=True, api=None),
        "keyUsage": text(default="ENCRYPT_DECRYPT", force_new=True, choices=tuple(_SPECS.values())),
        "multiRegion": boolean(default=False, force_new=True),
        "policy": policy(computed=True),
        "region": REGION,
        "tags": TAGS,
    }
    outputs = frozenset({"arn", "keyId", "tagsAll"})
    tagging = Tagging(
        get="list_resource_tags", add="tag_resource", remove="untag_resource", parameter="KeyId", by_id=True,
        pair=("TagKey", "TagValue"),
    )  # fmt: skip

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Allow 7 to 30 days until a deletion. A key either signs or encrypts; one that signs is never rotated."""
        days = inputs.get("deletionWindowInDays")
        least, most = _WINDOW
        if isinstance(days, int) and not least <= days <= most:
            yield Failure(path="deletionWindowInDays", reason=f"must be from {least} to {most}, not {days}")
        spec, usage = inputs.get("customerMasterKeySpec"), inputs.get("keyUsage")
        if isinstance(spec, str) and isinstance(usage, str) and _SPECS.get(spec, usage) != usage:
            yield Failure(path="keyUsage", reason=f"must be {_SPECS[spec]} for {spec}, not {usage}")
        if usage == "SIGN_VERIFY" and inputs.get("enableKeyRotation") is True:
            yield Failure(path="enableKeyRotation", reason="must be false for a key that signs")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return the id of the key with this description, if one exists that is not about to be deleted."""
        return next((key["KeyId"] for key in self._keys() if key["Description"] == inputs.get("description")), None)

    def _keys(self) -> Iterator[Mapping[str, Any]]:
        for entry in self.client.get_paginator("list_keys").paginate().search("Keys[]"):
            with missing(*_GONE):
                found = self.client.describe_key(KeyId=entry["KeyId"])["KeyMetadata"]
                if found["KeyState"] not in _PENDING_DELETE:
                    yield found

    def create(self, inputs: Props) -> str:
        """Make the key, unless it exists."""
        found = self.identify(inputs)
        if found is None:
            made = self.client.create_key(**self.request(inputs), **self.new_tags(inputs))
            found = str(made["KeyMetadata"]["KeyId"])
        return found

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the key; one that waits for its deletion is gone."""
        key = self.target(resource_id, state)
        found = self.client.describe_key(**key)["KeyMetadata"]
        if found["KeyState"] in _PENDING_DELETE:
            return None
        encrypts = found["KeyUsage"] == "ENCRYPT_DECRYPT"
        return {
            **self.answer(found),
            "arn": found["Arn"],
            "enableKeyRotation": encrypts and self.client.get_key_rotation_status(**key)["KeyRotationEnabled"],
            "isEnabled": found["Enabled"],
            "keyId": found["KeyId"],
            "policy": self.client.get_key_policy(**key, PolicyName="default")["Policy"],
        }

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs. Enable a key first and disable it last: a disabled one takes no change."""
        key = self.target(resource_id, state)
        if "isEnabled" in changed and inputs["isEnabled"]:
            self.client.enable_key(**key)
        super().update(resource_id, state, inputs, changed - {"isEnabled"})
        if "isEnabled" in changed and not inputs["isEnabled"]:
            self.client.disable_key(**key)

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set description, policy and rotation."""
        kms, key = self.client, self.target(resource_id, state)
        if "description" in changed:
            kms.update_key_description(**key, Description=inputs["description"])
        if "policy" in changed:
            kms.put_key_policy(**key, PolicyName="default", Policy=inputs["policy"])
        if "enableKeyRotation" in changed:
            (kms.enable_key_rotation if inputs["enableKeyRotation"] else kms.disable_key_rotation)(**key)

    def remove(self, resource_id: str, state: Props) -> None:
        """Schedule the deletion; until its window has passed, an administrator can still take it back."""
        with missing("KMSInvalidStateException"):
            self.client.schedule_key_deletion(
                **drop_none(KeyId=resource_id, PendingWindowInDays=state.get("deletionWindowInDays"))
            )


class Alias(SettingHandler):
    """`aws:kms/alias:Alias`: `alias/<name>` for a key."""

    token = "aws:kms/alias:Alias"  # noqa: S105
    service, gone, id_parameter, deletion = "kms", _GONE, "AliasName", "delete_alias"
    inputs: ClassVar[Schema] = {
        "name": text(required=True, force_new=True, api="AliasName"),
        "region": REGION,
        "targetKeyId": text(required=True),
    }
    outputs = frozenset({"arn", "targetKeyArn"})
    volatile: ClassVar[Mapping[str, frozenset[str]]] = {"targetKeyId": frozenset({"targetKeyArn"})}

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Ask for the prefix of an alias."""
        name = inputs.get("name")
        if isinstance(name, str) and not name.startswith("alias/"):
            yield Failure(path="name", reason="must begin with alias/")

    def put(self, inputs: Props) -> None:
        """Point the alias at the key, whether it exists already or not."""
        wanted = self.request(inputs)
        with missing("AlreadyExistsException"):
            self.client.create_alias(**wanted)
            return
        self.client.update_alias(**wanted)

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the alias, None if it or its key is gone. The key is named as the program named it."""
        for found in self.client.get_paginator("list_aliases").paginate().search("Aliases[]"):
            if found["AliasName"] == resource_id and found.get("TargetKeyId"):
                key = self.client.describe_key(KeyId=found["TargetKeyId"])["KeyMetadata"]
                if key["KeyState"] in _PENDING_DELETE:
                    return None
                asked = state.get("targetKeyId")
                return {
                    "arn": found["AliasArn"],
                    "name": resource_id,
                    "targetKeyArn": key["Arn"],
                    "targetKeyId": asked if asked in (key["Arn"], key["KeyId"]) else key["KeyId"],
                }
        return None
