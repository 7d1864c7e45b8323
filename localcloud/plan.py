"""`make plan`: what `pulumi up` would make on AWS, what each role may do, what cannot be undone, and what it costs.

Guarantee: it needs no account, and reaches none; the program that it runs is the one that `pulumi up` runs.
"""

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cli.exits import CouldNot
from components.package import PackageError, ensure_wheels
from localcloud import place, stack_config
from localcloud.deploy import PROJECT
from localcloud.engine import Engine, EngineError, Plan, Step
from localcloud.offline import ACCOUNT, DEPLOYER, OfflineProvider
from localcloud.telling import say
from policies import costs
from policies.retention import PROFILES, Mode
from stacks.names import STACK as STACK_NAME
from stacks.names import STACK_RULE
from stacks.settings import DEFAULTS, Settings, parse

REGION: Final = "us-east-1"
STACK: Final = "prod"
PROFILE: Final = f"{PROJECT}:profile"
CALLS_A_DAY: Final = (0, 10_000)


def main() -> int:
    """Preview and print; return the exit code."""
    try:
        stack, config = _configuration(os.environ.get("STACK", ""))
        settings = parse(config)
        ensure_wheels(settings.function_target)
        plan = preview(stack=stack, config=config)
    except (CouldNot, ValueError, EngineError, PackageError) as error:
        sys.stderr.write(f"agent-audit-log: {str(error).strip().splitlines()[-1]}\n")
        return 1
    say("\n".join([*_choices(stack, config), *describe(plan, stack=stack, settings=settings, today=now())]))
    return 0


def now() -> datetime:
    """Return the moment from which the plan counts its days."""
    return datetime.now(UTC)


def preview(*, stack: str, config: Mapping[str, str], account: str = ACCOUNT) -> Plan:
    """Return what the program would make in an empty account. Raises EngineError."""
    offline = OfflineProvider(region=config["aws:region"], account=account)
    with tempfile.TemporaryDirectory() as nowhere:
        return Engine(
            project=PROJECT,
            stack=stack,
            program=place.ROOT / "stacks",
            state_file=Path(nowhere) / "state.json",
            config=config,
            providers={"aws": lambda: offline, "random": lambda: offline},
        ).preview()


def describe(plan: Plan, *, stack: str, settings: Settings, today: datetime) -> Iterator[str]:
    """Yield the lines of the plan."""
    days = settings.retention.days
    rule = f"{_mode(settings)}, {days} day{'s' if days > 1 else ''}"
    yield f"Stack {stack} on AWS in {settings.region}: profile {settings.profile.name}, {rule}"
    yield f"Previewed without an account: {ACCOUNT} stands for yours, {DEPLOYER.rpartition('/')[2]} for you."
    for part in (_resources(plan), _roles(plan), _irreversible(settings, today), _costs(plan, settings)):
        yield ""
        yield from part


def _choices(stack: str, config: Mapping[str, str]) -> Iterator[str]:
    """Yield what nobody has chosen yet, and how to choose it."""
    if PROFILE not in config:
        yield f"No profile is chosen yet, so this shows the default, `{DEFAULTS['profile']}`. To choose another:"
        yield f"  pulumi config set profile NAME --stack {stack}"
        yield f"  make plan STACK={stack}"
        yield f"NAME is one of {', '.join(PROFILES)}: docs/settings.md says what each one is for."
        yield ""
    if not os.environ.get("STACK"):
        yield f"`{stack}` stands for your stack: you choose {STACK_RULE}."
        yield ""


def _configuration(stack: str) -> tuple[str, dict[str, str]]:
    if not stack:
        return STACK, {"aws:region": REGION}
    if not STACK_NAME.fullmatch(stack) or stack == place.STACK:
        raise CouldNot(f"STACK={stack}: must be {STACK_RULE}, and another than `{place.STACK}`")
    return stack, stack_config.read(place.ROOT / "stacks" / f"Pulumi.{stack}.yaml")


def _resources(plan: Plan) -> Iterator[str]:
    made = [step for step in plan.steps if step.type.startswith(("aws:", "random:"))]
    alike = Counter((step.type, _physical_name(step)) for step in made)
    yield f"Resources ({len(made)})"
    for step in sorted(made, key=lambda step: (_kind(step), step.name)):
        name = _physical_name(step)
        told_apart = f" ({step.name})" if alike[step.type, name] > 1 else ""
        yield f"  {_kind(step):<42} {name}{told_apart}"


def _kind(step: Step) -> str:
    """Return what it is, in the words of its provider: `s3 Bucket`, `random RandomPassword`."""
    package, module, kind = step.type.split(":")
    service = module.partition("/")[0]
    return f"{package if service == 'index' else service} {kind}"


