"""Every policy document that a stack brings, put to AWS's own lists of actions and to two linters."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from localcloud.offline import ACCOUNT, DEPLOYER
from policies import bucket_policy, deployer, vault_policy
from stacks.names import Names
from tests.component.conftest import REGION, Run
from tests.component.policies.conftest import HERE, Evaluate

KINDS: Final = {"aws:iam/role:Role": "trust", "aws:iam/rolePolicy:RolePolicy": "identity"}
NAMES: Final = Names(stack="test", region=REGION, account=ACCOUNT, partition="aws")
PLACE: Final = NAMES.place(vault=True)


@pytest.fixture(scope="session")
def documents(everything: Run) -> dict[str, dict[str, Any]]:
    """Return every document by name, with its kind: what the program registers, and what it never does itself."""
    return {name: {"kind": kind, "document": document} for name, kind, document in _documents(everything)}


def _documents(run: Run) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, entry in run.entries.items():
        for text in (entry.inputs.get("policy"), entry.inputs.get("assumeRolePolicy")):
            if isinstance(text, str):
                yield name, KINDS.get(entry.type, "resource"), json.loads(text)
    for name, boundary in (("deployer", ""), ("bounded-deployer", f"arn:aws:iam::{ACCOUNT}:policy/boundary")):
        for number, document in enumerate(deployer.documents(PLACE, boundary=boundary), start=1):
            yield f"{name}-{number}", "identity", document
    for name, statements in (
        ("log-local", bucket_policy.statements(PLACE, administrators=[DEPLOYER], trail=None, loopback=True)),
        ("vault-local", vault_policy.bucket_statements(PLACE, administrators=[DEPLOYER], loopback=True)),
    ):
        yield name, "resource", {"Version": "2012-10-17", "Statement": statements}


def test_the_documents_are_all_there(documents: dict[str, dict[str, Any]]) -> None:
    """Six roles, twice; two buckets, two keys, a queue and a topic."""
    kinds = [item["kind"] for name, item in documents.items() if "deployer" not in name and "local" not in name]
    assert {kind: kinds.count(kind) for kind in kinds} == {"trust": 6, "identity": 6, "resource": 6}


def test_every_action_is_one_of_iam_and_takes_its_conditions(
    documents: dict[str, dict[str, Any]], evaluate: Evaluate
) -> None:
    """AWS takes a policy that names an action that there is not, and it never does anything."""
    faults = evaluate(documents=list(documents.values()))["faults"]
    found = {f"{name}: {fault}" for name, said in zip(documents, faults, strict=True) for fault in said}
    assert not found, "\n".join(sorted(found))


def test_what_is_no_action_or_no_condition_of_it_is_found(evaluate: Evaluate) -> None:
    """The test above can fail."""
    statement = {"Effect": "Allow", "Resource": "*", "Action": ["sqs:DeleteMessageBatch", "sqs:DeleteMessage"]}
    document = {"Version": "2012-10-17", "Statement": [{**statement, "Condition": {"Null": {"s3:prefix": "true"}}}]}
    assert evaluate(documents=[{"kind": "identity", "document": document}])["faults"] == [
        ["sqs:DeleteMessageBatch is not an IAM action", "sqs:DeleteMessage does not take s3:prefix"]
    ]


KNOWN: Final = (
    (
        r"[a-z]+-key: parliament: Unnecessary use of Resource \*: .*",
        "In a key's policy, `*` is the key itself.",
    ),
    (
        r"(log|vault)-local: parliament: Mismatched type: Type mismatch: aws:SourceIp .*'::1/128'.*",
        "It knows no ranges of IPv6.",
    ),
    (
        r".*deployer-1: parliament: Possible resource policy privilege escalation: .*",
        "Whoever deploys writes the buckets' policies: docs/permissions.md says what that is worth.",
    ),
    (
        r".*deployer-1: parliament: No resources match for the given action: .*'kms:CreateAlias'.*",
        "An alias takes rights on the alias, which are here, and on the key, which the key's own policy gives.",
    ),
    (
        r".*deployer-\d: parliament: No resources match for the given action: .*'(servicequotas|sns):Get.*",
        "Its copy of AWS's reference is older than the resource types of these actions.",
    ),
)
"""What the linters find and why it stays: a pattern for the whole finding, and the reason."""


def _linted(linters: Path, documents: dict[str, dict[str, Any]]) -> set[str]:
    """Return `name: linter: finding` for each finding."""
    asked = json.dumps(list(documents.values()))
    command = [str(linters), "-I", str(HERE / "lint.py")]
    done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return {f"{name}: {line}" for name, lines in zip(documents, said, strict=True) for line in lines}


def test_the_linters_find_what_is_known_and_nothing_else(documents: dict[str, dict[str, Any]], linters: Path) -> None:
    """Each finding is a listed one, and each listed one is still found."""
    found = _linted(linters, documents)
    unknown = {line for line in found if not any(re.fullmatch(pattern, line) for pattern, _ in KNOWN)}
    assert not unknown, "\n".join(sorted(unknown))
    assert all(reason and any(re.fullmatch(pattern, line) for line in found) for pattern, reason in KNOWN)


def test_the_linters_find_a_bad_document(linters: Path) -> None:
    """The test above can fail, for each of the two."""
    statement = {"Effect": "Allow", "Action": ["iam:PassRole", "s3:GetObject", "s3:NoSuchAction"], "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    found = _linted(linters, {"bad": {"kind": "identity", "document": document}})
    for said in ("parliament: Unknown action", "cloudsplaining: allows_data_exfiltration_actions: s3:GetObject"):
        assert any(line.startswith(f"bad: {said}") for line in found), found
