"""The table of who may do what, and the documents that follow from it."""

import json
from dataclasses import replace

import pytest

from policies import bucket_policy, iam
from policies.iam import Bounds
from policies.place import DEEPER, RECORD_OBJECT, STANDING, Principal, ResourceNames, Scope
from policies.retention import PROFILES, Mode, Retention
from policies.wildcards import WILDCARDS

from .places import PLACE, WITH_VAULT

BOUNDS = Bounds(mode=Mode.GOVERNANCE, max_days=3653)

# The whole table again, by hand: what a role may do changes here too, or a test is red.
EXPECTED = {
    Principal.WRITER: {
        ("s3:PutObject", "arn:aws:s3:::the-log/records/*"),
        *(
            (action, "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/the-writer:log-stream:*")
            for action in ("logs:CreateLogStream", "logs:PutLogEvents")
        ),
        ("ssm:GetParameter", "arn:aws:ssm:eu-central-1:123456789012:parameter/the/keys"),
    },
    Principal.SEALER: {
        *((f"s3:{action}", "arn:aws:s3:::the-log") for action in ("ListBucket", "ListBucketVersions")),
        *(
            (f"s3:{action}", f"arn:aws:s3:::the-log/{prefix}/*")
            for prefix in ("records", "seal")
            for action in ("GetObject", "GetObjectRetention", "GetObjectVersion")
        ),
        ("s3:PutObject", "arn:aws:s3:::the-log/seal/*"),
        *(
            (f"sqs:{action}", "arn:aws:sqs:eu-central-1:123456789012:the-queue")
            for action in ("DeleteMessage", "ReceiveMessage")
        ),
        ("sns:Publish", "arn:aws:sns:eu-central-1:123456789012:the-topic"),
        *(
            (action, "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/the-sealer:log-stream:*")
            for action in ("logs:CreateLogStream", "logs:PutLogEvents")
        ),
    },
    Principal.AUDITOR: {
        *(
            (f"s3:{action}", "arn:aws:s3:::the-log")
            for action in (
                "GetBucketLocation",
                "GetBucketObjectLockConfiguration",
                "GetBucketOwnershipControls",
                "GetBucketPolicy",
                "GetBucketPolicyStatus",
                "GetBucketPublicAccessBlock",
                "GetBucketVersioning",
                "GetEncryptionConfiguration",
                "GetLifecycleConfiguration",
                "GetReplicationConfiguration",
                "ListBucket",
                "ListBucketVersions",
            )
        ),
        *(
            (f"s3:{action}", "arn:aws:s3:::the-log/*")
            for action in ("GetObject", "GetObjectLegalHold", "GetObjectRetention", "GetObjectVersion")
        ),
        *(
            ("lambda:GetFunctionConfiguration", f"arn:aws:lambda:eu-central-1:123456789012:function:the-{name}")
            for name in ("writer", "sealer")
        ),
        *(
            ("logs:FilterLogEvents", f"arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/the-{name}{end}")
            for name in ("writer", "sealer")
            for end in ("", ":*")
        ),
    },
    Principal.RETENTION_ADMIN: {
        ("s3:GetBucketObjectLockConfiguration", "arn:aws:s3:::the-log"),
        ("s3:ListBucketVersions", "arn:aws:s3:::the-log"),
        *(
            (f"s3:{action}", "arn:aws:s3:::the-log/*")
            for action in ("GetObjectLegalHold", "GetObjectRetention", "PutObjectLegalHold", "PutObjectRetention")
        ),
    },
    Principal.HOLD_RELEASER: {
        ("s3:ListBucketVersions", "arn:aws:s3:::the-log"),
        ("s3:GetObjectLegalHold", "arn:aws:s3:::the-log/*"),
        ("s3:PutObjectLegalHold", "arn:aws:s3:::the-log/*"),
    },
}


