"""The page on permissions, written by the same functions that write the policies: `python -m policies.permissions`.

Guarantee: it is a pure function of the tables, so that `docs/permissions.md` (a test compares the two) is never older
than the code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from policies import bucket_policy, deployer, seal_policy, vault_policy
from policies.iam import GRANTS, POLICY_VERSION, Bounds, refusals
from policies.place import Principal, ResourceNames
from policies.retention import PROFILES
from policies.wildcards import WILDCARDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from policies.iam import Json, Statement

_PLACE: Final = ResourceNames(
    partition="aws",
    region="eu-central-1",
    account="123456789012",
    bucket="agent-audit-log-prod-123456789012-eu-central-1",
    function="agent-audit-log-prod-writer",
    log_group="/aws/lambda/agent-audit-log-prod-writer",
    keys="/agent-audit-log/prod/keys",
    sealer="agent-audit-log-prod-sealer",
    sealer_log_group="/aws/lambda/agent-audit-log-prod-sealer",
    queue="agent-audit-log-prod-sealer-events",
    topic="agent-audit-log-prod-alarms",
    roles={principal: f"agent-audit-log-prod-eu-central-1-{principal.value}" for principal in Principal},
    vault="aal-vault-prod-123456789012-eu-central-1",
)
_ADMINISTRATOR: Final = "arn:aws:iam::123456789012:role/you"
_PROFILE: Final = PROFILES["standard"]
_ONLY_WHY: Final = "Every permission of every role is listed here. Everything else is refused."
_SHORT: Final = {
    f"{_PLACE.bucket_arn()}": "BUCKET",
    "arn:aws:iam::123456789012:role/agent-audit-log-prod-eu-central-1-": "ROLE:",
    "arn:aws:sts::123456789012:assumed-role/agent-audit-log-prod-eu-central-1-": "SESSION:",
}
"""The page's short names for the example's longest ARNs."""


def page() -> str:
    """Return the whole page, as Markdown."""
    return "\n".join(
        [
            "# Who may do what",
            "",
            "`python -m policies.permissions` writes this page; with `--json` it prints all of these policies.",
            "The example is a stack `prod` in eu-central-1 with the profile",
            "`standard`, deployed by the role `you`. `BUCKET` is its bucket, `ROLE:x` its role x.",
            "",
            "## The roles",
            "",
            _ONLY_WHY,
            "",
            *_grants(),
            "These conditions refuse what the list above allows:",
            "",
            *_refusals(),
            "",
            "Only Lambda can assume the writer's and the sealer's roles, and only for their own functions. The",
            "settings `auditors`, `retentionAdmins`, `holdReleasers` and `vaultReaders` name who may assume the",
            "others; by default the administrators. The hold releaser's role can be assumed in the stack's region",
            "only, because its alarm listens there. The vault reader exists only with a vault (`envelope`).",
            "",
            "## The bucket's policy",
            "",
            "It binds everybody in the account, whatever their role allows. Only the administrators and the root user",
            "can change it.",
            "",
            *_statements(_policies()["bucket"]),
            "",
            "## The other policies",
            "",
            *(
                f"- {name}: {', '.join(str(statement['Sid']) for statement in statements)}"
                for name, statements in _policies().items()
                if name != "bucket"
            ),
            "",
            "## Who deploys",
            "",
            "`audit-log plan --deployer-policy --stack prod` prints the least that a person or CI needs to create,",
            "update, refresh and destroy this one stack. Attach all its documents. It does not cover Pulumi's state.",
            "",
            "Whoever holds it can write the policies of the stack's buckets and roles, and so gain their rights. The",
            "setting `permissionsBoundary` bounds every role.",
            "",
            "Its wildcards:",
            "",
            *_deployer_wildcards(),
            "",
            "## Wildcards",
            "",
            "In all other policies, `*` stands only in ARNs of these forms, never in an allowed action or principal.",
            "",
            *(f"- `{item.arn.pattern}`: {item.reason} [Source]({item.source})" for item in WILDCARDS),
            "",
        ]
    )


def documents() -> dict[str, Json]:
    """Return every policy of the example that is not a role's, by name."""
    return {name: {"Version": POLICY_VERSION, "Statement": [*found]} for name, found in _policies().items()}


