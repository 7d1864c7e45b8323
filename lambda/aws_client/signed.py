"""Requests to AWS, signed here: botocore's signer over one pool of kept connections, and none of boto3.

Promise: credentials go into signatures and nowhere else; no redirect is followed; TLS certificates are checked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import urllib3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest

Service: TypeAlias = Literal["kms", "s3", "sns", "sqs", "ssm"]

TRANSPORT_ERRORS = (urllib3.exceptions.HTTPError, HTTPException, OSError)
"""What `SignedClient.send` raises when no reply came."""

_CONNECT_SECONDS = 1.5
_READ_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a request is signed with. botocore's own class would bring a third of botocore into every cold start."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class SignedClient:
    """Sends signed requests in one region. Safe to share between threads."""

    def __init__(self, *, region: str, credentials: Callable[[], Credentials], connections: int = 10) -> None:
        self.region = region
        self._credentials = credentials
        self._pool = urllib3.PoolManager(maxsize=connections, retries=False, cert_reqs="CERT_REQUIRED")

    def send(
        self,
        service: Service,
        method: str,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        seconds: float,
        whole: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        """Return the reply to one request, read to its end, within about `seconds`. Raise `TRANSPORT_ERRORS`.

        Not `whole`: its content is left to the caller, who streams it and gives the connection back.
        """
        # Signed anew each time: a signature is good for minutes, credentials may have been replaced.
        request = AWSRequest(method=method, url=url, data=body, headers={"Host": urlsplit(url).netloc, **headers})
        signer = S3SigV4Auth if service == "s3" else SigV4Auth
        credentials = self._credentials()
        signer(credentials, service, self.region).add_auth(request)  # pyrefly: ignore[bad-argument-type] - it reads
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        # Of a host's own pool, the path goes out as it was signed. The manager would take `/./` and `/../` out of it.
        return self._pool.connection_from_url(host).urlopen(
            method,
            url[len(host) :],
            body=body,
            headers=dict(request.headers.items()),
            timeout=urllib3.Timeout(connect=min(_CONNECT_SECONDS, seconds), read=min(_READ_SECONDS, seconds)),
            retries=False,
            redirect=False,
            preload_content=whole,
            # The bytes as they are stored: urllib3 would unpack what says of itself that it is gzip.
            decode_content=False,
        )


def role_credentials() -> Credentials:
    """Those that Lambda gives a function of its role, in its environment."""
    return Credentials(
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        token=os.environ.get("AWS_SESSION_TOKEN"),
    )
