"""What the log bucket's policy refuses to everybody."""

import json

import pytest

from policies import bucket_policy, iam

from .places import PLACE

BOSS = "arn:aws:iam::123456789012:role/boss"
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
ON_OBJECTS = {
    "s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject",
    "s3:PutObjectLegalHold", "s3:ReplicateDelete", "s3:ReplicateObject",
}  # fmt: skip
ON_BUCKETS = {
    "s3:DeleteBucketPolicy", "s3:GetBucketAcl", "s3:PutBucketAcl", "s3:PutBucketNotification",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketOwnershipControls", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration",
}  # fmt: skip


def _policy(*, trail: str | None = "the-trail", loopback: bool = False) -> dict[str, dict[str, object]]:
    statements = bucket_policy.statements(PLACE, administrators=[BOSS], trail=trail, loopback=loopback)
    parsed = json.loads(iam.document(statements))
    assert parsed["Version"] == "2012-10-17"
    return {statement["Sid"]: statement for statement in parsed["Statement"]}


def test_nothing_is_deleted_or_bypassed_by_anybody() -> None:
    """Both refusals are for everyone, without a condition that could be met."""
    policy = _policy()
    for sid, actions in (
        ("NobodyDeletes", ["s3:DeleteObject", "s3:DeleteObjectVersion"]),
        ("NobodyBypasses", ["s3:BypassGovernanceRetention"]),
        ("NobodyReplicatesInto", ["s3:ReplicateDelete", "s3:ReplicateObject"]),
    ):
        assert policy[sid] == {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": actions,
            "Resource": ["arn:aws:s3:::the-log/*"],
        }


