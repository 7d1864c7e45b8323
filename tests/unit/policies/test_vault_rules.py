"""The rules about vaults, scratch buckets, and the keys that encrypt or digest."""

import json
from collections.abc import Mapping

import pytest

from policies import iam, seal_policy, vault_policy
from policies.guardrails import check, check_stack
from policies.registered import UNKNOWN, Registered

from .places import WITH_VAULT

SWITCHES = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
VAULT_POLICY = iam.document(
    vault_policy.bucket_statements(WITH_VAULT, administrators=["arn:aws:iam::123456789012:role/boss"])
)


def _one(type_: str, **props: object) -> Registered:
    return Registered(type=type_, name="it", props=props)


def _says(resource: Registered) -> list[str]:
    return [str(breach) for breach in check(resource)]


def _stack_says(resources: list[Registered]) -> list[str]:
    return [breach.says for breach in check_stack(resources)]


def _policy(**statement: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def _role_policy(**statement: object) -> Registered:
    return _one("aws:iam/rolePolicy:RolePolicy", role="r", policy=_policy(Resource="arn:aws:s3:::b/*", **statement))


def _short_lived(kind: str, days: int | None, **rule: object) -> list[Registered]:
    given = {"status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": days}, **rule}
    rules: list[object] = [] if days is None else [given]
    return [
        _one("aws:s3/bucket:Bucket", bucket="v", tags={"audit-log:kind": kind}),
        _one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", bucket="v", rules=rules),
    ]


def _vault(changed: Mapping[str, Mapping[str, object] | None] | None = None) -> list[Registered]:
    """A whole vault; a change replaces the properties of one of its resources, None leaves it out."""
    encryption = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": UNKNOWN}
    parts: dict[str, Mapping[str, object]] = {
        "bucketOwnershipControls": {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
        "bucketPublicAccessBlock": dict.fromkeys(SWITCHES, True),
        "bucketServerSideEncryptionConfiguration": {"rules": [{"applyServerSideEncryptionByDefault": encryption}]},
        "bucketPolicy": {"policy": VAULT_POLICY},
    }
    result = _short_lived("vault", 1)
    for key, props in {**parts, **(changed or {})}.items():
        if props is not None:
            result.append(_one(f"aws:s3/{key}:{key[0].upper()}{key[1:]}", bucket="v", **props))
    return result


def test_a_whole_vault_is_let_through() -> None:
    """A day, which is up to 48 hours; a key of its own; shut."""
    assert not _stack_says(_vault())
    assert not [
        line for resource in _vault() if not resource.type.endswith("PublicAccessBlock") for line in _says(resource)
    ]


@pytest.mark.parametrize(
    ("days", "rule", "says"),
    [
        (2, {}, "a vault must expire after 1 day, which is up to 48 hours, got 2"),
        (None, {}, "a vault bucket must expire"),
        (1, {"status": "Disabled"}, "a vault bucket must expire"),
        (1, {"filter": {"prefix": "payloads/a"}}, "a vault bucket must expire"),
        (1, {"filter": {"tag": {"key": "old", "value": "1"}}}, "a vault bucket must expire"),
        (1, {"prefix": "payloads/a"}, "a vault bucket must expire"),
    ],
)
def test_a_vault_is_empty_again_in_time(days: int | None, rule: dict[str, object], says: str) -> None:
    """The guide allows raw bodies for 24 to 48 hours, and that is for all of them."""
    rest = [item for item in _vault() if "Lifecycle" not in item.type and item.type != "aws:s3/bucket:Bucket"]
    assert _stack_says([*_short_lived("vault", days, **rule), *rest]) == [says]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"bucketServerSideEncryptionConfiguration": None}, "a vault must be encrypted with a customer key"),
        (
            {"bucketServerSideEncryptionConfiguration": {
                "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
            }},
            "a vault must be encrypted with a customer key",
        ),
        (
            {"bucketServerSideEncryptionConfiguration": {
                "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms"}}]
            }},
            "a vault must be encrypted with a customer key",
        ),
        ({"bucketOwnershipControls": {"rule": {"objectOwnership": "ObjectWriter"}}}, "owned by its account alone"),
        ({"bucketPublicAccessBlock": None}, "a vault must block public access"),
        ({"bucketPolicy": None}, "a vault must have a policy of who may read it"),
        ({"bucketVersioning": {"versioningConfiguration": {"status": "Enabled"}}}, "a vault must keep no versions"),
        ({"bucketObjectLockConfiguration": {"rule": {}}}, "a vault must not be locked"),
    ],
)  # fmt: skip
def test_a_vault_that_is_open_or_keeps_things_is_a_breach(
    changed: dict[str, Mapping[str, object] | None], says: str
) -> None:
    """Each protection of it is missed."""
    (line,) = _stack_says(_vault(changed))
    assert says in line


def test_a_vault_is_never_lockable() -> None:
    """What is set when the bucket is made cannot be taken back."""
    bucket, *rest = _vault()
    locked = _one(bucket.type, **{**bucket.props, "objectLockEnabled": True})
    assert _stack_says([locked, *rest]) == ["a vault must not be locked: nothing in it may outlast its hours"]


def _key(*statements: iam.Statement, props: Mapping[str, object] | None = None) -> Registered:
    given = vault_policy.key_statements(WITH_VAULT, administrators=["arn:aws:iam::123456789012:role/boss"])
    document = iam.document([*given, *statements])
    return _one("aws:kms/key:Key", **{"policy": document, "enableKeyRotation": True, **(props or {})})


