"""How a process may end, and what is done before it does.

Promise: events are on disk before a process ends by itself: at its interpreter's end, as a child of `multiprocessing`,
and by `os._exit`, which worker pools call (billiard's, and so Celery's). Nobody starts a forked child again, so it also
sends what it can. No end takes longer than the log's `exit_timeout` and a second.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from importlib import import_module
from typing import NoReturn, Protocol

DISK_SECONDS = 1.0
"""The time limit for writing to disk at the end."""


class Ending(Protocol):
    """A log that acts before its process ends."""

    exit_timeout: float

    def close(self) -> None:
        """Send what can be sent. The rest is on disk."""
        ...

    def keep(self) -> None:
        """Write to disk the events that are in memory only."""
        ...

    def after_fork(self) -> None:
        """Begin anew in a forked child."""
        ...


_logs: set[Ending] = set()
"""The logs that are not closed. They stay here even where the program drops its own reference."""
_forked = False


def watch(log: Ending) -> None:
    """From now on, act for this log when the process ends."""
    _logs.add(log)


def forget(log: Ending) -> None:
    """Stop that: the log was closed."""
    _logs.discard(log)


def watch_child() -> None:
    """Close the logs at the end of a child of `multiprocessing`, which comes without `atexit`."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        import_module("multiprocessing.util").Finalize(None, _close_all, exitpriority=0)


def _close_all() -> None:
    for log in [*_logs]:
        log.close()


def _keep_all() -> None:
    for log in [*_logs]:
        log.keep()


def _after_fork_in_child() -> None:
    global _forked  # noqa: PLW0603 - of the process
    _forked = True
    for log in [*_logs]:
        log.after_fork()


_exit = os._exit


def _exit_after_keeping(status: int) -> NoReturn:  # pyrefly: ignore[bad-return]
    """Keep the events, then call `os._exit`. A thread keeps them, with a time limit: the caller may hold any lock."""
    try:
        if _logs:
            work = _close_all if _forked else _keep_all
            seconds = max(log.exit_timeout for log in _logs) if _forked else 0.0
            thread = threading.Thread(target=work, name="audit-log-end", daemon=True)
            thread.start()
            thread.join(seconds + DISK_SECONDS)
    except Exception:  # noqa: BLE001, S110 - nothing can be reported now
        pass
    finally:
        _exit(status)


os._exit = _exit_after_keeping
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
