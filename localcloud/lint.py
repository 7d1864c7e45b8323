"""`make lint`: ruff's rules and formatting, and the strict type checker; all three speak, then one exit code."""

import subprocess
import sys

CHECKS = (
    ("ruff", "check", "--quiet"),
    ("ruff", "format", "--check", "--quiet"),
    ("pyrefly", "check", "--progress-bar=no", "--output-format=min-text"),
)


def main() -> int:
    """Run every check; return 1 if any found something."""
    failed = [check for check in CHECKS if subprocess.run([sys.executable, "-m", *check], check=False).returncode]
    print("lint:", "; ".join(f"{' '.join(check[:2])} failed" for check in failed) or "clean", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
