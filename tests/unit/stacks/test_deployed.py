"""What the program reads from the answers about an account, whichever members of an answer are null."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import pulumi
import pytest

from policies.retention import Mode, Retention
from stacks.deployed import check_concurrency, check_signing_key, deployed_retention, says_absent
from stacks.settings import SettingError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pulumi-aws, where it is first imported


_LOOP: Final = asyncio.new_event_loop()


@pytest.fixture(autouse=True)
def _loop() -> None:
    """Give Pulumi's SDK an event loop, whatever ran before in this process. The SDK keeps it: it is never closed."""
    asyncio.set_event_loop(_LOOP)


class Account(pulumi.runtime.Mocks):
    """An account that gives one answer to every look."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        """Keep the answer."""
        self._answer = answer

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Refuse: a look makes nothing."""
        raise AssertionError(args)

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:  # noqa: ANN401 - the SDK takes no pair, as its type says
        """Answer without the members that are null."""
        del args
        return {key: value for key, value in self._answer.items() if value is not None}


def _answers(**answer: object) -> None:
    pulumi.runtime.set_mocks(Account(answer), preview=False)


@pytest.mark.parametrize(
    "rules",
    [
        None,
        [],
        [{}],
        [{"defaultRetentions": None}],
        [{"defaultRetentions": [{}]}],
        [{"defaultRetentions": [{"mode": "", "days": 0, "years": 0}]}],
        [{"defaultRetentions": [{"mode": "GOVERNANCE"}]}],
    ],
)
def test_a_lock_without_a_rule_is_no_retention(rules: list[Any] | None) -> None:
    """A destroyed stack leaves such a lock; the provider answers null for what is missing."""
    _answers(bucket="b", objectLockEnabled="Enabled", rules=rules)
    assert deployed_retention("b") is None


@pytest.mark.parametrize("rule", [{"days": 365}, {"years": 1}, {"years": 1, "days": 0}, {"years": 0, "days": 365}])
def test_a_rule_in_years_counts_as_one_in_days(rule: dict[str, int]) -> None:
    """AWS stores a rule in days or in years."""
    _answers(bucket="b", rules=[{"defaultRetentions": [{"mode": "COMPLIANCE", **rule}]}])
    assert deployed_retention("b") == Retention(mode=Mode.COMPLIANCE, days=365)


@pytest.mark.parametrize("state", ["Enabled", "Disabled", None])
def test_a_signing_key_that_stays_is_accepted(state: str | None) -> None:
    """The run enables a disabled key again, as it undoes any other change."""
    _answers(id="k", keyId="alias", arn="a", keyState=state)
    check_signing_key("alias")


@pytest.mark.parametrize(("quota", "most"), [(10, 0), (100, 0), (120, 20)])
def test_a_reservation_above_the_quota_is_refused(quota: int, most: int) -> None:
    """A new account often runs ten functions at once, and can reserve none of them."""
    _answers(id="", value=quota)
    with pytest.raises(SettingError) as caught:
        check_concurrency(50)
    assert f"the account runs {quota} at once, of which Lambda keeps 100" in str(caught.value)
    assert f"must be at most {most}, got 50" in str(caught.value)


@pytest.mark.parametrize(
    ("said", "absent"),
    [
        ("reading S3 Bucket (x) Object Lock Configuration: NoSuchBucket: The specified bucket does not exist", True),
        ("ObjectLockConfigurationNotFoundError: Object Lock configuration does not exist for this bucket", True),
        ("reading S3 Bucket Object Lock Configuration (x): couldn't find resource", True),
        ("reading S3 Bucket Object Lock Configuration (x): empty result", True),
        ("reading KMS Key (alias/x): api error NotFoundException: Alias x is not found.", True),
        ("AccessDenied: User is not authorized to perform: s3:GetBucketObjectLockConfiguration", False),
        ("no such host", False),
        ("request timed out", False),
    ],
)
def test_only_an_absent_thing_counts_as_absent(said: str, absent: bool) -> None:  # noqa: FBT001 - parametrized
    """The first run finds no lock to compare with; a refused look proves nothing."""
    assert says_absent(said) is absent
