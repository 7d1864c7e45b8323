"""What the log's answer to a batch means. Pure.

Promise: a batch is done only when the log itself reports the result of each event. A proxy's page with status 200 is
not such an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Literal

Verdict = Literal["done", "later", "denied", "split", "unreadable"]

MAX_WAIT_SECONDS = 3600.0
_AGENT = re.compile(r"[A-Za-z0-9._~%-]{1,1024}")
_OK, _MULTI_STATUS = 200, 207
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _TOO_LARGE, _UNPROCESSABLE = 400, 401, 403, 413, 422


@dataclass(frozen=True)
class Refusal:
    """An event that the log refuses: its place in the batch, and the log's own words."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True)
class Reply:
    """`done`: remove the batch, except for refused events. `later`, `denied`: keep it; `denied` is about the token.

    `split`: too large. `unreadable`: the log cannot decode it. `wait`: seconds that the log asks for. `agent`: the
    log's name for the owner of the token.
    """

    verdict: Verdict
    refused: tuple[Refusal, ...] = ()
    wait: float | None = None
    why: str = ""
    agent: str = ""


def read_reply(status: int, headers: Mapping[str, str], body: bytes, *, events: int) -> Reply:
    """Read an answer. `events`: how many the batch held, and the log must name."""
    if status in {_OK, _MULTI_STATUS, _UNPROCESSABLE}:
        refused = _named(body, events)
        if refused is not None:
            agent = headers.get("audit-log-agent", "")
            return Reply("done", refused=refused, agent=agent if _AGENT.fullmatch(agent) else "")
        return Reply("later", wait=_wait(headers), why=f"{status}, but not as the log answers")
    wait = _wait(headers)
    if status in {_UNAUTHORIZED, _FORBIDDEN}:
        return Reply("denied", wait=wait, why=str(status))
    if status == _TOO_LARGE:
        return Reply("split", wait=wait, why=str(status))
    if status == _BAD_REQUEST:
        return Reply("unreadable", wait=wait, why=str(status))
    return Reply("later", wait=wait, why=str(status))


def _named(body: bytes, events: int) -> tuple[Refusal, ...] | None:
    """Return what was refused, when the answer names all events; null when it does not."""
    try:
        value = json.loads(body)
        stored, refused = value.get("stored", []), value["refused"]
        found = tuple(
            Refusal(index=int(item["index"]), field=str(item["field"]), reason=str(item["reason"])) for item in refused
        )
        named = len(stored) + len(found)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return found if named == events else None


def _wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a `Retry-After`, which may be a date."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdigit():
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, ValueError, IndexError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        seconds = (moment - datetime.now(timezone.utc)).total_seconds()
    return min(max(seconds, 0.0), MAX_WAIT_SECONDS)