def _policies() -> Mapping[str, Sequence[Statement]]:
    """Return the statements of each policy, by name."""
    you = [_ADMINISTRATOR]
    return {
        "bucket": bucket_policy.statements(
            _PLACE, administrators=you, trail="agent-audit-log-prod-trail", loopback=False
        ),
        "bucket of the vault": vault_policy.bucket_statements(_PLACE, administrators=you),
        "key of the vault": vault_policy.key_statements(_PLACE, administrators=you),
        "signing key": seal_policy.key_statements(_PLACE, administrators=you),
        "queue of the sealer": seal_policy.queue_statements(_PLACE),
    }


def _statements(statements: Sequence[Statement]) -> Iterator[str]:
    """Yield a line for each statement of a policy."""
    for statement in statements:
        on = _names(statement.get("Resource"))
        if "NotResource" in statement:
            on = f"all but {_names(statement['NotResource'])}"
        condition = statement.get("Condition")
        when = f", if {_short(_condition(condition))}" if isinstance(condition, dict) else ""
        effect = "denies" if statement["Effect"] == "Deny" else f"allows {_who(statement['Principal'])}"
        yield f"- {statement['Sid']} {effect} {_names(statement['Action'])} on {on}{when}"


def _who(principal: Json) -> str:
    """Return a principal's names."""
    return _names(next(iter(principal.values()))) if isinstance(principal, dict) else "all"


def _names(value: Json) -> str:
    """Return one name or a list of them, as code."""
    return ", ".join(f"`{_short(str(item))}`" for item in (value if isinstance(value, list) else [value]))


def _short(text: str) -> str:
    """Replace the example's ARNs in a text by short names."""
    for long, name in _SHORT.items():
        text = text.replace(long, name)
    return text


def _deployer_wildcards() -> Iterator[str]:
    """Yield a line for each wildcard of the deployer's policy."""
    for about, (reason, source) in deployer.WIDE.items():
        found = ", ".join(f"`{arn}`" for arn in deployer.arns(_PLACE)[about] if "*" in arn)
        yield f"- {found}: {reason} [Source]({source})"
    for action, item in deployer.ELSEWHERE.items():
        if any("*" in arn for arn in deployer.arns(_PLACE)[item.about]):
            yield f"- `{action}` on `{deployer.arns(_PLACE)[item.about][0]}`: {item.reason} [Source]({item.source})"


def _grants() -> Iterator[str]:
    """Yield the grants of each role."""
    for principal in Principal:
        yield from (f"**{principal.value}**", "")
        for grant in GRANTS:
            where = f"objects under `{grant.prefix}`" if grant.prefix else f"the {grant.scope.value}"
            if grant.scope.value == "objects" and not grant.prefix:
                where = "all objects of the log"
            if grant.scope.value == "payloads":
                where += " in the vault"
            if grant.principal is principal:
                yield f"- {_code(grant.actions)} on {where}: {grant.why}"
        yield ""


def _refusals() -> Iterator[str]:
    """Yield a line for each refusal."""
    for refusal in refusals(Bounds.of(_PROFILE, _PROFILE.minimum)):
        condition = _condition(refusal.condition)
        yield f"- {refusal.principal.value}: {_code(refusal.actions)}, if {condition}: {refusal.why}"


def _condition(condition: Mapping[str, object]) -> str:
    """Return a condition in one line."""
    return ", ".join(
        f"`{key}` {operator} `{value if isinstance(value, str) else ', '.join(value)}`"
        for operator, operands in condition.items()
        if isinstance(operands, Mapping)
        for key, value in operands.items()
    )


def _code(actions: tuple[str, ...]) -> str:
    """Return actions as code."""
    return ", ".join(f"`{action}`" for action in actions)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(documents(), indent=2) + "\n" if "--json" in sys.argv else page())
