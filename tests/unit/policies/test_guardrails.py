"""Each rule holds for what is right, and is broken by what is wrong."""

import json
from collections.abc import Mapping

import pytest

from policies import bucket_policy, iam
from policies.guardrails import (
    RESOURCE_RULES,
    STACK_RULES,
    GuardrailError,
    check,
    check_stack,
)
from policies.place import Principal
from policies.registered import UNKNOWN, Registered

from .places import PLACE, WITH_VAULT


def _one(type_: str, **props: object) -> Registered:
    return Registered(type=type_, name="it", props=props)


def _says(resource: Registered) -> list[str]:
    return [str(breach) for breach in check(resource)]


def _policy(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def _role_policy(**statement: object) -> Registered:
    return _one("aws:iam/rolePolicy:RolePolicy", role="r", policy=_policy(Resource="arn:aws:s3:::b/*", **statement))


GOOD_TAGS = {"audit-log:kind": "log", "audit-log:profile": "standard"}
LOG_POLICY = iam.document(
    bucket_policy.statements(PLACE, administrators=["arn:aws:iam::123456789012:role/boss"], trail="t")
)

LIFECYCLE_RULE = {"id": "x", "status": "Enabled", "filter": {}, "abortIncompleteMultipartUpload": {}}


def _log_bucket(**changed: Mapping[str, object] | None) -> list[Registered]:
    """A whole log bucket; a change replaces the properties of one of its resources, None leaves it out."""
    parts: dict[str, Mapping[str, object]] = {
        "bucket": {"tags": GOOD_TAGS, "objectLockEnabled": True},
        "bucketVersioning": {"versioningConfiguration": {"status": "Enabled"}},
        "bucketObjectLockConfiguration": {"rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 184.0}}},
        "bucketOwnershipControls": {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
        "bucketPublicAccessBlock": {},
        "bucketServerSideEncryptionConfiguration": {"rules": [{"applyServerSideEncryptionByDefault": {}}]},
        "bucketLifecycleConfiguration": {"rules": [LIFECYCLE_RULE]},
        "bucketPolicy": {"policy": LOG_POLICY},
    }
    result = []
    for key, props in parts.items():
        given = changed.get(key, props)
        if given is not None:
            type_ = f"aws:s3/{key}:{key[0].upper()}{key[1:]}"
            result.append(Registered(type=type_, name=key, props={"bucket": "the-log", **given}))
    return result


def _stack_says(resources: list[Registered]) -> list[str]:
    return [breach.says for breach in check_stack(resources)]


@pytest.mark.parametrize("kind", ["log", "vault", "scratch"])
def test_a_bucket_says_what_it_is_for(kind: str) -> None:
    """The three kinds are let through."""
    tags = {"audit-log:kind": kind, "audit-log:profile": "trial"}
    assert not check(_one("aws:s3/bucket:Bucket", bucket="b", tags=tags, objectLockEnabled=True))


@pytest.mark.parametrize(
    ("props", "says"),
    [
        ({}, "tag audit-log:kind must be one of log, vault, scratch, got None"),
        ({"tags": {"audit-log:kind": "misc"}}, "got 'misc'"),
        ({"tags": UNKNOWN}, "tag audit-log:kind must be one of"),
        ({"tags": GOOD_TAGS}, "a log must have objectLockEnabled"),
        ({"tags": GOOD_TAGS, "objectLockEnabled": UNKNOWN}, "a log must have objectLockEnabled"),
        ({"tags": {"audit-log:kind": "log"}, "objectLockEnabled": True}, "tag audit-log:profile"),
        ({"tags": GOOD_TAGS, "objectLockEnabled": True, "forceDestroy": True}, "forceDestroy must not be set"),
        ({"tags": GOOD_TAGS, "objectLockEnabled": True, "forceDestroy": UNKNOWN}, "forceDestroy must not be set"),
        ({"tags": GOOD_TAGS, "objectLockEnabled": True, "acl": "public-read"}, "acl must be set by a resource"),
        ({"tags": GOOD_TAGS, "objectLockEnabled": True, "policy": "{}"}, "policy must be set by a resource"),
    ],
)
def test_a_bucket_that_is_none_of_the_kit_is_refused(props: dict[str, object], says: str) -> None:
    """No kind, no lock, a way to empty it, or settings where no rule looks."""
    assert any(says in line for line in _says(_one("aws:s3/bucket:Bucket", bucket="b", **props)))


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ({"Action": "*"}, "an allowed action must be named in full, got '*'"),
        ({"Action": ["s3:PutObject", "s3:Get*"]}, "got 's3:Get*'"),
        ({"Action": "s3:Get?bject"}, "got 's3:Get?bject'"),
        ({"NotAction": "s3:PutObject"}, "NotAction must not be used"),
        ({"Action": "s3:PutObject", "NotResource": "arn:aws:s3:::b/*"}, "NotResource must not be used"),
        ({"Action": "s3:PutObject", "Condition": {"ArnLike": {"aws:PrincipalArn": "*"}}}, "a wildcard must have"),
        ({"Action": "s3:BypassGovernanceRetention"}, "no role may be given s3:BypassGovernanceRetention"),
        ({"Action": "s3:deleteobject"}, "no role may be given s3:deleteobject"),
        ({"Action": "s3:PutBucketPolicy"}, "no role may be given s3:PutBucketPolicy"),
        ({"Action": "s3:ReplicateDelete"}, "no role may be given s3:ReplicateDelete"),
    ],
)
def test_a_role_is_given_no_wildcard_and_nothing_that_weakens(statement: dict[str, object], says: str) -> None:
    """Named actions on named places, none of which could take the log's protections away."""
    assert any(says in line for line in _says(_role_policy(**statement)))


@pytest.mark.parametrize(
    "resource",
    [
        "*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::*/*",
        "arn:aws:s3:::b*",
        "arn:aws:s3:::b/*/x",
        "arn:aws:iam::123456789012:role/*",
        "arn:aws:logs:eu-central-1:123456789012:*",
        "arn:aws:logs:eu-central-1:123456789012:log-group:*",
        "arn:aws:lambda:eu-central-1:123456789012:function:*",
        "arn:aws:s3:::b/\n*",
    ],
)
def test_a_wildcard_without_a_listed_reason_is_refused(resource: str) -> None:
    """Only the ends of three kinds of ARN may be open."""
    policy = _policy(Action="s3:PutObject", Resource=resource)
    lines = _says(_one("aws:iam/rolePolicy:RolePolicy", role="r", policy=policy))
    assert any("a wildcard must have a listed reason" in line for line in lines)


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["arn:aws:iam::123456789012:role/*"]}])
def test_nobody_unnamed_is_allowed_anything(principal: object) -> None:
    """In a bucket's policy or a role's trust."""
    policy = _policy(Principal=principal, Action="sts:AssumeRole", Resource="arn:aws:s3:::b")
    for type_, key in (("aws:s3/bucketPolicy:BucketPolicy", "policy"), ("aws:iam/role:Role", "assumeRolePolicy")):
        assert any("an allowed principal must be named in full" in line for line in _says(_one(type_, **{key: policy})))


