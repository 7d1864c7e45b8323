"""What every live check works with: the probe records, the principals, and attempts at what must fail."""

import contextlib
import functools
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from cli.checks.emulator import GAPS
from cli.checks.planted import PlantedCall, planted_call, refused_calls
from cli.connect_check import Checked, check_sample
from cli.connect_samples import Sample, sample
from cli.connect_snippets import Wire
from cli.connection import Client, Connection, Deployment, aws_reason
from cli.exits import CouldNot
from cli.reader import LogReader, StoredRecord, Undecodable, decode

FORMATS: Final = (Wire.OPENAI_TRACES, Wire.CLAUDE_EVENTS, Wire.LITELLM, Wire.OTEL_SPANS)
"""One for each way in beside the native one."""
DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "403", "Forbidden"})


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
    """Return a verdict that the control could not be checked; `detail` says why."""
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
        self._silence: CouldNot | None = None
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

        if self._silence is not None:
            raise self._silence
        sent = {"content-type": "application/json", **(headers or {})}
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        try:
            reply = self.connection.http.post(f"{self.deployment.endpoint}/v1/events", content=body, headers=sent)
        except httpx.HTTPError as error:
            # Said once: a checklist that waits for the same silence thirty times is of no use.
            self._silence = CouldNot(f"endpoint: {type(error).__name__}")
            raise self._silence from None
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
                yield "the stored lines", b"\n".join(decode(raw))
            except Undecodable as error:
                raise CouldNot(f"the probe's object: {error}") from None
            head = self.auditor_s3.head_object(Bucket=self.deployment.bucket, Key=key, VersionId=version_id)
            yield "the object's metadata", json.dumps(head, default=str).encode()

    @functools.cached_property
    def refused_calls(self) -> tuple[PlantedCall, ...]:
        """Calls that the endpoint must refuse, each with a secret in the field that is wrong, posted once."""
        return tuple(self._answered(call) for call in refused_calls(at=self.started_at))

    @functools.cached_property
    def samples(self) -> tuple[Sample, ...]:
        """A call in each format that platforms send, not sent yet."""
        return tuple(sample(wire, at=self.started_at) for wire in FORMATS)

    def checked(self, sent: Sample) -> Checked:
        """Send a sample as the first agent and return what became of it; raises as `check_sample` does."""
        self.posts += 1
        return check_sample(self.connection, sent, agent=self.deployment.first_agent)

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

    def attempts(
        self,
        what: str,
        call: Callable[[Client], object],
        *,
        of: Iterable[Principal] | None = None,
        service: str = "s3",
        refusals: frozenset[str] = DENIED,
        gap: str | None = None,
    ) -> list[Attempt]:
        """Return an attempt at `what` for each principal `of` (default: everyone), with its client of `service`."""
        return [
            Attempt(
                who=who.name,
                what=what,
                call=functools.partial(call, self.connection.client(service, role_arn=who.role_arn)),
                refusals=refusals,
                gap=gap,
            )
            for who in (self.principals if of is None else of)
        ]

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


def setting(s3: Client, bucket: str, read: str, *, what: str) -> Mapping[str, Any]:
    """Return one of a bucket's settings, by the name of the call; empty when the bucket has none."""
    return required(what, lambda: getattr(s3, read)(Bucket=bucket), absent=_NO_SETTING.get(read), default={})


_NO_SETTING: Final = {
    "get_bucket_encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "get_bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration",
    "get_bucket_ownership_controls": "OwnershipControlsNotFoundError",
    "get_bucket_policy": "NoSuchBucketPolicy",
    "get_bucket_replication": "ReplicationConfigurationNotFoundError",
    "get_object_lock_configuration": "ObjectLockConfigurationNotFoundError",
    "get_public_access_block": "NoSuchPublicAccessBlockConfiguration",
}
"""S3's answer to the reading of a setting that a bucket does not have."""


def required(what: str, call: Callable[[], Any], *, absent: str | None = None, default: object = None) -> Any:  # noqa: ANN401 - what AWS answers
    """Return the result of a call, or `default` for the error code `absent`; raise CouldNot for any other error."""
    found: list[Any] = []
    reason = refusal(lambda: found.append(call()))
    if reason is None:
        return found[0]
    if reason == absent:
        return default
    raise CouldNot(f"{what}: {reason}")


def put_nothing(s3: Client, bucket: str, key: str) -> None:
    """Try to put an object over a key that exists: create-only, so that nothing is ever written.

    Who may put gets PreconditionFailed. That does not refuse anything, so the attempt counts as a success.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - as everywhere: only commands that need AWS load it

    try:
        s3.put_object(Bucket=bucket, Key=key, Body=b"", IfNoneMatch="*")
    except ClientError as error:
        if aws_reason(error) != "PreconditionFailed":
            raise


def refusal(call: Callable[[], object]) -> str | None:
    """Make a call; return the code of the error that refused it, or None when it succeeded."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        call()
    except (BotoCoreError, ClientError) as error:
        return aws_reason(error)
    return None
