"""The policies put to an evaluator of IAM, with the condition keys that S3 sends and the emulator's own S3 does not."""

import json
from collections.abc import Mapping

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, evaluate_resource_policy, parse_policy_document

from policies import bucket_policy, iam, vault_policy
from policies.iam import Bounds
from policies.place import Principal
from policies.retention import Mode

from .places import PLACE, WITH_VAULT

BOSS = "arn:aws:iam::123456789012:role/boss"
RECORDS = "arn:aws:s3:::the-log/records/"
RECORD = f"{RECORDS}dt=2026-06-30/{'0a' * 20}.jsonl.gz"
SEALED = "arn:aws:s3:::the-log/seal/tile/0/000"
NEWEST = "arn:aws:s3:::the-log/seal/checkpoint"
ELSEWHERE = "arn:aws:s3:::the-log/elsewhere/x"
BUCKET = "arn:aws:s3:::the-log"
DELIVERED = "arn:aws:s3:::the-log/trail/AWSLogs/123456789012/CloudTrail/eu-central-1/x.json.gz"
BOUNDS = Bounds(mode=Mode.GOVERNANCE, max_days=100)
EVERYTHING = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})

CREATED = {"s3:if-none-match": "*", "s3:objectcreationoperation": "true"}
OVERWRITTEN = {"s3:objectcreationoperation": "true"}
PART = {"s3:objectcreationoperation": "false"}


def _policy(*, loopback: bool = False) -> str:
    statements = bucket_policy.statements(PLACE, administrators=[BOSS], trail="the-trail", loopback=loopback)
    return iam.document(statements)


def _arns(role: str) -> list[str]:
    """A role's session as AWS names it in a condition, and as the emulator does."""
    return [f"arn:aws:iam::123456789012:role/{role}", f"arn:aws:sts::123456789012:assumed-role/{role}/session"]


def _context(
    arn: str, action: str, resource: str, keys: Mapping[str, str], *, tls: bool = True, address: str = "198.51.100.7"
) -> EvalContext:
    return EvalContext(
        principal_arn=arn,
        principal_type="AssumedRole",
        principal_account="123456789012",
        action=action,
        resource_arn=resource,
        region="eu-central-1",
        source_ip=address,
        secure_transport=tls,
        service_context=dict(keys),
    )


def _allowed(identity: str, context: EvalContext, bucket: str | None = None) -> bool:
    """Whether the role's policy allows it and the bucket's does not refuse it."""
    own = evaluate(context, [parse_policy_document(identity)]).decision
    return own == "Allow" and evaluate_resource_policy(bucket or _policy(), context).decision != "Deny"


def _role(principal: Principal) -> str:
    return iam.document(iam.role_statements(principal, PLACE, BOUNDS))


SEALER = Principal.SEALER
WRITER, ADMIN, RELEASER = Principal.WRITER, Principal.RETENTION_ADMIN, Principal.HOLD_RELEASER
PUT, EXTEND, HOLD = "s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold"
MODE, DAYS, STATE = "s3:object-lock-mode", "s3:object-lock-remaining-retention-days", "s3:object-lock-legal-hold"