def _physical_name(step: Step) -> str:
    """Return the name in the account, as far as the preview knows it."""
    keys = ("role", "name", "bucket", "functionName", "function", "rule")
    names = (step.inputs.get(key) for key in keys)
    return next((name for name in names if isinstance(name, str) and name), step.name)


def _rules(document: str) -> Iterator[str]:
    """Yield the lines of a policy, reduced to what a person compares."""
    for statement in json.loads(document)["Statement"]:
        sign = "may" if statement["Effect"] == "Allow" else "never"
        yield f"    {sign} {', '.join(_listed(statement.get('Action', [])))}"
        for resource in _listed(statement.get("Resource", [])):
            yield f"        on {resource}"
        for operator, keys in statement.get("Condition", {}).items():
            for key, value in keys.items():
                yield f"        if {key} {operator} {' or '.join(map(str, _listed(value)))}"


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - IAM writes one as itself and several as a list
    return value if isinstance(value, list) else [value]


def _roles(plan: Plan) -> Iterator[str]:
    trusts = {
        str(step.inputs["name"]): json.loads(step.inputs["assumeRolePolicy"])["Statement"]
        for step in plan.steps
        if step.type == "aws:iam/role:Role"
    }
    policies = {
        str(step.inputs["role"]): str(step.inputs["policy"])
        for step in plan.steps
        if step.type == "aws:iam/rolePolicy:RolePolicy"
    }
    yield f"Roles ({len(trusts)})"
    for name, trust in sorted(trusts.items()):
        yield f"  {name}"
        yield f"    taken by {', '.join(sorted({who for statement in trust for who in _principals(statement)}))}"
        yield from _rules(policies[name])


def _principals(statement: Mapping[str, Any]) -> Iterator[str]:
    for value in statement["Principal"].values():
        yield from _listed(value)


def _mode(settings: Settings) -> str:
    return f"{settings.retention.mode.lower()} mode"


def _irreversible(settings: Settings, today: datetime) -> Iterator[str]:
    days = settings.retention.days
    until = (today + timedelta(days=days)).date()
    yield "What cannot be undone"
    yield f"  Every record is locked for {days} days from its arrival, in {_mode(settings)}."
    yield f"  One that arrives today ({today.date()}) stays until {until}, and the bucket with it."
    if settings.retention.mode is Mode.COMPLIANCE:
        yield "  Nobody can end that earlier: no administrator, not the account's root user, not AWS."
    else:
        yield "  None of the roles above can end that earlier. An administrator of the account who has"
        yield "  s3:BypassGovernanceRetention can; the profile `regulated` binds them too."
    if settings.envelope != "off":
        yield from _vault(settings, today)
    if settings.profile.protect:
        yield "  `pulumi destroy` refuses before it deletes anything: the log, its keys and its settings are protected."
    else:
        yield "  `pulumi destroy` takes the functions and alarms the same day. The bucket, its settings, the keys and"
        yield "  the roles stay until the bucket has been emptied after that."


def _vault(settings: Settings, today: datetime) -> Iterator[str]:
    gone = (today + timedelta(days=2)).date()
    yield "  Payloads go to the vault, and are gone from there 24 to 48 hours later: what came today is never to be"
    yield f"  seen again from {gone} on."
    if settings.envelope == "raw":
        yield "  They lie there as they came, with every secret that is in them, for the vault's readers to see."
    yield "  `envelope: off` and `pulumi destroy` take the vault once it is empty; its key is gone 7 days after that."


def _costs(plan: Plan, settings: Settings) -> Iterator[str]:
    counts = Counter[str](step.type for step in plan.steps)
    prices = f"list prices of {costs.REGION} as of {costs.PRICES_READ}, no free tier"
    yield f"What it costs a month, in US dollars ({prices})"
    for calls in CALLS_A_DAY:
        estimate = costs.monthly(
            calls,
            retention_days=settings.retention.days,
            alarms=counts["aws:cloudwatch/metricAlarm:MetricAlarm"],
            metrics=counts["aws:cloudwatch/logMetricFilter:LogMetricFilter"],
            own_trail=settings.access_trail == "own",
            seal_minutes=settings.seal_minutes,
            vault=settings.envelope != "off",
        )
        yield f"  {estimate.usd:7.2f}  {f'at {calls:,} calls a day, once the log is full' if calls else 'idle'}"
        for line in estimate.lines:
            yield f"    {line.usd:7.2f}  {line.what}"


if __name__ == "__main__":
    sys.exit(main())
