"""Where the writer has its keys from: one encrypted parameter, read with the function's own role.

Promise: fails closed. Until the keys were read once, whatever needs them is not durable, and nothing is stored without
them. A key is only ever in memory: in no environment variable, file, log line, error or `repr`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from audit_core.errors import AuditError
from audit_core.keys import Keys, parse_keys
from aws_client.services import JsonService, ServiceError
from aws_client.signed import SignedClient

FRESH_SECONDS = 300.0
"""How long keys are used before they are read again: a rotated key is in use within minutes."""
_AGAIN_SECONDS = 30.0
_ATTEMPTS = 4


class KeysUnavailableError(Exception):
    """The keys could not be read. `cause` is a status or the kind of a failure."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class KeySource(Protocol):
    """Where keys come from."""

    def get(self, *, deadline: float) -> Keys:
        """Return the keys. `deadline` is on the monotonic clock, in seconds. Raises `KeysUnavailableError`."""
        ...


class ParameterKeys:
    """Keys in a parameter of AWS Systems Manager. Safe to share between threads.

    Reads them at first use, and again after `FRESH_SECONDS`. When that fails, uses the known keys and retries
    later. `endpoint_url`: null for AWS's own.
    """

    def __init__(
        self,
        *,
        parameter: str,
        client: SignedClient,
        endpoint_url: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parameter = parameter
        self._ssm = JsonService("ssm", client=client, endpoint_url=endpoint_url)
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Keys | None = None
        self._again = 0.0

    def get(self, *, deadline: float) -> Keys:
        """Return the keys, from memory while they are fresh. Raises `KeysUnavailableError` if none were ever read."""
        with self._lock:
            if self._known is not None and self._clock() < self._again:
                return self._known
            attempts = _ATTEMPTS if self._known is None else 1
            try:
                self._known = self._read(attempts, deadline)
                self._again = self._clock() + FRESH_SECONDS
            except KeysUnavailableError:
                if self._known is None:
                    raise
                self._again = self._clock() + _AGAIN_SECONDS
            return self._known

    def _read(self, attempts: int, deadline: float) -> Keys:
        asked = {"Name": self._parameter, "WithDecryption": True}
        try:
            reply = self._ssm.call("GetParameter", asked, deadline=deadline, attempts=attempts)
            parameter = reply.get("Parameter")
            value = parameter.get("Value") if isinstance(parameter, dict) else None
            return parse_keys(value if isinstance(value, str) else "")
        except ServiceError as error:
            raise KeysUnavailableError(error.cause) from None
        except AuditError as error:
            raise KeysUnavailableError(str(error)) from None
