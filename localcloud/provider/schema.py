"""What a resource type's inputs are, and what follows from it: checks, defaults, differences.

Guarantees: an input that is not declared is an error that names it (never dropped); what a default says is in the
checked inputs; a difference is reported only where the meaning differs (key order in JSON, order in a set do not).

A type is a mapping of property name (camelCase, as on the wire) to `Property`. The names below make properties.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, Final, TypeAlias

from localcloud.provider.policy import same_json, same_policy
from localcloud.provider.values import UNKNOWN, Archive, Props, has_unknown


class Kind(Enum):
    """The shapes of a property, named as an error message names them."""

    TEXT = "a string"
    INTEGER = "a whole number"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    JSON = "a JSON document"
    POLICY = "a JSON policy document"
    ARCHIVE = "an archive"
    LIST = "a list"
    SET = "a list without order"
    MAP = "a map of strings"
    BLOCK = "an object"


_TYPES: Final[Mapping[Kind, type | tuple[type, ...]]] = {
    Kind.INTEGER: int,
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: bool,
    Kind.ARCHIVE: Archive,
    **dict.fromkeys((Kind.LIST, Kind.SET), list),
    **dict.fromkeys((Kind.MAP, Kind.BLOCK), dict),
}
"""The Python types of the kinds that are not text."""
Schema: TypeAlias = Mapping[str, "Property"]
"""Property name, in camelCase as on the wire → what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """Describe one input.

    `computed`: if it is absent, the cloud decides, and any value is right. `echoed`: the cloud never returns it, so the
    state keeps what was asked. `force_new`: a change replaces the resource. `autoname`: if it is absent, a name of at
    most this length is made from the resource's. `api`: the cloud's name for it; empty for ours with a capital letter,
    None if no call takes it.
    """

    kind: Kind
    required: bool = False
    default: object = None
    computed: bool = False
    echoed: bool = False
    force_new: bool = False
    autoname: int = 0
    api: str | None = ""
    choices: tuple[str, ...] = ()
    item: "Property | None" = None
    fields: Schema = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why an input is not accepted. `path` is its name, with the names around it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. `kind` is add, delete or update."""

    path: str
    top: str
    kind: str
    replace: bool


text: Final = partial(Property, kind=Kind.TEXT)
integer: Final = partial(Property, kind=Kind.INTEGER)
number: Final = partial(Property, kind=Kind.NUMBER)
boolean: Final = partial(Property, kind=Kind.BOOLEAN)
document: Final = partial(Property, kind=Kind.JSON)
policy: Final = partial(Property, kind=Kind.POLICY)
archive: Final = partial(Property, kind=Kind.ARCHIVE)
mapping: Final = partial(Property, kind=Kind.MAP)


def listing(item: Property, **options: Any) -> Property:  # noqa: ANN401 - the options of Property, which checks them
    """Make a list whose order matters."""
    return Property(kind=Kind.LIST, item=item, **options)


def unordered(item: Property, **options: Any) -> Property:  # noqa: ANN401
    """Make a list whose order does not matter."""
    return Property(kind=Kind.SET, item=item, **options)


def block(fields: Schema, **options: Any) -> Property:  # noqa: ANN401
    """Make an object with fields of its own."""
    return Property(kind=Kind.BLOCK, fields=fields, **options)


# --- The cloud's names -----------------------------------------------------------------------------------------------


def to_cloud(schema: Schema, values: Mapping[str, Any]) -> Props:
    """Return the values under the cloud's names, at every depth. Leave out what is absent."""
    return {
        _cloud_name(name, prop): _renamed(prop, values[name], to_cloud)
        for name, prop in schema.items()
        if prop.api is not None and values.get(name) is not None
    }


def from_cloud(schema: Schema, found: Mapping[str, Any]) -> Props:
    """Return what the cloud answered under our names. Keep an unknown name, so that it shows as a difference."""
    ours = {_cloud_name(name, prop): (name, prop) for name, prop in schema.items() if prop.api is not None}
    out: Props = {}
    for key, value in found.items():
        name, prop = ours.get(key, (key, None))
        out[name] = value if prop is None else _renamed(prop, value, from_cloud)
    return out


