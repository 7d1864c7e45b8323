"""A stack with a vault: what is registered beside the log, and what the others are told of it."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from localcloud.engine import EngineError
from localcloud.offline import ACCOUNT
from localcloud.place import ROOT
from policies import iam, vault_policy
from policies.place import Principal
from stacks.names import Names
from stacks.settings import RAW_VAULT

from .conftest import OBJECTS, MemoryProvider, Run, Up

DEPLOYER = f"arn:aws:iam::{ACCOUNT}:role/whoever-deploys"
READER = "arn:aws:iam::123456789012:user/debugger"
NAMES = Names(stack="test", region="eu-central-1", account=ACCOUNT, partition="aws")
PLACE = NAMES.place(vault=True)
BUCKET = f"aal-vault-test-{ACCOUNT}-eu-central-1"


@pytest.fixture(scope="module")
def vaulted(run_program: Up) -> Run:
    """The program with masked payloads in a vault."""
    return run_program({"envelope": "masked", "vaultReaders": json.dumps([READER])})


def _inputs(run: Run, name: str) -> dict[str, Any]:
    return {key: value for key, value in run.entries[name].inputs.items() if key != "__defaults"}


def _needs(run: Run, name: str) -> set[str]:
    return {urn.rpartition("::")[2] for urn in run.entries[name].needs}


def _config(run: Run) -> dict[str, Any]:
    (path,) = (ROOT / ".cache" / "packages" / "test").glob(f"*-{run.plan.outputs['package_sha256_hex'][:16]}.zip")
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))


def test_without_the_setting_there_is_none(standard: Run) -> None:
    """No bucket, no key, no role, no permission, no output."""
    assert not [name for name in standard.entries if "vault" in name]
    assert [entry.inputs["keyUsage"] for entry in standard.of("Key")] == ["SIGN_VERIFY"]
    assert "vault" not in json.dumps([entry.inputs["policy"] for entry in standard.of("RolePolicy")])
    assert not [name for name in standard.plan.outputs if "vault" in name]
    assert _config(standard)["envelope"] == {"mode": "off"}


def test_the_vault_is_shut_encrypted_and_empties_itself(vaulted: Run) -> None:
    """Every protection, on the one bucket; no versions and no lock."""
    assert vaulted.children("vault") == {
        "vault-bucket", "vault-key", "vault-alias", "vault-public-access", "vault-ownership", "vault-encryption",
        "vault-lifecycle", "vault-policy",
    }  # fmt: skip
    assert _inputs(vaulted, "vault-bucket") == {"bucket": BUCKET, "tags": {"audit-log:kind": "vault"}}
    assert all(_inputs(vaulted, "vault-public-access")[f"{name}"] for name in ("blockPublicAcls", "ignorePublicAcls"))
    assert _inputs(vaulted, "vault-ownership")["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    key = vaulted.entries["vault-key"].outputs["arn"]
    assert _inputs(vaulted, "vault-encryption")["rules"] == [
        {
            "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key},
            "bucketKeyEnabled": False,
            "blockedEncryptionTypes": ["SSE-C"],
        }
    ]
    assert _inputs(vaulted, "vault-lifecycle")["rules"] == [
        {
            "id": "expire",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "expiration": {"days": 1},
            "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
        }
    ]
    assert _inputs(vaulted, "vault-policy")["policy"] == iam.document(
        vault_policy.bucket_statements(PLACE, administrators=[DEPLOYER])
    )


def test_the_key_is_renewed_and_waits_for_the_roles_that_use_it(vaulted: Run) -> None:
    """KMS takes no policy about a role that is not there."""
    assert _inputs(vaulted, "vault-key") == {
        "description": f"Payloads in {BUCKET}",
        "enableKeyRotation": True,
        "deletionWindowInDays": 7,
        "policy": iam.document(vault_policy.key_statements(PLACE, administrators=[DEPLOYER])),
    }
    assert {"roles-writer", "roles-vault-reader"} <= _needs(vaulted, "vault-key")
    assert _inputs(vaulted, "vault-alias")["name"] == "alias/agent-audit-log-test-vault"


def test_the_writer_waits_until_the_vault_is_shut(vaulted: Run) -> None:
    """Nothing is put there before its policy, its key and its expiry are in place; the function is told where."""
    shut = {"vault-public-access", "vault-ownership", "vault-encryption", "vault-lifecycle", "vault-policy"}
    assert shut <= _needs(vaulted, "writer-function")
    assert _config(vaulted)["envelope"] == {"mode": "masked", "bucket": BUCKET}


def test_the_reader_is_a_role_of_its_own(vaulted: Run) -> None:
    """Taken by whom `vaultReaders` names, and with its one row."""
    trust = json.loads(_inputs(vaulted, "roles-vault-reader")["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"AWS": [READER]}
    bounds = iam.Bounds(mode=iam.Mode.GOVERNANCE, max_days=3653)
    for principal in Principal:
        assert _inputs(vaulted, f"roles-{principal.value}-policy")["policy"] == iam.document(
            iam.role_statements(principal, PLACE, bounds)
        )
    assert vaulted.plan.outputs["vault_bucket"] == BUCKET
    assert vaulted.plan.outputs["vault_reader_role_arn"] == vaulted.entries["roles-vault-reader"].outputs["arn"]


def test_by_default_the_administrators_are_the_readers(run_program: Up) -> None:
    """As with the other roles."""
    run = run_program({"envelope": "masked"})
    trust = json.loads(_inputs(run, "roles-vault-reader")["assumeRolePolicy"])
    assert trust["Statement"][0]["Principal"] == {"AWS": [DEPLOYER]}


def test_every_read_is_recorded_and_every_change_published(vaulted: Run) -> None:
    """The trail has the vault's reads, its deliveries not among them; the rules know its bucket and its reader."""
    selectors = _inputs(vaulted, "access-trail")["advancedEventSelectors"]
    assert selectors[-1] == {
        "name": "Reads of the vault",
        "fieldSelectors": [
            {"field": "eventCategory", "equals": ["Data"]},
            {"field": "resources.type", "equals": ["AWS::S3::Object"]},
            {"field": "resources.ARN", "startsWiths": [f"arn:aws:s3:::{BUCKET}/"]},
            {"field": "readOnly", "equals": ["true"]},
        ],
    }
    pattern = json.loads(_inputs(vaulted, "access-protections-changed")["eventPattern"])
    assert pattern["detail"]["requestParameters"]["bucketName"] == [NAMES.bucket, BUCKET]
    pattern = json.loads(_inputs(vaulted, "access-roles-changed")["eventPattern"])
    assert NAMES.role(Principal.VAULT_READER) in pattern["detail"]["requestParameters"]["roleName"]


