"""What a resource type is to the local provider: its inputs, its outputs, and the calls behind them.

Guarantees that every handler gives (one test runs over all of them):

- Making a resource may be repeated. Names are chosen by the program, so a resource of that name in the account is the
  one that an earlier run made and whose answer was lost; it is adopted and brought to what the inputs say, never made
  twice. If that cannot be (a bucket without Object Lock), it is an error. (The official provider refuses altogether.
  Here the account is the emulator's, which nobody else uses; and the server refuses to make two resources of one type
  and id in one run.)
- `read` returns what the cloud says, in the names of the inputs and outputs, or None when it is not there.
- `delete` of what is not there succeeds.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.provider import reads
from localcloud.provider.cloud import Cloud, ProviderError
from localcloud.provider.schema import Failure, Schema, diff, settle
from localcloud.provider.values import Props


class PartlyMadeError(Exception):
    """The resource is there, but not all of it is as asked; the cause says why. The state has to keep the id."""

    def __init__(self, resource_id: str, state: Props) -> None:
        """Keep what is there."""
        super().__init__(resource_id)
        self.resource_id = resource_id
        self.state = state


class Resource(ABC):
    """One resource type. Errors of the cloud pass through as botocore's; the server explains them."""

    token: ClassVar[str]
    """The type as the program names it: `aws:s3/bucket:Bucket`."""
    inputs: ClassVar[Schema]
    outputs: ClassVar[frozenset[str]] = frozenset()
    """What only the cloud knows, beside inputs that are computed."""
    volatile: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Outputs that a change of an input changes as well, so that a preview cannot tell them: input → outputs."""
    secret_outputs: ClassVar[frozenset[str]] = frozenset()

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Yield what is wrong with inputs that are right one by one. Unknown values are let pass."""
        del inputs
        return ()

    @abstractmethod
    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return the id of the resource with these inputs, or None when they do not tell, or there is none."""

    def expect(self, inputs: Props) -> Props:
        """Return what `read` needs to know to see whether the resource is what `inputs` ask for."""
        return inputs

    @abstractmethod
    def make(self, inputs: Props) -> tuple[str, Props]:
        """Make the resource, or adopt the one that is there; return its id and state. Raises PartlyMadeError."""

    @abstractmethod
    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return what is there. `state` is what was known before; empty for an import."""

    @abstractmethod
    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Bring the resource to `inputs`. `changed` names the top-level inputs that differ."""

    @abstractmethod
    def delete(self, resource_id: str, state: Props) -> None:
        """Remove it."""

    def confirm(self, state: Props) -> None:
        """Raise the cloud's error if the deployer may not read everything that the official provider reads."""
        del state


class Handler(Resource):
    """A resource that lives in the cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    @abstractmethod
    def create(self, inputs: Props) -> str:
        """Make the resource if there is none of that name; return its id. What is then not as asked is `update`d."""

    def make(self, inputs: Props) -> tuple[str, Props]:
        """Create, look, and mend what differs: an adopted resource, or a setting that creation does not take."""
        resource_id = self.create(inputs)
        state = self._look(resource_id, inputs)
        changes = diff(self.inputs, state, inputs)
        fixed = sorted({change.path for change in changes if change.replace})
        if fixed:
            msg = f"{resource_id} exists already, and differs in what can only be set at creation: {', '.join(fixed)}"
            raise ProviderError(msg)
        if changes:
            try:
                self.update(resource_id, state, inputs, frozenset(change.top for change in changes))
                state = self._look(resource_id, inputs)
            except (BotoCoreError, ClientError, ProviderError) as error:
                raise PartlyMadeError(resource_id, state) from error
        return resource_id, state

    def confirm(self, state: Props) -> None:
        """Make the official provider's reads."""
        reads.make(self.cloud, self.token, state)

    def _look(self, resource_id: str, inputs: Props) -> Props:
        found = self.read(resource_id, self.expect(inputs))
        if found is None:
            msg = f"{resource_id} was made, and is gone again"
            raise ProviderError(msg)
        return settle(self.inputs, inputs, found)


class SettingHandler(Handler):
    """A type whose creation and update are one and the same call: it overwrites."""

    @abstractmethod
    def put(self, inputs: Props) -> None:
        """Set it to `inputs`."""

    def create(self, inputs: Props) -> str:
        """Set it; the id follows from the inputs."""
        self.put(inputs)
        return str(self.identify(inputs))

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set it again."""
        del resource_id, state, changed
        self.put(inputs)


def tag_list(tags: Mapping[str, str] | None) -> list[dict[str, str]]:
    """Return tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in sorted((tags or {}).items())]


def tag_map(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return tags as a program writes them; the cloud's own (`aws:`) are not the program's business."""
    return {tag["Key"]: tag["Value"] for tag in tags if not tag["Key"].startswith("aws:")}


def stale_tags(state: Mapping[str, Any], inputs: Mapping[str, Any]) -> list[str]:
    """Return the names of tags that are there and no longer asked for."""
    return sorted(set(state.get("tags") or {}) - set(inputs.get("tags") or {}))


def drop_none(**values: Any) -> Props:  # noqa: ANN401 - parameters of an API call
    """Return the values that are there: an absent parameter is not the same as an empty one."""
    return {key: value for key, value in values.items() if value is not None}
