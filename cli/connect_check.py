"""`audit-log connect --check`: a call the platform's way, its record read back, and each field of the guide looked at.

Guarantee: a tick means that the field was read from the stored record and is what was sent; `-` that the platform does
not report it; and the last line that neither the invented secret nor the invented text is in any stored byte of it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from rich.console import Console

from audit_core.layout import RECORDS, day_prefix
from cli.checks.planted import found_in
from cli.connect_samples import Sample, sample
from cli.connect_settings import compare
from cli.connect_snippets import Form
from cli.connection import Connection, Deployment
from cli.console import emit_json, encodable, printable, program, stdout_console, styled
from cli.exits import DONE, FOUND, CouldNot
from cli.reader import LogReader, StoredRecord, Undecodable, decode

if TYPE_CHECKING:
    import httpx

FIELDS: Final = (
    "timestamp", "agent_id", "user_id", "endpoint", "method", "status", "request_hash", "response_hash", "outcome",
    "correlation_id",
)  # fmt: skip
"""The guide's fields, in the order of its example."""
_BESIDES: Final = (
    "session_id", "agent_name", "agent_version", "trace_id", "span_id", "provider_request_id", "model", "tokens",
    "duration_ms", "source", "inferred",
)  # fmt: skip
_CLOCKS: Final = timedelta(seconds=10)
_OK: Final = range(200, 300)
_NO_TOKEN: Final = (401, 403)
_NO_ROUTE: Final = (404, 405)
_NOT_DURABLE: Final = range(500, 600)


class NotRecorded(CouldNot):
    """The endpoint is there and knows the agent, and yet there is no record of the call."""


class State(StrEnum):
    """How a field of the record stands."""

    FILLED = "filled"
    NOT_REPORTED = "not reported"
    WRONG = "wrong"


