"""A stack's names, for tests."""

from dataclasses import replace

from policies.place import STANDING, Principal, ResourceNames

PLACE = ResourceNames(
    partition="aws",
    region="eu-central-1",
    account="123456789012",
    bucket="the-log",
    function="the-writer",
    log_group="/aws/lambda/the-writer",
    keys="/the/keys",
    sealer="the-sealer",
    sealer_log_group="/aws/lambda/the-sealer",
    queue="the-queue",
    topic="the-topic",
    roles={principal: f"the-{principal.value}" for principal in STANDING},
)
WITH_VAULT = replace(PLACE, vault="the-vault", roles={principal: f"the-{principal.value}" for principal in Principal})