@pytest.mark.parametrize(
    ("principal", "action", "resource", "keys", "expected"),
    [
        (WRITER, PUT, RECORD, CREATED, True),
        (WRITER, PUT, RECORD, OVERWRITTEN, False),
        (WRITER, PUT, RECORD, PART, True),
        (WRITER, PUT, ELSEWHERE, CREATED, False),
        (WRITER, PUT, DELIVERED, CREATED, False),
        (WRITER, PUT, SEALED, CREATED, False),
        (WRITER, PUT, NEWEST, CREATED, False),
        (SEALER, PUT, SEALED, CREATED, True),
        (SEALER, PUT, SEALED, OVERWRITTEN, False),
        (SEALER, PUT, NEWEST, OVERWRITTEN, True),
        (SEALER, PUT, f"{NEWEST}s/7", OVERWRITTEN, False),
        (SEALER, PUT, RECORD, CREATED, False),
        (SEALER, PUT, ELSEWHERE, CREATED, False),
        (SEALER, "s3:GetObjectVersion", RECORD, {}, True),
        (SEALER, "s3:GetObjectVersion", SEALED, {}, True),
        (SEALER, "s3:GetObject", DELIVERED, {}, False),
        (SEALER, "s3:DeleteObject", SEALED, {}, False),
        (SEALER, EXTEND, SEALED, {MODE: "GOVERNANCE", DAYS: "1"}, False),
        (WRITER, "s3:GetObject", RECORD, {}, False),
        (WRITER, "s3:DeleteObject", RECORD, {}, False),
        (ADMIN, EXTEND, RECORD, {MODE: "GOVERNANCE", DAYS: "100"}, True),
        (ADMIN, EXTEND, RECORD, {MODE: "GOVERNANCE", DAYS: "101"}, False),
        (ADMIN, EXTEND, RECORD, {MODE: "COMPLIANCE", DAYS: "1"}, False),
        (ADMIN, HOLD, RECORD, {STATE: "ON"}, True),
        (ADMIN, HOLD, RECORD, {STATE: "OFF"}, False),
        (ADMIN, "s3:BypassGovernanceRetention", RECORD, {}, False),
        (ADMIN, PUT, RECORD, CREATED, False),
        (RELEASER, HOLD, RECORD, {STATE: "OFF"}, True),
        (RELEASER, HOLD, RECORD, {STATE: "ON"}, False),
        (RELEASER, EXTEND, RECORD, {MODE: "GOVERNANCE", DAYS: "1"}, False),
        (Principal.AUDITOR, "s3:GetObjectVersion", RECORD, {}, True),
        (Principal.AUDITOR, "s3:GetObjectVersion", DELIVERED, {}, True),
        (Principal.AUDITOR, PUT, RECORD, CREATED, False),
    ],
)
def test_a_role_does_its_job_and_is_refused_the_rest(
    principal: Principal, action: str, resource: str, keys: dict[str, str], *, expected: bool
) -> None:
    """With the very keys that S3 sends, under both names that a session may have."""
    for arn in _arns(PLACE.roles[principal]):
        assert _allowed(_role(principal), _context(arn, action, resource, keys)) is expected


OF_WRITER, OF_SEALER = (
    f"arn:aws:lambda:eu-central-1:123456789012:function:the-{name}" for name in ("writer", "sealer")
)


@pytest.mark.parametrize(
    ("principal", "action", "resource"),
    [
        (WRITER, PUT, RECORD),
        (WRITER, "ssm:GetParameter", "arn:aws:ssm:eu-central-1:123456789012:parameter/the/keys"),
        (SEALER, "s3:GetObjectVersion", RECORD),
        (SEALER, "sqs:ReceiveMessage", "arn:aws:sqs:eu-central-1:123456789012:the-queue"),
    ],
)
def test_a_functions_role_works_in_its_function_alone(principal: Principal, action: str, resource: str) -> None:
    """Whoever hands the role to another function gets nothing; Lambda's own calls carry no function's name."""
    own, other = (OF_WRITER, OF_SEALER) if principal is WRITER else (OF_SEALER, OF_WRITER)
    arn = _arns(PLACE.roles[principal])[0]
    for function, expected in ((own, True), (other, False), (f"{own}x", False), (None, True)):
        keys = {**CREATED, **({} if function is None else {"lambda:sourcefunctionarn": function})}
        assert _allowed(_role(principal), _context(arn, action, resource, keys)) is expected


def test_only_functions_roles_are_bound_to_a_function() -> None:
    """A person's role is taken outside of any."""
    bound = [principal for principal in Principal if "SourceFunctionArn" in _of_vault(principal)]
    assert bound == [WRITER, SEALER]


