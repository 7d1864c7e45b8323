"""The record (schema 1) as a type: what `record.schema.json` is made from.

Promise: every stored line is one of these. Nothing that runs in the function imports this.
"""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired, TypedDict

from audit_core.layout import Outcome


class RedactionEntry(TypedDict):
    """One masked place: where, and by which rule; never the value."""

    path: str
    rule: str


class StreamPart(TypedDict, total=False):
    """Which part of a streamed call a record is about."""

    id: str
    phase: Literal["start", "end"]
    chunks: int
    bytes: int
    complete: bool
    chunk_every: int
    chunk_digests: list[str | None]


class EnvelopePart(TypedDict, total=False):
    """One payload that is kept: where (nowhere when it could not be masked), its size, media type, masked digest."""

    ref: str
    bytes: int
    mime: str
    digest: str


class EnvelopeReferences(TypedDict):
    """Where payloads are kept, encrypted and for a short time: by the writer, masked or raw, or by the sender."""

    mode: Literal["masked", "raw", "external"]
    request: NotRequired[EnvelopePart]
    response: NotRequired[EnvelopePart]


class Record(TypedDict):
    """One external call of an agent, as one line of JSON."""

    timestamp: Annotated[str, "When the call was made: RFC 3339, UTC, `Z`."]
    agent_id: Annotated[str, "The agent whose token sent the record."]
    user_id: Annotated[str | None, "The user on whose behalf the agent acted."]
    endpoint: Annotated[str | None, "What was called, without userinfo, query and fragment; or its host alone."]
    method: Annotated[str | None, "The HTTP method, in upper case."]
    status: Annotated[int | None, "The HTTP status of the response."]
    request_hash: Annotated[str | None, "Digest of the request payload."]
    response_hash: Annotated[str | None, "Digest of the response payload."]
    outcome: Annotated[Outcome | None, "How the call ended."]
    correlation_id: Annotated[str | None, "What ties the calls of one workflow together."]
    session_id: NotRequired[Annotated[str, "The session or conversation."]]
    agent_name: NotRequired[Annotated[str, "What the agent calls itself."]]
    agent_version: NotRequired[Annotated[str, "The agent's version."]]
    deployment_id: NotRequired[Annotated[str, "The deployment that the agent ran in."]]
    trace_id: NotRequired[Annotated[str, "The trace that the call belongs to."]]
    span_id: NotRequired[Annotated[str, "The span that the call is."]]
    provider_request_id: NotRequired[Annotated[str, "The called service's own id for the call."]]
    request_bytes: NotRequired[Annotated[int, "Size of the request payload in bytes."]]
    response_bytes: NotRequired[Annotated[int, "Size of the response payload in bytes."]]
    request_mime: NotRequired[Annotated[str, "Media type of the request payload."]]
    response_mime: NotRequired[Annotated[str, "Media type of the response payload."]]
    envelope: NotRequired[Annotated[EnvelopeReferences, "References to payloads kept elsewhere."]]
    stream: NotRequired[Annotated[bool | StreamPart, "Whether the call was streamed, or which part of it this is."]]
    duration_ms: NotRequired[Annotated[int | float, "How long the call took, in milliseconds."]]
    model: NotRequired[Annotated[str, "The model that was called."]]
    tokens: NotRequired[Annotated[dict[str, int | None], "Model tokens by kind: input, output, total."]]
    attributes: NotRequired[Annotated[dict[str, object], "Other metadata; what is not metadata as type, size, digest."]]
    schema: Annotated[Literal[1], "The version of this schema."]
    source: Annotated[str, "The format that the event arrived in."]
    masking: Annotated[str, "The version of the masking rules."]
    redactions: Annotated[list[RedactionEntry], "What was masked, by which rule."]
    inferred: Annotated[list[str], "The fields that were derived, not sent."]
    record_id: Annotated[str, "The record's own id: its batch and its place in it."]