@pytest.mark.parametrize("text", [UNKNOWN, "", "no json", "[]", '{"Statement": []}', '{"Version": "2012-10-17"}'])
def test_a_policy_that_cannot_be_read_is_refused(text: object) -> None:
    """A rule that waits for a value could be slipped past."""
    assert any(
        "must be a policy document" in line for line in _says(_one("aws:sns/topicPolicy:TopicPolicy", policy=text))
    )


def test_a_refusal_with_an_exception_for_everyone_is_refused() -> None:
    """`ArnNotLike *` would spare everybody."""
    condition = {"ArnNotLike": {"aws:PrincipalArn": ["arn:aws:iam::123456789012:*"]}}
    policy = _policy(Effect="Deny", Principal="*", Action="s3:*", Resource="arn:aws:s3:::b/*", Condition=condition)
    lines = _says(_one("aws:s3/bucketPolicy:BucketPolicy", policy=policy))
    assert any("a wildcard must have a listed reason" in line for line in lines)


@pytest.mark.parametrize(
    ("type_", "props"),
    [
        ("aws:iam/role:Role", {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}),
        ("aws:iam/role:Role", {"inlinePolicies": [{"name": "n"}]}),
    ],
)
def test_permissions_that_no_rule_can_read_are_refused(type_: str, props: dict[str, object]) -> None:
    """They stand in a role's own policy."""
    assert _says(_one(type_, **props))


