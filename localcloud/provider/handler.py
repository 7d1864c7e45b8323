"""What a resource type is to the local provider: a table of its inputs, outputs and calls, and what is its own.

Guarantees that every handler gives (one test runs over all of them):

- Making a resource may be repeated. The program chooses the names. So a resource of that name is one that an earlier
  run made and whose answer was lost. It is adopted and brought to what the inputs ask for, and never made twice. If
  that is impossible (a bucket without Object Lock), it is an error. The official provider adopts nothing; but here the
  account is the emulator's, which nobody else uses. The server refuses two resources of one type and id in one run.
- `read` returns what the cloud answers, in the names of the inputs and outputs, or None if the resource is missing.
- `delete` of a missing resource succeeds.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.provider import reads
from localcloud.provider.cloud import Cloud, ProviderError, missing
from localcloud.provider.schema import Failure, Schema, diff, from_cloud, mapping, settle, text, to_cloud
from localcloud.provider.values import Props

REGION: Final = text(computed=True, force_new=True, api=None)
TAGS: Final = mapping(api=None)


class PartlyMadeError(Exception):
    """The resource exists, but not all of it is as asked; the cause says why. The state has to keep the id."""

    def __init__(self, resource_id: str, state: Props) -> None:
        """Keep what exists."""
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
    """Input → outputs that change with it, so that a preview cannot know them."""
    secret_outputs: ClassVar[frozenset[str]] = frozenset()

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Yield what is wrong with inputs that are right one by one. Unknown values pass."""
        del inputs
        return ()

    @abstractmethod
    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return the id of the resource with these inputs, or None if they do not tell, or there is none."""

    def prefetch(self, inputs: Props) -> Props:
        """Return what `read` needs to know to see whether the resource is what `inputs` ask for."""
        return inputs

    @abstractmethod
    def make(self, inputs: Props) -> tuple[str, Props]:
        """Make the resource, or adopt the existing one; return its id and state. Raise PartlyMadeError."""

    @abstractmethod
    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return what exists. `state` is what was known before; empty for an import."""

    @abstractmethod
    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Bring the resource to `inputs`. `changed` names the top-level inputs that differ."""

    @abstractmethod
    def delete(self, resource_id: str, state: Props) -> None:
        """Remove it."""

    def confirm(self, state: Props) -> None:
        """Raise the cloud's error if the deployer may not read everything that the official provider reads."""
        del state


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagging:
    """The calls that return, set and remove a resource's tags.

    `parameter` names the resource, by its ARN or (`by_id`) by its id; `more` are further parameters. `answer`, `tags`
    and `keys` are the fields of tags and of their names. `pair`: how an entry of the list calls name and value; None
    if the service takes a map.
    """

    get: str
    add: str
    remove: str
    parameter: str
    by_id: bool = False
    more: Mapping[str, str] = field(default_factory=dict)
    answer: str = "Tags"
    tags: str = "Tags"
    keys: str = "TagKeys"
    pair: tuple[str, str] | None = ("Key", "Value")

    def target(self, resource_id: str, arn: str) -> Props:
        """Return how the calls name the resource."""
        return {self.parameter: resource_id if self.by_id else arn, **self.more}

    def as_cloud(self, tags: Mapping[str, str]) -> Any:  # noqa: ANN401 - a list or a map
        """Return tags as the service takes them."""
        if self.pair is None:
            return dict(tags)
        key, value = self.pair
        return [{key: name, value: tags[name]} for name in sorted(tags)]

    def as_map(self, tags: Any) -> dict[str, str]:  # noqa: ANN401 - a list or a map
        """Return tags as a program writes them, without the cloud's own (`aws:`)."""
        if self.pair is not None:
            key, value = self.pair
            tags = {tag[key]: tag[value] for tag in tags or ()}
        return {name: value for name, value in (tags or {}).items() if not name.startswith("aws:")}


