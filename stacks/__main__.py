"""What `pulumi up` runs: settings, then the cloud that they name, within the guardrails."""

from __future__ import annotations

import sys
from pathlib import Path

# In an environment that Pulumi made by itself, this project is not installed.
_ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(folder) for folder in (_ROOT, _ROOT / "lambda") if str(folder) not in sys.path]

from stacks.guard import guarded  # noqa: E402
from stacks.on_aws import deploy  # noqa: E402
from stacks.settings import read  # noqa: E402

with guarded():
    deploy(read())
