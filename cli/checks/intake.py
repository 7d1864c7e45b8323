"""A known call goes in through the front door; what comes out is compared with it, byte by byte."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cli.checks.planted import PROBE_HOST, PROBE_NAME, PlantedCall, found_in
from cli.checks.probe import NotStored, Probe, Verdict, failed, judged
from cli.connect_check import NotRecorded, State
from cli.digests import stack_ring
from cli.exits import CouldNot
from cli.reader import StoredRecord

_PLACEHOLDER: Final = "***REDACTED***"
_LEAF_PREFIX: Final = b"\x00"  # RFC 6962, section 2.1: a leaf is told from an inner node by its first byte
_DONE: Final = 200
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_UNPROCESSABLE: Final = 422
_AS_SENT: Final = (
    "timestamp",
    "user_id",
    "session_id",
    "agent_name",
    "method",
    "status",
    "outcome",
    "correlation_id",
)


def known_call(probe: Probe) -> Verdict:
    """The acknowledged call is in the object that the answer names, once, with every field as it was sent."""
    try:
        call = probe.known_call
    except NotStored as error:
        return failed(error.message)
    records = _records_of(probe, call)
    problems = [] if call.status == _DONE else [f"the endpoint answered {call.status}"]
    if len(records) != 1:
        problems.append(f"the acknowledged call was found {len(records)} times")
    for stored in records[:1]:
        problems += _differences(call, stored, agent=probe.deployment.first_agent)
    return judged(problems, "every field compared")


def digests(probe: Probe) -> Verdict:
    """Both payload digests, and the leaf that the answer named, are what anyone computes from what was sent."""
    call = probe.known_call
    records = _records_of(probe, call)
    if not records:
        return judged(["the acknowledged call was not found"], "")
    record = records[0].record
    found = {side: str(record.get(f"{side}_hash")) for side in ("request", "response")}
    problems = [
        f"{side}_hash is not the digest of the {side}"
        for side, form in digest_forms(call).items()
        if found[side] != _digest(probe, form, like=found[side])
    ]
    leaf = "sha256:" + hashlib.sha256(_LEAF_PREFIX + records[0].line).hexdigest()
    if call.reply["stored"][0].get("leaf") != leaf:
        problems.append("the leaf in the endpoint's answer is not that of the stored line")
    return judged(problems, "request_hash, response_hash and leaf recomputed")


def no_secret(probe: Probe) -> Verdict:
    """None of the planted secrets is in any byte stored for the probe records, or in an answer."""
    searched = 0
    problems: list[str] = []
    for call in (probe.known_call, probe.victim_call):
        for name, data in _everything_kept(probe, call):
            searched += len(data)
            problems += [
                f"the secret planted in the {place} is in {name}, {form}"
                for place, secret in call.planted.items()
                if (form := found_in(secret, data)) is not None
            ]
    places = ", ".join(probe.known_call.planted)
    return judged(dict.fromkeys(problems), f"{searched} bytes searched for what was planted in {places}")


def no_content(probe: Probe) -> Verdict:
    """The text of the request and the response is in no byte stored for the probe records, or in an answer."""
    call = probe.known_call
    problems = [
        f"the payload's text is in {name}, {form}"
        for name, data in _everything_kept(probe, call)
        if (form := found_in(call.content, data)) is not None
    ]
    return judged(dict.fromkeys(problems), "request and response are there as digest, size and type")


def retry(probe: Probe) -> Verdict:
    """The same body again is answered with the same record and object, as a duplicate, and adds no version."""
    call = probe.known_call
    token = probe.deployment.tokens[probe.deployment.first_agent]
    status, answer = probe.post(json.dumps(call.event).encode(), token=token, headers=call.headers)
    try:
        again = json.loads(answer)["stored"][0]
    except (ValueError, KeyError, IndexError, TypeError):
        return judged([f"the retry was answered {status} and names no stored record"], "")
    first = call.reply["stored"][0]
    problems = [f"{name} differs" for name in ("record_id", "object", "leaf") if again.get(name) != first.get(name)]
    if again.get("duplicate") is not True:
        problems.append("the retry is not called a duplicate")
    stored = probe.reader.object(call.key)
    versions = len(stored.version_ids) if stored is not None else 0
    if versions != 1:
        problems.append(f"the object has {versions} versions")
    return judged(problems, "same record, one version")


def formats(probe: Probe) -> Verdict:
    """A call in each format has its record, each field as it was sent, and neither its secret nor its text in it."""
    problems: list[str] = []
    for sent in probe.samples:
        try:
            found = probe.checked(sent)
        except NotRecorded as error:
            problems.append(error.message)
            continue
        problems += [f"{sent.path}: {row.name} {row.detail}" for row in found.fields if row.state is State.WRONG]
        problems += [f"{sent.path}: {leak}" for leak in found.leaks]
    return judged(problems, ", ".join(sent.path for sent in probe.samples))


def token_required(probe: Probe) -> Verdict:
    """No token, a wrong one and one cut short are answered 401; another agent's name 403; nothing is stored."""
    stack = probe.deployment
    token = stack.tokens[stack.first_agent]
    body = json.dumps({"agent_name": PROBE_NAME, "timestamp": probe.known_call.event["timestamp"]}).encode()
    wrong = token[:-4] + ("AAAA" if not token.endswith("AAAA") else "BBBB")
    tries = {"no token": None, "a wrong token": wrong, "a shortened token": token[:-1]}
    problems = [
        f"{what} was answered {status}"
        for what, sent in tries.items()
        if (status := probe.post(body, token=sent)[0]) != _UNAUTHORIZED
    ]
    others = [agent for agent in stack.tokens if agent != stack.first_agent]
    if others:
        claimed = json.dumps({"agent_id": others[0], "agent_name": PROBE_NAME, "method": "GET"}).encode()
        status = probe.post(claimed, token=token)[0]
        if status != _FORBIDDEN:
            problems.append(f"a call in another agent's name was answered {status}")
    return judged(problems, ", ".join(tries) + (", another agent's name" if others else ""))


