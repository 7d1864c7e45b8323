"""The Lambda entry point: a function URL's event in, its response out, one line of operational log.

Promise: the log line holds counts, sizes, durations, statuses and reasons of ours; nothing of a request.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import logging
import os
import sys
import time
from http import HTTPStatus
from typing import Protocol, TypeAlias

from audit_core.config import config_path
from audit_core.errors import DecodeError
from audit_core.faults import places_of
from aws_client.s3 import S3Store
from aws_client.services import endpoint_of
from aws_client.signed import SignedClient, role_credentials
from log_writer.config import Config, load_config
from log_writer.intake.routes import answers_for, loggable_path
from log_writer.key_source import KeysUnavailableError, ParameterKeys
from log_writer.reply import Response
from log_writer.service import STORE_SECONDS, Request, Writer

FunctionUrlEvent: TypeAlias = "dict[str, object]"

# What stays of the function's time for the answer after the store has given up.
_ANSWER_SECONDS = 1.0
_PREPARE_SECONDS = 3.0
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Context(Protocol):
    """What the writer uses of Lambda's context."""

    @property
    def aws_request_id(self) -> str:
        """The invocation's id."""
        ...

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the platform ends the invocation."""
        ...


def make_writer(config: Config) -> Writer:
    """Return a writer with the role's credentials. `AWS_ENDPOINT_URL` overrides the address of AWS."""
    client = SignedClient(region=config.region, credentials=role_credentials)
    s3_endpoint = endpoint_of("s3")
    return Writer(
        config,
        store=S3Store(bucket=config.bucket, client=client, endpoint_url=s3_endpoint),
        keys=ParameterKeys(
            parameter=config.keys_parameter,
            client=client,
            endpoint_url=endpoint_of("ssm"),
        )
        if config.needs_keys
        else None,
        vault_store=S3Store(bucket=config.vault_bucket, client=client, endpoint_url=s3_endpoint)
        if config.envelope != "off"
        else None,
    )


def handler(event: FunctionUrlEvent, context: Context) -> dict[str, object]:
    """Answer one invocation through the function URL. Never raises."""
    started = time.monotonic()
    request: Request | None = None
    try:
        deadline = started + context.get_remaining_time_in_millis() / 1000 - _ANSWER_SECONDS
        request = request_of(event, deadline=min(deadline, started + STORE_SECONDS))
        response = _writer().handle(request)
    except DecodeError as error:
        response = answers_for("/", "").problem(HTTPStatus.BAD_REQUEST, f"The body {error.reason}.")
    except Exception as error:  # noqa: BLE001 - whatever it is, the sender must keep its records and learn nothing else
        path, content_type = (request.path, request.content_type) if request else ("/", "")
        response = answers_for(path, content_type).unavailable()
        response.summary.update(failure=type(error).__name__, at=places_of(error))
    _log(request, response, started, getattr(context, "aws_request_id", None))
    return {
        "statusCode": int(response.status),
        "headers": dict(response.headers),
        "body": base64.b64encode(response.body).decode() if response.binary else response.body.decode(),
        "isBase64Encoded": response.binary,
    }


def request_of(event: FunctionUrlEvent, *, deadline: float) -> Request:
    """Return the HTTP request in a function URL's event (payload format 2.0). Raises `DecodeError`."""
    described = event.get("requestContext")
    http = described.get("http") if isinstance(described, dict) else None
    method = http.get("method") if isinstance(http, dict) else None
    given = event.get("headers")
    headers = {str(k).lower(): str(v) for k, v in given.items()} if isinstance(given, dict) else {}
    text = event.get("body")
    body = b""
    if isinstance(text, str) and event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(text)
        except ValueError:
            raise DecodeError("is not base64") from None
    elif isinstance(text, str):
        body = text.encode("utf-8", "surrogatepass")
    path = event.get("rawPath")
    return Request(
        method=method if isinstance(method, str) else "GET",
        path=path if isinstance(path, str) else "/",
        headers=headers,
        body=body,
        deadline=deadline,
    )


@functools.cache
def _writer() -> Writer:
    return make_writer(load_config(config_path()))


def _log(request: Request | None, response: Response, started: float, request_id: str | None) -> None:
    entry = {
        "event": "request",
        "request_id": request_id,
        "method": request.method if request and request.method in _KNOWN_METHODS else "other",
        "path": loggable_path(request.path) if request else "other",
        "status": int(response.status),
        "duration_ms": round((time.monotonic() - started) * 1000, 1),
        **response.summary,
    }
    sys.stdout.write(json.dumps(entry, ensure_ascii=True) + "\n")
    sys.stdout.flush()


# Libraries must not write of a request past the one line: urllib3 warns with URLs and pieces of replies.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)
logging.getLogger("botocore").setLevel(logging.CRITICAL)

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # In the init phase, before the first request waits for it. What fails now is tried again then.
    with contextlib.suppress(KeysUnavailableError):
        _writer().prepare(deadline=time.monotonic() + _PREPARE_SECONDS)