WITH_A_VAULT = {
    **EXPECTED,
    Principal.WRITER: {*EXPECTED[Principal.WRITER], ("s3:PutObject", "arn:aws:s3:::the-vault/payloads/*")},
    Principal.VAULT_READER: {("s3:GetObject", "arn:aws:s3:::the-vault/payloads/*")},
}


def _allowed(principal: Principal, place: ResourceNames = PLACE) -> set[tuple[str, str]]:
    document = json.loads(iam.document(iam.role_statements(principal, place, BOUNDS)))
    return {
        (action, resource)
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


@pytest.mark.parametrize("principal", STANDING)
def test_a_role_may_do_what_the_table_says_and_nothing_else(principal: Principal) -> None:
    """An action added to a role, or taken from it, is noticed."""
    assert _allowed(principal) == EXPECTED[principal]


@pytest.mark.parametrize("principal", Principal)
def test_with_a_vault_the_writer_may_put_there_and_one_role_may_read(principal: Principal) -> None:
    """And nobody has anything else more; without a vault there is no such role."""
    assert _allowed(principal, WITH_VAULT) == WITH_A_VAULT[principal]
    assert set(PLACE.roles) == set(EXPECTED)
    assert not _allowed(Principal.VAULT_READER)


def test_in_a_vault_that_only_waits_the_reader_alone_has_anything_to_do() -> None:
    """The writer puts nothing there any more."""
    waits = replace(WITH_VAULT, vault_fills=False)
    assert _allowed(Principal.WRITER, waits) == EXPECTED[Principal.WRITER]
    assert _allowed(Principal.VAULT_READER, waits) == WITH_A_VAULT[Principal.VAULT_READER]


def test_no_role_deletes_bypasses_or_changes_a_protection() -> None:
    """What would weaken the log is in no role's hands."""
    forbidden = {
        *bucket_policy.DELETIONS, *bucket_policy.REPLICATIONS, *bucket_policy.PROTECTIONS, bucket_policy.BYPASS,
    }  # fmt: skip
    assert not forbidden & {action for grant in iam.GRANTS for action in grant.actions}


def test_no_role_has_the_work_of_two() -> None:
    """Who writes records neither reads nor seals them; who seals writes none; who else reads writes nothing."""
    reads, writes = {"s3:GetObject", "s3:GetObjectVersion"}, {"s3:PutObject"}
    for principal in Principal:
        allowed = _allowed(principal, WITH_VAULT)
        written = {resource for action, resource in allowed if action in writes}
        read = {resource for action, resource in allowed if action in reads}
        sealed = {"arn:aws:s3:::the-log/seal/*"}
        assert not (written and read) or (principal is Principal.SEALER and written == sealed)
        assert not written & sealed or principal is Principal.SEALER


def test_a_document_names_each_statement_once() -> None:
    """IAM refuses a policy in which two have one name."""
    for principal in Principal:
        names = [statement["Sid"] for statement in iam.role_statements(principal, WITH_VAULT, BOUNDS)]
        assert len(names) == len(set(names))
        assert all(str(name).isalnum() for name in names)
    assert not {a for a, _ in _allowed(Principal.AUDITOR) if not a.startswith(("s3:Get", "s3:List", "lambda:Get"))} - {
        "logs:FilterLogEvents"
    }


def _refusals(principal: Principal, bounds: Bounds) -> list[tuple[list[str], dict[str, object]]]:
    statements = json.loads(iam.document(iam.role_statements(principal, PLACE, bounds)))["Statement"]
    return [(s["Action"], s["Condition"]) for s in statements if s["Effect"] == "Deny"]


@pytest.mark.parametrize(("mode", "other"), [(Mode.GOVERNANCE, "COMPLIANCE"), (Mode.COMPLIANCE, "GOVERNANCE")])
def test_the_retention_admin_is_kept_within_mode_and_days(mode: Mode, other: str) -> None:
    """It can neither change the mode nor lock for longer than the limit, and releases no hold."""
    assert _refusals(Principal.RETENTION_ADMIN, Bounds(mode=mode, max_days=40)) == [
        (["s3:PutObjectRetention"], {"StringEquals": {"s3:object-lock-mode": other}}),
        (["s3:PutObjectRetention"], {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "40"}}),
        (["s3:PutObjectLegalHold"], {"StringEquals": {"s3:object-lock-legal-hold": "OFF"}}),
    ]


