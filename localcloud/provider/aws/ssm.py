"""aws:ssm/parameter: one value in the parameter store.

Its value is a secret here whatever its type is, as in the official provider; no error and no difference shows it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from localcloud.provider.cloud import missing
from localcloud.provider.handler import REGION, TAGS, Handler, Tagging
from localcloud.provider.schema import Failure, Schema, text
from localcloud.provider.values import Props

_BYTES: Final = {"Standard": 4096, "Advanced": 8192}
"""The most bytes of a value, by tier. The emulator takes more.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
"""


class Parameter(Handler):
    """`aws:ssm/parameter:Parameter`."""

    token = "aws:ssm/parameter:Parameter"  # noqa: S105 - a type token
    service, gone, id_parameter, deletion = "ssm", ("ParameterNotFound",), "Name", "delete_parameter"
    inputs: ClassVar[Schema] = {
        "dataType": text(computed=True),
        "description": text(),
        "keyId": text(computed=True),
        "name": text(required=True, force_new=True),
        "region": REGION,
        "tags": TAGS,
        "tier": text(computed=True, choices=tuple(_BYTES)),
        "type": text(required=True, choices=("String", "SecureString")),
        "value": text(required=True),
    }
    outputs = frozenset({"arn", "tagsAll", "version"})
    volatile: ClassVar[Mapping[str, frozenset[str]]] = {
        name: frozenset({"version"}) for name in ("dataType", "description", "keyId", "tier", "type", "value")
    }
    secret_outputs = frozenset({"value"})
    tagging = Tagging(
        get="list_tags_for_resource", add="add_tags_to_resource", remove="remove_tags_from_resource",
        parameter="ResourceId", by_id=True, more={"ResourceType": "Parameter"}, answer="TagList",
    )  # fmt: skip

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Allow a value that is not empty and fits its tier."""
        value, most = inputs.get("value"), _BYTES.get(inputs.get("tier", ""), _BYTES["Standard"])
        if isinstance(value, str) and not 1 <= len(value.encode()) <= most:
            yield Failure(path="value", reason=f"must have 1 to {most} bytes")

    def create(self, inputs: Props) -> str:
        """Store the value, unless one of that name exists."""
        with missing("ParameterAlreadyExists"):
            self.client.put_parameter(**self.request(inputs), **self.new_tags(inputs))
        return str(inputs["name"])

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the parameter, its value in clear for the state to hold as a secret."""
        del state
        found = self.client.get_parameter(Name=resource_id, WithDecryption=True)["Parameter"]
        named = [{"Key": "Name", "Option": "Equals", "Values": [resource_id]}]
        about = next(iter(self.client.describe_parameters(ParameterFilters=named)["Parameters"]), {})
        return {**self.answer({**about, **found}), "arn": found["ARN"], "version": found["Version"]}

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Store a new version."""
        del resource_id, state, changed
        self.client.put_parameter(**{"Description": "", **self.request(inputs)}, Overwrite=True)
