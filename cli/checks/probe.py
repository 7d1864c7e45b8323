"""What every live check works with: the probe records, the principals, and attempts at what must fail."""

import base64
import binascii
import contextlib
import functools
import json
import secrets
import string
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from cli.checks.emulator import GAPS
from cli.connection import Client, Connection, Deployment, aws_reason
from cli.exits import CouldNot
from cli.reader import LogReader, StoredRecord, Undecodable

PROBE_NAME: Final = "audit-log-check"
PROBE_HOST: Final = "check.agent-audit-log.invalid"
DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "403", "Forbidden"})
_FRAGMENT_LENGTH: Final = 12


class Outcome(StrEnum):
    """How a control stands: only `failed` says that something is wrong."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ENFORCED_HERE = "not enforced here"
    COULD_NOT_CHECK = "could not check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A check's outcome, and in `detail` what was tried or what happened. Never a planted value."""

    outcome: Outcome
    detail: str


def passed(detail: str) -> Verdict:
    """Return a verdict that the control holds; `detail` says what was tried."""
    return Verdict(outcome=Outcome.PASSED, detail=detail)


def failed(detail: str) -> Verdict:
    """Return a verdict that the control is broken; `detail` says what happened."""
    return Verdict(outcome=Outcome.FAILED, detail=detail)


def could_not_check(detail: str) -> Verdict:
    """Return a verdict that nothing could be told either way; `detail` says why."""
    return Verdict(outcome=Outcome.COULD_NOT_CHECK, detail=detail)