class Handler(Resource):
    """A resource that lives in the cloud. A subclass fills in the table, and overrides what is its own."""

    service: ClassVar[str]
    gone: ClassVar[tuple[str, ...]] = ()
    """The codes with which the service says that the resource is missing."""
    id_input: ClassVar[str] = "name"
    """The input that is the id."""
    id_parameter: ClassVar[str] = ""
    """The parameter by which calls take the id."""
    deletion: ClassVar[str] = ""
    """The call that removes the resource."""
    tagging: ClassVar[Tagging]
    """How a type with tags has them."""

    def __init__(self, cloud: Cloud) -> None:
        """Work on one cloud."""
        self.cloud = cloud

    @property
    def client(self) -> Any:  # noqa: ANN401 - boto3 makes its clients' classes at run time
        """Return the service's client."""
        return self.cloud.client(self.service)

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """Return the input that is the id."""
        return inputs.get(self.id_input)

    def target(self, resource_id: str, state: Mapping[str, Any]) -> Props:
        """Return the parameters by which calls name the resource."""
        del state
        return {self.id_parameter: resource_id}

    def request(self, inputs: Mapping[str, Any]) -> Props:
        """Return the inputs as the calls that make the resource take them."""
        return to_cloud(self.inputs, inputs)

    def answer(self, found: Mapping[str, Any]) -> Props:
        """Return the inputs that are in an answer, under our names."""
        return {name: value for name, value in from_cloud(self.inputs, found).items() if name in self.inputs}

    @abstractmethod
    def create(self, inputs: Props) -> str:
        """Make the resource unless it exists; return its id. What is then not as asked is changed."""

    @abstractmethod
    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return what exists, without region and tags. May raise one of the codes in `gone`."""

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs, tags aside."""
        del state, inputs
        raise ProviderError(f"{resource_id} cannot be changed in place: {', '.join(sorted(changed))}")

    def remove(self, resource_id: str, state: Props) -> None:
        """Remove the resource. May raise one of the codes in `gone`."""
        getattr(self.client, self.deletion)(**self.target(resource_id, state))

    def find_tags(self, resource_id: str, found: Props) -> dict[str, str]:
        """Return the tags of the resource."""
        tagging = self.tagging
        answer = getattr(self.client, tagging.get)(**tagging.target(resource_id, found.get("arn", "")))
        return tagging.as_map(answer.get(tagging.answer))

    def set_tags(self, resource_id: str, state: Props, tags: Mapping[str, str]) -> None:
        """Set the tags of the resource, and remove every other one."""
        tagging = self.tagging
        target = tagging.target(resource_id, state.get("arn", ""))
        if stale := sorted(set(state.get("tags") or {}) - set(tags)):
            getattr(self.client, tagging.remove)(**target, **{tagging.keys: stale})
        if tags:
            getattr(self.client, tagging.add)(**target, **{tagging.tags: tagging.as_cloud(tags)})

    def new_tags(self, inputs: Mapping[str, Any]) -> Props:
        """Return the parameter of tags for the call that makes the resource."""
        tags = inputs.get("tags")
        return {self.tagging.tags: self.tagging.as_cloud(tags)} if tags else {}

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

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return what exists, with its region and tags."""
        with missing(*self.gone):
            found = self.find(resource_id, state)
            if found is None:
                return None
            if "region" in self.inputs:
                found.setdefault("region", self.cloud.region)
            if "tags" in self.inputs:
                found["tags"] = found["tagsAll"] = self.find_tags(resource_id, found)
            return found
        return None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs."""
        if own := changed - {"tags"}:
            self.change(resource_id, state, inputs, own)
        if "tags" in changed:
            self.set_tags(resource_id, state, inputs.get("tags") or {})

    def delete(self, resource_id: str, state: Props) -> None:
        """Remove it, if it is there."""
        with missing(*self.gone):
            self.remove(resource_id, state)

    def confirm(self, state: Props) -> None:
        """Make the official provider's reads."""
        reads.make(self.cloud, self.token, state)

    def _look(self, resource_id: str, inputs: Props) -> Props:
        found = self.read(resource_id, self.prefetch(inputs))
        if found is None:
            raise ProviderError(f"{resource_id} was made, and is gone again")
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

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set it again."""
        del resource_id, state, changed
        self.put(inputs)


def drop_none(**values: Any) -> Props:  # noqa: ANN401 - parameters of an API call
    """Return the values that are not None: an absent parameter is not the same as an empty one."""
    return {key: value for key, value in values.items() if value is not None}
