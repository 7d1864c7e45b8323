"""aws:ssm/parameter: one value in the parameter store.

Its value is a secret here whatever its type says, as in the official provider; no error and no difference tells it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from botocore.exceptions import ClientError

from localcloud.provider.cloud import code, missing
from localcloud.provider.handler import Handler, drop_none, stale_tags, tag_list, tag_map
from localcloud.provider.schema import Failure, Schema, mapping, text
from localcloud.provider.values import Props

_GONE: Final = ("ParameterNotFound",)
_TYPE: Final = "Parameter"
_BYTES: Final = {"Standard": 4096, "Advanced": 8192}
"""What a value may have, by tier. The emulator takes more.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
"""


class Parameter(Handler):
    """`aws:ssm/parameter:Parameter`."""

    token = "aws:ssm/parameter:Parameter"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "dataType": text(computed=True),
        "description": text(),
        "keyId": text(computed=True),
        "name": text(required=True, force_new=True),
        "region": text(computed=True, force_new=True),
        "tags": mapping(),
        "tier": text(computed=True, choices=tuple(_BYTES)),
        "type": text(required=True, choices=("String", "SecureString")),
        "value": text(required=True),
    }
    outputs = frozenset({"arn", "tagsAll", "version"})
    volatile: ClassVar[Mapping[str, frozenset[str]]] = {
        name: frozenset({"version"}) for name in ("dataType", "description", "keyId", "tier", "type", "value")
    }
    secret_outputs = frozenset({"value"})

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """A value is not empty, and fits its tier."""
        value, most = inputs.get("value"), _BYTES.get(inputs.get("tier", ""), _BYTES["Standard"])
        if isinstance(value, str) and not 1 <= len(value.encode()) <= most:
            yield Failure(path="value", reason=f"must have 1 to {most} bytes")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """A parameter's id is its name."""
        return inputs.get("name")

    def create(self, inputs: Props) -> str:
        """Store the value, unless there is one of that name already: `update` then mends it."""
        try:
            self.cloud.client("ssm").put_parameter(**_request(inputs), Tags=tag_list(inputs.get("tags")))
        except ClientError as error:
            if code(error) != "ParameterAlreadyExists":
                raise
        return str(inputs["name"])

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the parameter, its value in clear for the state to hold as a secret."""
        del state
        ssm = self.cloud.client("ssm")
        with missing(*_GONE):
            found = ssm.get_parameter(Name=resource_id, WithDecryption=True)["Parameter"]
            named = [{"Key": "Name", "Option": "Equals", "Values": [resource_id]}]
            about = next(iter(ssm.describe_parameters(ParameterFilters=named)["Parameters"]), {})
            tags = tag_map(ssm.list_tags_for_resource(ResourceType=_TYPE, ResourceId=resource_id)["TagList"])
            return {
                "arn": found["ARN"],
                "dataType": found["DataType"],
                "description": about.get("Description"),
                "keyId": about.get("KeyId"),
                "name": resource_id,
                "region": self.cloud.region,
                "tags": tags,
                "tagsAll": tags,
                "tier": about.get("Tier"),
                "type": found["Type"],
                "value": found["Value"],
                "version": found["Version"],
            }
        return None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Store a new version, and set the tags, which a new version does not take."""
        ssm = self.cloud.client("ssm")
        if changed - {"tags"}:
            ssm.put_parameter(**{"Description": "", **_request(inputs)}, Overwrite=True)
        if "tags" in changed:
            stale = stale_tags(state, inputs)
            if stale:
                ssm.remove_tags_from_resource(ResourceType=_TYPE, ResourceId=resource_id, TagKeys=stale)
            if inputs.get("tags"):
                tags = tag_list(inputs["tags"])
                ssm.add_tags_to_resource(ResourceType=_TYPE, ResourceId=resource_id, Tags=tags)

    def delete(self, resource_id: str, state: Props) -> None:
        """Delete the parameter and every version of it."""
        del state
        with missing(*_GONE):
            self.cloud.client("ssm").delete_parameter(Name=resource_id)


def _request(inputs: Mapping[str, Any]) -> Props:
    names = {
        "dataType": "DataType",
        "description": "Description",
        "keyId": "KeyId",
        "name": "Name",
        "tier": "Tier",
        "type": "Type",
        "value": "Value",
    }
    return drop_none(**{theirs: inputs.get(ours) for ours, theirs in names.items()})


HANDLERS: Final[tuple[type[Handler], ...]] = (Parameter,)