def test_a_raw_vault_is_told_to_the_function(run_program: Up) -> None:
    """Once it is acknowledged, word for word."""
    run = run_program({"envelope": "raw", "acknowledgeRawVault": RAW_VAULT})
    assert _config(run)["envelope"] == {"mode": "raw", "bucket": BUCKET}


VAULT = {
    "vault-bucket", "vault-key", "vault-alias", "vault-public-access", "vault-ownership", "vault-encryption",
    "vault-lifecycle", "vault-policy", "roles-vault-reader", "roles-vault-reader-policy",
}  # fmt: skip
SETTINGS = {"vault-public-access", "vault-ownership", "vault-encryption", "vault-lifecycle", "vault-policy"}
HOLDS = {"id": BUCKET, "bucket": BUCKET, "keys": ["payloads/x"]}
EMPTY = {"id": BUCKET, "bucket": BUCKET}


def test_a_vault_that_holds_payloads_outlasts_the_setting(run_program: Up, tmp_path: Path) -> None:
    """Off and on again: nothing new goes there, and it stays shut, encrypted and about to expire until it is empty."""
    provider = MemoryProvider()
    run_program({"envelope": "masked"}, provider=provider, state=tmp_path)
    provider.answers[OBJECTS] = HOLDS
    run = run_program(provider=provider, state=tmp_path)
    assert set(run.entries) >= VAULT
    assert not provider.deleted
    assert _config(run)["envelope"] == {"mode": "off"}
    (warning,) = [message.text for message in run.messages if message.severity == "warning"]
    assert warning.startswith("envelope: nothing goes to the vault")
    assert "vault" not in str(_inputs(run, "roles-writer-policy")["policy"])
    assert "vault_bucket" not in run.plan.outputs
    provider.answers[OBJECTS] = EMPTY
    run = run_program(provider=provider, state=tmp_path)
    assert not set(run.entries) & VAULT
    run = run_program({"envelope": "masked"}, provider=provider, state=tmp_path)
    assert set(run.entries) >= VAULT
    assert _config(run)["envelope"] == {"mode": "masked", "bucket": BUCKET}


