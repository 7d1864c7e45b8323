"""What `pulumi up` runs: settings, then the cloud that they name."""

from __future__ import annotations

from stacks.on_aws import deploy
from stacks.settings import read

deploy(read())