def _cloud_name(name: str, prop: Property) -> str:
    return prop.api or name[0].upper() + name[1:]


def _renamed(prop: Property, value: Any, rename: Callable[[Schema, Any], Props]) -> Any:  # noqa: ANN401
    if prop.kind is Kind.BLOCK:
        return rename(prop.fields, value)
    if prop.kind in (Kind.LIST, Kind.SET):
        return [_renamed(_item(prop), item, rename) for item in value]
    return value


# --- Check -----------------------------------------------------------------------------------------------------------


def check(schema: Schema, news: Mapping[str, Any]) -> tuple[Props, list[Failure]]:
    """Return the inputs with defaults, and every reason why they are not acceptable."""
    return _check_fields(schema, news, "")


def _check_fields(schema: Schema, news: Mapping[str, Any], path: str) -> tuple[Props, list[Failure]]:
    out: Props = {}
    failures: list[Failure] = []
    for name in sorted(news):
        # The official bridge keeps notes of its own under names like `__defaults`; they are no inputs.
        if name not in schema and not name.startswith("__") and news[name] is not None:
            reason = f"is not understood by the local cloud, which knows: {', '.join(sorted(schema))}"
            failures.append(Failure(path=path + name, reason=reason))
    for name, prop in schema.items():
        given = news.get(name)
        if given is None:
            given = prop.default
        if given is None:
            # Where naming is automatic, a name was made up before this.
            if prop.required or prop.autoname:
                failures.append(Failure(path=path + name, reason="is required"))
            continue
        out[name], found = _check_value(prop, given, path + name)
        failures += found
    return out, failures


def _check_value(prop: Property, value: Any, path: str) -> tuple[Any, list[Failure]]:  # noqa: ANN401
    failures: list[Failure] = []
    if value is UNKNOWN:
        pass
    elif not _has_kind(prop.kind, value):
        failures.append(Failure(path=path, reason=f"must be {prop.kind.value}, not {_describe(value)}"))
    elif prop.kind is Kind.BLOCK:
        value, failures = _check_fields(prop.fields, value, f"{path}.")
    elif prop.kind is Kind.MAP:
        entries = {key: text() for key, item in value.items() if item is not None}
        value, failures = _check_fields(entries, value, f"{path}.")
    elif prop.kind in (Kind.LIST, Kind.SET):
        checked = [_check_value(_item(prop), item, f"{path}[{index}]") for index, item in enumerate(value)]
        value, failures = [plain for plain, _ in checked], [failure for _, found in checked for failure in found]
    elif prop.choices and value not in prop.choices:
        failures.append(Failure(path=path, reason=f"must be one of {', '.join(prop.choices)}, not {value!r}"))
    return value, failures


def _has_kind(kind: Kind, value: object) -> bool:
    if kind in (Kind.JSON, Kind.POLICY):
        return isinstance(value, str) and _is_json(value)
    expected = _TYPES.get(kind, str)
    return isinstance(value, expected) and (kind is Kind.BOOLEAN or not isinstance(value, bool))


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


def _describe(value: object) -> str:
    """Name the type of a wrong value; the value itself may be a secret."""
    names = {"str": "a string", "bool": "true or false", "int": "a number", "float": "a number"}
    shapes = {"list": "a list", "dict": "an object"}
    return {**names, **shapes}.get(type(value).__name__, "an asset or archive")


# --- Compare ---------------------------------------------------------------------------------------------------------


def same(prop: Property, left: Any, right: Any) -> bool:  # noqa: ANN401 - two values of the property
    """Say whether two values of `prop` mean the same. An absent value is the same as an empty one."""
    if _is_empty(left) and _is_empty(right):
        return True
    if left is UNKNOWN or right is UNKNOWN or _is_empty(left) or _is_empty(right):
        return False
    compare = _COMPARE.get(prop.kind)
    return compare(prop, left, right) if compare is not None else bool(left == right)


def _is_empty(value: object) -> bool:
    return value is None or value in ("", [], {})