_SIGNS: Final = {
    State.FILLED: ("✓", "ok", "green"),
    State.NOT_REPORTED: ("\N{EN DASH}", "-", "yellow"),
    State.WRONG: ("✗", "FAILED", "bold red"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the guide: its value in the record, and a note on it."""

    name: str
    state: State
    value: object
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of a sample: its record, field by field, and in which stored bytes its secret or text was found."""

    record: Mapping[str, object]
    line: bytes
    key: str
    fields: tuple[Field, ...]
    leaks: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0, or 1 when a field is wrong or something is stored that must not be."""
        return FOUND if self.leaks or any(field.state is State.WRONG for field in self.fields) else DONE


def check_form(deployment: Deployment, form: Form, *, agent: str, as_json: bool) -> int:
    """Send a call in a form's way as `agent`, print what became of it, and return the exit code."""
    sent = sample(form.wire)
    with Connection(deployment) as connection:
        found = check_sample(connection, sent, agent=agent)

        def accepts(token: str) -> bool:
            return _posted(connection, sent, token=token).status_code not in _NO_TOKEN

        settings = tuple(compare(deployment, form, agent=agent, accepts=accepts))
    code = FOUND if any(setting.is_wrong for setting in settings) else found.exit_code
    if as_json:
        emit_json(
            {
                "platform": form.platform,
                "form": form.name,
                "agent": agent,
                "sent": sent.what,
                "path": sent.path,
                "object": found.key,
                "fields": {field.name: {"state": field.state, "detail": field.detail} for field in found.fields},
                "leaks": list(found.leaks),
                "settings": [asdict(setting) for setting in settings],
                "exit_code": code,
            },
            record=found.line,
        )
    else:
        _print(stdout_console(), sent, found, agent=agent)
        for setting in settings:
            state = State.WRONG if setting.is_wrong else State.FILLED
            _line(stdout_console(), state, f"{setting.name} in {setting.place} {setting.detail}")
    return code


def check_sample(connection: Connection, sent: Sample, *, agent: str) -> Checked:
    """Send a sample as `agent` and return what became of it.

    Raises NotRecorded when there is no record of it, CouldNot when it cannot find out; both say what to do.
    """
    keys, since = _send(connection, sent, agent=agent)
    stack = connection.deployment
    reader = LogReader(connection.client("s3", role_arn=stack.auditor_role_arn), stack.bucket)
    try:
        stored = [item for key in keys or _keys(reader, sent, since) for item in _records(reader, key, sent)]
        if not stored:
            raise NotRecorded(
                f"{sent.path} acknowledged the call, but its record is not in the bucket; "
                f"run `{program()} check`, which says what is wrong with this stack"
            )
        leaks = tuple(dict.fromkeys(leak for item in stored for leak in _leaks(reader, item, sent)))
    except Undecodable as error:
        raise CouldNot(f"the call's object: {error}") from None
    call = max(stored, key=lambda item: sum(item.record.get(name) is not None for name in FIELDS))
    return Checked(
        record=call.record,
        line=call.line,
        key=call.key,
        fields=tuple(_fields(call.record, sent, agent=agent)),
        leaks=leaks,
    )


def _send(connection: Connection, sent: Sample, *, agent: str) -> tuple[list[str], datetime]:
    """Post a sample; return the objects that the answer names, if any, and the time on the endpoint's clock."""
    stack = connection.deployment
    again = "make up" if stack.is_local else "pulumi up"
    reply = _posted(connection, sent, token=stack.tokens[agent])
    status = reply.status_code
    if status in _OK:
        return list(dict.fromkeys(_named(reply.content))), _clock(reply.headers.get("date"), sent.at)
    answered = f"{sent.path} answered {status}"
    if status in _NO_TOKEN:
        known = f"the writer does not know {agent}'s token: run `{again}`, which applies `{program()} token rotate`"
        raise CouldNot(printable(f"{answered}: {known}"))
    if status in _NOT_DURABLE:
        look = f"nothing is stored; try again, then look into the log group {stack.function_log_group}"
        raise CouldNot(printable(f"{answered}: {look}"))
    if status in _NO_ROUTE:
        raise NotRecorded(f"{answered}: this stack's writer does not take this form yet: run `{again}`")
    raise NotRecorded(f"{answered}: the form is refused, as it should not be: run `{again}`, then report it")


def _posted(connection: Connection, sent: Sample, *, token: str) -> "httpx.Response":
    """Post a sample; raise CouldNot when nobody answers."""
    import httpx  # noqa: PLC0415 - see Connection.http

    stack = connection.deployment
    headers = {"authorization": f"Bearer {token}", "content-type": sent.content_type}
    try:
        return connection.http.post(f"{stack.endpoint}{sent.path}", content=sent.body, headers=headers)
    except httpx.HTTPError as error:
        way = "start the local cloud with `make up`" if stack.is_local else "look at your network and its proxy"
        raise CouldNot(f"endpoint: {type(error).__name__}; {way}") from None


def _named(answer: bytes) -> Iterator[str]:
    """Yield the objects that a native answer names; other formats' answers name none."""
    try:
        document = json.loads(answer)
    except ValueError:
        return
    rows = document.get("stored") if isinstance(document, dict) else None
    for row in rows if isinstance(rows, list) else []:
        key = row.get("object") if isinstance(row, dict) else None
        if isinstance(key, str) and key.startswith(RECORDS):
            yield key


def _clock(date: str | None, otherwise: datetime) -> datetime:
    try:
        return parsedate_to_datetime(date or "").astimezone(UTC)
    except ValueError:
        return otherwise


def _keys(reader: LogReader, sent: Sample, now: datetime) -> Iterator[str]:
    """Yield the keys of the call's day under which something was stored just now."""
    for day in sorted({f"{when:%Y-%m-%d}" for when in (sent.at, now)}):
        for stored in reader.objects(f"{day_prefix(day)}/"):
            if stored.stored_at is not None and stored.stored_at >= min(sent.at, now) - _CLOCKS:
                yield stored.key


def _records(reader: LogReader, key: str, sent: Sample) -> Iterator[StoredRecord]:
    stored = reader.object(key)
    run = sent.run.encode()
    if stored is not None:
        for item in reader.read(stored):
            if isinstance(item, StoredRecord) and run in item.line.replace(b"-", b""):
                yield item


def _leaks(reader: LogReader, item: StoredRecord, sent: Sample) -> Iterator[str]:
    """Yield in what form the secret or the text is in the bytes stored for a record: its object's and its key's."""
    for what, value in (("secret", sent.secret), ("text", sent.content)):
        for data in (item.key.encode(), b"\n".join(decode(reader.raw(item.key, item.version_id)))):
            form = found_in(value, data)
            if form is not None:
                yield f"the invented {what} is stored, {form}"


def _fields(record: Mapping[str, object], sent: Sample, *, agent: str) -> Iterator[Field]:
    inferred = record.get("inferred")
    derived = frozenset(inferred) if isinstance(inferred, list) else frozenset()
    for name in FIELDS:
        value = record.get(name)
        wanted = agent if name == "agent_id" else sent.sent.get(name)
        if name == "user_id" and value is None and record.get("session_id") is not None:
            yield Field(name=name, state=State.FILLED, value=None, detail=f"session {record['session_id']}")
        elif value is None:
            reason = sent.absent.get(name)
            if reason is None:
                yield Field(name=name, state=State.WRONG, value=None, detail="is missing")
            else:
                yield Field(name=name, state=State.NOT_REPORTED, value=None, detail=reason)
        elif wanted is not None and value != wanted and not _is_keyed(name, value):
            yield Field(name=name, state=State.WRONG, value=value, detail="is not what was sent")
        elif name == "endpoint" and (sent.secret in str(value) or "?" in str(value)):
            yield Field(name=name, state=State.WRONG, value=value, detail="still has its query")
        else:
            detail = "derived" if name in derived else ""
            yield Field(name=name, state=State.FILLED, value=value, detail=detail)


def _is_keyed(name: str, value: object) -> bool:
    """Whether a digest was made under a key that only the writer holds, so that nothing here can tell what it is of."""
    return name.endswith("_hash") and str(value).startswith("hmac-")


def _print(console: Console, sent: Sample, found: Checked, *, agent: str) -> None:
    console.print(styled(f"Sent to {sent.path} as agent {agent}: {sent.what}", "bold"))
    width = max(len(name) for name in FIELDS)
    for row in found.fields:
        value = "" if row.value is None else str(row.value)
        detail = f"({row.detail})" if value and row.detail else row.detail
        _line(console, row.state, f"{row.name:<{width}}  {' '.join(part for part in (value, detail) if part)}")
    if found.leaks:
        for leak in found.leaks:
            _line(console, State.WRONG, leak)
    else:
        _line(console, State.FILLED, "neither the invented secret nor the invented text is in a stored byte")
    besides = {name: found.record[name] for name in _BESIDES if found.record.get(name)}
    console.print(styled(f"Besides: {json.dumps(besides, ensure_ascii=False)}", "dim"))
    console.print(styled(f"Stored in {found.key}; again: {program()} find {sent.run}", "dim"))


def _line(console: Console, state: State, text: str) -> None:
    symbol, plain, style = _SIGNS[state]
    console.print(styled(f"  {encodable(symbol, plain)} ", style) + styled(text))
