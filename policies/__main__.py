"""The CrossGuard pack: `pulumi up --policy-pack policies` runs the same guardrails a second time, outside the program.

Guarantee: it holds no rule of its own. What is not known yet is a breach where a rule needs it, at preview as well,
where CrossGuard would by itself only advise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies.guardrails import RESOURCE_RULES, STACK_RULES, Rule, StackRule
from policies.registered import UNKNOWN, Registered

NAME: Final = "agent-audit-log"


def policies() -> list[Policy]:
    """Return every guardrail as a policy of the pack."""
    return [
        *(_resource_policy(name, rule) for name, rule in RESOURCE_RULES.items()),
        *(_stack_policy(name, rule) for name, rule in STACK_RULES.items()),
    ]


def _resource_policy(name: str, rule: Rule) -> Policy:
    """Return a rule over one resource as a policy."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        for says in rule(_registered(args.resource_type, args.name, args.props)):
            report_violation(says, None)

    return ResourceValidationPolicy(name=name, description=str(rule.__doc__), validate=validate)


def _stack_policy(name: str, rule: StackRule) -> Policy:
    """Return a rule over all resources as a policy."""

    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        resources = [_registered(item.resource_type, item.name, item.props) for item in args.resources]
        urns = {item.name: item.urn for item in args.resources}
        for resource, says in rule(resources):
            report_violation(f"{resource}: {says}", urns.get(resource))

    return StackValidationPolicy(name=name, description=str(rule.__doc__), validate=validate)


def _registered(type_: str, name: str, props: Mapping[str, object]) -> Registered:
    """Return a resource as the rules take it."""
    plain = _plain(props)
    return Registered(type=type_, name=name, props=plain if isinstance(plain, Mapping) else {})


def _plain(value: object) -> object:
    """Return a property as plain data. The wire has no integers, and reading an unknown value raises."""
    if isinstance(value, Mapping):
        return {str(key): _at(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_at(value, index) for index in range(len(value))]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if value is None or isinstance(value, (str, int, float)) else UNKNOWN


def _at(holder: Mapping[object, object] | Sequence[object], key: object) -> object:
    """Return one member of a property."""
    try:
        return _plain(holder[key])  # type: ignore[call-overload,index]
    except UnknownValueError:
        return UNKNOWN


if __name__ == "__main__":
    PolicyPack(name=NAME, policies=policies(), enforcement_level=EnforcementLevel.MANDATORY)
