"""The way to the emulator: boto3 clients that can reach it and nothing else.

Guarantees: every client has the loopback endpoint; no profile, configuration file, proxy or metadata service of this
machine or its user is read, so that neither a call nor a credential can go astray.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli.isolated import isolated_session
from localcloud.provider.loopback import check_endpoint

_CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 3},
    proxies={},
    s3={"addressing_style": "path"},
    user_agent_extra="agent-audit-log-localcloud",
)


class ProviderError(Exception):
    """What a person reads when a call fails: what was tried, and what the cloud said."""


class Cloud:
    """The emulator at one address, as one principal.

    Raises NotLoopbackError for an address that is not on this machine. Clients may be used from several threads.
    """

    def __init__(
        self,
        *,
        endpoint_url: str,
        region: str,
        access_key: str,
        secret_key: str,
        session_token: str | None = None,
    ) -> None:
        self.endpoint_url = check_endpoint(endpoint_url)
        self.region = region
        self._session: Any = isolated_session(
            region=region, access_key=access_key, secret_key=secret_key, session_token=session_token
        )
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients' classes at run time
        """Return the client of `service`, made once."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._session.client(service, endpoint_url=self.endpoint_url, config=_CONFIG)
            return self._clients[service]

    @cached_property
    def account(self) -> str:
        """The account's number, 12 digits."""
        return str(self.client("sts").get_caller_identity()["Account"])

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """Return the ARN of a resource of this account; `region=""` for a global one."""
        where = self.region if region is None else region
        return f"arn:aws:{service}:{where}:{self.account}:{resource}"


def code(error: ClientError) -> str:
    """Return the cloud's name for an error: `NoSuchBucket`, `AccessDenied`."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def missing(*codes: str) -> Iterator[None]:
    """Leave the block quietly when the cloud answers with one of `codes`, the ways in which it says `not there`."""
    try:
        yield
    except ClientError as error:
        if code(error) not in codes:
            raise


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what the cloud says into a ProviderError that begins with `doing`."""
    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "?")
        operation = error.operation_name
        msg = f"{doing}: {operation} answered {status}: api error {code(error)}: {detail.get('Message', '')}"
        raise ProviderError(msg) from error
    except BotoCoreError as error:
        raise ProviderError(f"{doing}: {error}") from error