def _same_list(prop: Property, left: Any, right: Any) -> bool:  # noqa: ANN401
    return len(left) == len(right) and all(same(_item(prop), a, b) for a, b in zip(left, right, strict=True))


def _same_set(prop: Property, left: Any, right: Any) -> bool:  # noqa: ANN401
    rest = list(right)
    for value in left:
        match = next((index for index, other in enumerate(rest) if same(_item(prop), value, other)), None)
        if match is None:
            return False
        del rest[match]
    return not rest


def _same_block(prop: Property, left: Any, right: Any) -> bool:  # noqa: ANN401
    return next(_differences(prop.fields, left, right, "", top=""), None) is None


def _same_archive(_: Property, left: Archive, right: Archive) -> bool:
    return left.hash == right.hash if left.hash and right.hash else left == right


_COMPARE: Final[Mapping[Kind, Callable[[Property, Any, Any], bool]]] = {
    Kind.LIST: _same_list,
    Kind.SET: _same_set,
    Kind.BLOCK: _same_block,
    Kind.ARCHIVE: _same_archive,
    Kind.JSON: lambda _, left, right: same_json(left, right),
    Kind.POLICY: lambda _, left, right: same_policy(left, right),
}


def _item(prop: Property) -> Property:
    return prop.item if prop.item is not None else text()


def diff(schema: Schema, state: Mapping[str, Any], news: Mapping[str, Any]) -> list[Change]:
    """Return what must change so that a resource in `state` is what the checked inputs `news` ask for."""
    return list(_differences(schema, state, news, "", top=None))


def _differences(
    schema: Schema, state: Mapping[str, Any], news: Mapping[str, Any], path: str, *, top: str | None
) -> Iterator[Change]:
    for name, prop in schema.items():
        old, new = state.get(name), news.get(name)
        if (new is None and prop.computed) or same(prop, old, new):
            continue
        yield from _change(prop, old, new, path + name, top=name if top is None else top)
    if top is not None:
        # Inside a setting that is managed here, what nobody asked for is a difference too, even if it has no name here.
        for name in sorted(set(state) - set(schema)):
            if not _is_empty(state[name]):
                yield Change(path=path + name, top=top, kind="delete", replace=False)


def _change(prop: Property, old: Any, new: Any, path: str, *, top: str) -> Iterator[Change]:  # noqa: ANN401
    whole = prop.force_new  # what cannot be changed cannot be changed in part
    if prop.kind is Kind.MAP and isinstance(old, dict) and isinstance(new, dict):
        entry = text(force_new=prop.force_new)
        yield from _differences(dict.fromkeys(sorted({*old, *new}), entry), old, new, f"{path}.", top=top)
    elif prop.kind is Kind.BLOCK and not whole and isinstance(old, dict) and isinstance(new, dict):
        yield from _differences(prop.fields, old, new, f"{path}.", top=top)
    elif prop.kind is Kind.LIST and not whole and _same_length(old, new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            if not same(_item(prop), before, after):
                yield from _change(_item(prop), before, after, f"{path}[{index}]", top=top)
    else:
        kind = "add" if _is_empty(old) else "delete" if _is_empty(new) else "update"
        yield Change(path=path, top=top, kind=kind, replace=prop.force_new)


def _same_length(old: object, new: object) -> bool:
    return isinstance(old, list) and isinstance(new, list) and len(old) == len(new)


def settle(schema: Schema, wanted: Mapping[str, Any], actual: Mapping[str, Any]) -> Props:
    """Return `actual` with each value spelled as in `wanted` where both mean the same.

    The cloud may answer with keys, lists or blanks in another order; the state should not churn for that. What the
    cloud never tells (`echoed`) is taken from `wanted`, unless `actual` has it after all.
    """
    out: Props = {}
    for name in (*schema, *(name for name in actual if name not in schema)):
        found, prop = actual.get(name), schema.get(name)
        if prop is None:
            out[name] = found
            continue
        asked = wanted.get(name)
        if has_unknown(asked):
            asked = None
        if prop.echoed and found is None:
            out[name] = asked
        else:
            out[name] = asked if asked is not None and same(prop, asked, found) else found
    return {name: value for name, value in out.items() if value is not None}
