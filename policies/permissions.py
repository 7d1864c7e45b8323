"""The page on permissions, written by the same functions that write the policies: `python -m policies.permissions`.

Guarantee: it is a pure function of the tables, so that `docs/permissions.md` (a test compares the two) is never older
than the code.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

from policies import bucket_policy, deployer, seal_policy, vault_policy
from policies.iam import GRANTS, POLICY_VERSION, Bounds, refusals
from policies.place import Place, Principal
from policies.retention import PROFILES
from policies.wildcards import WILDCARDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from policies.iam import Condition, Json, Statement

_PLACE: Final = Place(
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
_ONLY_WHY: Final = "Every permission of every role is a row here; what is not, is refused."


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join(
        [
            "# Who may do what",
            "",
            "Written by `python -m policies.permissions`, from the tables that the policies themselves are made of.",
            "Shown for a stack `prod` in eu-central-1 with the profile `standard`, deployed by the role `you`.",
            "",
            "## The roles",
            "",
            _ONLY_WHY,
            "",
            *_grants(),
            "",
            "A role may be allowed something and yet be refused it under a condition:",
            "",
            *_refusals(),
            "",
            "Only Lambda can take the writer's and the sealer's roles, and each role refuses everything to any",
            "function but its own (`lambda:SourceFunctionArn`). The settings `auditors`, `retentionAdmins`,",
            "`holdReleasers` and `vaultReaders` say who may take the others; where they are empty, the",
            "administrators may. The hold releaser is taken through STS in the stack's own region only, where the",
            "alarm on its use listens. The vault reader is there only where there is a vault (`envelope`).",
            "",
            "## The bucket's own policy",
            "",
            "It binds everybody in the account, whatever their role allows; the account's root user can replace it.",
            "",
            "```json",
            _document(
                bucket_policy.statements(
                    _PLACE, administrators=[_ADMINISTRATOR], trail="agent-audit-log-prod-trail", loopback=False
                )
            ),
            "```",
            "",
            "## The vault, where there is one",
            "",
            "The policy of its bucket:",
            "",
            "```json",
            _document(vault_policy.bucket_statements(_PLACE, administrators=[_ADMINISTRATOR])),
            "```",
            "",
            "And that of its key, which nobody uses but to put and to read payloads:",
            "",
            "```json",
            _document(vault_policy.key_statements(_PLACE, administrators=[_ADMINISTRATOR])),
            "```",
            "",
            "## The seal",
            "",
            "The policy of the key that signs the sealed log's checkpoints, with which no administrator signs:",
            "",
            "```json",
            _document(seal_policy.key_statements(_PLACE, administrators=[_ADMINISTRATOR])),
            "```",
            "",
            "And that of the queue in which S3 tells the sealer what was stored:",
            "",
            "```json",
            _document(seal_policy.queue_statements(_PLACE)),
            "```",
            "",
            "## Who deploys",
            "",
            "`audit-log plan --deployer-policy --stack prod` prints the least that a person or CI needs for",
            "`pulumi up`, `pulumi refresh` and `pulumi destroy` of that one stack, whatever its settings. It is",
            "written from what the official provider asks of AWS for each resource (`policies/provider_calls.py`).",
            "Each document fits a managed policy; attach all of them. Access to Pulumi's state is not in it.",
            "",
            "Whoever holds this policy can write the policies of the stack's buckets and roles, and so gain whatever",
            "these can have. With the setting `permissionsBoundary`, no role of the stack gets beyond that boundary.",
            "The keys' own policies, above, name the deployer, so it manages no other key.",
            "",
            *(line for document in deployer.documents(_PLACE) for line in ("```json", _indented(document), "```", "")),
            "Its wildcards:",
            "",
            *_deployer_wildcards(),
            "",
            "## Wildcards",
            "",
            "In all other policies, a `*` stands only in ARNs of these forms; never in an allowed action or an",
            "allowed principal.",
            "",
            *(f"- `{item.arn.pattern}`: {item.reason} [Source]({item.source})" for item in WILDCARDS),
            "",
        ]
    )


def _deployer_wildcards() -> Iterator[str]:
    """Yield a line for each wildcard of the deployer's policy."""
    for about, (reason, source) in deployer.WIDE.items():
        found = ", ".join(f"`{arn}`" for arn in deployer.arns(_PLACE)[about] if "*" in arn)
        yield f"- {found}: {reason} [Source]({source})"
    for action, item in deployer.ELSEWHERE.items():
        if any("*" in arn for arn in deployer.arns(_PLACE)[item.about]):
            yield f"- `{action}` on `{deployer.arns(_PLACE)[item.about][0]}`: {item.reason} [Source]({item.source})"


def _grants() -> Iterator[str]:
    """A row for each grant."""
    yield "| role | may | on | why |"
    yield "| --- | --- | --- | --- |"
    for grant in GRANTS:
        where = f"objects under `{grant.prefix}`" if grant.prefix else f"the {grant.scope.value}"
        if grant.scope.value == "objects" and not grant.prefix:
            where = "all objects of the log"
        if grant.scope.value == "payloads":
            where += " in the vault"
        yield f"| {grant.principal.value} | {_code(grant.actions)} | {where} | {grant.why} |"


def _refusals() -> Iterator[str]:
    """A row for each refusal."""
    yield "| role | may not | where | why |"
    yield "| --- | --- | --- | --- |"
    for refusal in refusals(Bounds.of(_PROFILE, _PROFILE.minimum)):
        condition = _condition(refusal.condition)
        yield f"| {refusal.principal.value} | {_code(refusal.actions)} | {condition} | {refusal.why} |"


def _condition(condition: Condition) -> str:
    """A condition in a line."""
    return ", ".join(
        f"`{key}` {operator} `{value if isinstance(value, str) else ', '.join(value)}`"
        for operator, operands in condition.items()
        for key, value in operands.items()
    )


def _code(actions: tuple[str, ...]) -> str:
    """Actions as code."""
    return ", ".join(f"`{action}`" for action in actions)


def _document(statements: Sequence[Statement]) -> str:
    """A policy document, indented."""
    return _indented({"Version": POLICY_VERSION, "Statement": [*statements]})


def _indented(document: Mapping[str, Json]) -> str:
    """Return a document as people read it."""
    return json.dumps(document, indent=2)


if __name__ == "__main__":
    sys.stdout.write(page())
