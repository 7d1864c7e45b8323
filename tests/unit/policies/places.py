"""A stack's names, for tests."""

from policies.iam import Place, Principal

PLACE = Place(
    partition="aws",
    region="eu-central-1",
    account="123456789012",
    bucket="the-log",
    function="the-writer",
    log_group="/aws/lambda/the-writer",
    keys="/the/keys",
    roles={principal: f"the-{principal.value}" for principal in Principal},
)
