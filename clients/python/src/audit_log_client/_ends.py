"""How a process may end, and what is done before it does.

Promise: what was logged is on disk before a process ends by itself: at its interpreter's end, as a child of
`multiprocessing`, and by `os._exit`, which pools of workers (billiard's, and so Celery's) call instead. Nobody is there
to start a forked child again, so it sends what it can, too. No end takes longer than the log's `exit_timeout` and a
second.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from importlib import import_module
from typing import NoReturn, Protocol

_DISK_SECONDS = 1.0


class Ending(Protocol):
    """A log that must act before its process ends."""

    exit_timeout: float

    def close(self) -> None:
        """Send what can be sent; the rest is on disk."""
        ...

    def keep(self) -> None:
        """Write to disk what is in memory only."""
        ...

    def after_fork(self) -> None:
        """Begin anew in a child."""
        ...


_logs: set[Ending] = set()
"""Those that are not closed. A program that lets go of its log still wants to have sent what it logged."""
_forked = False


def watch(log: Ending) -> None:
    """Tell a log of the process's end from now on."""
    _logs.add(log)


def forget(log: Ending) -> None:
    """A log was closed."""
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
    """Do what `os._exit` does. In a thread of its own, and not for long: whoever calls it may hold any lock."""
    try:
        if _logs:
            work = _close_all if _forked else _keep_all
            seconds = max(log.exit_timeout for log in _logs) if _forked else 0.0
            thread = threading.Thread(target=work, name="audit-log-end", daemon=True)
            thread.start()
            thread.join(seconds + _DISK_SECONDS)
    except Exception:  # noqa: BLE001, S110 - no thread can be started, or nobody is there to hear of it
        pass
    finally:
        _exit(status)


os._exit = _exit_after_keeping
atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
