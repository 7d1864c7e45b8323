"""A deployed stack, and what tests do to it: as an agent, and as the account's root."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import httpx
from botocore.config import Config

from audit_core.layout import CHECKPOINT
from cli.connection import Deployment
from cli.reader import LogReader


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A deployed stack, and clients of its account's root, whom no bucket policy stops."""

    outputs: Mapping[str, Any] = field(repr=False)
    _session: boto3.Session = field(default_factory=lambda: boto3.Session(region_name="us-east-1"), repr=False)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def deployment(self) -> Deployment:
        """The stack as the command line sees it."""
        return Deployment.from_outputs(self.outputs)

    def root(self, service: str) -> Any:  # noqa: ANN401 - a boto3 client is made at run time
        """Return a client of the account's root."""
        return self.client(service, aws_access_key_id="test", aws_secret_access_key="test")

    def client(self, service: str, **credentials: str) -> Any:  # noqa: ANN401
        """Return a client of whoever the credentials belong to; each is made once and closed at the end."""
        name = f"{service} {credentials['aws_access_key_id']}"
        if name not in self._clients:
            config = Config(proxies={}, s3={"addressing_style": "path"}, retries={"total_max_attempts": 2})
            session: Any = self._session
            self._clients[name] = session.client(
                service, endpoint_url=self.deployment.emulator_url, config=config, **credentials
            )
        return self._clients[name]

    def mend(self) -> None:
        """Take away, as only the root can, what hides a record: delete markers and later versions.

        The newest checkpoint has many versions, as it should; one may be locked for good, whoever asks.
        """
        s3, bucket = self.root("s3"), self.deployment.bucket
        for stored in LogReader(s3, bucket).objects(""):
            if stored.key == CHECKPOINT:
                continue
            for version_id in (*stored.marker_ids, *stored.version_ids[1:]):
                s3.delete_object(Bucket=bucket, Key=stored.key, VersionId=version_id, BypassGovernanceRetention=True)

    def close(self) -> None:
        """Close every client."""
        for client in self._clients.values():
            client.close()

    def post(self, event: object, *, token: str | None = None, path: str = "/v1/events") -> httpx.Response:
        """Post an event, or something in another intake's format, as the first agent or with another token."""
        sent = self.deployment.tokens[self.deployment.first_agent] if token is None else token
        return httpx.post(
            f"{self.deployment.endpoint}{path}",
            content=json.dumps(event),
            headers={"authorization": f"Bearer {sent}", "content-type": "application/json"},
            timeout=60,
            trust_env=False,
        )
