"""The physical names of a stack."""

import re

import pytest

from policies.place import Principal
from stacks.names import NameRefusedError, Names


def _names(**changed: str) -> Names:
    given = {"stack": "prod", "region": "eu-central-1", "account": "123456789012", "partition": "aws", **changed}
    return Names(**given)


def test_every_name_follows_from_stack_account_and_region() -> None:
    """They are plain strings, known before anything exists."""
    names = _names()
    assert names.bucket == "agent-audit-log-prod-123456789012-eu-central-1"
    assert names.role(Principal.RETENTION_ADMIN) == "agent-audit-log-prod-eu-central-1-retention-admin"
    assert names.vault == "aal-vault-prod-123456789012-eu-central-1"
    assert (names.vault_alias, names.keys) == ("alias/agent-audit-log-prod-vault", "/agent-audit-log/prod/keys")
    assert names.function == "agent-audit-log-prod-writer"
    assert names.function_log_group == "/aws/lambda/agent-audit-log-prod-writer"
    assert (names.topic, names.trail) == ("agent-audit-log-prod-alarms", "agent-audit-log-prod-trail")


@pytest.mark.parametrize("region", ["us-east-1", "ap-southeast-5", "us-gov-west-1", "cn-northwest-1", "eusc-de-east-1"])
def test_names_fit_their_services_in_every_region(region: str) -> None:
    """With the longest stack name that there may be."""
    names = _names(stack="s" * 16, region=region)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", names.bucket)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", names.vault)
    assert all(len(names.role(principal)) <= 64 for principal in Principal)
    assert len(names.function) <= 64
    assert 3 <= len(names.trail) <= 128


def test_what_only_a_vault_has_is_there_only_with_one() -> None:
    """Its bucket's name and its reader's."""
    without, with_one = _names().place(vault=False), _names().place(vault=True)
    assert (without.vault, with_one.vault) == ("", _names().vault)
    assert set(with_one.roles) - set(without.roles) == {Principal.VAULT_READER}


def test_a_stack_name_too_long_for_its_region_is_refused() -> None:
    """The bucket's name would not be taken, so it is said before anything is made."""
    with pytest.raises(NameRefusedError, match="its bucket name may have 63 characters, got 68"):
        _names(stack="s" * 16, region="eusc-xxxxx-southeast-1")


@pytest.mark.parametrize("stack", ["", "Prod", "1st", "a_b", "a.b", "s" * 17, "prod-", "prod\n", "-a"])
def test_a_stack_name_that_no_service_takes_is_refused(stack: str) -> None:
    """Lower case, digits and dashes, starting with a letter."""
    with pytest.raises(NameRefusedError, match="stack: must "):
        _names(stack=stack)


@pytest.mark.parametrize(
    ("field", "given"), [("region", "mars"), ("account", "12345678901"), ("account", "1234567890123")]
)
def test_a_region_or_account_that_is_none_is_refused(field: str, given: str) -> None:
    """What Pulumi or AWS handed over is checked like everything else."""
    with pytest.raises(NameRefusedError, match=re.escape(repr(given))):
        _names(**{field: given})