@pytest.mark.parametrize(
    "key",
    [
        "x",
        "./y",
        "dt=2026-06-30/./y",
        "dt=2026-06-30/../y",
        "dt=2026-06-30/x.jsonl.gz",
        f"dt=2026-06-30/{'0a' * 20}.jsonl",
        f"dt=2026-06-30/{'0a' * 20}x.jsonl.gz",
        f"dt=2026-06-30/{'0a' * 19}/.jsonl.gz",
        f"dt=2026-06-30/{'0a' * 19}/..jsonl.gz",
        f"dt=2026-06-30/.{'/' * 39}.jsonl.gz",
        f"dt=/./a-./-../{'0a' * 20}.jsonl.gz",
        f"dt=2026-06-30//{'0a' * 19}b.jsonl.gz",
        "dt=2026-06-30/" + "k" * 900,
    ],
)
def test_a_record_has_a_key_of_the_writers_form(key: str) -> None:
    """A compromised writer puts nothing under a key that a reader, or a file system, takes for another."""
    for arn in _arns(PLACE.roles[WRITER]):
        assert not _allowed(_role(WRITER), _context(arn, PUT, RECORDS + key, CREATED))


@pytest.mark.parametrize(
    ("stored_as", "expected"),
    [
        ("STANDARD", True),
        ("GLACIER", False),
        ("DEEP_ARCHIVE", False),
        ("REDUCED_REDUNDANCY", False),
        ("ONEZONE_IA", False),
    ],
)
def test_everything_is_stored_in_the_standard_class(stored_as: str, *, expected: bool) -> None:
    """A record in an archive could not be read for hours."""
    keys = {**CREATED, "s3:x-amz-storage-class": stored_as}
    for principal, resource in ((WRITER, RECORD), (SEALER, SEALED)):
        for arn in _arns(PLACE.roles[principal]):
            assert _allowed(_role(principal), _context(arn, PUT, resource, keys)) is expected


@pytest.mark.parametrize(
    ("action", "resource", "keys"),
    [
        ("s3:DeleteObject", RECORD, {}),
        ("s3:DeleteObjectVersion", RECORD, {}),
        ("s3:DeleteObject", DELIVERED, {}),
        ("s3:BypassGovernanceRetention", RECORD, {}),
        (PUT, RECORD, CREATED),
        (PUT, ELSEWHERE, CREATED),
        (PUT, DELIVERED, CREATED),
        (PUT, SEALED, CREATED),
        (PUT, NEWEST, OVERWRITTEN),
        (HOLD, RECORD, {STATE: "OFF"}),
    ],
)
def test_not_even_an_administrator_may(action: str, resource: str, keys: dict[str, str]) -> None:
    """Whoever may do everything in the account must change the policy first, which alarms."""
    for arn in _arns("boss"):
        assert not _allowed(EVERYTHING, _context(arn, action, resource, keys))


@pytest.mark.parametrize("action", bucket_policy.PROTECTIONS)
def test_protections_are_the_administrators_to_change(action: str) -> None:
    """They are not locked out, and nobody else gets in, whatever their own role allows."""
    for boss, other in zip(_arns("boss"), _arns("another"), strict=True):
        assert _allowed(EVERYTHING, _context(boss, action, BUCKET, {}))
        assert not _allowed(EVERYTHING, _context(other, action, BUCKET, {}))
    assert not _allowed(EVERYTHING, _context("arn:aws:iam::123456789012:user/boss", action, BUCKET, {}))


@pytest.mark.parametrize(
    ("loopback", "tls", "address", "expected"),
    [
        (False, True, "198.51.100.7", True),
        (False, False, "198.51.100.7", False),
        (False, False, "127.0.0.1", False),
        (True, False, "127.0.0.1", True),
        (True, False, "198.51.100.7", False),
    ],
)
def test_nothing_goes_without_tls_but_on_this_machine(
    *, loopback: bool, tls: bool, address: str, expected: bool
) -> None:
    """And that only where the local cloud is."""
    (arn, _) = _arns(PLACE.roles[Principal.AUDITOR])
    context = _context(arn, "s3:GetObject", RECORD, {}, tls=tls, address=address)
    assert _allowed(_role(Principal.AUDITOR), context, _policy(loopback=loopback)) is expected