def test_records_are_created_and_never_written_over() -> None:
    """Nor is anything else but what CloudTrail delivers and the newest checkpoint.

    The condition has AWS's documented form, which lets the parts of an upload through but not its completion.
    """
    statement = _policy()["CreateOnly"]
    assert statement["NotResource"] == ["arn:aws:s3:::the-log/trail/*", "arn:aws:s3:::the-log/seal/checkpoint"]
    assert statement["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }


def test_only_the_writer_writes_records() -> None:
    """Whoever else may put objects in this account puts none among the records."""
    assert _policy()["OnlyTheWriterWritesRecords"]["Condition"] == {
        "ArnNotLike": {
            "aws:PrincipalArn": [
                "arn:aws:iam::123456789012:role/the-writer",
                "arn:aws:sts::123456789012:assumed-role/the-writer/*",
            ]
        }
    }


def test_nothing_is_written_anywhere_else() -> None:
    """The trail is CloudTrail's, the records are the writer's, the seal is the sealer's, and that is all there is."""
    policy = _policy()
    trail = policy["OnlyServicesWriteTheTrail"]
    assert trail["Resource"] == ["arn:aws:s3:::the-log/trail/*"]
    assert trail["Condition"] == {"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}
    elsewhere = policy["NothingIsWrittenElsewhere"]
    assert elsewhere["Effect"] == "Deny"
    assert elsewhere["NotResource"] == [
        f"arn:aws:s3:::the-log/records/dt=????-??-??/{'?' * 40}.jsonl.gz",
        "arn:aws:s3:::the-log/seal/*",
        "arn:aws:s3:::the-log/trail/*",
    ]
    seal = policy["OnlyTheSealerSeals"]
    assert (seal["Action"], seal["Resource"]) == (["s3:PutObject"], ["arn:aws:s3:::the-log/seal/*"])
    assert seal["Condition"] == {
        "ArnNotLike": {
            "aws:PrincipalArn": [
                "arn:aws:iam::123456789012:role/the-sealer",
                "arn:aws:sts::123456789012:assumed-role/the-sealer/*",
            ]
        }
    }
    assert "Condition" not in elsewhere


def test_only_the_releaser_releases_a_hold() -> None:
    """Setting a hold OFF is refused to everyone else."""
    condition = _policy()["OnlyTheReleaserReleases"]["Condition"]
    assert isinstance(condition, dict)
    assert condition["StringEquals"] == {"s3:object-lock-legal-hold": "OFF"}
    assert condition["ArnNotLike"]["aws:PrincipalArn"][0] == "arn:aws:iam::123456789012:role/the-hold-releaser"


def test_only_administrators_change_what_protects() -> None:
    """Lock, versioning, lifecycle, replication, public access and the policy itself."""
    statement = _policy()["OnlyAdministratorsChangeProtections"]
    assert statement["Resource"] == ["arn:aws:s3:::the-log"]
    assert statement["Condition"] == {
        "ArnNotLike": {"aws:PrincipalArn": [BOSS, "arn:aws:sts::123456789012:assumed-role/boss/*"]}
    }
    assert {
        "s3:DeleteBucketPolicy",
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutBucketPolicy",
        "s3:PutBucketPublicAccessBlock",
        "s3:PutBucketVersioning",
        "s3:PutLifecycleConfiguration",
        "s3:PutReplicationConfiguration",
    } <= set(bucket_policy.PROTECTIONS)


def test_every_action_fits_its_resources() -> None:
    """S3 refuses a whole policy for one action that its statement's resources cannot have."""
    for sid, statement in _policy().items():
        known = ON_BUCKETS if statement.get("Resource") == ["arn:aws:s3:::the-log"] else ON_OBJECTS
        assert sid == "TlsOnly" or set(_listed(statement["Action"])) <= known, sid


def _listed(value: object) -> list[str]:
    assert isinstance(value, list)
    return value


def test_tls_is_asked_of_everyone() -> None:
    """On AWS there is no exception."""
    assert _policy()["TlsOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_local_cloud_excepts_this_machine_alone() -> None:
    """A request from anywhere else is still refused without TLS."""
    assert _policy(loopback=True)["TlsOnly"]["Condition"] == {
        "Bool": {"aws:SecureTransport": "false"},
        "NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]},
    }


@pytest.mark.parametrize("loopback", [True, False])
def test_the_exception_changes_one_statement(loopback: bool) -> None:  # noqa: FBT001 - parametrized
    """Everything else is the same policy."""
    plain, local = _policy(), _policy(loopback=loopback)
    assert {sid for sid in plain if plain[sid] != local[sid]} == ({"TlsOnly"} if loopback else set())


def test_cloudtrail_delivers_under_its_own_prefix_and_only_this_trail() -> None:
    """Allowed is the service, for one trail, to one place that the create-only statement leaves out."""
    policy = _policy()
    arn = "arn:aws:cloudtrail:eu-central-1:123456789012:trail/the-trail"
    delivers = policy["CloudTrailDelivers"]
    assert delivers["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
    assert delivers["Resource"] == ["arn:aws:s3:::the-log/trail/AWSLogs/123456789012/*"]
    assert delivers["Condition"] == {
        "StringEquals": {"aws:SourceArn": arn, "s3:x-amz-acl": "bucket-owner-full-control"}
    }
    assert policy["CloudTrailLooks"]["Condition"] == {"StringEquals": {"aws:SourceArn": arn}}
    assert not any("CloudTrail" in sid for sid in _policy(trail=None))


def test_it_fits_into_what_s3_takes() -> None:
    """A bucket policy may have 20 KB; twenty administrators still fit."""
    many = [f"arn:aws:iam::123456789012:role/{'a' * 60}{number}" for number in range(20)]
    text = iam.document(bucket_policy.statements(PLACE, administrators=many, trail="t"))
    assert len(text) < 20_480


def test_who_is_kept_out_is_read_from_the_deployed_policy() -> None:
    """A second deployer learns who may change the policy, before S3 refuses the change half-way."""
    one, two = "arn:aws:iam::123456789012:role/one", "arn:aws:iam::123456789012:role/path/two"
    document = iam.document(bucket_policy.statements(PLACE, administrators=[one, two], trail=None))
    assert bucket_policy.excluded(document, one) == ()
    assert bucket_policy.excluded(document, two) == ()
    assert bucket_policy.excluded(document, BOSS) == [one, two]
    assert bucket_policy.excluded(document, "arn:aws:iam::123456789012:role/two") == [one, two]


@pytest.mark.parametrize("document", ["", "{}", "[]", '{"Statement":[]}', '{"Statement":{"Sid":"Other"}}'])
def test_a_policy_of_somebody_else_keeps_nobody_out(document: str) -> None:
    """Whether it does is S3's to say: only our own refusal can be read."""
    assert bucket_policy.excluded(document, BOSS) == ()
