"""aws:kms/*: a key and a name for it.

A key has no name of its own: here it is known by its description, which is therefore required and has to be its alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import Handler, SettingHandler, drop_none
from localcloud.provider.schema import Failure, Schema, boolean, integer, mapping, policy, text
from localcloud.provider.values import Props

_GONE: Final = ("NotFoundException",)
_REGION: Final = text(computed=True, force_new=True)
_DYING: Final = ("PendingDeletion", "PendingReplicaDeletion")
_WINDOW: Final = (7, 30)
_SPECS: Final = {"SYMMETRIC_DEFAULT": "ENCRYPT_DECRYPT", "ECC_NIST_EDWARDS25519": "SIGN_VERIFY"}
"""What kinds of keys there are here, and what each is for."""


class Key(Handler):
    """`aws:kms/key:Key` of one region: one that encrypts, or an Ed25519 one that signs."""

    token = "aws:kms/key:Key"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "customerMasterKeySpec": text(default="SYMMETRIC_DEFAULT", force_new=True, choices=tuple(_SPECS)),
        "deletionWindowInDays": integer(echoed=True),
        "description": text(required=True),
        "enableKeyRotation": boolean(default=False),
        "isEnabled": boolean(default=True),
        "keyUsage": text(default="ENCRYPT_DECRYPT", force_new=True, choices=tuple(_SPECS.values())),
        "multiRegion": boolean(default=False, force_new=True),
        "policy": policy(computed=True),
        "region": _REGION,
        "tags": mapping(),
    }
    outputs = frozenset({"arn", "keyId", "tagsAll"})

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """A key that is deleted waits for 7 to 30 days; one that signs is not one that encrypts, nor ever renewed."""
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
        """The id of the key with this description, if there is one that is not about to be deleted."""
        return next((key["KeyId"] for key in self._keys() if key["Description"] == inputs.get("description")), None)

    def _keys(self) -> Iterator[Mapping[str, Any]]:
        kms = self.cloud.client("kms")
        for page in kms.get_paginator("list_keys").paginate():
            for entry in page["Keys"]:
                with missing(*_GONE):
                    found = kms.describe_key(KeyId=entry["KeyId"])["KeyMetadata"]
                    if found["KeyState"] not in _DYING:
                        yield found

    def create(self, inputs: Props) -> str:
        """Make the key, unless it is there."""
        found = self.identify(inputs)
        if found is not None:
            return found
        made = self.cloud.client("kms").create_key(
            **drop_none(
                Description=inputs["description"],
                KeySpec=inputs["customerMasterKeySpec"],
                KeyUsage=inputs["keyUsage"],
                MultiRegion=inputs["multiRegion"],
                Policy=inputs.get("policy"),
                Tags=_tags(inputs.get("tags")) or None,
            )
        )
        return str(made["KeyMetadata"]["KeyId"])

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the key; one that waits for its deletion is gone."""
        del state
        kms = self.cloud.client("kms")
        with missing(*_GONE):
            found = kms.describe_key(KeyId=resource_id)["KeyMetadata"]
            if found["KeyState"] in _DYING:
                return None
            listed = kms.list_resource_tags(KeyId=resource_id)["Tags"]
            tags = {tag["TagKey"]: tag["TagValue"] for tag in listed}
            return {
                "arn": found["Arn"],
                "customerMasterKeySpec": found["KeySpec"],
                "description": found["Description"],
                "enableKeyRotation": found["KeyUsage"] == "ENCRYPT_DECRYPT"
                and kms.get_key_rotation_status(KeyId=resource_id)["KeyRotationEnabled"],
                "isEnabled": found["Enabled"],
                "keyId": found["KeyId"],
                "keyUsage": found["KeyUsage"],
                "multiRegion": found["MultiRegion"],
                "policy": kms.get_key_policy(KeyId=resource_id, PolicyName="default")["Policy"],
                "region": self.cloud.region,
                "tags": tags,
                "tagsAll": tags,
            }
        return None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs; a key that is to be off is switched off last, since nothing else is taken then."""
        kms, key = self.cloud.client("kms"), {"KeyId": resource_id}
        if "isEnabled" in changed and inputs["isEnabled"]:
            kms.enable_key(**key)
        if "description" in changed:
            kms.update_key_description(**key, Description=inputs["description"])
        if "policy" in changed:
            kms.put_key_policy(**key, PolicyName="default", Policy=inputs["policy"])
        if "enableKeyRotation" in changed:
            (kms.enable_key_rotation if inputs["enableKeyRotation"] else kms.disable_key_rotation)(**key)
        if "tags" in changed:
            stale = sorted(set(state.get("tags") or {}) - set(inputs.get("tags") or {}))
            if stale:
                kms.untag_resource(**key, TagKeys=stale)
            if inputs.get("tags"):
                kms.tag_resource(**key, Tags=_tags(inputs["tags"]))
        if "isEnabled" in changed and not inputs["isEnabled"]:
            kms.disable_key(**key)

    def delete(self, resource_id: str, state: Props) -> None:
        """Have the key deleted when its window has passed; until then an administrator can still take it back."""
        kms = self.cloud.client("kms")
        with missing(*_GONE, "KMSInvalidStateException"):
            kms.schedule_key_deletion(
                **drop_none(KeyId=resource_id, PendingWindowInDays=state.get("deletionWindowInDays"))
            )


class Alias(SettingHandler):
    """`aws:kms/alias:Alias`: `alias/<name>` for a key."""

    token = "aws:kms/alias:Alias"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "name": text(required=True, force_new=True),
        "region": _REGION,
        "targetKeyId": text(required=True),
    }
    outputs = frozenset({"arn", "targetKeyArn"})
    volatile: ClassVar[Mapping[str, frozenset[str]]] = {"targetKeyId": frozenset({"targetKeyArn"})}

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """It says that it is one."""
        name = inputs.get("name")
        if isinstance(name, str) and not name.startswith("alias/"):
            yield Failure(path="name", reason="must begin with alias/")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """An alias's id is its name."""
        return inputs.get("name")

    def put(self, inputs: Props) -> None:
        """Point the alias at the key, whether there is one already or not."""
        kms = self.cloud.client("kms")
        wanted = {"AliasName": inputs["name"], "TargetKeyId": inputs["targetKeyId"]}
        with missing("AlreadyExistsException"):
            kms.create_alias(**wanted)
            return
        kms.update_alias(**wanted)

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the alias, None when it or its key is gone. The key is named as the program named it."""
        kms = self.cloud.client("kms")
        pages = kms.get_paginator("list_aliases").paginate()
        for found in (found for page in pages for found in page["Aliases"]):
            if found["AliasName"] != resource_id or not found.get("TargetKeyId"):
                continue
            with missing(*_GONE):
                key = kms.describe_key(KeyId=found["TargetKeyId"])["KeyMetadata"]
                if key["KeyState"] in _DYING:
                    return None
                asked = state.get("targetKeyId")
                return {
                    "arn": found["AliasArn"],
                    "name": resource_id,
                    "region": self.cloud.region,
                    "targetKeyArn": key["Arn"],
                    "targetKeyId": asked if asked in (key["Arn"], key["KeyId"]) else key["KeyId"],
                }
        return None

    def delete(self, resource_id: str, state: Props) -> None:
        """Take the name away; the key stays."""
        del state
        with missing(*_GONE):
            self.cloud.client("kms").delete_alias(AliasName=resource_id)


def _tags(tags: Mapping[str, str] | None) -> list[dict[str, str]]:
    """Return tags as this service takes them."""
    return [{"TagKey": key, "TagValue": value} for key, value in sorted((tags or {}).items())]


HANDLERS: Final[tuple[type[Handler], ...]] = (Alias, Key)
