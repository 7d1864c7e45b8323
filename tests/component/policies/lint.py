"""Runs in the linters' own environment: policy documents in as JSON, what parliament and cloudsplaining find out.

parliament reads what has resources, which a trust policy has not; cloudsplaining what an identity may do.
"""

import json
import sys
import warnings
from collections.abc import Iterator
from typing import Any

warnings.simplefilter("ignore")  # parliament imports pkg_resources, which warns of its own end
from cloudsplaining.scan.policy_document import PolicyDocument  # noqa: E402
from parliament import analyze_policy_string, enhance_finding  # noqa: E402


def _parliament(text: str) -> Iterator[str]:
    policy = analyze_policy_string(text, ignore_private_auditors=True)
    for finding in policy.findings:
        title = enhance_finding(finding).title or finding.issue
        yield f"parliament: {title}: {finding.detail or finding.location}"


def _cloudsplaining(document: dict[str, Any]) -> Iterator[str]:
    policy = PolicyDocument(document)
    for name in (
        "allows_privilege_escalation",
        "allows_data_exfiltration_actions",
        "credentials_exposure",
        "permissions_management_without_constraints",
        "write_actions_without_constraints",
        "service_wildcard",
    ):
        for found in getattr(policy, name):
            yield f"cloudsplaining: {name}: {found if isinstance(found, str) else json.dumps(found, sort_keys=True)}"


def main() -> None:
    """Read a list of `{kind, document}`; print the list of their findings."""
    found = []
    for asked in json.load(sys.stdin):
        kind, document = asked["kind"], asked["document"]
        lines = [] if kind == "trust" else list(_parliament(json.dumps(document)))
        if kind == "identity":
            lines += _cloudsplaining(document)
        found.append(sorted(set(lines)))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
