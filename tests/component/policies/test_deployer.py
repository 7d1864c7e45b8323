"""Whoever has the deployer's policy can create, update and destroy a stack under its own resource policies."""

import json
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, combine_resource_policy, evaluate, parse_policy_document

from localcloud.offline import ACCOUNT, DEPLOYER
from policies import deployer
from policies.place import Principal
from policies.provider_calls import BY_TYPE
from stacks.names import Names
from tests.component.conftest import REGION, MemoryProvider, Run, Up
from tests.component.policies.conftest import Evaluate
from tests.component.policies.requests import Request, lifetime

SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/{DEPLOYER.rpartition('/')[2]}/session"
NAMES = Names(stack="test", region=REGION, account=ACCOUNT, partition="aws")
PLACE = NAMES.place(vault=True)


def _documents(names: Names, boundary: str = "") -> list[dict[str, Any]]:
    """Return the policy as whoever reads its JSON gets it."""
    documents: list[dict[str, Any]] = json.loads(
        json.dumps(deployer.documents(names.place(vault=True), boundary=boundary))
    )
    return documents


POLICY = _documents(NAMES)
CONTEXT = {
    "aws:PrincipalArn": DEPLOYER,
    "aws:PrincipalIsAWSService": "false",
    "aws:SecureTransport": "true",
    "aws:SourceIp": "198.51.100.7",
}


def _asked(request: Request, principal: str = SESSION) -> dict[str, Any]:
    """Return a request as the public evaluator takes it."""
    passed = {"iam:PassedToService": "lambda.amazonaws.com"} if request.action == "iam:PassRole" else {}
    return {
        "principal": principal,
        "action": request.action,
        "resource": request.resource,
        "account": ACCOUNT,
        "context": {**CONTEXT, **passed},
        "identity": POLICY,
        "policy": None if request.policy is None else json.loads(request.policy),
    }


def _decided(request: Request) -> str:
    """Return what the emulator's evaluator says."""
    service = request.action.partition(":")[0]
    context = EvalContext(
        principal_arn=SESSION,
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=request.action,
        resource_arn=request.resource,
        region=REGION,
        source_ip="198.51.100.7",
        secure_transport=True,
        service_context={"iam:passedtoservice": "lambda.amazonaws.com"},
        principal_keys={"aws:principalarn": DEPLOYER},
    )
    own = evaluate(context, [parse_policy_document(json.dumps(document)) for document in POLICY])
    if request.policy is None:
        return own.decision
    return combine_resource_policy(own, context, request.policy, ACCOUNT, required=service == "kms").decision


def test_the_deployer_is_never_locked_out(everything: Run, evaluate: Evaluate) -> None:
    """Neither by a resource's policy, at any time in a stack's life, nor by its own: two evaluators agree."""
    requests = list(lifetime(everything))
    assert {request.when for request in requests} == {"look up", "create", "update", "destroy"}
    assert len({request.policy for request in requests}) > 6
    public = evaluate(requests=[_asked(request) for request in requests])["simulated"]
    refused = {f"{request}: {said}" for request, said in zip(requests, public, strict=True) if said != "Allowed"}
    refused |= {f"{request}: {said}" for request in requests if (said := _decided(request)) != "Allow"}
    assert not refused, "\n".join(sorted(refused))


def test_a_policy_without_a_read_is_found(everything: Run, evaluate: Evaluate) -> None:
    """An explicit denial and a missing permission are both told from what is allowed: the test above can fail."""
    for policy, action in (
        ({"Effect": "Deny", "Principal": "*", "Action": "s3:GetBucket*", "Resource": "*"}, "s3:GetBucketAcl"),
        (
            {"Effect": "Allow", "Principal": {"AWS": DEPLOYER}, "Action": "kms:PutKeyPolicy", "Resource": "*"},
            "kms:GetKeyRotationStatus",
        ),
    ):
        found = next(
            request for request in lifetime(everything) if request.action == action and request.when == "update"
        )
        document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
        request = Request(when="update", who=found.who, action=action, resource=found.resource, policy=document)
        assert evaluate(requests=[_asked(request)])["simulated"] != ["Allowed"]
        assert _decided(request) != "Allow"


