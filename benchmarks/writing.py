"""The writer in this process: the code that is deployed, over a store that keeps the last bytes and sends nothing."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Final

from audit_core.masking import Masker
from aws_client.s3 import Put
from benchmarks.measure import BenchmarkError
from log_writer.config import Agent, Config, Token
from log_writer.service import Request, Writer

TOKEN: Final = "aal_of-the-benchmark"  # noqa: S105 - good for nothing
_HEADERS: Final = {"authorization": f"Bearer {TOKEN}"}
_OK: Final = 200
_PATIENCE: Final = 600.0


class Nowhere:
    """Takes every object; `last` is what came last."""

    last: bytes = b""

    def put(self, key: str, body: bytes, *, headers: Mapping[str, str], deadline: float) -> Put:
        """Say that it is stored."""
        del key, headers, deadline
        self.last = body
        return Put(existed=False, attempts=1)


class Bench:
    """A writer to post to."""

    def __init__(self) -> None:
        self.store = Nowhere()
        token = Token(sha256=hashlib.sha256(TOKEN.encode()).hexdigest())
        config = Config(bucket="log", region="eu-central-1", agents=(Agent(name="agent", tokens=(token,)),))
        self._writer = Writer(config, masker=Masker(), store=self.store)

    def post(self, body: bytes, *, path: str = "/v1/events", content_type: str = "application/json") -> int:
        """Post one body; return the status."""
        deadline = time.monotonic() + _PATIENCE
        headers = {**_HEADERS, "content-type": content_type}
        request = Request(method="POST", path=path, headers=headers, body=body, deadline=deadline)
        return int(self._writer.handle(request).status)

    def write(
        self, bodies: Iterable[bytes], *, path: str = "/v1/events", content_type: str = "application/json"
    ) -> None:
        """Post bodies, each of which must be stored. Raises `BenchmarkError`."""
        for body in bodies:
            if (status := self.post(body, path=path, content_type=content_type)) != _OK:
                raise BenchmarkError(f"the writer answered {status} to a call of the corpus")