def test_the_hold_releaser_only_releases() -> None:
    """Placing a hold is refused to it."""
    assert _refusals(Principal.HOLD_RELEASER, BOUNDS) == [
        (["s3:PutObjectLegalHold"], {"StringEquals": {"s3:object-lock-legal-hold": "ON"}})
    ]


@pytest.mark.parametrize(("profile", "days", "limit"), [("trial", 1, 30), ("trial", 90, 90), ("standard", 180, 3653)])
def test_the_limit_is_the_profiles_and_never_under_the_default(profile: str, days: int, limit: int) -> None:
    """An extension may always reach what every record gets anyway."""
    bounds = Bounds.of(PROFILES[profile], Retention(mode=Mode.GOVERNANCE, days=days))
    assert bounds == Bounds(mode=Mode.GOVERNANCE, max_days=limit)


def test_the_functions_roles_are_lambdas_and_the_others_named_principals() -> None:
    """A trust policy names who may take the role, in full."""
    for principal in (Principal.WRITER, Principal.SEALER):
        (function,) = iam.trust_statements(principal, PLACE, [])
        assert function["Principal"] == {"Service": "lambda.amazonaws.com"}
    (auditor,) = iam.trust_statements(Principal.AUDITOR, PLACE, ["arn:aws:iam::123456789012:user/eve"])
    assert auditor["Principal"] == {"AWS": ["arn:aws:iam::123456789012:user/eve"]}
    assert "Condition" not in auditor


def test_the_hold_releaser_is_taken_only_where_its_alarm_listens() -> None:
    """An AssumeRole through another region's endpoint would pass the alarm by."""
    (statement,) = iam.trust_statements(Principal.HOLD_RELEASER, PLACE, ["arn:aws:iam::123456789012:role/boss"])
    assert statement["Condition"] == {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}


def test_every_row_says_why_and_every_wildcard_has_a_source() -> None:
    """A permission without a reason is no permission."""
    assert all(grant.why for grant in iam.GRANTS)
    assert all(refusal.why for refusal in iam.refusals(BOUNDS))
    assert all(item.reason and item.source.startswith("https://") for item in WILDCARDS)


def test_every_listed_wildcard_is_used() -> None:
    """A reason for a wildcard that no policy holds is a hole kept open."""
    texts = [place for grants in EXPECTED.values() for _, place in grants]
    texts += iam.principal_patterns("arn:aws:iam::123456789012:role/boss")
    texts += [PLACE.object_arn(form) for form in (RECORD_OBJECT, DEEPER)]
    assert all(any(item.arn.fullmatch(text) for text in texts) for item in WILDCARDS)


def test_prefixes_are_for_objects_alone() -> None:
    """A prefix on any other scope would be ignored, so none is written."""
    assert all(grant.scope in (Scope.OBJECTS, Scope.PAYLOADS) for grant in iam.GRANTS if grant.prefix)


@pytest.mark.parametrize(
    ("arn", "patterns"),
    [
        (
            "arn:aws:iam::123456789012:role/team/boss",
            ["arn:aws:iam::123456789012:role/team/boss", "arn:aws:sts::123456789012:assumed-role/boss/*"],
        ),
        ("arn:aws:iam::123456789012:user/eve", ["arn:aws:iam::123456789012:user/eve"]),
        ("arn:aws:iam::123456789012:root", ["arn:aws:iam::123456789012:root"]),
    ],
)
def test_a_role_is_known_by_its_sessions_too(arn: str, patterns: list[str]) -> None:
    """What a request's principal may read as."""
    assert iam.principal_patterns(arn) == patterns
