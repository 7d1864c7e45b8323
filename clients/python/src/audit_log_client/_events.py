"""The events of a streamed answer, read one by one: server-sent events, lines of JSON, AWS's event stream.

Promise: the protocol's last event ends an answer, not the end of its connection. A model's stream without its last
event was cut off. An event is read as a whole, whatever its length and wherever the network splits it.

Memory: one event at a time, up to `MAX_JSON_BYTES`; a longer one is skipped.
"""

from __future__ import annotations

import json
import re
from typing import Final

from audit_log_client._core.digest import MAX_JSON_BYTES
from audit_log_client._json import JsonValue
from audit_log_client._provider import ANSWERS, ERROR, THROTTLED, AnswerSummary

SSE: Final = "text/event-stream"
AWS: Final = "application/vnd.amazon.eventstream"
READ_TYPES: Final = frozenset({SSE, AWS, *ANSWERS["line_types"]})
"""Media types of streams whose events are read."""

_TELLING = re.compile(ANSWERS["telling"].encode())
"""An event without any of these has no member that is read."""
_FIRST_EVENTS = 8
"""The first events are always read: they show which protocol it is."""
_AWS_TEXT = re.compile(rb":(event|exception|message)-type\x07\x00.([A-Za-z-]{1,60})", re.DOTALL)
_AWS_PREFIX, _AWS_CRC = 12, 4


class Events:
    """Reads one answer of the media type `mime`. Call `feed` with its bytes in order, then `finish`."""

    def __init__(self, mime: str) -> None:
        self.summary = AnswerSummary()
        self._is_aws = mime == AWS
        self._is_sse = mime == SSE
        self._held: list[bytes] = []
        self._size = 0
        self._wanted = _AWS_PREFIX
        self._skipping = False
        self._name = b""
        self._data: list[bytes] = []
        self._data_size = 0
        self._count = 0
        self._last_is_due = False
        self.is_over = False
        """Whether the protocol's last event has come."""

    @property
    def is_cut(self) -> bool:
        """Return whether the protocol's last event is missing, after the answer's last byte."""
        return self._last_is_due and not self.is_over

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._is_aws:
            self._hold(data)
            if self._size >= self._wanted:
                self._take_frames()
            return
        end = data.rfind(b"\n") + 1
        if end:
            self._take_lines(data[:end])
        self._hold(data[end:])

    def finish(self) -> None:
        """Read the last event where it has no line end."""
        if not self._is_aws:
            self._line(b"".join(self._held))
            self._end_event()
        self._held.clear()

    def _hold(self, data: bytes) -> None:
        if data and not self._skipping:
            self._held.append(data)
            self._size += len(data)
            if self._size > MAX_JSON_BYTES:
                self._held.clear()
                self._skipping = True

    def _take_lines(self, data: bytes) -> None:
        """Take whole lines. The first may have begun in earlier bytes."""
        lines = b"".join([*self._held, data]).split(b"\n")
        self._held.clear()
        self._size = 0
        begin, self._skipping = int(self._skipping), False
        for line in lines[begin:-1]:
            self._line(line)

    def _line(self, line: bytes) -> None:
        line = line.rstrip(b"\r")
        if not self._is_sse:
            self._read(line.lstrip(b"\x1e"))
        elif line.startswith(b"data:"):
            self._data_size += len(line)
            if self._data_size <= MAX_JSON_BYTES:
                self._data.append(line[5:])
        elif line.startswith(b"event:"):
            self._name = line[6:].strip()
        elif not line:
            self._end_event()

    def _end_event(self) -> None:
        """Read what came since the last empty line."""
        if self._data:
            self._read(b"\n".join(self._data))
            self._data.clear()
            self._data_size = 0
        if self._name == b"error":
            self.summary.fail()
            self.is_over = True
        self._name = b""

    def _read(self, data: bytes) -> None:
        """Read the content of one event."""
        if data.strip() == b"[DONE]":
            self.is_over = True
            return
        self._count += 1
        if self._count > _FIRST_EVENTS and not _TELLING.search(data):
            return
        try:
            value: JsonValue = json.loads(data)
        except (ValueError, RecursionError):
            return
        self.summary.read(value)
        if isinstance(value, dict):
            self._follow(value)

    def _follow(self, value: dict[str, JsonValue]) -> None:
        """Note which protocol it is, and whether this was its last event."""
        kind = value.get("type")
        kind = kind if isinstance(kind, str) else ""
        done = value.get("done", value.get("is_finished"))  # Ollama; Cohere's first version
        candidates = value.get("candidates")  # Gemini
        ended = isinstance(candidates, list) and any(isinstance(it, dict) and "finishReason" in it for it in candidates)
        is_listed = isinstance(candidates, list) or isinstance(value.get("choices"), list)
        self._last_is_due |= kind in ANSWERS["first_events"] or isinstance(done, bool) or is_listed
        self.is_over |= (
            kind in ANSWERS["last_events"] or done is True or ended or self.summary.outcome in {ERROR, THROTTLED}
        )

    def _take_frames(self) -> None:
        """Read AWS's frames: length, length of the headers, a checksum; headers; payload; a checksum."""
        rest = memoryview(b"".join(self._held))
        while len(rest) >= _AWS_PREFIX:
            total, headers = (int.from_bytes(rest[start : start + 4], "big") for start in (0, 4))
            begin, end = _AWS_PREFIX + headers, total - _AWS_CRC
            self._skipping = not begin <= end <= MAX_JSON_BYTES - _AWS_CRC  # not an event stream of AWS
            if self._skipping or len(rest) < total:
                break
            self._frame(bytes(rest[_AWS_PREFIX:begin]), bytes(rest[begin:end]))
            rest = rest[total:]
        self._held = [] if self._skipping else [bytes(rest)]
        self._size = len(rest)
        self._wanted = int.from_bytes(rest[:4], "big") if len(rest) >= _AWS_PREFIX else _AWS_PREFIX

    def _frame(self, headers: bytes, payload: bytes) -> None:
        names = {kind: name.decode() for kind, name in _AWS_TEXT.findall(headers)}
        if names.get(b"message") in {"exception", "error"}:
            self.summary.fail(names.get(b"exception"))
            self.is_over = True
        self._last_is_due |= names.get(b"event") == "messageStart"
        self.is_over |= names.get(b"event") == "messageStop"
        self._count = 0  # AWS's frames are few: read each
        self._read(payload)
