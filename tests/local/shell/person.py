"""A person with a checkout, who runs make targets in it."""

import gzip
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3


@dataclass
class Place:
    """A checkout, and what its latest `make up` said."""

    checkout: Path
    first: str = ""

    def command(self, module: str) -> list[str]:
        """Return what the make target runs."""
        return [sys.executable, "-m", module]

    def environment(self, **more: str) -> dict[str, str]:
        """Return a person's environment, with settings for other clouds and a proxy that leads nowhere in it."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.checkout),
            "PYTHONPATH": f"{self.checkout}:{self.checkout / 'lambda'}",
            "AWS_PROFILE": "not-there",
            "AWS_ACCESS_KEY_ID": "not-ours",
            "AWS_SECRET_ACCESS_KEY": "not-ours",
            "http_proxy": "http://127.0.0.1:9",
            "HTTP_PROXY": "http://127.0.0.1:9",
            **more,
        }

    def run(self, module: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a make target's module to its end."""
        return subprocess.run(
            self.command(module), cwd=self.checkout, env=self.environment(**variables), capture_output=True, text=True,
            check=False, timeout=110,
        )  # fmt: skip

    def run_command(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run a command that was printed, as it stands, in the checkout; it must succeed."""
        if not (self.checkout / ".venv").exists():
            (self.checkout / ".venv").symlink_to(sys.prefix)
        return subprocess.run(
            command, cwd=self.checkout, env=self.environment(http_proxy="", HTTP_PROXY=""), capture_output=True,
            text=True, check=True, timeout=110,
        )  # fmt: skip

    def up(self, **variables: str) -> str:
        """Run `make up`, which must succeed; return what it said."""
        answer = self.run("localcloud.up", **variables)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def fails(self, **variables: str) -> str:
        """Run `make up`, which must fail with one line; return that."""
        answer = self.run("localcloud.up", **variables)
        assert answer.returncode == 1, answer.stdout
        lines = answer.stderr.splitlines()
        assert len(lines) == 1, answer.stderr
        assert lines[0].startswith("agent-audit-log: ")
        return lines[0]

    @property
    def outputs(self) -> dict[str, Any]:
        """What was written for every other command."""
        found: dict[str, Any] = json.loads((self.checkout / ".local/outputs.json").read_text())
        return found

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients' classes at run time
        """Return a client of the account root's."""
        make: Any = boto3.client  # its stub knows services by literal name only
        return make(
            service, endpoint_url=self.outputs["emulator_url"], region_name=self.outputs["region"],
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip

    def stored(self) -> bytes:
        """Return every byte that the log holds, unpacked."""
        s3 = self.client("s3")
        bucket = self.outputs["bucket"]
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
        bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
        return b"".join(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for body in bodies)

    def emulator(self) -> Mapping[str, Any]:
        """What is noted about the emulator's process."""
        found: Mapping[str, Any] = json.loads((self.checkout / ".local/emulator/emulator.json").read_text())
        return found