def test_every_type_and_input_of_the_program_is_in_the_table(everything: Run, run_program: Up) -> None:
    """Whoever registers another type, or sets another input, says what the official provider asks for it."""
    asked: set[str] = set()

    class Watching(MemoryProvider):
        def Invoke(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802 - the protocol's
            asked.add(request.tok)
            return super().Invoke(request, context)

    others = run_program(
        {"profile": "trial", "accessTrail": "existing", "reservedConcurrency": "5"}, provider=Watching()
    )
    entries = [entry for run in (everything, others) for entry in run.entries.values() if entry.type.startswith("aws:")]
    registered = {entry.type for entry in entries}
    assert registered | asked == set(BY_TYPE), "policies/provider_calls.py has another set of types"
    missing = {
        f"{entry.type} {name}"
        for entry in entries
        for name in entry.inputs
        if name not in {known for names in BY_TYPE[entry.type].inputs for known in names}
    }
    assert not missing, "policies/provider_calls.py does not say what these inputs take"


def test_the_policy_allows_what_the_table_says_and_nothing_else(everything: Run) -> None:
    """Every action in it is one that is asked; those on a key are the key's own policy's to give."""
    allowed = {action for document in POLICY for statement in document["Statement"] for action in statement["Action"]}
    asked = {action for row in BY_TYPE.values() for action in row.actions}
    of_keys = {action for action in BY_TYPE["aws:kms/key:Key"].actions if action not in deployer.ELSEWHERE}
    assert allowed == asked - of_keys
    not_here = {"iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary", "kms:UpdateAlias"}
    assert {request.action for request in lifetime(everything)} >= asked - not_here


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:PutObject", f"{PLACE.bucket_arn()}/records/x"),
        ("s3:GetObject", f"{PLACE.bucket_arn()}/records/x"),
        ("s3:DeleteObject", f"{PLACE.bucket_arn()}/records/x"),
        ("s3:PutBucketPolicy", "arn:aws:s3:::another-bucket"),
        ("s3:BypassGovernanceRetention", f"{PLACE.bucket_arn()}/records/x"),
        ("iam:PassRole", PLACE.role_arn(Principal.AUDITOR)),
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/another"),
        ("iam:PutRolePolicy", DEPLOYER),
        ("kms:PutKeyPolicy", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/another"),
        ("kms:ScheduleKeyDeletion", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/another"),
        ("kms:Sign", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/another"),
        ("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{NAMES.function}"),
        ("lambda:UpdateFunctionCode", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:another"),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/another"),
        ("sqs:DeleteQueue", f"arn:aws:sqs:us-east-1:{ACCOUNT}:{NAMES.queue}"),
    ],
)
def test_the_deployer_may_not(action: str, resource: str, evaluate: Evaluate) -> None:
    """Touch records, another's resources, or the use of a key; nor give itself more."""
    request = Request(when="update", who="nobody", action=action, resource=resource, policy=None)
    assert evaluate(requests=[_asked(request)])["simulated"] == ["ImplicitlyDenied"]
    assert _decided(request) == "ImplicitDeny"


def test_a_role_is_made_within_the_boundary_alone(evaluate: Evaluate) -> None:
    """With a permissions boundary, the deployer makes and changes no role without it, and takes it off none."""
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    policy = _documents(NAMES, boundary)
    nothing: dict[str, str] = {}
    role = PLACE.role_arn(Principal.WRITER)
    for action, given, expected in (
        ("iam:CreateRole", {"iam:PermissionsBoundary": boundary}, "Allowed"),
        ("iam:PutRolePolicy", {"iam:PermissionsBoundary": boundary}, "Allowed"),
        ("iam:CreateRole", {"iam:PermissionsBoundary": f"{boundary}2"}, "ImplicitlyDenied"),
        ("iam:CreateRole", nothing, "ImplicitlyDenied"),
        ("iam:PutRolePolicy", nothing, "ImplicitlyDenied"),
        ("iam:PutRolePermissionsBoundary", {"iam:PermissionsBoundary": f"{boundary}2"}, "ImplicitlyDenied"),
        ("iam:DeleteRolePermissionsBoundary", nothing, "ImplicitlyDenied"),
    ):
        request = Request(when="create", who="role", action=action, resource=role, policy=None)
        asked = {**_asked(request), "identity": policy, "context": {**CONTEXT, **given}}
        assert evaluate(requests=[asked])["simulated"] == [expected], action


@pytest.mark.parametrize("stack", ["a", "a-stack-of-16-ch"])
@pytest.mark.parametrize("region", ["eu-west-1", "ap-southeast-2"])
@pytest.mark.parametrize("boundary", ["", f"arn:aws:iam::{ACCOUNT}:policy/{'b' * 128}"])
def test_every_document_fits_a_managed_policy(stack: str, region: str, boundary: str) -> None:
    """Whatever the names; each statement has a name of its own, and no document is empty."""
    names = Names(stack=stack, region=region, account=ACCOUNT, partition="aws")
    documents = _documents(names, boundary)
    for document in documents:
        assert document["Statement"]
        assert len(json.dumps(document, separators=(",", ":"))) <= deployer.MAX_CHARACTERS
    sids = [str(statement["Sid"]) for document in documents for statement in document["Statement"]]
    assert len(sids) == len(set(sids))
    assert all(sid.isalnum() for sid in sids)


def test_every_wildcard_has_a_reason_and_a_source() -> None:
    """None stands in an action; in a resource, its row or its action says why."""
    exempt = {item.about: (item.reason, item.source) for item in deployer.ELSEWHERE.values()} | dict(deployer.WIDE)
    for about, found in deployer.arns(PLACE).items():
        if any("*" in arn for arn in found):
            reason, source = exempt[about]
            assert reason
            assert source.startswith("https://")
    assert not [a for d in POLICY for s in d["Statement"] for a in s["Action"] if "*" in a]
