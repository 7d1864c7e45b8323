"""Entries of the sealed log: one for each stored line, and what they say of the object that it is in.

Promise: an entry has one form, so that whoever reads the objects can write the same bytes. The entries of an object
stand together and in the order of its lines; the first says what the object is: its own digest, and until when it may
not be gone. An object that holds no records as the writer stores them is sealed all the same, as one entry without a
record: nothing that lies under `records/` is passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import orjson

from audit_core.canonical import JsonValue
from audit_core.errors import DecodeError, FieldError
from audit_core.layout import MAX_LINE_BYTES

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z")
_RECORD_ID = re.compile(r"[0-9a-zA-Z-]{1,128}")
_MAX_TEXT = 1024
_MAX_LINE = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedObject:
    """What an object's first entry says of the whole. `retain_until`: null when it had no lock as it was sealed.

    `unreadable`: why it has no lines to seal, where it has none.
    """

    digest: str
    retain_until: str | None
    unreadable: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry. `digest`: the stored line's, as a leaf (what the writer's receipt says); null without a line."""

    key: str
    version: str
    line: int
    record_id: str | None
    digest: str | None
    whole: SealedObject | None = None

    @property
    def data(self) -> bytes:
        """The entry's bytes."""
        said: dict[str, JsonValue] = {
            "digest": self.digest, "line": self.line, "object": self.key, "record_id": self.record_id,
            "version": self.version,
        }  # fmt: skip
        if self.whole is not None:
            said |= {"object_digest": self.whole.digest, "retain_until": self.whole.retain_until}
            if self.whole.unreadable is not None:
                said["unreadable"] = self.whole.unreadable
        return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def parse_entry(data: bytes) -> Entry:
    """Parse an entry. Raise `DecodeError` for bytes that the entry would not be written as."""
    if len(data) > MAX_LINE_BYTES:
        raise DecodeError("is too long for an entry")
    try:
        said = orjson.loads(data)
        entry = _entry(said)
        if entry.data == data:
            return entry
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, FieldError, KeyError, TypeError):
        pass
    raise DecodeError("is not an entry in its one form")


def _entry(said: dict[str, JsonValue]) -> Entry:
    first = "object_digest" in said
    line = said["line"]
    if type(line) is not int or not 0 <= line < _MAX_LINE or first is not (line == 0):
        raise FieldError("line", "must be its number, from 0, and only 0 describes the object")
    return Entry(
        key=_text(said["object"]),
        version=_text(said["version"]),
        line=line,
        record_id=_matching(said["record_id"], _RECORD_ID),
        digest=_matching(said["digest"], _DIGEST),
        whole=SealedObject(
            digest=_matching(said["object_digest"], _DIGEST) or "",
            retain_until=_matching(said["retain_until"], _TIME),
            unreadable=None if said.get("unreadable") is None else _text(said["unreadable"]),
        )
        if first
        else None,
    )


def _text(value: JsonValue) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= _MAX_TEXT:
        raise FieldError("", "must be text")
    return value


def _matching(value: JsonValue, pattern: re.Pattern[str]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise FieldError("", "must have its own form")
    return value
