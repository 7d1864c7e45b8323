"""Whether objects are what their entries say: their bytes, their lines, their markers, their locks.

Promise: nothing that an object, a marker or an entry holds makes this fail: it is a finding. No more of what is
unpacked is held than one request of the writer may have.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import repeat

import orjson
from isal import isal_zlib

from audit_core.contents import StoredObject, UnreadableError, entries_of, lines_of, record_id_of
from audit_core.entries import Entry, parse_entry
from audit_core.errors import DecodeError
from audit_core.layout import day_of, marker_key
from audit_core.merkle import leaf_digest, leaf_hashes
from audit_core.sealing import marker_of
from cli.verify.findings import Report
from cli.verify.source import Body, BrokenCopyError, Source

_SEQUENCE = b'"event_sequence"'
_RECORD_ID = b',"record_id":"'
_SECOND = timedelta(seconds=1)
_LENGTH = len(_RECORD_ID)
_TAIL = len(b'"}\n')
_LEAF = b"\0"
_MAX_NAMED = 3
_GZIP = 31
_AT_ONCE = 8 * 1024 * 1024
"""What of an object is unpacked at once: more than the writer ever takes."""
_SMALLEST = 16
"""Bytes that are unpacked at once to find the place where an object is malformed."""
_MOST_STEPS = 8192
_FIRST_LINE = b'"line":0,'
_HEAD = 128
"""What comes before the number of the line, and that, is shorter."""


def begins_object(entry: bytes) -> bool:
    """Return whether an entry is the first of its object. Quotes in its texts are escaped: no text looks like it."""
    return entry.find(_FIRST_LINE, 0, _HEAD) >= 0


def objects_in(entries: Sequence[bytes], start: int) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Yield each object's entries with the number of its first entry. `start`: the number of the first of all."""
    places = map(bytes.find, entries, repeat(_FIRST_LINE), repeat(0), repeat(_HEAD))
    firsts = [0, *(number for number, place in enumerate(places) if place >= 0 and number)]
    for first, end in zip(firsts, [*firsts[1:], len(entries)], strict=True):
        yield start + first, entries[first:end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What of the objects is checked: those of days from `since` up to `until`; at which time; their locks, or not."""

    now: datetime
    since: str = ""
    until: str = ""
    locks: bool = False

    def covers(self, key: str) -> bool:
        """Return whether an object is of a day that is asked for."""
        day = day_of(key)
        return (not self.since or day >= self.since) and (not self.until or day < self.until)


@dataclass(slots=True, kw_only=True)
class Checked:
    """What came of some entries: their leaf hashes, what was found, and counts.

    `sequence`: of events that are numbered within their session, which session and which number.
    """

    leaves: list[bytes]
    report: Report = field(default_factory=Report)
    sequence: list[tuple[str, int]] = field(default_factory=list)


def check_objects(source: Source, entries: Sequence[bytes], start: int, scope: Scope) -> Checked:
    """Check the objects of `entries`, which are whole objects' and begin with number `start`."""
    checked = Checked(leaves=leaf_hashes(entries))
    for number, own in objects_in(entries, start):
        try:
            first = parse_entry(own[0])
        except DecodeError:
            checked.report.found("unreadable", f"entry {number}", "is not an entry in its one form")
            continue
        try:
            _check(source, first, own, number, scope, checked)
        except BrokenCopyError as error:
            checked.report.found("copy-broken", first.key, str(error))
    return checked


def _check(source: Source, first: Entry, entries: Sequence[bytes], number: int, scope: Scope, checked: Checked) -> None:
    checked.report.objects += 1
    if not scope.covers(first.key):
        checked.report.skipped += 1
        return
    marker = source.read(marker_key(first.key))
    if marker is None:
        checked.report.found(
            "missing", marker_key(first.key), "there is no marker that says where its object is sealed"
        )
    elif marker.data != marker_of(first, number).data:
        checked.report.found("wrong-marker", marker_key(first.key))
    body = source.sealed(first.key, first.version)
    if body is None:
        _note_missing(first, entries, scope, checked)
        return
    checked.report.checked_bytes += len(body.data)
    if scope.locks:
        _check_lock(first, body, scope, checked)
    whole = first.whole
    if whole is None:
        checked.report.found("unreadable", f"entry {number}", "is not the first of its object")
    elif whole.unreadable is not None:
        stored = StoredObject(
            key=first.key, version=first.version, stored_at=scope.now, retain_until=sealed_until(whole.retain_until),
            body=body.data, digest=body.digest,
        )  # fmt: skip
        same = [entry.data for entry in entries_of(stored)] == [*entries]
        checked.report.found("unreadable" if same else "altered", first.key)
    else:
        _check_lines(first, entries, body, checked)


def _check_lines(first: Entry, entries: Sequence[bytes], body: Body, checked: Checked) -> None:
    """Write the entries anew, from the bytes that are there, and compare."""
    digest = body.digest or "sha256:" + hashlib.sha256(body.data).hexdigest()
    is_same = first.whole is not None and digest == first.whole.digest
    unpacked = _unpacked(body.data)
    if is_same and unpacked is not None and _are_sealed(first, entries, unpacked):
        checked.report.records += len(entries)
        if _SEQUENCE in unpacked:
            checked.sequence += _sequence(unpacked.splitlines())
    else:
        _find_altered(first, entries, body, checked, is_same=is_same)


def _unpacked(body: bytes) -> bytes | None:
    """Unpack an object of ordinary size. Return None for a larger one, or for one that is not gzip."""
    stream = isal_zlib.decompressobj(wbits=_GZIP)
    try:
        unpacked = stream.decompress(body, _AT_ONCE)
    except isal_zlib.IsalError:  # pyrefly: ignore[not-a-type] - its stub declares an instance
        return None
    return unpacked if stream.eof and not stream.unused_data else None


def _are_sealed(first: Entry, entries: Sequence[bytes], unpacked: bytes) -> bool:
    """Return whether these lines, in the form in which the writer makes them, are those that were sealed."""
    middle = b',"object":' + orjson.dumps(first.key) + _RECORD_ID
    ending = b'","version":' + orjson.dumps(first.version) + b"}"
    head = b'{"digest":"%b","line":0%b%b%b' % (
        str(first.digest).encode(), middle, str(first.record_id).encode(), ending,
    )  # fmt: skip
    sha256 = hashlib.sha256
    # One line at a time: to have all of them in memory at once costs more than copying each once more.
    written = [
        b'{"digest":"sha256:%b","line":%d%b%b%b'
        % (
            sha256(_LEAF + line[:-1]).hexdigest().encode(), number, middle,
            line[line.rfind(_RECORD_ID) + _LENGTH : -_TAIL], ending,
        )
        for number, line in enumerate(BytesIO(unpacked))
    ]  # fmt: skip
    return unpacked.endswith(b"\n") and written[:1] == [head] and written[1:] == entries[1:]


def _find_altered(first: Entry, entries: Sequence[bytes], body: Body, checked: Checked, *, is_same: bool) -> None:
    """Say which lines are not as they were sealed, as exactly as can be said."""
    wrong: list[int] = []
    count = 0
    try:
        for line in lines_of(body.data, steps=max(1, min(_MOST_STEPS, len(body.data) // _SMALLEST))):
            if count < len(entries) and len(wrong) < _MAX_NAMED and not _is_sealed(first, entries[count], count, line):
                wrong.append(count)
            if _SEQUENCE in line:
                checked.sequence += _sequence([line])
            count += 1
    except UnreadableError as error:
        named = _named(entries, wrong[:1] or range(count, min(count + 1, len(entries))))
        checked.report.found("altered", first.key, f"{error}; from {named} on" if named else str(error))
        return
    checked.report.records += count
    if count != len(entries):
        named = f"; {_named(entries, wrong[:1])} is the first that differs" if wrong else ""
        checked.report.found("altered", first.key, f"{len(entries)} lines were sealed, and there are {count}{named}")
    elif wrong:
        checked.report.found("altered", first.key, _named(entries, wrong))
    elif not is_same:
        checked.report.found("altered", first.key, "its lines are as sealed, but not the bytes that they are stored as")


def _is_sealed(first: Entry, entry: bytes, number: int, line: bytes) -> bool:
    """Return whether a line is the one that an entry seals."""
    try:
        record_id = record_id_of(line)
    except UnreadableError:
        return False
    written = replace(
        first, line=number, record_id=record_id, digest=leaf_digest(line), whole=None if number else first.whole
    )
    return written.data == entry


def _named(entries: Sequence[bytes], numbers: Sequence[int]) -> str:
    """Name the records of some entries by line and id."""
    names: list[str] = []
    for number in numbers:
        try:
            names.append(f"line {number}, record {parse_entry(entries[number]).record_id}")
        except DecodeError:
            names.append(f"line {number}")
    return "; ".join(names)


def _check_lock(first: Entry, body: Body, scope: Scope, checked: Checked) -> None:
    sealed = None if first.whole is None else sealed_until(first.whole.retain_until)
    if body.retain_until is None or body.mode is None:
        if sealed is None or sealed > scope.now:
            checked.report.found("not-locked", first.key)
    elif sealed is not None and body.retain_until < sealed - _SECOND:
        checked.report.found("lock-shortened", first.key)


def _note_missing(first: Entry, entries: Sequence[bytes], scope: Scope, checked: Checked) -> None:
    until = None if first.whole is None else sealed_until(first.whole.retain_until)
    if until is not None and until <= scope.now:
        checked.report.expired += 1
        return
    kept = "it had no lock" if until is None else f"it was to be kept until {until:%Y-%m-%dT%H:%M:%SZ}"
    checked.report.found("missing", first.key, f"{len(entries)} sealed; {kept}; {_named(entries, range(1))}")


def _sequence(lines: Iterable[bytes]) -> Iterator[tuple[str, int]]:
    """Yield the session and number of each numbered event."""
    for line in lines:
        try:
            record = orjson.loads(line)
            number, session = record["attributes"]["event_sequence"], record["session_id"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
        if type(number) is int and isinstance(session, str):
            yield session, number


def sealed_until(text: str | None) -> datetime | None:
    """Return a time of an entry or marker, or None where there is none or it is malformed."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