def refusal(probe: Probe) -> Verdict:
    """What is refused is answered 422 with its field, and nothing of what the field held."""
    problems: list[str] = []
    for call in probe.refused_calls:
        for place, secret in call.planted.items():
            if call.status != _UNPROCESSABLE:
                problems.append(f"the {place} was answered {call.status}")
            if place.removeprefix("refused ") not in call.reply_bytes.decode("utf-8", "replace"):
                problems.append(f"the answer to the {place} does not name the field")
            if found_in(secret, call.reply_bytes) is not None:
                problems.append(f"the answer to the {place} holds its value")
    return judged(problems, ", ".join(place for call in probe.refused_calls for place in call.planted))


def _digest(probe: Probe, form: bytes, *, like: str) -> str:
    """Return the digest of `form`, computed here; with the key that `like` names, where `like` is a keyed digest.

    Raises CouldNot when the caller cannot read that key.
    """
    kind, _, key_id = like.rpartition(":")[0].partition(":")
    if kind != "hmac-sha256":
        return f"sha256:{hashlib.sha256(form).hexdigest()}"
    key = stack_ring(probe.connection).keys.get(key_id)
    if key is None:
        raise CouldNot("the record's digest names a key that the stack does not have")
    return f"{kind}:{key_id}:{hmac.digest(key.key, form, 'sha256').hex()}"


def digest_forms(call: PlantedCall) -> Mapping[str, bytes]:
    """Return the exact bytes that the call's digests are over, written out here by hand.

    That is RFC 8785's form of the request, in which the values of secret fields are the placeholder, and the
    response's text as it is. No code of the writer's takes part.
    """
    request = (
        f'{{"amount":1250,"api_key":"{_PLACEHOLDER}","headers":{{"authorization":"{_PLACEHOLDER}"}},'
        f'"prompt":"{call.content}"}}'
    )
    return {"request": request.encode(), "response": str(call.event["response"]).encode()}


def _records_of(probe: Probe, call: PlantedCall) -> list[StoredRecord]:
    correlation = call.event["correlation_id"]
    found = probe.stored_records(call.key)
    return [stored for stored in found if stored.record.get("correlation_id") == correlation]


def _differences(call: PlantedCall, stored: StoredRecord, *, agent: str) -> Iterator[str]:
    record: Mapping[str, Any] = stored.record
    for name in _AS_SENT:
        if record.get(name) != call.event[name]:
            yield f"{name} is not as it was sent"
    if record.get("agent_id") != agent:
        yield "agent_id is not the token's agent"
    path = str(call.event["endpoint"]).partition(PROBE_HOST)[2].partition("?")[0]
    if record.get("endpoint") not in {f"https://{PROBE_HOST}{path}", f"{PROBE_HOST}{path}", PROBE_HOST}:
        yield "endpoint is not the URL without userinfo, query and fragment"
    if record.get("record_id") != call.reply["stored"][0].get("record_id"):
        yield "record_id is not the one in the endpoint's answer"
    if not record.get("redactions"):
        yield "redactions do not say that anything was masked"


def _everything_kept(probe: Probe, call: PlantedCall) -> Iterator[tuple[str, bytes]]:
    yield from probe.stored_bytes(call.key)
    yield "the endpoint's answer", call.reply_bytes