def judged(problems: Iterable[str], tried: str) -> Verdict:
    """Return a failure naming every problem, or a pass saying what was tried."""
    found = tuple(problems)
    return failed("; ".join(found)) if found else passed(tried)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Someone who tries: a `name` for the report and the role's ARN (None: the caller)."""

    name: str
    role_arn: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One thing that must be refused.

    `what` completes "<who> could …"; `refusals` are the error codes that count as refused; `gap` names the entry of
    the emulator's list because of which it is not made there. Any other error proves nothing, and is reported so.
    """

    who: str
    what: str
    call: Callable[[], object]
    refusals: frozenset[str] = DENIED
    gap: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedCall:
    """A call that the checklist posted: what was sent, the planted values, and the endpoint's answer."""

    event: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    planted: Mapping[str, str] = field(repr=False)
    content: str = ""
    status: int = 0
    reply: Mapping[str, Any] = field(default_factory=dict)
    reply_bytes: bytes = b""

    @property
    def everything(self) -> Mapping[str, str]:
        """The planted secrets and the content: what must be nowhere, by the place it was planted in."""
        return {**self.planted, "content": self.content} if self.content else self.planted

    @property
    def key(self) -> str:
        """The object that the endpoint says it stored the record in."""
        return str(self.reply["stored"][0]["object"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A version that the checklist itself put into the log, to try on it what must fail."""

    bucket: str
    key: str
    version_id: str

    @property
    def version(self) -> dict[str, str]:
        """The version, as S3's operations take it."""
        return {"Bucket": self.bucket, "Key": self.key, "VersionId": self.version_id}


class NotStored(CouldNot):
    """The endpoint took no record of a sound call: for the first control a failure, for the rest a missing probe."""


class Probe:
    """The state that the checks of one run share. Everything is made when first needed, and once."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.started_at = datetime.now(UTC)
        self.run_id = secrets.token_hex(8)
        self.posts = 0
        self._victim: Victim | None = None
        self._victims = 0

    @property
    def deployment(self) -> Deployment:
        """The stack under check."""
        return self.connection.deployment

    @functools.cached_property
    def principals(self) -> tuple[Principal, ...]:
        """Everyone who may touch the bucket and whom a caller can become: administrator and the three roles."""
        stack = self.deployment
        return (Principal(name="administrator", role_arn=self.connection.administrator_arn), *self.roles_of(stack))

    @staticmethod
    def roles_of(stack: Deployment) -> tuple[Principal, ...]:
        """Return the three roles that people take on."""
        return (
            Principal(name="auditor", role_arn=stack.auditor_role_arn),
            Principal(name="retention-admin", role_arn=stack.retention_admin_role_arn),
            Principal(name="hold-releaser", role_arn=stack.hold_releaser_role_arn),
        )

    def s3(self, principal: Principal) -> Client:
        """Return an S3 client as `principal`."""
        return self.connection.client("s3", role_arn=principal.role_arn)

    @functools.cached_property
    def administrator_s3(self) -> Client:
        """An S3 client as the administrator, for reading the bucket's settings."""
        return self.connection.client("s3", role_arn=self.connection.administrator_arn)

    @functools.cached_property
    def auditor_s3(self) -> Client:
        """An S3 client as the auditor."""
        return self.connection.client("s3", role_arn=self.deployment.auditor_role_arn)

    @functools.cached_property
    def reader(self) -> LogReader:
        """A reader of the log, as the auditor."""
        return LogReader(self.auditor_s3, self.deployment.bucket)

    @functools.cached_property
    def known_call(self) -> PlantedCall:
        """The known call with its planted secrets, posted once. Raises CouldNot when the endpoint does not store it."""
        return self._posted("known")

    @functools.cached_property
    def victim_call(self) -> PlantedCall:
        """A second call, for everything that must be refused, so that the known call is never at risk."""
        return self._posted("victim")

    def victim(self) -> Victim:
        """Return the record for everything that must be refused: whole, or a new one if an attempt got through."""
        if self._victim is None or not self._is_whole(self._victim):
            number = self._victims
            self._victims += 1
            call = self.victim_call if number == 0 else self._posted(f"victim-{number}")
            stored = self.reader.object(call.key)
            if stored is None or not stored.version_ids:
                raise NotStored("the probe record that the endpoint acknowledged is not in the bucket")
            self._victim = Victim(bucket=self.deployment.bucket, key=stored.key, version_id=stored.version_ids[0])
        return self._victim

    def _is_whole(self, victim: Victim) -> bool:
        stored = self.reader.object(victim.key)
        return stored is not None and stored.version_ids == (victim.version_id,) and not stored.marker_ids

    def post(self, body: bytes, *, token: str | None, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Post `body` to the endpoint and return status and body; raise CouldNot when there is none or a 5xx."""
        import httpx  # noqa: PLC0415 - see Connection.http

        sent = {"content-type": "application/json", **(headers or {})}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        try:
            reply = self.connection.http.post(f"{self.deployment.endpoint}/v1/events", content=body, headers=sent)
        except httpx.HTTPError as error:
            raise CouldNot(f"endpoint: {type(error).__name__}") from None
        self.posts += 1
        if reply.is_server_error:
            raise CouldNot(f"the endpoint answered {reply.status_code}")
        return reply.status_code, reply.content

    def stored_records(self, key: str) -> list[StoredRecord]:
        """Return the records of an object's oldest version; raise CouldNot when they cannot be read."""
        stored = self.reader.object(key)
        if stored is None:
            return []
        return [item for item in self.reader.read(stored) if isinstance(item, StoredRecord)]

    def stored_bytes(self, key: str) -> Iterable[tuple[str, bytes]]:
        """Yield every byte stored for `key`, named: its key; of each version the body, the lines, the metadata."""
        yield "the object's key", key.encode()
        stored = self.reader.object(key)
        if stored is None or not stored.version_ids:
            raise NotStored("the probe record that the endpoint acknowledged is not in the bucket")
        for version_id in stored.version_ids:
            raw = self.reader.raw(key, version_id)
            yield "the stored bytes", raw
            try:
                yield "the stored lines", gunzip(raw)
            except Undecodable as error:
                raise CouldNot(f"the probe's object: {error}") from None
            head = self.auditor_s3.head_object(Bucket=self.deployment.bucket, Key=key, VersionId=version_id)
            yield "the object's metadata", json.dumps(head, default=str).encode()

    @functools.cached_property
    def refused_calls(self) -> tuple[PlantedCall, ...]:
        """Calls that the endpoint must refuse, each with a secret in the field that is wrong, posted once."""
        return tuple(self._answered(call) for call in refused_calls(at=self.started_at))

    def _posted(self, part: str) -> PlantedCall:
        call = self._answered(planted_call(run_id=self.run_id, part=part, at=self.started_at))
        stored = call.reply.get("stored")
        if not isinstance(stored, list) or not stored or not isinstance(stored[0].get("object"), str):
            raise NotStored(f"the endpoint answered a known call with {call.status} and names no stored record")
        return call

    def _answered(self, call: PlantedCall) -> PlantedCall:
        token = self.deployment.tokens[self.deployment.first_agent]
        status, answer = self.post(json.dumps(call.event).encode(), token=token, headers=call.headers)
        with contextlib.suppress(ValueError):
            reply = json.loads(answer)
            if isinstance(reply, dict):
                call = replace(call, reply=reply)
        return replace(call, status=status, reply_bytes=answer)

    def try_all(self, attempts: Iterable[Attempt]) -> Verdict:
        """Make every attempt and return the verdict: passed only if each one was refused, for the right reason."""
        succeeded: list[str] = []
        excused: list[str] = []
        unclear: list[str] = []
        tried: list[str] = []
        for attempt in attempts:
            if attempt.gap is not None and self.deployment.is_local:
                excused.append(GAPS[attempt.gap])
                continue
            tried.append(attempt.who)
            reason = refusal(attempt.call)
            if reason is None:
                succeeded.append(f"{attempt.who} could {attempt.what}")
            elif reason not in attempt.refusals:
                unclear.append(f"{attempt.who}: {attempt.what}: {reason}")
        if succeeded:
            return failed("; ".join(succeeded))
        if unclear:
            return could_not_check("; ".join(unclear))
        if excused:
            return Verdict(outcome=Outcome.NOT_ENFORCED_HERE, detail="; ".join(dict.fromkeys(excused)))
        return passed(f"tried as {', '.join(dict.fromkeys(tried))}")


def refusal(call: Callable[[], object]) -> str | None:
    """Make a call; return the code of the error that refused it, or None when it succeeded."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        call()
    except (BotoCoreError, ClientError) as error:
        return aws_reason(error)
    return None


def planted_call(*, run_id: str, part: str, at: datetime) -> PlantedCall:
    """Return a call to post, with a new secret in each place where agents leave them; no answer in it yet.

    The secrets are random and belong to nobody; their shapes are real, so that what masks them is what would mask a
    real one. The payloads hold `content`, a text that must be nowhere afterwards.
    """
    alphabet = string.ascii_letters + string.digits
    planted = {
        "payload field": _random(alphabet, 32),
        "payload text": "ghp_" + _random(alphabet, 36),
        "URL userinfo": _random(alphabet, 24),
        "URL query": "sk_live_" + _random(alphabet, 32),
        "URL fragment": _random(alphabet, 40),
        "header": "xoxb-" + _random(string.digits, 12) + "-" + _random(string.digits, 13) + "-" + _random(alphabet, 24),
        "request header": _random(alphabet, 40),
        "attribute": "AKIA" + _random(string.ascii_uppercase + "234567", 16),
        "attribute under a secret's name": _random(alphabet, 32),
    }
    content = f"words of the probe {_random(alphabet, 24)}"
    event = {
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "user_id": PROBE_NAME,
        "session_id": f"{PROBE_NAME}-{run_id}",
        "agent_name": PROBE_NAME,
        "endpoint": (
            f"https://user:{planted['URL userinfo']}@{PROBE_HOST}/v1/{part}"
            f"?api_key={planted['URL query']}#access_token={planted['URL fragment']}"
        ),
        "method": "POST",
        "status": 200,
        "outcome": "success",
        "correlation_id": f"{PROBE_NAME}-{part}-{run_id}",
        "request": {
            "amount": 1250,
            "api_key": planted["payload field"],
            "headers": {"authorization": f"Bearer {planted['request header']}"},
            "prompt": content,
        },
        "response": f"{content} {planted['payload text']}",
        "attributes": {
            "workflow_name": PROBE_NAME,
            "decision": f"taken with {planted['attribute']} at hand",
            "password": planted["attribute under a secret's name"],
        },
    }
    return PlantedCall(event=event, headers={"x-api-key": planted["header"]}, planted=planted, content=content)


def refused_calls(*, at: datetime) -> tuple[PlantedCall, ...]:
    """Return calls that must be refused for a field that holds a secret: an unknown outcome, an impossible time."""
    calls = []
    for field_name in ("outcome", "timestamp"):
        secret = "ghp_" + _random(string.ascii_letters + string.digits, 36)
        event = {"timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "agent_name": PROBE_NAME, field_name: secret}
        calls.append(PlantedCall(event=event, planted={f"refused {field_name}": secret}))
    return tuple(calls)


def found_in(secret: str, data: bytes) -> str | None:
    """Return in which form `secret`, or any stretch of 12 of its characters, stands in `data`; None when in none."""
    for form, patterns in _forms(secret):
        if any(pattern in data for pattern in patterns):
            return form
    return None


def _forms(secret: str) -> Iterable[tuple[str, frozenset[bytes]]]:
    raw = secret.encode()
    starts = range(max(1, len(raw) - _FRAGMENT_LENGTH + 1))
    yield "as it is", frozenset(raw[start : start + _FRAGMENT_LENGTH] for start in starts)
    yield "reversed", frozenset({raw[::-1]})
    yield (
        "URL-encoded",
        frozenset(
            {
                urllib.parse.quote(secret, safe="").encode(),
                urllib.parse.quote(urllib.parse.quote(secret, safe="")).encode(),
            }
        ),
    )
    yield "hex", frozenset({binascii.hexlify(raw), binascii.hexlify(raw).upper()})
    yield "base64", frozenset(_base64_forms(raw, base64.b64encode))
    yield "base64url", frozenset(_base64_forms(raw, base64.urlsafe_b64encode))


def _base64_forms(raw: bytes, encode: Callable[[bytes], bytes]) -> Iterable[bytes]:
    """Yield what base64 makes of `raw` wherever it stands: the three alignments, less the letters neighbours change."""
    for offset in range(3):
        encoded = encode(b"\0" * offset + raw)
        first = (offset * 8 + 5) // 6
        last = (offset + len(raw)) * 8 // 6
        yield encoded[first:last]


def gunzip(data: bytes) -> bytes:
    """Return a stored object's decompressed bytes; raise Undecodable."""
    from cli.reader import decode  # noqa: PLC0415

    return b"\n".join(decode(data))


def _random(alphabet: str, length: int) -> str:
    return "".join(secrets.choice(alphabet) for _ in range(length))
