"""What `pulumi up` runs: settings, then the cloud that they name, within the guardrails."""

from __future__ import annotations

from stacks.guard import guarded
from stacks.on_aws import deploy
from stacks.settings import read

with guarded():
    deploy(read())