@pytest.mark.parametrize(
    "type_",
    [
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:iam/user:User",
        "aws:s3/bucketV2:BucketV2",
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "aws:s3/accessPoint:AccessPoint",
        "aws:cloudformation/stack:Stack",
        "aws-native:s3:Bucket",
    ],
)
def test_a_type_that_no_rule_knows_is_refused(type_: str) -> None:
    """It could give permissions, or undo a protection, where nobody looks."""
    assert any("no rule knows" in line for line in _says(_one(type_, bucket="b")))


@pytest.mark.parametrize("type_", ["agent-audit-log:aws:Roles", "pulumi:pulumi:Stack", "pulumi:providers:aws"])
def test_what_pulumi_and_the_kit_bring_is_let_through(type_: str) -> None:
    """Components, the stack and its providers set nothing in the cloud."""
    assert not check(_one(type_))


def test_what_is_set_on_an_unknown_bucket_is_refused() -> None:
    """A lifecycle that could expire the log must say whose it is."""
    rules = [{"status": "Enabled", "expiration": {"days": 1}}]
    resource = _one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", bucket=UNKNOWN, rules=rules)
    assert any("bucket must be a name that is known" in line for line in _says(resource))


@pytest.mark.parametrize("days", [None, 0, UNKNOWN, True])
def test_a_log_group_that_never_ends_is_refused(days: object) -> None:
    """CloudWatch keeps for ever what has no retention."""
    props: dict[str, object] = {} if days is None else {"retentionInDays": days}
    assert _says(_one("aws:cloudwatch/logGroup:LogGroup", **props))
    assert not _says(_one("aws:cloudwatch/logGroup:LogGroup", retentionInDays=90))


def test_public_access_is_blocked_four_times() -> None:
    """Each of the four settings matters."""
    names = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    whole: dict[str, object] = dict.fromkeys(names, True)
    type_ = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    assert not _says(_one(type_, bucket="b", **whole))
    for name in names:
        assert len(_says(_one(type_, bucket="b", **{**whole, name: False}))) == 1


@pytest.mark.parametrize(
    ("type_", "props"),
    [
        ("aws:lambda/functionUrl:FunctionUrl", {"functionName": "x-sealer", "authorizationType": "NONE"}),
        ("aws:lambda/functionUrl:FunctionUrl", {"functionName": UNKNOWN, "authorizationType": "NONE"}),
        ("aws:lambda/functionUrl:FunctionUrl", {"functionName": "x-sealer", "authorizationType": UNKNOWN}),
        ("aws:lambda/permission:Permission", {"function": "x-writer", "principal": "*", "action": "lambda:Invoke"}),
        ("aws:lambda/permission:Permission", {"function": "x", "principal": "*", "functionUrlAuthType": "NONE"}),
        ("aws:lambda/permission:Permission", {"function": "x-writer", "principal": UNKNOWN}),
    ],
)
def test_only_the_writers_address_is_open(type_: str, props: dict[str, object]) -> None:
    """Anybody may call the listed function through its address; nothing else is anybody's to call."""
    assert _says(_one(type_, **props))


def test_the_writers_address_is_let_through() -> None:
    """The function itself turns away who has no token."""
    assert not _says(_one("aws:lambda/functionUrl:FunctionUrl", functionName="x-writer", authorizationType="NONE"))
    for way in ({"functionUrlAuthType": "NONE"}, {"invokedViaFunctionUrl": True}):
        assert not _says(_one("aws:lambda/permission:Permission", function="x-writer", principal="*", **way))


def test_a_whole_log_bucket_is_let_through() -> None:
    """What the locked bucket registers breaks nothing."""
    assert not _stack_says(_log_bucket())