def test_what_shuts_the_vault_goes_with_it_and_never_before(run_program: Up, tmp_path: Path) -> None:
    """A payload that comes at the last moment keeps the bucket, and with it what shuts it, its key and its reader."""
    provider = MemoryProvider()
    run_program({"envelope": "masked"}, provider=provider, state=tmp_path)
    provider.refuses_to_delete = "vault-bucket"
    with pytest.raises(EngineError, match="BucketNotEmpty"):
        run_program(provider=provider, state=tmp_path)
    assert not set(provider.deleted) & VAULT
    provider.refuses_to_delete = ""
    run = run_program(provider=provider, state=tmp_path)
    assert not set(run.entries) & VAULT
    assert set(provider.deleted) & VAULT == VAULT - SETTINGS
    assert provider.deleted.index("vault-bucket") < provider.deleted.index("vault-key")


def test_a_vault_whose_settings_were_forgotten_is_shut_again(run_program: Up, tmp_path: Path) -> None:
    """After a bucket that refused to go, `envelope` on again sets every setting anew."""
    provider = MemoryProvider()
    run_program({"envelope": "masked"}, provider=provider, state=tmp_path)
    provider.refuses_to_delete = "vault-bucket"
    with pytest.raises(EngineError):
        run_program(provider=provider, state=tmp_path)
    provider.made.clear()
    run = run_program({"envelope": "masked"}, provider=provider, state=tmp_path)
    assert set(run.entries) >= VAULT
    assert {urn.rpartition("::")[2] for urn in provider.made} >= SETTINGS
    assert "vault-key" not in {urn.rpartition("::")[2] for urn in provider.made}


@pytest.mark.parametrize(
    ("answer", "config", "says"),
    [
        (HOLDS, {"accessTrail": "existing"}, "accessTrail: must be own while the vault holds payloads"),
        ("AccessDenied: s3:ListBucket", {}, "envelope: cannot see whether aal-vault-.* grant s3:ListBucket on it"),
    ],
)
def test_a_vault_that_may_hold_payloads_is_never_left_unseen(
    run_program: Up, answer: dict[str, Any] | str, config: dict[str, str], says: str
) -> None:
    """Its reads are recorded as long as there is something to read; a look that is refused is an error."""
    provider = MemoryProvider()
    provider.answers[OBJECTS] = answer
    with pytest.raises(EngineError, match=says):
        run_program(config, provider=provider)
    assert not provider.made


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"envelope": "raw"}, "acknowledgeRawVault: must be"),
        ({"envelope": "masked", "accessTrail": "existing"}, "accessTrail: must be own where there is a vault"),
    ],
)
def test_nothing_is_made_of_what_is_refused(run_program: Up, config: dict[str, str], says: str) -> None:
    """Said at preview, too."""
    provider = MemoryProvider()
    with pytest.raises(EngineError, match=says):
        run_program(config, provider=provider)
    assert not provider.made
