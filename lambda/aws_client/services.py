"""Requests to those services of AWS that answer a POST: their addresses, and how often they are tried.

Promise: an error names the service, the action and AWS's code, and nothing else of a request or a reply.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from urllib.parse import urlencode

import orjson

from aws_client.signed import TRANSPORT_ERRORS, Service, SignedClient

_OK = 200
_THROTTLED = 429
_SERVER_ERROR = 500
_ATTEMPTS = 4
_SECONDS = 20.0
_LEAST_SECONDS = 0.25
_PAUSE_SECONDS = 0.1
_SNS_VERSION = "2010-03-31"
# A service's name in a request's target, and its version of AWS's JSON protocol.
_PROTOCOLS: dict[Service, tuple[str, str]] = {
    "kms": ("TrentService", "1.1"),
    "sqs": ("AmazonSQS", "1.0"),
    "ssm": ("AmazonSSM", "1.1"),
}


class ServiceError(Exception):
    """A service did not answer, or its reply is invalid. `cause`: a status and AWS's code, or the kind of a failure."""

    def __init__(self, action: str, cause: str) -> None:
        super().__init__(f"{action}: {cause}")
        self.cause = cause


def endpoint_of(service: Service) -> str | None:
    """Return the address of a service in this environment, or null for AWS's own."""
    return os.environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or os.environ.get("AWS_ENDPOINT_URL")


def domain_of(region: str) -> str:
    """Return the domain of a region's services."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def bucket_url(bucket: str, region: str, endpoint_url: str | None) -> str:
    """Return a bucket's address, which ends with a slash. At an `endpoint_url` the bucket goes into the path."""
    if endpoint_url:
        return f"{endpoint_url.rstrip('/')}/{bucket}/"
    return f"https://{bucket}.s3.{region}.{domain_of(region)}/"


class PostService:
    """A service at one address. `endpoint_url`: null for AWS's own. Safe to share between threads."""

    def __init__(self, service: Service, *, client: SignedClient, endpoint_url: str | None) -> None:
        self._service: Service = service
        self._client = client
        own = f"https://{service}.{client.region}.{domain_of(client.region)}"
        self._url = f"{(endpoint_url or own).rstrip('/')}/"

    def post(
        self, action: str, body: bytes, headers: Mapping[str, str], *, deadline: float | None, attempts: int
    ) -> bytes:
        """Return the reply to one action; try again what may pass. Raise `ServiceError`."""
        cause = "no time left"
        for attempt in range(attempts):
            time.sleep(_PAUSE_SECONDS * attempt)
            left = _SECONDS if deadline is None else deadline - time.monotonic()
            if left < _LEAST_SECONDS:
                break
            try:
                reply = self._client.send(
                    self._service, "POST", self._url, body=body, headers=headers, seconds=min(left, _SECONDS)
                )
            except TRANSPORT_ERRORS as error:
                cause = type(error).__name__
                continue
            if reply.status == _OK:
                return reply.data
            code = _code(reply.data)
            cause = f"{reply.status} {code}".strip()
            if reply.status < _SERVER_ERROR and reply.status != _THROTTLED and "Throttl" not in code:
                break
        raise ServiceError(f"{self._service} {action}", cause)


class JsonService(PostService):
    """A service of AWS's JSON protocol."""

    def call(
        self, action: str, document: Mapping[str, object], *, deadline: float | None = None, attempts: int = _ATTEMPTS
    ) -> dict[str, object]:
        """Return the reply to one action. `deadline` is on the monotonic clock, in seconds. Raise `ServiceError`."""
        target, version = _PROTOCOLS[self._service]
        headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": f"{target}.{action}"}
        reply = self.post(action, orjson.dumps(document), headers, deadline=deadline, attempts=attempts)
        try:
            decoded = orjson.loads(reply or b"{}")
        except ValueError:
            decoded = None
        if not isinstance(decoded, dict):
            raise ServiceError(f"{self._service} {action}", "the reply is not a JSON object")
        return decoded


class Topic(PostService):
    """A topic of SNS, whose subscribers get what is published."""

    def __init__(self, arn: str, *, client: SignedClient, endpoint_url: str | None) -> None:
        super().__init__("sns", client=client, endpoint_url=endpoint_url)
        self._arn = arn

    def publish(self, subject: str, text: str) -> None:
        """Send a text to every subscriber; twice, where a reply was lost. Raise `ServiceError`."""
        asked = {"Action": "Publish", "Version": _SNS_VERSION, "TopicArn": self._arn}
        body = urlencode({**asked, "Subject": subject, "Message": text}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        self.post("Publish", body, headers, deadline=None, attempts=_ATTEMPTS)


def _code(body: bytes) -> str:
    """Return the code of a failure in AWS's JSON protocol, and nothing else of the reply."""
    try:
        code = str(orjson.loads(body)["__type"])
    except (ValueError, KeyError, TypeError):
        return ""
    return "".join(letter for letter in code.rpartition("#")[2][:64] if letter.isalnum())