@pytest.mark.parametrize(
    ("part", "props", "says"),
    [
        ("bucketVersioning", None, "must keep versions"),
        ("bucketVersioning", {"versioningConfiguration": {"status": "Suspended"}}, "must keep versions"),
        ("bucketObjectLockConfiguration", None, "must have one default retention, got 0"),
        ("bucketObjectLockConfiguration", {}, "default retention must be a mode"),
        ("bucketObjectLockConfiguration", {"rule": UNKNOWN}, "default retention must be a mode"),
        (
            "bucketObjectLockConfiguration",
            {"rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": UNKNOWN}}},
            "default retention must be a mode",
        ),
        (
            "bucketObjectLockConfiguration",
            {"rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 183}}},
            "profile standard locks in GOVERNANCE mode for at least 184 days, got GOVERNANCE for 183",
        ),
        ("bucketOwnershipControls", {"rule": {"objectOwnership": "ObjectWriter"}}, "must be owned by its account"),
        ("bucketPublicAccessBlock", None, "must block public access"),
        ("bucketServerSideEncryptionConfiguration", {"rules": []}, "must be encrypted"),
        ("bucketPolicy", None, "nobody deletes or bypasses"),
        ("bucketPolicy", {"policy": _policy(Action="s3:GetObject")}, "nobody deletes or bypasses"),
        ("bucketLifecycleConfiguration", {"rules": [{**LIFECYCLE_RULE, "expiration": {"days": 1}}]}, "expire nothing"),
        ("bucketLifecycleConfiguration", {"rules": [{**LIFECYCLE_RULE, "transitions": []}]}, "expire nothing"),
    ],
)
def test_a_log_bucket_with_a_protection_missing_is_refused(
    part: str, props: dict[str, object] | None, says: str
) -> None:
    """Each protection, gone or weakened."""
    lines = _stack_says(_log_bucket(**{part: props}))
    assert any(says in line for line in lines), lines


def test_a_compliance_profile_asks_for_compliance_mode() -> None:
    """Governance for ten years is weaker than compliance for half a year."""
    tags = {"audit-log:kind": "log", "audit-log:profile": "regulated"}
    rule = {"rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 3650}}}
    lines = _stack_says(
        _log_bucket(bucket={"tags": tags, "objectLockEnabled": True}, bucketObjectLockConfiguration=rule)
    )
    assert lines == ["profile regulated locks in COMPLIANCE mode for at least 184 days, got GOVERNANCE for 3650"]


def test_a_conditional_refusal_of_deletion_is_none() -> None:
    """A statement that could be met by a condition does not keep anything."""
    document = json.loads(LOG_POLICY)
    for statement in document["Statement"]:
        if statement["Sid"] == "NobodyDeletes":
            statement["Condition"] = {"Bool": {"aws:MultiFactorAuthPresent": "false"}}
    lines = _stack_says(_log_bucket(bucketPolicy={"policy": json.dumps(document)}))
    assert lines == ["must have a policy under which nobody deletes or bypasses"]


def test_no_role_writes_and_deletes_over_two_policies() -> None:
    """Split between two policies of one role it is the same role."""
    both = [_role_policy(Action=["s3:PutObject"]), _role_policy(Action=["s3:DeleteObjectTagging"])]
    assert _stack_says(both) == ["no role may both write and delete"]
    other = Registered(type=both[1].type, name="o", props={**both[1].props, "role": "another"})
    assert not _stack_says([both[0], other])


def test_a_role_that_is_not_known_yet_is_refused() -> None:
    """Whose permissions they are must be clear beforehand."""
    policy = _role_policy(Action=["s3:PutObject"])
    unknown = Registered(type=policy.type, name="u", props={**policy.props, "role": UNKNOWN})
    assert _stack_says([unknown]) == [
        "role must be known when the policy is registered, got a value that is not known yet"
    ]


@pytest.mark.parametrize("principal", Principal)
def test_the_kits_own_roles_are_let_through(principal: Principal) -> None:
    """The table's documents break no rule."""
    bounds = iam.Bounds(mode=iam.Mode.GOVERNANCE, max_days=10)
    policy = iam.document(iam.role_statements(principal, WITH_VAULT, bounds))
    trust = iam.document(iam.trust_statements(principal, WITH_VAULT, ["arn:aws:iam::123456789012:role/boss"]))
    assert not check(_one("aws:iam/rolePolicy:RolePolicy", role=WITH_VAULT.roles[principal], policy=policy))
    assert not check(_one("aws:iam/role:Role", assumeRolePolicy=trust))


def test_the_error_names_every_breach_on_a_line() -> None:
    """Whoever reads it can mend all of them at once."""
    error = GuardrailError(check(_one("aws:cloudwatch/logGroup:LogGroup")) * 2)
    line = "  it: retentionInDays must be a stated number of days, got None [log-groups-end]"
    assert str(error) == f"guardrail broken\n{line}\n{line}"


def test_every_rule_says_what_it_is_for() -> None:
    """The pack shows these sentences."""
    assert all((rule.__doc__ or "").endswith(".") for rule in [*RESOURCE_RULES.values(), *STACK_RULES.values()])
