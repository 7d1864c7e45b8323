"""The background thread between the agent's calls and the spool.

Promise: handing over is an append to a queue. The thread works out the event and writes it to the spool at once; a
process that is killed loses what was handed over in the last few milliseconds, a machine what came in the last
`SYNC_SECONDS`. What cannot be taken is counted, and the count is a record as soon as there is room.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from audit_log_client import _event
from audit_log_client._batch import EVENTS
from audit_log_client._json import JsonValue
from audit_log_client._spool import Spool

_logger = logging.getLogger("audit_log_client")

COLLECT_SECONDS = 0.002
"""How long the thread waits for more: calls that follow each other closely share the interpreter with it less often."""
SYNC_SECONDS = 0.5
MAX_WAITING = 20_000
"""Calls that wait for the thread, at most."""
MAX_WAITING_BYTES = 256 * 1024 * 1024
"""Bytes of bodies that wait with them."""
_AT_ONCE = 256

Make = Callable[[], "dict[str, JsonValue] | None"]
"""Makes an event, or null where there is none to log."""


class Worker:
    """Takes what makes an event, makes it, and appends it to the spool."""

    def __init__(self, spool: Spool, *, notice: Callable[[], None]) -> None:
        self._spool = spool
        self._notice = notice
        self._queue: queue.SimpleQueue[tuple[str, Make, int] | threading.Event | None] = queue.SimpleQueue()
        self._count = threading.Lock()
        self._working = threading.RLock()
        self._bytes = 0
        self._dropped = 0
        self._unreported = 0
        self._synced = 0.0
        self._full = False
        self._kept: dict[str, list[bytes]] = {}

    @property
    def dropped(self) -> int:
        """Events that were dropped so far."""
        return self._dropped

    @property
    def has_work(self) -> bool:
        """Whether something was handed over that is not in the spool yet."""
        return not self._queue.empty()

    @property
    def holds_any(self) -> bool:
        """Whether there are events that could not be written to the spool."""
        return any([*self._kept.values()])  # a list: the thread may be adding a route

    def put(self, route: str, make: Make, size: int) -> None:
        """Hand over. `size`: bytes that are held until the event is made."""
        if self._queue.qsize() >= MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES:
            self._drop(1)
            return
        if size:
            with self._count:
                self._bytes += size
        self._queue.put((route, make, size))

    def marker(self) -> threading.Event:
        """Return an event that is set when everything handed over before is in the spool."""
        event = threading.Event()
        self._queue.put(event)
        return event

    def stop(self) -> None:
        """Stop after the work that was handed over."""
        self._queue.put(None)

    def run(self) -> None:
        """Work, until stopped."""
        while self._turn(block=True):
            pass

    def drain(self) -> None:
        """Do the work that was handed over, in the caller's own thread."""
        while self._turn(block=False):
            pass
        self._sync(now=True)

    def _turn(self, *, block: bool) -> bool:
        """Take the waiting work, and write it. Return false at the end."""
        try:
            item = self._queue.get(block=block, timeout=SYNC_SECONDS if block else None)
        except queue.Empty:
            with self._working:
                self._write()
                self._sync(now=True)
            return block
        if block and isinstance(item, tuple):
            time.sleep(COLLECT_SECONDS)
        with self._working:
            return self._work_from(item)

    def _work_from(self, item: tuple[str, Make, int] | threading.Event | None) -> bool:
        markers: list[threading.Event] = []
        going = True
        for left in range(_AT_ONCE, 0, -1):
            if item is None:
                going = False
                break
            if isinstance(item, threading.Event):
                markers.append(item)
            else:
                self._make(*item)
            if left == 1:
                break
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
        self._write()
        self._sync(now=bool(markers) or not going)
        for marker in markers:
            marker.set()
        return going

    def _make(self, route: str, make: Make, size: int) -> None:
        try:
            event = make()
            if event is not None:
                self._kept.setdefault(route, []).append(_event.line_of(event))
        except Exception:
            _logger.exception("an event could not be made")
            self._drop(1)
        if size:
            with self._count:
                self._bytes -= size

    def _write(self) -> None:
        """Append the events that were made to the spool."""
        if self._unreported and not self._full:
            self._kept.setdefault(EVENTS, []).append(self._about_dropped())
        for route, lines in self._kept.items():
            if not lines:
                continue
            try:
                taken = self._spool.append(route, lines)
            except OSError as error:
                self._report_full(f"cannot be written ({type(error).__name__}, errno {error.errno})")
                self._keep_some(lines)
                continue
            if taken < len(lines):
                self._report_full("is full")
                self._drop(len(lines) - taken)
            else:
                self._full = False
            lines.clear()
            if taken:
                self._notice()

    def _keep_some(self, lines: list[bytes]) -> None:
        """Keep what memory has room for: the disk may come back."""
        if len(lines) > MAX_WAITING:
            self._drop(len(lines) - MAX_WAITING)
            del lines[MAX_WAITING:]

    def _report_full(self, how: str) -> None:
        if not self._full:
            _logger.error("the audit log's spool %s", how)
            self._full = True

    def _drop(self, number: int) -> None:
        with self._count:
            if not self._unreported:
                _logger.error("events for the audit log are being dropped; a record will say how many")
            self._dropped += number
            self._unreported += number

    def _about_dropped(self) -> bytes:
        """Return the record of how many events are missing."""
        with self._count:
            number, self._unreported = self._unreported, 0
        return _event.line_of(
            {
                "id": _event.new_id(),
                "timestamp": _event.time_of(time.time_ns()),
                "outcome": "error",
                "attributes": {"event_name": "events_dropped", "dropped_events": number},
            }
        )

    def _sync(self, *, now: bool) -> None:
        """Write to the disk itself, now and then: that may take many milliseconds."""
        moment = time.monotonic()
        if not now and moment - self._synced < SYNC_SECONDS:
            return
        self._synced = moment
        try:
            self._spool.sync()
        except OSError:
            _logger.exception("the audit log's spool cannot be synced")