def test_the_vaults_key_is_let_through() -> None:
    """Its resource is itself, which is not a wildcard."""
    assert _says(_key()) == []


def test_the_seals_key_is_let_through() -> None:
    """One that signs is never renewed, and has a policy as well."""
    statements = seal_policy.key_statements(WITH_VAULT, administrators=["arn:aws:iam::123456789012:role/boss"])
    key = {"keyUsage": "SIGN_VERIFY", "customerMasterKeySpec": "ECC_NIST_EDWARDS25519"}
    assert _says(_one("aws:kms/key:Key", policy=iam.document(statements), **key)) == []
    assert "policy must be given" in "".join(_says(_one("aws:kms/key:Key", **key)))


@pytest.mark.parametrize(
    ("props", "says"),
    [
        ({"enableKeyRotation": False}, "enableKeyRotation must be true, got False"),
        ({"enableKeyRotation": UNKNOWN}, "enableKeyRotation must be true, got a value that is not known yet"),
        ({"policy": None}, "policy must be given"),
        ({"policy": UNKNOWN}, "must be a policy document that is known"),
    ],
)
def test_a_key_that_is_not_kept_well_is_a_breach(props: dict[str, object], says: str) -> None:
    """Renewed, and with a policy that can be read."""
    assert says in "".join(_says(_key(props=props)))


@pytest.mark.parametrize(
    ("action", "who", "breaks"),
    [
        ("kms:Decrypt", "arn:aws:iam::123456789012:role/the-writer", True),
        ("kms:Decrypt", "arn:aws:iam::123456789012:role/the-auditor", True),
        ("kms:Decrypt", "arn:aws:iam::123456789012:root", True),
        ("kms:Decrypt", "arn:aws:iam::123456789012:role/another-vault-reader", False),
        ("kms:GenerateDataKeyWithoutPlaintext", "arn:aws:iam::123456789012:role/the-vault-reader", True),
        ("kms:GenerateDataKeyWithoutPlaintext", "arn:aws:iam::123456789012:role/the-writer", False),
        ("kms:ReEncryptFrom", "arn:aws:iam::123456789012:role/the-vault-reader", True),
        ("kms:CreateGrant", "arn:aws:iam::123456789012:role/boss", True),
        ("kms:Sign", "arn:aws:iam::123456789012:role/the-sealer", False),
        ("kms:Sign", "arn:aws:iam::123456789012:role/the-writer", True),
        ("kms:Sign", "arn:aws:iam::123456789012:role/boss", True),
        ("kms:Sign", "arn:aws:iam::123456789012:root", True),
        ("kms:PutKeyPolicy", "arn:aws:iam::123456789012:role/boss", False),
    ],
)
def test_one_role_encrypts_and_another_decrypts(action: str, who: str, *, breaks: bool) -> None:
    """And nobody, an administrator neither, does both or lends it."""
    more: iam.Statement = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": action, "Resource": "*"}
    assert bool(_says(_key(more))) is breaks


def test_a_star_is_the_key_itself_in_its_own_policy_alone() -> None:
    """In a role's it would be every key."""
    assert _says(_role_policy(Action=["s3:GetObject"])) == []
    policy = _policy(Action=["s3:GetObject"], Resource="*")
    assert _says(_one("aws:iam/rolePolicy:RolePolicy", role="r", policy=policy))


def test_scratch_expires() -> None:
    """Some day, whenever."""
    assert not _stack_says(_short_lived("scratch", 400))
    assert _stack_says(_short_lived("scratch", None)) == ["a scratch bucket must expire"]


@pytest.mark.parametrize(
    ("props", "says"),
    [
        ({"type": "String", "value": UNKNOWN}, "type must be SecureString, got 'String'"),
        ({"value": UNKNOWN}, "type must be SecureString, got None"),
        ({"type": UNKNOWN}, "type must be SecureString, got a value that is not known yet"),
        ({"type": "SecureString", "insecureValue": "k"}, "insecureValue must not be used"),
    ],
)
def test_a_parameter_in_the_open_is_a_breach(props: dict[str, object], says: str) -> None:
    """What is kept in the parameter store is encrypted there."""
    assert says in "".join(_says(_one("aws:ssm/parameter:Parameter", **props)))


def test_a_parameter_that_is_encrypted_is_none() -> None:
    """Whether its value is known or not, and without showing it."""
    for value in (UNKNOWN, "a-known-value"):
        assert _says(_one("aws:ssm/parameter:Parameter", type="SecureString", value=value)) == []


@pytest.mark.parametrize("action", ["ssm:GetParameter", "SSM:GetParameters", "ssm:PutParameter"])
@pytest.mark.parametrize(("role", "breaks"), [("the-writer", False), ("the-auditor", True), (UNKNOWN, True)])
def test_only_the_writer_reads_parameters(action: str, role: object, *, breaks: bool) -> None:
    """Whoever has the keys can test guesses against the log."""
    policy = _policy(Action=action, Resource="arn:aws:ssm:eu-central-1:123456789012:parameter/the/keys")
    says = _says(_one("aws:iam/rolePolicy:RolePolicy", role=role, policy=policy))
    assert bool([text for text in says if f"may be given {action}" in text]) is breaks
