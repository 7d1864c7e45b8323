"""The parts of the log's core that the client shares, and a `digest` of its own: the core's needs compiled packages.

In a checkout the shared modules are read from `lambda/audit_core`. A wheel holds copies, which `setup.py` adds.
"""

from pathlib import Path

__path__.append(str(Path(__file__).resolve().parents[5] / "lambda" / "audit_core"))
