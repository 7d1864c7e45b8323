"""`make plan`: what `pulumi up` would make on AWS, what each role may do, what cannot be undone, and what it costs.

Guarantee: it needs no account, and reaches none; the program that it runs is the one that `pulumi up` runs.
"""

import json
import os
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from components.package import PackageError, ensure_wheels
from localcloud import place, stack_config
from localcloud.deploy import PROJECT
from localcloud.engine import Engine, EngineError, Plan, Step
from localcloud.offline import ACCOUNT, DEPLOYER, OfflineProvider
from localcloud.stack_config import StackConfigError
from policies.retention import Mode
from stacks.settings import Settings, parse

REGION: Final = "us-east-1"
STACK: Final = "prod"
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,15}")


def main() -> int:
    """Preview and print; return the exit code."""
    try:
        stack, config = _configuration(os.environ.get("STACK", ""))
        settings = parse(config)
        ensure_wheels(settings.function_target)
        plan = preview(stack=stack, config=config)
    except (StackConfigError, ValueError, EngineError, PackageError) as error:
        sys.stderr.write(f"agent-audit-log: {str(error).strip().splitlines()[-1]}\n")
        return 1
    print("\n".join(describe(plan, stack=stack, settings=settings, today=datetime.now(UTC))))
    return 0


def preview(*, stack: str, config: Mapping[str, str]) -> Plan:
    """Return what the program would make in an empty account. Raises EngineError."""
    offline = OfflineProvider(region=config["aws:region"])
    with tempfile.TemporaryDirectory() as nowhere:
        return Engine(
            project=PROJECT,
            stack=stack,
            program=place.ROOT / "stacks",
            state_file=Path(nowhere) / "state.json",
            config=config,
            providers={"aws": offline, "random": OfflineProvider(region="")},
        ).preview()


def describe(plan: Plan, *, stack: str, settings: Settings, today: datetime) -> Iterator[str]:
    """Yield the lines of the plan."""
    yield f"Stack {stack} in {settings.region}, profile {settings.profile.name}: {settings.profile.reason}"
    yield f"(Previewed without an account: {ACCOUNT} stands for yours, {DEPLOYER.rpartition('/')[2]} for you.)"
    yield ""
    yield from _resources(plan)
    yield ""
    yield from _roles(plan)
    yield ""
    yield from _irreversible(settings, today)


def _configuration(stack: str) -> tuple[str, dict[str, str]]:
    if not stack:
        return STACK, {"aws:region": REGION}
    if not _NAME.fullmatch(stack) or stack == place.STACK:
        msg = f"STACK={stack}: must name a stack of yours (up to 16 of a-z, 0-9 and -, beginning with a letter)"
        raise StackConfigError(msg)
    return stack, stack_config.read(place.ROOT / "stacks" / f"Pulumi.{stack}.yaml")


def _resources(plan: Plan) -> Iterator[str]:
    made = [step for step in plan.steps if step.type.startswith(("aws:", "random:"))]
    yield f"Resources ({len(made)})"
    for step in sorted(made, key=lambda step: (step.type, step.name)):
        yield f"  {step.type.rpartition(':')[2]:<40} {_physical_name(step)}"


def _physical_name(step: Step) -> str:
    for key in ("bucket", "name", "functionName", "rule", "role"):
        value = step.inputs.get(key)
        if isinstance(value, str) and value:
            return value
    return step.name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One statement of a policy, reduced to what a person compares."""

    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[str, ...]


def _rules(document: str) -> Iterator[_Rule]:
    for statement in json.loads(document)["Statement"]:
        yield _Rule(
            effect=statement["Effect"],
            actions=tuple(_listed(statement.get("Action", []))),
            resources=tuple(_listed(statement.get("Resource", []))),
            conditions=tuple(
                f"{key} {operator} {' or '.join(map(str, _listed(value)))}"
                for operator, keys in statement.get("Condition", {}).items()
                for key, value in keys.items()
            ),
        )


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - IAM writes one as itself and several as a list
    return value if isinstance(value, list) else [value]


def _roles(plan: Plan) -> Iterator[str]:
    trusted = {
        step.inputs["name"]: json.loads(step.inputs["assumeRolePolicy"])
        for step in plan.steps
        if step.type == "aws:iam/role:Role"
    }
    policies: defaultdict[str, list[str]] = defaultdict(list)
    for step in plan.steps:
        if step.type == "aws:iam/rolePolicy:RolePolicy":
            policies[str(step.inputs["name"])].append(str(step.inputs["policy"]))
    yield f"Roles ({len(trusted)})"
    for name, trust in sorted(trusted.items()):
        who = sorted({principal for statement in trust["Statement"] for principal in _principals(statement)})
        yield f"  {name}, taken by {', '.join(who)}"
        for document in _of_role(plan, name):
            yield from _rule_lines(_rules(document))


def _of_role(plan: Plan, role: str) -> Iterator[str]:
    for step in plan.steps:
        if step.type == "aws:iam/rolePolicy:RolePolicy" and step.inputs.get("role") in (role, None):
            yield str(step.inputs["policy"])


def _principals(statement: Mapping[str, Any]) -> Iterator[str]:
    for value in statement["Principal"].values():
        yield from _listed(value)


def _rule_lines(rules: Iterable[_Rule]) -> Iterator[str]:
    for rule in rules:
        sign = "may" if rule.effect == "Allow" else "never"
        yield f"    {sign} {', '.join(rule.actions)}"
        for resource in rule.resources:
            yield f"        on {resource}"
        for condition in rule.conditions:
            yield f"        if {condition}"


def _irreversible(settings: Settings, today: datetime) -> Iterator[str]:
    retention = settings.retention
    until = (today + timedelta(days=retention.days)).date()
    yield "What cannot be undone"
    yield f"  Every record is locked for {retention.days} days from its arrival ({retention.mode.lower()} mode):"
    yield f"  one that arrives today ({today.date()}) stays until {until}, and so does the bucket."
    if retention.mode is Mode.COMPLIANCE:
        yield "  Nobody can end that earlier: not an administrator, not the account's root user, not AWS."
    else:
        yield "  Until then only somebody whose own permissions include s3:BypassGovernanceRetention (an administrator"
        yield "  of the account; none of the roles above) can remove it. The profile regulated binds them too."
    yield "  Everything else goes with `pulumi destroy`, the same day."


if __name__ == "__main__":
    sys.exit(main())