@pytest.mark.parametrize(
    ("resource", "trail", "expected"),
    [
        (DELIVERED, "the-trail", True),
        (DELIVERED, "another-trail", False),
        (DELIVERED.replace("123456789012/CloudTrail", "999999999999/CloudTrail"), "the-trail", False),
        (RECORD, "the-trail", False),
    ],
)
def test_cloudtrail_delivers_this_trail_to_its_place(resource: str, trail: str, *, expected: bool) -> None:
    """Without If-None-Match, which it does not send; another account's or trail's files do not come in."""
    keys = {
        "aws:sourcearn": f"arn:aws:cloudtrail:eu-central-1:123456789012:trail/{trail}",
        "s3:x-amz-acl": "bucket-owner-full-control",
        "s3:objectcreationoperation": "true",
        "aws:principalisawsservice": "true",
    }
    context = _context("", PUT, resource, keys)
    decision = evaluate_resource_policy(_policy(), context, service="cloudtrail.amazonaws.com").decision
    assert (decision == "Allow") is expected


VAULT = iam.document(vault_policy.bucket_statements(WITH_VAULT, administrators=[BOSS]))
KEY = iam.document(vault_policy.key_statements(WITH_VAULT, administrators=[BOSS]))
PAYLOAD = "arn:aws:s3:::the-vault/payloads/x"


def _of_vault(principal: Principal) -> str:
    return iam.document(iam.role_statements(principal, WITH_VAULT, BOUNDS))


@pytest.mark.parametrize(
    ("principal", "resource"),
    [(Principal.WRITER, PAYLOAD), (Principal.WRITER, RECORD), (Principal.SEALER, SEALED), (Principal.SEALER, NEWEST)],
)
@pytest.mark.parametrize(
    ("keys", "allowed"),
    [
        ({}, True),
        ({"s3:x-amz-server-side-encryption": "AES256"}, False),
        ({"s3:x-amz-server-side-encryption": "aws:kms"}, False),
        ({"s3:x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:eu-central-1:1:key/another"}, False),
        ({"s3:x-amz-server-side-encryption-customer-algorithm": "AES256"}, False),
    ],
)
def test_the_buckets_own_encryption_is_the_only_one(
    principal: Principal, resource: str, keys: Mapping[str, str], *, allowed: bool
) -> None:
    """A put that names an encryption, a key, or one of the sender's is refused; one that says nothing gets its own."""
    policy = VAULT if resource == PAYLOAD else _policy()
    for arn in _arns(WITH_VAULT.roles[principal]):
        put = _context(arn, PUT, resource, {**CREATED, **keys})
        assert _allowed(_of_vault(principal), put, policy) is allowed


@pytest.mark.parametrize(("context", "allowed"), [(PAYLOAD, True), ("arn:aws:s3:::the-vault/x", False), (None, False)])
@pytest.mark.parametrize(
    ("role", "action"), [("the-writer", "kms:GenerateDataKey"), ("the-vault-reader", "kms:Decrypt")]
)
def test_the_key_is_for_payloads_alone(role: str, action: str, context: str | None, *, allowed: bool) -> None:
    """S3 names what it encrypts or decrypts for; without that name, or with another, the key is of no use."""
    keys = {} if context is None else {"kms:encryptioncontext:aws:s3:arn": context}
    asked = _context(
        f"arn:aws:iam::123456789012:role/{role}", action, "arn:aws:kms:eu-central-1:123456789012:key/k", keys
    )
    assert (evaluate_resource_policy(KEY, asked).decision == "Allow") is allowed
