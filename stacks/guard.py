"""The guardrails inside the program itself: plain `pulumi up` on a stack that breaks one fails, and makes nothing.

Guarantee: within `guarded`, no resource is registered before every rule has passed over all of them. Registrations wait
at a gate that opens at the end of the block; a breach, or any other error, closes it for good.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pulumi
from pulumi import _types

from components.package import PackageError
from policies.guardrails import Breach, GuardrailError, check, check_stack
from policies.registered import UNKNOWN, Registered
from policies.retention import RetentionError
from stacks.names import NameRefusedError
from stacks.settings import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSALS: Final = (GuardrailError, NameRefusedError, PackageError, RetentionError, SettingError)
"""What says all there is to say in its message."""


@contextmanager
def guarded() -> Iterator[None]:
    """Check everything that is registered in this block.

    Raises pulumi.RunError, which Pulumi shows without a traceback, for a broken rule and for what a program refuses.

    Values that are already known when a resource is constructed are what the rules see; an output is not, and where a
    rule needs it the rule itself refuses it.
    """
    gate: asyncio.Future[list[pulumi.Resource]] = asyncio.get_event_loop().create_future()
    seen: list[Registered] = []
    breaches: list[Breach] = []

    def look(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        """Note a resource, and have its registration wait."""
        if gate.done():
            msg = f"{args.name}: must be registered before the guardrails have looked, not after them or in an apply"
            raise pulumi.RunError(msg)
        resource = Registered(type=args.type_, name=args.name, props=_plain_properties(args.props))
        seen.append(resource)
        breaches.extend(check(resource))
        waiting = pulumi.ResourceOptions(depends_on=pulumi.Output.from_input(gate))
        return pulumi.ResourceTransformationResult(args.props, pulumi.ResourceOptions.merge(args.opts, waiting))

    pulumi.runtime.register_stack_transformation(look)
    try:
        yield
        breaches.extend(check_stack(seen))
        if breaches:
            raise GuardrailError(breaches)
    except Exception as error:
        refusal = pulumi.RunError(str(error)) if isinstance(error, REFUSALS) else error
        gate.set_exception(refusal)
        gate.exception()  # so that asyncio does not complain of one that nobody was there to see
        raise refusal from error
    gate.set_result([])


def _plain_properties(props: Mapping[str, object]) -> dict[str, object]:
    """Return a resource's inputs under their names on the wire."""
    return {_camel(key): _plain(value) for key, value in props.items() if value is not None}


def _plain(value: object) -> object:
    """Return an input as plain data; a value that is not known yet is `UNKNOWN`."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if _types.is_input_type(type(value)):
        return _plain_properties(_types.input_type_to_untranslated_dict(value))
    if isinstance(value, Mapping):
        return {_camel(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return UNKNOWN


def _camel(name: str) -> str:
    """Return `object_lock_enabled` as `objectLockEnabled`."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)
